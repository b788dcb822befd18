"""A linear layer and its LoRA adapter (Hu et al., arXiv 2106.09685) in one step of autograd.

peft computes `W x + b` and `B A x` apart: on the way it copies `x` to the precision of the adapter and back, keeps a
copy of it for each adapter that reads it, and makes three more passes over the output. Here the adapter's product is
added by the matrix multiplication itself, forward and backward, and what is kept is `x` and `A x`. Sums are rounded
once, so that in bfloat16 the result is closer to the exact one than peft's; in float32 they agree to rounding.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from peft.tuners.lora import Linear
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear


def fuse_adapters(model: nn.Module) -> None:
    """Let the LoRA layers of a peft model compute layer and adapter in one step, in place.

    Only forward and backward passes change: names, saving, merging and switching off are peft's, and so is the pass of
    layers with dropout, biases, several active adapters, variants (DoRA, ...) or another base than a frozen
    `nn.Linear` (4 bits, ...).
    """
    for module in model.modules():
        if type(module) is Linear:
            module.__class__ = AdaptedLinear


class AdaptedLinear(Linear):
    """peft's LoRA layer over `nn.Linear`, fused."""

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """`(..., inputs)` to `(..., outputs)`, in the precision of autocast or of the base."""
        name = None if args or kwargs else self._fusible()
        if name is None:
            return super().forward(x, *args, **kwargs)
        base = cast(nn.Linear, self.base_layer)
        adapter_in, adapter_out = cast(nn.Linear, self.lora_A[name]), cast(nn.Linear, self.lora_B[name])
        x = x.to(_compute_dtype(x, base.weight))
        return adapted_linear(
            x, base.weight, base.bias, adapter_in.weight, adapter_out.weight, scale=self.scaling[name]
        )

    def _fusible(self) -> str | None:
        """Name of the one adapter, if nothing asks for peft's way."""
        names = [name for name in self.active_adapters if name in self.lora_A]
        if self.disable_adapters or self.merged or len(names) != 1 or type(self.base_layer) is not nn.Linear:
            return None
        name, base = names[0], self.base_layer
        if name in self.lora_variant or self.lora_bias[name] or type(self.lora_dropout[name]) is not nn.Identity:
            return None
        if base.weight.requires_grad or (base.bias is not None and base.bias.requires_grad):
            return None
        # Without autocast peft computes an adapter of higher precision than the base in that precision.
        same = base.weight.dtype == self.lora_A[name].weight.dtype
        return name if same or torch.is_autocast_enabled(base.weight.device.type) else None


def adapted_linear(
    x: Tensor, weight: Tensor, bias: Tensor | None, down: Tensor, up: Tensor, *, scale: float = 1.0
) -> Tensor:
    """`W x + b + scale B A x` in the precision of `x`, with gradients for `x`, `A` and `B`.

    Args:
        x: `(..., inputs)`.
        weight: `W`, `(outputs, inputs)`, frozen.
        bias: `b`, `(outputs,)`, frozen.
        down: `A`, `(rank, inputs)`.
        up: `B`, `(outputs, rank)`.
        scale: Of the adapter.

    Returns:
        `(..., outputs)`.
    """
    inner = _Down.apply(x, down)  # type: ignore[no-untyped-call]
    result: Tensor = _Whole.apply(x, inner, weight, bias, down, up, scale)  # type: ignore[no-untyped-call]
    return result


class _Down(torch.autograd.Function):
    """`A x`, which keeps `x` for the whole.

    Apart from `_Whole`, so that everything the backward pass needs is kept *before* the layer's own product: activation
    checkpointing stops recomputing a block as soon as it has back what was kept, and so never repeats the product of
    the block's last layer, three tenths of a block. The gradient of `x` is `_Whole`'s alone.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, down: Tensor) -> Tensor:
        flat = x.reshape(-1, x.shape[-1])
        ctx.save_for_backward(flat)
        ctx.dtype = down.dtype
        return flat @ down.to(x.dtype).T

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor | None]:
        (flat,) = ctx.saved_tensors
        return None, (grad.T @ flat).to(ctx.dtype) if ctx.needs_input_grad[1] else None


class _Whole(torch.autograd.Function):
    """The sum. It refers to parameters and to the small `A x`, and keeps nothing in autograd's sense, see `_Down`.

    So nothing notices parameters that are changed between forward and backward pass: do not.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        inner: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        down: Tensor,
        up: Tensor,
        scale: float,
    ) -> Tensor:
        ctx.inner, ctx.weight, ctx.down, ctx.up, ctx.scale = inner.detach(), weight, down, up, scale
        ctx.shape = x.shape
        to = x.dtype
        result = linear(x.reshape(-1, x.shape[-1]), weight.to(to), None if bias is None else bias.to(to))
        return result.addmm_(inner, (up * scale).to(to).T).view(*x.shape[:-1], -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        grad, to = grad.reshape(-1, grad.shape[-1]), grad.dtype
        inner = grad @ (ctx.up * ctx.scale).to(to)
        needs_x, _, _, _, _, needs_up, _ = ctx.needs_input_grad
        x = (grad @ ctx.weight.to(to)).addmm_(inner, ctx.down.to(to)).view(ctx.shape) if needs_x else None
        up = ((grad.T @ ctx.inner).to(ctx.up.dtype) * ctx.scale) if needs_up else None
        return x, inner, None, None, None, up, None


def _compute_dtype(x: Tensor, weight: Tensor) -> torch.dtype:
    device = x.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weight.dtype

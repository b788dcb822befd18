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
        down, up = adapter_in.weight, adapter_out.weight * self.scaling[name]
        to = _compute_dtype(x, base.weight)
        bias = None if base.bias is None else base.bias.to(to)
        return adapted_linear(x.to(to), base.weight.to(to), bias, down.to(to), up.to(to))

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


def adapted_linear(x: Tensor, weight: Tensor, bias: Tensor | None, down: Tensor, up: Tensor) -> Tensor:
    """`W x + b + B A x`, with gradients for `x`, `A` and `B`. All tensors are of one precision.

    Args:
        x: `(..., inputs)`.
        weight: `W`, `(outputs, inputs)`, frozen.
        bias: `b`, `(outputs,)`, frozen.
        down: `A`, `(rank, inputs)`.
        up: `B` times the adapter's scale, `(outputs, rank)`.

    Returns:
        `(..., outputs)`.
    """
    result: Tensor = _AdaptedLinear.apply(x, weight, bias, down, up)  # type: ignore[no-untyped-call]
    return result


class _AdaptedLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, down: Tensor, up: Tensor) -> Tensor:
        flat = x.reshape(-1, x.shape[-1])
        inner = flat @ down.T
        ctx.save_for_backward(flat, weight, down, up, inner)
        ctx.shape = x.shape
        return linear(flat, weight, bias).addmm_(inner, up.T).view(*x.shape[:-1], -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, None, None, Tensor | None, Tensor | None]:
        flat, weight, down, up, inner = ctx.saved_tensors
        grad = grad.reshape(-1, grad.shape[-1])
        grad_inner = grad @ up
        needs_x, _, _, needs_down, needs_up = ctx.needs_input_grad
        grad_x = (grad @ weight).addmm_(grad_inner, down).view(ctx.shape) if needs_x else None
        return grad_x, None, None, grad_inner.T @ flat if needs_down else None, grad.T @ inner if needs_up else None


def _compute_dtype(x: Tensor, weight: Tensor) -> torch.dtype:
    device = x.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weight.dtype

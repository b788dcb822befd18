r"""Log-probabilities of given tokens and the exact KL to a reference, without ever holding all logits.

The language-model head runs on the positions that are asked for only, over a part of them at a time. With logits
`z = W h` and reference logits `z'`, `p = softmax(z)`, `q = softmax(z')`,

.. math::
    \ell = \log p_y, \quad \mathrm{KL} = \sum_j p_j (\log p_j - \log q_j), \quad
    \frac{\partial \ell}{\partial h} = W_y - p^\top W, \quad
    \frac{\partial \mathrm{KL}}{\partial h} = \sum_j p_j (\log p_j - \log q_j - \mathrm{KL})\, W_j .

With a frozen head both gradients are two vectors of the hidden size per position: they are made in the forward pass,
in the one pass over the vocabulary that the values need (`frozen_head`), and scaled in the backward pass. A head that
is trained itself runs over chunks of positions and is recomputed in the backward pass instead, because its own gradient
needs the logits again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils.checkpoint import checkpoint

from stepgym.train.frozen_head import frozen_head_logprobs, frozen_head_scores

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# Upper bound on the buffers of one chunk.
CHUNK_BYTES = 48 * 2**20


class Head(nn.Module):
    """The language-model head of a causal model: final hidden states to logits, in float32 or better.

    Args:
        linear: The output layer.
        scale: Factor on its output.
        softcap: `c` of `c * tanh(z / c)`, or None.
    """

    def __init__(self, linear: nn.Module, *, scale: float = 1.0, softcap: float | None = None) -> None:
        super().__init__()
        self.linear = linear
        self.scale = scale
        self.softcap = softcap

    @classmethod
    def of(cls, model: PreTrainedModel) -> Head:
        """The head of `model`, with the factors its configuration names (Cohere, Granite, Gemma)."""
        config = model.config.get_text_config()
        scale = float(getattr(config, "logit_scale", None) or 1.0) / float(
            getattr(config, "logits_scaling", None) or 1.0
        )
        return cls(
            cast(nn.Module, model.get_output_embeddings()),
            scale=scale,
            softcap=getattr(config, "final_logit_softcapping", None),
        )

    def forward(self, hidden: Tensor) -> Tensor:
        """Logits of `(positions, hidden)`: `(positions, vocabulary)`."""
        logits = _real(self.linear(hidden))
        logits = logits if self.scale == 1.0 else logits * self.scale
        return logits if self.softcap is None else self.softcap * torch.tanh(logits / self.softcap)

    def frozen(self) -> Head:
        """The same head, whose weights receive no gradient."""
        return Head(_Frozen(self.linear), scale=self.scale, softcap=self.softcap)

    @property
    def is_frozen_matrix(self) -> bool:
        """Whether it is one matrix that receives no gradient."""
        frozen = isinstance(self.linear, _Frozen)
        linear = self.linear.linear if isinstance(self.linear, _Frozen) else self.linear
        return (
            isinstance(linear, nn.Linear)
            and cast(Any, linear).bias is None
            and (frozen or not linear.weight.requires_grad)
            and self.scale == 1.0
            and self.softcap is None
        )


class _Frozen(nn.Module):
    def __init__(self, linear: nn.Module) -> None:
        super().__init__()
        self.linear = linear

    @property
    def weight(self) -> Tensor:
        return cast(Tensor, self.linear.weight)

    def forward(self, hidden: Tensor) -> Tensor:
        fixed = {name: parameter.detach() for name, parameter in self.linear.named_parameters()}
        return cast(Tensor, functional_call(self.linear, fixed, hidden))


class TokenScores(NamedTuple):
    """Per position, all `(positions,)`: log-probability, the reference's (no gradient), exact KL to the reference."""

    logp: Tensor
    ref_logp: Tensor
    kl: Tensor


@dataclass(frozen=True, slots=True)
class Reference:
    """What the policy is compared with: its final hidden states `(positions, hidden)` and its head."""

    hidden: Tensor
    head: Head


def token_scores(hidden: Tensor, targets: Tensor, head: Head, reference: Reference) -> TokenScores:
    """Log-probabilities of `targets` `(positions,)` after `hidden` `(positions, hidden)`, and the KL to `reference`."""
    if head.is_frozen_matrix and reference.head.is_frozen_matrix:
        weight, ref_weight = (_weight(h, hidden) for h in (head, reference.head))
        with torch.autocast(hidden.device.type, enabled=False):
            inputs = hidden.to(weight.dtype), reference.hidden.to(ref_weight.dtype), weight, ref_weight
            return TokenScores(*frozen_head_scores(*inputs, targets))

    def chunk(hidden: Tensor, ref_hidden: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logp = torch.log_softmax(head(hidden), dim=-1)
        with torch.no_grad():
            ref_logp = torch.log_softmax(reference.head(ref_hidden), dim=-1)
        kl = (logp.exp() * difference(logp, ref_logp)).sum(-1)
        return pick(logp, targets), pick(ref_logp, targets), kl

    return TokenScores(*by_chunk(chunk, rows_of_chunk(hidden, head), hidden, reference.hidden, targets))


def token_logprobs_of(hidden: Tensor, targets: Tensor, head: Head) -> Tensor:
    """Log-probabilities of `targets` `(positions,)` after `hidden` `(positions, hidden)`."""
    if head.is_frozen_matrix:
        weight = _weight(head, hidden)
        with torch.autocast(hidden.device.type, enabled=False):
            return frozen_head_logprobs(hidden.to(weight.dtype), weight, targets)

    def chunk(hidden: Tensor, targets: Tensor) -> tuple[Tensor]:
        logits = head(hidden)
        return (pick(logits, targets) - torch.logsumexp(logits, dim=-1),)

    return by_chunk(chunk, rows_of_chunk(hidden, head), hidden, targets)[0]


def by_chunk(function: Any, rows: int, *tensors: Tensor) -> tuple[Tensor, ...]:
    """`function` over chunks of rows, recomputed in the backward pass so that at most one chunk's logits are kept."""
    if len(tensors[0]) <= rows:
        return cast(tuple[Tensor, ...], function(*tensors))
    parts = [t.split(rows) for t in tensors]
    outputs = [
        checkpoint(function, *chunk, use_reentrant=False) if torch.is_grad_enabled() else function(*chunk)
        for chunk in zip(*parts, strict=True)
    ]
    return tuple(torch.cat(column) for column in zip(*outputs, strict=True))


def rows_of_chunk(hidden: Tensor, head: Head) -> int:
    """Positions per chunk."""
    vocabulary = int(cast(Any, head.linear).weight.shape[0])
    # Of policy and reference each: the logits in float32 or better, and a copy in the precision of the products.
    size = {torch.float64: 8, torch.float32: 4}.get(hidden.dtype, 4 + 2)
    return max(1, CHUNK_BYTES // (2 * size * vocabulary))


def _weight(head: Head, like: Tensor) -> Tensor:
    """The head's matrix in the precision the products run in, cast once and not once per chunk."""
    weight = cast(Tensor, head.linear.weight).detach()
    device = like.device.type
    return weight.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else weight


def difference(logp: Tensor, ref_logp: Tensor) -> Tensor:
    """`logp - ref_logp`; a token that the policy rules out contributes 0, whatever the reference thinks of it."""
    return torch.where(torch.isneginf(logp), 0.0, logp - ref_logp)


def pick(values: Tensor, columns: Tensor) -> Tensor:
    """The value in the given column `(rows,)` of each row of `values` `(rows, columns)`."""
    return values.gather(-1, columns.unsqueeze(-1)).squeeze(-1)


def _real(values: Tensor) -> Tensor:
    return values if values.dtype == torch.float64 else values.float()

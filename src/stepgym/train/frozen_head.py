r"""Log-probabilities, exact KL and their gradients for a frozen head: the vocabulary in blocks, read once.

As in FlashAttention (Dao et al., arXiv 2205.14135) a sum over the vocabulary goes on from block to block while the
largest logit so far is taken out of it; what was summed up before is scaled when a larger one turns up. With
`e_j = exp(z_j - max z)` and `d_j = z_j - z'_j - c`, for any `c`,

.. math::
    \mathrm{KL} = \frac{\sum_j e_j d_j}{\sum_j e_j} + c - \log\sum_j \exp z_j + \log\sum_j \exp z'_j , \quad
    \frac{\partial \mathrm{KL}}{\partial h} = \frac{\sum_j e_j d_j W_j}{\sum_j e_j}
        - \frac{\sum_j e_j d_j}{\sum_j e_j} \frac{\sum_j e_j W_j}{\sum_j e_j} ,

so that both gradients of a position are known after one pass, when all of its logits are gone again.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# Of one step. Small enough for caches and 0.1 GB, large enough that a block of the matrix is seldom read twice.
ROWS, COLUMNS = 1024, 2048


def frozen_head_scores(
    hidden: Tensor, ref_hidden: Tensor, weight: Tensor, ref_weight: Tensor, targets: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Log-probability of the targets, the reference's, and the KL, each `(positions,)`; gradients for `hidden` alone.

    Args:
        hidden: Final hidden states of the policy, `(positions, hidden)`.
        ref_hidden: The same of the reference.
        weight: Matrix of the policy's head in the same precision as `hidden`, `(vocabulary, hidden)`.
        ref_weight: The same of the reference.
        targets: Tokens, `(positions,)`.
    """
    scores: tuple[Tensor, Tensor, Tensor] = _Scores.apply(  # type: ignore[no-untyped-call]
        hidden, ref_hidden, weight, ref_weight, targets
    )
    return scores


class _Scores(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, ref_hidden: Tensor, weight: Tensor, ref_weight: Tensor, targets: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        wanted = ctx.needs_input_grad[0]
        real = torch.promote_types(hidden.dtype, torch.float32)
        logp, ref_logp, kl = (torch.empty(len(targets), dtype=real, device=hidden.device) for _ in range(3))
        by_logp, by_kl = (torch.empty(hidden.shape if wanted else (0,), dtype=real, device=hidden.device) for _ in "ab")
        for start in range(0, len(targets), ROWS):
            part = slice(start, start + ROWS)
            y = targets[part]
            sums = _Sums(hidden[part], ref_hidden[part], y, real, wanted)
            for first in range(0, len(weight), COLUMNS):
                columns = slice(first, first + COLUMNS)
                sums.add(first, weight[columns], ref_weight[columns])
            logp[part], ref_logp[part], kl[part] = sums.scores()
            if wanted:
                by_logp[part], by_kl[part] = sums.gradients(weight[y])
        ctx.save_for_backward(by_logp, by_kl)
        ctx.mark_non_differentiable(ref_logp)
        ctx.dtype = hidden.dtype
        return logp, ref_logp, kl

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_logp: Tensor, _: Tensor, d_kl: Tensor) -> tuple[Tensor | None, ...]:
        by_logp, by_kl = ctx.saved_tensors
        hidden = by_logp * d_logp.unsqueeze(-1) + by_kl * d_kl.unsqueeze(-1)
        return hidden.to(ctx.dtype), None, None, None, None


class _Sums:
    """The sums over the vocabulary of some positions, as far as it was read; in `(2 * positions, ...)` the policy's
    come first, then the reference's, so that both are rounded alike.
    """

    def __init__(self, hidden: Tensor, ref_hidden: Tensor, targets: Tensor, real: torch.dtype, wanted: bool) -> None:
        self.hidden, self.ref_hidden, self.targets = hidden, ref_hidden, targets
        self.both = torch.cat([hidden, ref_hidden]) if hidden.dtype == ref_hidden.dtype else None
        self.real, self.wanted = real, wanted
        zeros = hidden.new_zeros(2 * len(hidden), 1, dtype=real)
        self.largest, self.total = torch.full_like(zeros, -torch.inf), zeros  # max z, sum of e
        self.chosen = zeros.clone()  # z of the targets
        self.offset = self.differences = zeros[: len(hidden)]  # c, sum of e d
        shape = (2 * len(hidden), hidden.shape[-1]) if wanted else (0,)
        self.products = hidden.new_zeros(shape, dtype=real)  # sums of e W, then of e d W

    def add(self, first: int, weight: Tensor, ref_weight: Tensor) -> None:
        """A block of rows of both matrices, from the token `first` on."""
        logits = self._logits(weight, ref_weight)
        self._choose(first, logits)
        e, ref_e = logits.chunk(2)
        difference = e - ref_e
        largest = torch.maximum(self.largest, logits.amax(-1, keepdim=True))
        before = (self.largest - largest).exp_()
        logits.sub_(largest).exp_()
        added = logits.sum(-1, keepdim=True)
        self.largest, self.total = largest, self.total * before + added
        if first == 0:
            # Any number would do in exact arithmetic; near the mean, little cancels.
            self.offset = (e * difference).sum(-1, keepdim=True) / added[: len(e)]
        # In the place of what the reference needed, right behind `e`: the product below takes both.
        terms = torch.mul(difference.sub_(self.offset), e, out=ref_e)
        before = before[: len(e)]
        self.differences = self.differences * before + terms.sum(-1, keepdim=True)
        if self.wanted:
            self.products.view(2, len(e), -1).mul_(before)
            self.products.add_(logits.to(weight.dtype) @ weight)

    def scores(self) -> tuple[Tensor, Tensor, Tensor]:
        """Log-probability, the reference's and KL, each `(positions,)`."""
        log_total = self.largest + self.total.log()
        logp, ref_logp = (self.chosen - log_total).squeeze(-1).chunk(2)
        policy, reference = log_total.chunk(2)
        kl = self._mean_difference() + self.offset - (policy - reference)
        return logp, ref_logp, kl.squeeze(-1)

    def gradients(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Of log-probability and KL, each `(positions, hidden)`; `rows` are those of the targets."""
        mean, mean_of_terms = (self.products.view(2, len(rows), -1) / self.total[: len(rows)]).unbind()
        return rows.to(self.real) - mean, mean_of_terms - self._mean_difference() * mean

    def _mean_difference(self) -> Tensor:
        return self.differences / self.total[: len(self.differences)]

    def _logits(self, weight: Tensor, ref_weight: Tensor) -> Tensor:
        if self.both is not None and weight.data_ptr() == ref_weight.data_ptr():
            # One matrix: it is read once for both.
            return (self.both @ weight.T).to(self.real)
        parts = (self.hidden @ weight.T, self.ref_hidden @ ref_weight.T)
        return torch.cat([part.to(self.real) for part in parts])

    def _choose(self, first: int, logits: Tensor) -> None:
        """Keep the logits of the targets that are in the block."""
        column = (self.targets - first).repeat(2).unsqueeze(-1)
        here = (column >= 0) & (column < logits.shape[-1])
        inside = column.clamp(0, logits.shape[-1] - 1)
        self.chosen = torch.where(here, logits.gather(-1, inside), self.chosen)

r"""Log-probabilities, exact KL and their gradients for a frozen head: the vocabulary in blocks, in one pass.

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

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# Of one step: positions, which read the matrix together, and tokens. Their logits fit in caches and in 0.1 GB.
ROWS, COLUMNS = 512, 2048


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


def frozen_head_logprobs(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """The log-probability alone; arguments as of `frozen_head_scores`."""
    logp: Tensor = _Logprobs.apply(hidden, weight, targets)  # type: ignore[no-untyped-call]
    return logp


class _Scores(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, ref_hidden: Tensor, weight: Tensor, ref_weight: Tensor, targets: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        wanted = ctx.needs_input_grad[0]
        real = _at_least_float32(hidden)
        logp, ref_logp, kl = (hidden.new_empty(len(targets), dtype=real) for _ in range(3))
        by_logp, by_kl = (hidden.new_empty(hidden.shape if wanted else (0,), dtype=real) for _ in range(2))
        for part in _parts(targets):
            sums = _Sums([hidden[part], ref_hidden[part]], targets[part], len(weight), wanted)
            sums.read(weight, ref_weight)
            logp[part], ref_logp[part] = sums.logprobs().chunk(2)
            kl[part] = sums.divergence()
            if wanted:
                by_logp[part], by_kl[part] = sums.by_logp(weight), sums.by_divergence()
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


class _Logprobs(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        wanted = ctx.needs_input_grad[0]
        real = _at_least_float32(hidden)
        logp = hidden.new_empty(len(targets), dtype=real)
        by_logp = hidden.new_empty(hidden.shape if wanted else (0,), dtype=real)
        for part in _parts(targets):
            sums = _Sums([hidden[part]], targets[part], len(weight), wanted)
            sums.read(weight)
            logp[part] = sums.logprobs()
            if wanted:
                by_logp[part] = sums.by_logp(weight)
        ctx.save_for_backward(by_logp)
        ctx.dtype = hidden.dtype
        return logp

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_logp: Tensor) -> tuple[Tensor | None, ...]:
        (by_logp,) = ctx.saved_tensors
        return (by_logp * d_logp.unsqueeze(-1)).to(ctx.dtype), None, None


class _Sums:
    """The sums over the vocabulary of some positions, as far as it was read.

    In `(models * positions, ...)` the policy's come first, then those of a reference: both are rounded alike.

    Args:
        hidden: Of the policy, and of the reference, each `(positions, hidden)`.
        targets: `(positions,)`.
        size: Of the vocabulary.
        wanted: Whether gradients are.
    """

    def __init__(self, hidden: list[Tensor], targets: Tensor, size: int, wanted: bool) -> None:
        self.hidden, self.targets, self.wanted, self.count = hidden, targets, wanted, len(targets)
        self.real = _at_least_float32(hidden[0])
        self.with_difference: Tensor | None = None
        if len(hidden) == 2 and hidden[0].dtype == hidden[1].dtype != self.real:
            # In float32 and better the reference's bits do not depend on the policy.
            self.with_difference = torch.cat([hidden[0], hidden[0] - hidden[1]])
        zeros = hidden[0].new_zeros(len(hidden) * self.count, 1, dtype=self.real)
        self.largest, self.total = torch.full_like(zeros, -torch.inf), zeros  # max z, sum of e
        self.chosen = zeros.clone()  # z of the targets
        self.offset = self.differences = zeros[: self.count]  # c, sum of e d
        shape = (len(zeros), hidden[0].shape[-1]) if wanted else (0,)
        self.products = hidden[0].new_zeros(shape, dtype=self.real)  # sums of e W, then of e d W
        # One block's terms. Made anew for each they would be handed back to the system and asked for again each time.
        block = (len(zeros), min(COLUMNS, size))
        self.logits_room = hidden[0].new_empty(block, dtype=self.real)
        self.rounded_room = self.logits_room if hidden[0].dtype == self.real else hidden[0].new_empty(block)
        self.difference_room = hidden[0].new_empty(
            (self.count, block[1]) if len(hidden) == 2 else (0,), dtype=self.real
        )
        self.product_room = hidden[0].new_empty(shape)

    def read(self, *weights: Tensor) -> None:
        """All of the matrices `(vocabulary, hidden)`, of the policy and of the reference."""
        for first in range(0, len(weights[0]), COLUMNS):
            self._add(first, [weight[first : first + COLUMNS] for weight in weights])

    def logprobs(self) -> Tensor:
        """Of the targets, `(models * positions,)`."""
        return (self.chosen - self._log_total()).squeeze(-1)

    def divergence(self) -> Tensor:
        """KL(policy || reference), `(positions,)`."""
        policy, reference = self._log_total().chunk(2)
        return (self._mean_difference() + self.offset - (policy - reference)).squeeze(-1)

    def by_logp(self, weight: Tensor) -> Tensor:
        """Gradient of the log-probability, `(positions, hidden)`; `weight` is the whole matrix."""
        return weight[self.targets].to(self.real) - self._mean(0)

    def by_divergence(self) -> Tensor:
        """Gradient of the KL, `(positions, hidden)`."""
        return self._mean(1) - self._mean_difference() * self._mean(0)

    def _add(self, first: int, weights: list[Tensor]) -> None:
        logits, difference = self._logits(weights)
        self._choose(first, logits)
        e, ref_e = logits[: self.count], logits[self.count :]
        largest = torch.maximum(self.largest, logits.amax(-1, keepdim=True))
        before = (self.largest - largest).exp_()
        logits.sub_(largest).exp_()
        added = logits.sum(-1, keepdim=True)
        self.largest, self.total = largest, self.total * before + added
        before = before[: self.count]
        if difference is not None:
            if first == 0:
                # Any number would do in exact arithmetic; near the mean, little cancels.
                self.offset = (e * difference).sum(-1, keepdim=True) / added[: self.count]
            # In the place of what the reference needed, right behind `e`: the product below takes both.
            terms = torch.mul(difference.sub_(self.offset), e, out=ref_e)
            self.differences = self.differences * before + terms.sum(-1, keepdim=True)
        if self.wanted:
            self.products.view(-1, self.count, self.products.shape[-1]).mul_(before)
            rounded = self.rounded_room[:, : logits.shape[-1]]
            self.products.add_(torch.mm(rounded.copy_(logits), weights[0], out=self.product_room))

    def _logits(self, weights: list[Tensor]) -> tuple[Tensor, Tensor | None]:
        """`(models * positions, block)`, and of policy minus reference, `(positions, block)`."""
        logits = self.logits_room[:, : len(weights[0])]
        if len(weights) == 1:
            return self._multiply(self.hidden[0], weights[0], logits), None
        policy, reference = logits[: self.count], logits[self.count :]
        difference = self.difference_room[:, : len(weights[0])]
        if self.with_difference is None or weights[0].data_ptr() != weights[1].data_ptr():
            for hidden, weight, out in zip(self.hidden, weights, (policy, reference), strict=True):
                self._multiply(hidden, weight, out)
            return logits, torch.sub(policy, reference, out=difference)
        # One matrix: the product with the difference is rounded by its own size, where the difference of two products
        # in bfloat16 would be rounded by theirs, often more than all there is.
        self._multiply(self.with_difference, weights[0], logits)
        difference.copy_(reference)
        torch.sub(policy, difference, out=reference)
        return logits, difference

    def _multiply(self, hidden: Tensor, weight: Tensor, out: Tensor) -> Tensor:
        if hidden.dtype == self.real:
            return torch.mm(hidden, weight.T, out=out)
        return out.copy_(torch.mm(hidden, weight.T, out=self.rounded_room[: len(hidden), : len(weight)]))

    def _choose(self, first: int, logits: Tensor) -> None:
        """Keep the logits of the targets that are in the block."""
        column = (self.targets - first).repeat(len(self.hidden)).unsqueeze(-1)
        here = (column >= 0) & (column < logits.shape[-1])
        inside = column.clamp(0, logits.shape[-1] - 1)
        self.chosen = torch.where(here, logits.gather(-1, inside), self.chosen)

    def _log_total(self) -> Tensor:
        return self.largest + self.total.log()

    def _mean_difference(self) -> Tensor:
        return self.differences / self.total[: self.count]

    def _mean(self, which: int) -> Tensor:
        return self.products[which * self.count :][: self.count] / self.total[: self.count]


def _parts(targets: Tensor) -> Iterator[slice]:
    return (slice(start, start + ROWS) for start in range(0, len(targets), ROWS))


def _at_least_float32(like: Tensor) -> torch.dtype:
    return torch.promote_types(like.dtype, torch.float32)

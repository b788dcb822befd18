"""What one pass over a batch gives at its positions."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Outputs(NamedTuple):
    """Of policy, reference and value, 0 at positions that are no action.

    Attributes:
        logp: Log-probability of the next token under the policy. `(rows, n - 1)`
        ref_logp: The same under the reference, without gradient. `(rows, n - 1)`
        kl: KL(policy || reference), with a cached reference as in `divergence`. `(rows, n - 1)`
        values: V after each token, float32. `(rows, n)`
        value_logp: Log-probability of the next token by the value's trunk, where that was asked for. `(rows, n - 1)`
    """

    logp: Tensor
    ref_logp: Tensor
    kl: Tensor
    values: Tensor
    value_logp: Tensor | None = None


def spread(at: Tensor, values: Tensor) -> Tensor:
    """`values` where `at`, in order, and 0 elsewhere."""
    return values.new_zeros(at.shape).masked_scatter(at, values)

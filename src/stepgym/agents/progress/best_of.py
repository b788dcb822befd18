"""The best-of-k prover: the chance that at least one of k continuations of a policy succeeds.

It costs no roll-outs of its own: `Q^BoK = 1 - (1 - Q)^k` of the policy's own Q. It is no stationary policy, so its
advantages do not average to 0 under the policy: `E A^BoK <= 0` (Jensen). Setlur et al., Rewarding Progress,
arXiv:2410.08146, section 3.4.
"""

from __future__ import annotations

import math
from typing import overload

import numpy as np

from stepgym.agents.statistics import Floats, pass_at_k
from stepgym.errors import InvalidInputError


def bok(n: int, c: int, k: int) -> float:
    """The value under the best of `k` continuations from `c` successes in `n` roll-outs, unbiased, for `k <= n`.

    `1 - C(n - c, k) / C(n, k)`: the same number as `McEstimate.best_of(k)` and `pass_at_k`.
    """
    return pass_at_k(n, c, k)


@overload
def bok_plug_in(q: float, k: int) -> float: ...


@overload
def bok_plug_in(q: Floats, k: int) -> Floats: ...


def bok_plug_in(q: float | Floats, k: int) -> float | Floats:
    """`1 - (1 - q)^k` of chances in [0, 1] that are known or predicted.

    Of shares among few roll-outs it is too small, since it is concave in q: use `bok` for those.
    """
    check_best_of(k)
    if not np.all((np.asarray(q) >= 0) & (np.asarray(q) <= 1)):
        raise InvalidInputError(f"the best of k needs chances in [0, 1], got {q}")
    # Without the loss of digits that 1 - (1 - q)^k has for small q.
    with np.errstate(divide="ignore"):
        found = -np.expm1(k * np.log1p(-np.asarray(q, dtype=np.float64)))
    return float(found) if np.ndim(q) == 0 else found


def bok_slope(q: float, k: int) -> float:
    """`k (1 - q)^(k - 1)`, the derivative of `bok_plug_in`: how it passes the error of q on."""
    return k * math.pow(1 - q, k - 1)


def check_best_of(k: int) -> None:
    """Raise `InvalidInputError` unless `k` is a whole number from 1."""
    if not isinstance(k, int) or k < 1:
        raise InvalidInputError(f"the best of k needs a whole number k of at least 1, got {k!r}")

"""`Chance`: a chance of success and how well it is known, from roll-outs or given."""

from __future__ import annotations

import math
from dataclasses import dataclass

from stepgym.agents.monte_carlo.estimate import McEstimate
from stepgym.agents.progress.best_of import bok_plug_in, bok_slope, check_best_of
from stepgym.errors import InvalidInputError

Value = McEstimate | float
"""What is known of a state: roll-outs, or a number that counts as exact (an outcome, a model's prediction)."""


@dataclass(frozen=True, slots=True)
class Chance:
    """A chance of success.

    Attributes:
        mean: The estimate.
        variance: Of the estimate, `p (1 - p) / n`; 0 for exact values.
        cautious: The same, where all roll-outs agree with p moved to `(c + 1) / (n + 2)`: that 20 of 20 succeeded does
            not prove that all would. Agresti and Caffo, The American Statistician 54, 2000.
        noise: An unbiased estimate of the variance, `p (1 - p) / (n - 1)`, for taking noise off; None for n = 1.
    """

    mean: float
    variance: float = 0.0
    cautious: float = 0.0
    noise: float | None = 0.0


def chance_of(value: Value | None, *, best_of: int = 1) -> Chance | None:
    """The chance that the best of `best_of` continuations succeeds; None where it is unknown.

    Unknown is a value of None, an estimate without roll-outs, and one with fewer roll-outs than `best_of`. Estimates
    are turned into best-of-k without bias (`McEstimate.best_of`), their variances to first order, numbers by
    `bok_plug_in`.
    """
    check_best_of(best_of)
    if value is None:
        return None
    if not isinstance(value, McEstimate):
        if not math.isfinite(value):
            raise InvalidInputError(f"values must be finite numbers, got {value}")
        return Chance(float(value) if best_of == 1 else bok_plug_in(float(value), best_of))
    n, c = value.n, value.c
    if n < best_of or n == 0:
        return None
    p, moved = c / n, (c + 1) / (n + 2)
    slope = bok_slope(p, best_of)
    variance = slope**2 * p * (1 - p) / n
    cautious = variance if 0 < c < n else bok_slope(moved, best_of) ** 2 * moved * (1 - moved) / n
    noise = slope**2 * p * (1 - p) / (n - 1) if n > 1 else None
    return Chance(p if best_of == 1 else value.best_of(best_of), variance, cautious, noise)

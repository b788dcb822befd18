"""Intervals of one quantity: proportions, success over tasks, means over seeds, and what never varied."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from stepgym.agents.statistics.numbers import is_constant, normal_quantile, t_quantile, vector
from stepgym.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its interval, `low <= value <= high` up to rounding."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"value": self.value, "low": self.low, "high": self.high}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Interval:
        """The inverse of `to_dict`."""
        try:
            return cls(**cast(Any, data))
        except TypeError as error:
            raise InvalidInputError(f"not an interval: {error}") from error

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def wilson_interval(successes: float, trials: int, *, confidence: float = 0.95) -> Interval:
    """The score interval of a proportion of independent trials.

    Holds its level also near 0 and 1 and never leaves [0, 1].

    References:
        E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22, 1927.
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise InvalidInputError(
            f"expected 0 <= successes <= trials and at least one trial, got {successes} of {trials}"
        )
    z = normal_quantile(confidence)
    share = successes / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    margin = z / (1 + z * z / trials) * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return Interval(share, max(0.0, min(share, centre - margin)), min(1.0, max(share, centre + margin)))


def constant_interval(value: float, tasks: int, *, bounds: tuple[float, float], confidence: float = 0.95) -> Interval:
    """The mean of a quantity within `bounds` that came out as `value` on every one of `tasks` tasks.

    Nothing varied, so the bootstrap would claim certainty. What was seen bounds the share of tasks that behave
    otherwise: at most `u = z^2 / (tasks + z^2)`, Wilson's bound on a proportion never seen. The interval lets that
    share go to either end of the bounds: `[value - u (value - low), value + u (high - value)]`. For shares of 0 and 1
    it is the Wilson interval, for differences of 0/1 outcomes Tango's score interval.
    """
    low, high = bounds
    if tasks < 1 or not low <= value <= high:
        raise InvalidInputError(f"expected at least one task and a value in [{low:g}, {high:g}], got {tasks}, {value}")
    unseen = wilson_interval(0, tasks, confidence=confidence).high
    return Interval(value, max(low, value - unseen * (value - low)), min(high, value + unseen * (high - value)))


def success_interval(
    samples: Sequence[Sequence[float]], *, confidence: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> Interval:
    """Mean success over tasks, each task counting the same however often it was sampled.

    Args:
        samples: For each task its outcomes in [0, 1], at least one.
        confidence: Level of the interval.
        resamples: Bootstrap resamples of the tasks.
        seed: Of the bootstrap.

    With one 0/1 sample a task this is the Wilson interval; otherwise the percentile interval of the bootstrap over
    tasks. Where every task has the same mean the bootstrap would claim certainty, so the Wilson interval with tasks
    as trials is given.

    References:
        A. C. Davison, D. V. Hinkley, Bootstrap Methods and their Application, 1997, sections 3.8 and 5.3.
    """
    from stepgym.agents.statistics.resampling import bootstrap_mean

    if not samples or any(len(outcomes) == 0 for outcomes in samples):
        raise InvalidInputError("expected at least one task and at least one outcome for each")
    means = np.array([math.fsum(outcomes) / len(outcomes) for outcomes in samples])
    if not np.all((means >= 0) & (means <= 1)):
        raise InvalidInputError("outcomes must be in [0, 1]")
    single = all(len(outcomes) == 1 and outcomes[0] in (0, 1) for outcomes in samples)
    if single or is_constant(means):
        return wilson_interval(float(means.sum()), len(means), confidence=confidence)
    return bootstrap_mean(means, confidence=confidence, resamples=resamples, seed=seed)


def mean_interval(values: ArrayLike, *, confidence: float = 0.95) -> Interval:
    """Mean over repetitions (seeds) with Student's t interval; needs at least two values."""
    array = vector(values, "values")
    if len(array) < 2:
        raise InvalidInputError("an interval over seeds needs at least 2 values, got 1")
    margin = t_quantile(len(array) - 1, confidence) * float(array.std(ddof=1)) / math.sqrt(len(array))
    mean = float(array.mean())
    return Interval(mean, mean - margin, mean + margin)

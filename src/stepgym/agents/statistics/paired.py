"""Two policies on the same tasks: the difference with an interval and a p-value that never contradict each other."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from stepgym.agents.statistics.intervals import Interval, constant_interval
from stepgym.agents.statistics.numbers import (
    Floats,
    is_constant,
    normal_p,
    normal_quantile,
    t_p,
    t_quantile,
    vector,
)
from stepgym.errors import InvalidInputError

Test = Literal["mcnemar", "paired_t", "bootstrap"]
_BOUNDS = (-1.0, 1.0)


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """A mean difference over tasks.

    Attributes:
        interval: The difference with its interval.
        p_value: Two-sided, that there is no difference. Below 0.05 if and only if the 95 % interval leaves 0 out:
            both are read off the same test statistic.
        test: "mcnemar" (0/1 outcomes) or "paired_t" (shares); "bootstrap" where seeds and tasks are drawn again.
    """

    interval: Interval
    p_value: float
    test: Test


def paired_difference(a: ArrayLike, b: ArrayLike, *, confidence: float = 0.95) -> PairedDifference:
    """Mean of `a - b`, two results in [0, 1] on the same tasks in the same order.

    With outcomes of 0 and 1: Tango's score interval, and the score test of McNemar, which is its statistic at 0. The
    interval keeps its level with few tasks and where nothing differs; the exact test would be needlessly conservative
    (Fagerland et al. compare them). With shares: Student's t on the differences; where all of them are equal, the
    `constant_interval`, and the p-value at which that interval would reach 0.

    References:
        T. Tango, Equivalence test and confidence interval for the difference in proportions for the paired-sample
        design, Statistics in Medicine 17, 1998. M. W. Fagerland, S. Lydersen, P. Laake, The McNemar test for binary
        matched-pairs data: mid-p and asymptotic are better than exact conditional, BMC Medical Research Methodology
        13:91, 2013.
    """
    first, second = vector(a, "a"), vector(b, "b")
    if len(first) != len(second):
        raise InvalidInputError(f"a and b must be results on the same tasks, got {len(first)} and {len(second)}")
    for values in (first, second):
        if not np.all((values >= 0) & (values <= 1)):
            raise InvalidInputError("results must be in [0, 1]")
    if _is_binary(first) and _is_binary(second):
        return _tango(int(np.sum(first > second)), int(np.sum(first < second)), len(first), confidence)
    differences = first - second
    if is_constant(differences):
        value = float(differences[0])
        interval = constant_interval(value, len(differences), bounds=_BOUNDS, confidence=confidence)
        return PairedDifference(interval, normal_p(math.sqrt(len(differences) * abs(value))), "paired_t")
    return _student(differences, confidence)


def _student(differences: Floats, confidence: float) -> PairedDifference:
    tasks, mean = len(differences), float(differences.mean())
    error = float(differences.std(ddof=1)) / math.sqrt(tasks)
    margin = t_quantile(tasks - 1, confidence) * error
    low, high = max(_BOUNDS[0], mean - margin), min(_BOUNDS[1], mean + margin)
    return PairedDifference(Interval(mean, low, high), t_p(mean / error, tasks - 1), "paired_t")


def _tango(only_a: int, only_b: int, tasks: int, confidence: float) -> PairedDifference:
    """From the numbers of tasks that only the first and only the second solved."""
    value, z = (only_a - only_b) / tasks, normal_quantile(confidence)

    def score(delta: float) -> float:
        # The likelihood's nuisance parameter, the share of tasks that only the second solves, at its best for `delta`.
        linear = (2 * tasks - only_a + only_b) * delta - only_a - only_b
        constant = -only_b * delta * (1 - delta)
        share = (math.sqrt(max(0.0, linear * linear - 8 * tasks * constant)) - linear) / (4 * tasks)
        variance = tasks * (2 * share + delta * (1 - delta))
        distance = tasks * (value - delta)
        return distance / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, distance)

    low = _crossing(lambda delta: score(delta) > z, -1.0, value)
    high = -_crossing(lambda delta: score(-delta) < -z, -1.0, -value)
    discordant = only_a + only_b
    p_value = normal_p((only_a - only_b) / math.sqrt(discordant)) if discordant else 1.0
    return PairedDifference(Interval(value, low, high), p_value, "mcnemar")


def _crossing(rejected: Callable[[float], bool], low: float, high: float) -> float:
    """Where `rejected` turns from True (at `low`) to False (at `high`)."""
    if not rejected(low) or low >= high:
        return low
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rejected(middle) else (low, middle)
    return (low + high) / 2


def _is_binary(values: Floats) -> bool:
    return bool(np.all((values == 0) | (values == 1)))

"""Intervals where every training seed was evaluated on the same tasks: both seeds and tasks are drawn again."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from stepgym.agents.statistics.intervals import Interval, constant_interval, wilson_interval
from stepgym.agents.statistics.numbers import Floats, checked_confidence, is_constant, normal_p
from stepgym.agents.statistics.paired import PairedDifference
from stepgym.errors import InvalidInputError

_AT_ONCE = 500
_SHARES = (0.0, 1.0)
_DIFFERENCES = (-1.0, 1.0)


def crossed_mean(
    values: ArrayLike,
    *,
    bounds: tuple[float, float] = _SHARES,
    confidence: float = 0.95,
    resamples: int = 9_999,
    seed: int = 0,
) -> Interval:
    """The mean of a table `(seeds, tasks)` with the percentile interval of the bootstrap over seeds and tasks.

    Seeds and tasks are resampled independently (the pigeonhole bootstrap): the interval says what other training seeds
    *and* other tasks could give. With few seeds it is still narrow, because the spread over seeds is seen through them
    alone; with one seed only tasks are resampled.

    Where all numbers are equal the bootstrap would claim certainty. Shares get the Wilson interval with tasks as
    trials, anything else the `constant_interval` within `bounds`: around 0 it is symmetric for differences. It speaks
    of other tasks only; seeds that all agree say nothing about seeds that would not.

    Args:
        values: One number per seed and task, such as the share of solved samples, or its difference to another policy.
        bounds: What the numbers can be: (0, 1) for shares, (-1, 1) for differences of shares.
        confidence: Level of the interval.
        resamples: Bootstrap resamples.
        seed: Of the bootstrap.

    References:
        A. B. Owen, The pigeonhole bootstrap, Annals of Applied Statistics 1(2), 2007, arXiv:0712.1111.
    """
    table = _table(values)
    checked_confidence(confidence)
    if is_constant(table):
        value, tasks = float(table[0, 0]), table.shape[1]
        if bounds == _SHARES and 0 <= value <= 1:
            return wilson_interval(value * tasks, tasks, confidence=confidence)
        # Numbers outside the bounds say that the bounds were not meant for them.
        low, high = min(bounds[0], value), max(bounds[1], value)
        return constant_interval(value, tasks, bounds=(low, high), confidence=confidence)
    return _interval(table, _means(table, resamples, seed), confidence)


def crossed_difference(
    a: ArrayLike, b: ArrayLike, *, confidence: float = 0.95, resamples: int = 9_999, seed: int = 0
) -> PairedDifference:
    """Mean of `a - b`, two tables `(seeds, tasks)` of shares paired cell by cell, as `crossed_mean` of the differences.

    The p-value counts the same resamples as the interval: twice the share of means on the other side of 0, the data
    among them. It is at most 0.05 exactly where the 95 % interval leaves out 0.
    """
    first, second = _table(a), _table(b)
    if first.shape != second.shape:
        raise InvalidInputError(f"expected two tables of one shape, got {first.shape} and {second.shape}")
    table = first - second
    if is_constant(table):
        interval = crossed_mean(table, bounds=_DIFFERENCES, confidence=confidence)
        return PairedDifference(interval, normal_p(math.sqrt(table.shape[1] * abs(interval.value))), "bootstrap")
    means = _means(table, resamples, seed)
    beyond = 1 + min(int(np.sum(means <= 0)), int(np.sum(means >= 0)))
    p_value = min(1.0, 2 * beyond / (1 + len(means)))
    return PairedDifference(_interval(table, means, checked_confidence(confidence)), p_value, "bootstrap")


def _table(values: ArrayLike) -> Floats:
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or table.size == 0 or not np.all(np.isfinite(table)):
        raise InvalidInputError(f"expected a table (seeds, tasks) of finite numbers, got shape {table.shape}")
    return table


def _means(table: Floats, resamples: int, seed: int) -> Floats:
    """The sorted means of the resampled tables."""
    if resamples < 1:
        raise InvalidInputError(f"resamples must be at least 1, got {resamples}")
    seeds, tasks = table.shape
    generator = np.random.default_rng(seed)
    drawn = []
    for start in range(0, resamples, _AT_ONCE):
        rows = min(_AT_ONCE, resamples - start)
        of_seeds = generator.multinomial(seeds, np.full(seeds, 1 / seeds), size=rows)  # (rows, seeds)
        of_tasks = generator.multinomial(tasks, np.full(tasks, 1 / tasks), size=rows)  # (rows, tasks)
        drawn.append(((of_seeds @ table) * of_tasks).sum(1) / table.size)
    return np.sort(np.concatenate(drawn))


def _interval(table: Floats, means: Floats, confidence: float) -> Interval:
    """Between the order statistics that leave a tail on either side; whole draws, so that p-values agree with it."""
    tail = max(1, math.floor((1 - confidence) / 2 * (len(means) + 1) + 1e-9))
    mean = float(table.mean())
    return Interval(mean, min(mean, float(means[tail - 1])), max(mean, float(means[-tail])))

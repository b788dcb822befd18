"""The bootstrap over tasks: percentile intervals of means and of other statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stepgym.agents.statistics.intervals import Interval
from stepgym.agents.statistics.numbers import Floats, checked_confidence, vector
from stepgym.errors import InvalidInputError

_NUMBERS_AT_ONCE = 2_000_000


def bootstrap_mean(values: ArrayLike, *, confidence: float = 0.95, resamples: int = 10_000, seed: int = 0) -> Interval:
    """The mean of one number per task with the percentile interval of the bootstrap over tasks."""
    array = vector(values, "values")
    means = np.concatenate([weights @ array / len(array) for weights in _weights(len(array), resamples, seed)])
    return _percentiles(float(array.mean()), means, confidence)


def bootstrap_statistic(
    statistic: Callable[[Floats], Floats],
    value: float,
    groups: NDArray[np.intp],
    *,
    confidence: float = 0.95,
    resamples: int = 2_000,
    seed: int = 0,
) -> Interval:
    """Percentile interval of any weighted statistic under the bootstrap over tasks.

    Args:
        statistic: Takes weights `(resamples, items)` and returns `(resamples,)`; NaN where it is undefined (left out).
        value: The statistic of the data as they are.
        groups: For each item the number of its task, 0 to tasks - 1.
        confidence: Level of the interval.
        resamples: How often the tasks are drawn again.
        seed: Of the bootstrap.
    """
    tasks = int(groups.max()) + 1
    parts = []
    for weights in _weights(tasks, resamples, seed, width=max(tasks, len(groups))):
        parts.append(statistic(weights[:, groups]))
    drawn = np.concatenate(parts)
    drawn = drawn[np.isfinite(drawn)]
    return _percentiles(value, drawn, confidence) if len(drawn) else Interval(value, value, value)


def _weights(tasks: int, resamples: int, seed: int, *, width: int = 0) -> Iterator[Floats]:
    """How often each task was drawn, `(rows, tasks)`, in pieces that fit into memory."""
    if resamples < 1:
        raise InvalidInputError(f"resamples must be at least 1, got {resamples}")
    generator = np.random.default_rng(seed)
    for rows in _chunks(resamples, max(tasks, width)):
        drawn = generator.integers(0, tasks, size=(rows, tasks))
        drawn += np.arange(rows)[:, None] * tasks
        yield np.bincount(drawn.ravel(), minlength=rows * tasks).reshape(rows, tasks).astype(np.float64)


def _chunks(total: int, width: int) -> Iterator[int]:
    rows = max(1, _NUMBERS_AT_ONCE // max(1, width))
    for start in range(0, total, rows):
        yield min(rows, total - start)


def _percentiles(value: float, drawn: Floats, confidence: float) -> Interval:
    tail = (1 - checked_confidence(confidence)) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Interval(value, min(value, float(low)), max(value, float(high)))

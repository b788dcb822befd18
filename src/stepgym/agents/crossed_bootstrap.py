"""Intervals where every training seed was evaluated on the same tasks: both seeds and tasks are drawn again."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from stepgym.agents.statistics import Interval, success_interval
from stepgym.errors import InvalidInputError

_AT_ONCE = 500


def crossed_mean(values: ArrayLike, *, confidence: float = 0.95, resamples: int = 10_000, seed: int = 0) -> Interval:
    """The mean of a table `(seeds, tasks)` with the percentile interval of the bootstrap over seeds and tasks.

    Seeds and tasks are resampled independently (the pigeonhole bootstrap): the interval says what other training seeds
    *and* other tasks could give. With few seeds it is still narrow, because the spread over seeds is seen through them
    alone; with one seed only tasks are resampled. For shares that are all equal it is the interval of
    `success_interval`, which does not claim certainty.

    Args:
        values: One number per seed and task, such as the share of solved samples, or its difference to another policy.
        confidence: Level of the interval.
        resamples: Bootstrap resamples.
        seed: Of the bootstrap.

    References:
        A. B. Owen, The pigeonhole bootstrap, Annals of Applied Statistics 1(2), 2007, arXiv:0712.1111.
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or table.size == 0 or not np.all(np.isfinite(table)):
        raise InvalidInputError(f"expected a table (seeds, tasks) of finite numbers, got shape {table.shape}")
    if not 0 < confidence < 1:
        raise InvalidInputError(f"confidence must be in (0, 1), for example 0.95, got {confidence}")
    if resamples < 1:
        raise InvalidInputError(f"resamples must be at least 1, got {resamples}")
    if np.all(table == table[0, 0]) and 0 <= table[0, 0] <= 1:
        return success_interval([[float(v)] for v in table[0]], confidence=confidence)
    seeds, tasks = table.shape
    generator = np.random.default_rng(seed)
    drawn = []
    for start in range(0, resamples, _AT_ONCE):
        rows = min(_AT_ONCE, resamples - start)
        of_seeds = generator.multinomial(seeds, np.full(seeds, 1 / seeds), size=rows)  # (rows, seeds)
        of_tasks = generator.multinomial(tasks, np.full(tasks, 1 / tasks), size=rows)  # (rows, tasks)
        drawn.append(((of_seeds @ table) * of_tasks).sum(1) / table.size)
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.concatenate(drawn), [tail, 1 - tail])
    mean = float(table.mean())
    return Interval(mean, min(mean, float(low)), max(mean, float(high)))

"""Intervals and tests for results on tasks: pure functions of numbers, no dependency beyond NumPy.

Tasks are the unit of evidence: several samples of one task are not independent, so everything that takes samples
resamples whole tasks (the cluster bootstrap).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stepgym.errors import InvalidInputError

Floats = NDArray[np.float64]

_EXACT_SIGN_FLIPS = 16
_NUMBERS_AT_ONCE = 2_000_000


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its interval, `low <= value <= high` up to rounding."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"value": self.value, "low": self.low, "high": self.high}

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
    z = _normal_quantile(confidence)
    share = successes / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    margin = z / (1 + z * z / trials) * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return Interval(share, max(0.0, min(share, centre - margin)), min(1.0, max(share, centre + margin)))


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
    if not samples or any(len(outcomes) == 0 for outcomes in samples):
        raise InvalidInputError("expected at least one task and at least one outcome for each")
    means = np.array([math.fsum(outcomes) / len(outcomes) for outcomes in samples])
    _require_unit_range(means)
    single = all(len(outcomes) == 1 and outcomes[0] in (0, 1) for outcomes in samples)
    if single or np.all(means == means[0]):
        return wilson_interval(float(means.sum()), len(means), confidence=confidence)
    return bootstrap_mean(means, confidence=confidence, resamples=resamples, seed=seed)


def bootstrap_mean(values: ArrayLike, *, confidence: float = 0.95, resamples: int = 10_000, seed: int = 0) -> Interval:
    """The mean of one number per task with the percentile interval of the bootstrap over tasks."""
    array = _vector(values, "values")
    means = np.concatenate([weights @ array / len(array) for weights in _weights(len(array), resamples, seed)])
    return _percentiles(float(array.mean()), means, confidence)


def paired_difference(
    a: ArrayLike, b: ArrayLike, *, confidence: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> Interval:
    """Mean of `a - b`, two results on the same tasks in the same order, with an interval over tasks.

    The interval is the paired bootstrap's. Where all differences are equal and the outcomes are 0 or 1 the bootstrap
    would claim certainty; the interval then reaches as far as the Wilson bound on the share of tasks that could still
    behave otherwise.
    """
    first, second = _pair(a, b)
    differences = first - second
    if np.all(differences == differences[0]) and _is_binary(first) and _is_binary(second):
        value, unseen = float(differences[0]), wilson_interval(0, len(differences), confidence=confidence).high
        return Interval(value, max(-1.0, value - unseen), min(1.0, value + unseen))
    return bootstrap_mean(differences, confidence=confidence, resamples=resamples, seed=seed)


def mcnemar_p(a: ArrayLike, b: ArrayLike) -> float:
    """Exact two-sided p-value that two policies solve tasks equally often, from 0/1 outcomes on the same tasks.

    Only tasks that one solves and the other does not count; under the hypothesis each of them falls to either side
    with probability 1/2 (McNemar's test with the binomial distribution).
    """
    first, second = _pair(a, b)
    if not (_is_binary(first) and _is_binary(second)):
        raise InvalidInputError("McNemar's test takes outcomes of 0 or 1; use sign_flip_p for means")
    only_first, only_second = int(np.sum(first > second)), int(np.sum(first < second))
    discordant = only_first + only_second
    tail = sum(math.comb(discordant, i) for i in range(min(only_first, only_second) + 1))
    return min(1.0, float(2 * tail / 2**discordant))


def sign_flip_p(differences: ArrayLike, *, permutations: int = 10_000, seed: int = 0) -> float:
    """Two-sided p-value that paired differences are symmetric around 0, one difference per task.

    Each difference keeps or changes its sign with probability 1/2; the statistic is the absolute sum. Exact for up to
    16 tasks with a difference, else from `permutations` random flips counted as `(1 + hits) / (1 + permutations)`.

    References:
        R. A. Fisher, The Design of Experiments, 1935, section 21.
    """
    array = _vector(differences, "differences")
    array = array[array != 0]
    if len(array) == 0:
        return 1.0
    observed = abs(float(array.sum())) * (1 - 1e-12) - 1e-12
    if len(array) <= _EXACT_SIGN_FLIPS:
        bits = (np.arange(2 ** len(array))[:, None] >> np.arange(len(array))) & 1  # (flips, tasks)
        return float(np.mean(np.abs((1 - 2 * bits) @ array) >= observed))
    generator, hits = np.random.default_rng(seed), 0
    for rows in _chunks(permutations, len(array)):
        signs = 1.0 - 2.0 * generator.integers(0, 2, size=(rows, len(array)))
        hits += int(np.sum(np.abs(signs @ array) >= observed))
    return (1 + hits) / (1 + permutations)


def pass_at_k(samples: int, successes: int, k: int) -> float:
    """Probability that at least one of `k` of the `samples` drawn without replacement is a success, unbiased.

    `1 - C(samples - successes, k) / C(samples, k)`.

    References:
        M. Chen et al., Evaluating large language models trained on code, arXiv:2107.03374, equation 1.
    """
    if not (0 <= successes <= samples and 1 <= k <= samples):
        raise InvalidInputError(
            f"expected 0 <= successes <= samples and 1 <= k <= samples, got {successes=}, {samples=}, {k=}"
        )
    return 1.0 - math.comb(samples - successes, k) / math.comb(samples, k)


def mean_interval(values: ArrayLike, *, confidence: float = 0.95) -> Interval:
    """Mean over repetitions (seeds) with Student's t interval; needs at least two values."""
    array = _vector(values, "values")
    if len(array) < 2:
        raise InvalidInputError("an interval over seeds needs at least 2 values, got 1")
    margin = _t_quantile(len(array) - 1, confidence) * float(array.std(ddof=1)) / math.sqrt(len(array))
    mean = float(array.mean())
    return Interval(mean, mean - margin, mean + margin)


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
    tail = (1 - _checked(confidence)) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Interval(value, min(value, float(low)), max(value, float(high)))


def _normal_quantile(confidence: float) -> float:
    return NormalDist().inv_cdf(0.5 + _checked(confidence) / 2)


def _t_quantile(freedom: int, confidence: float) -> float:
    """The t with P(|T| <= t) = confidence for a whole number of degrees of freedom, by bisection."""
    low, high = 0.0, 1.0
    while _t_central(high, freedom) < _checked(confidence):
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if _t_central(middle, freedom) < confidence else (low, middle)
    return (low + high) / 2


def _t_central(t: float, freedom: int) -> float:
    """P(|T| <= t); Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4."""
    angle = math.atan(t / math.sqrt(freedom))
    cosine, sine = math.cos(angle), math.sin(angle)
    odd = freedom % 2 == 1
    term, total = (cosine, cosine if freedom > 1 else 0.0) if odd else (1.0, 1.0)
    for i in range(3 if odd else 2, freedom - 1, 2):
        term *= cosine * cosine * (i - 1) / i
        total += term
    return 2 / math.pi * (angle + sine * total) if odd else sine * total


def _checked(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise InvalidInputError(f"confidence must be in (0, 1), for example 0.95, got {confidence}")
    return confidence


def _vector(values: ArrayLike, name: str) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or len(array) == 0 or not np.all(np.isfinite(array)):
        raise InvalidInputError(f"{name} must be a non-empty list of finite numbers, got shape {array.shape}")
    return array


def _pair(a: ArrayLike, b: ArrayLike) -> tuple[Floats, Floats]:
    first, second = _vector(a, "a"), _vector(b, "b")
    if len(first) != len(second):
        raise InvalidInputError(f"a and b must be results on the same tasks, got {len(first)} and {len(second)}")
    return first, second


def _is_binary(values: Floats) -> bool:
    return bool(np.all((values == 0) | (values == 1)))


def _require_unit_range(values: Floats) -> None:
    if not np.all((values >= 0) & (values <= 1)):
        raise InvalidInputError("outcomes must be in [0, 1]")

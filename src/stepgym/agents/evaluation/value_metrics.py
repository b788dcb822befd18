"""How well values predict outcomes: AUC and Brier score, with intervals over tasks and the base rate beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from stepgym.agents.statistics import Floats, Interval, bootstrap_statistic
from stepgym.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class ValueMetrics:
    """How well a value function predicts success.

    Attributes:
        auc: Probability that a success has a higher value than a failure (ties count half); 0.5 knows nothing.
        brier: Mean of `(value - outcome)^2`, values as chances of success; lower is better. Above 1 only where values
            leave [0, 1]. None where values are no chances, because rewards are worth more than two things.
        base_rate: Share of successes.
        base_rate_brier: Brier score of always saying the base rate, `p (1 - p)`; a useful value is below it.
        episodes: Number of values.
        tasks: Number of tasks they come from.
        outside: Share of values outside [0, 1], which no chance can be; None as `brier`.
    """

    auc: Interval
    brier: Interval | None
    base_rate: float
    base_rate_brier: float
    episodes: int
    tasks: int
    outside: float | None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "auc": self.auc.to_dict(),
            "brier": None if self.brier is None else self.brier.to_dict(),
            "base_rate": self.base_rate,
            "base_rate_brier": self.base_rate_brier,
            "episodes": self.episodes,
            "tasks": self.tasks,
            "outside": self.outside,
        }

    def __str__(self) -> str:
        brier = "no Brier score (rewards take more than two values, so that V is no chance of success)"
        if self.brier is not None:
            brier = f"Brier {self.brier} against {self.base_rate_brier:.3f} for the base rate {self.base_rate:.3f}"
        return f"AUC {self.auc}, {brier} ({self.episodes} episodes of {self.tasks} tasks)"


def value_metrics(
    values: ArrayLike,
    outcomes: ArrayLike,
    tasks: Sequence[str],
    *,
    weights: ArrayLike | None = None,
    rewards: tuple[float, float] | None = (0.0, 1.0),
    confidence: float = 0.95,
    resamples: int = 2_000,
    seed: int = 0,
) -> ValueMetrics:
    """How well `values` predict `outcomes` (0 or 1), with intervals from the bootstrap over `tasks`.

    A perfect AUC of 1 gets an interval of no width: among the tasks seen there is no variation to learn from.

    Args:
        values: One value per episode.
        outcomes: 1 for success and 0 for failure; both must occur.
        tasks: The task id of each episode; episodes of one task are drawn together.
        weights: How many episodes each value and outcome stands for; 1 if None.
        rewards: What a failure and a success are worth, in the unit of the values: (-1, 1) where failures cost 1.
            None where they are worth different things, so that no value is a chance of success.
        confidence: Level of the intervals.
        resamples: Bootstrap resamples.
        seed: Of the bootstrap.

    References:
        G. W. Brier, Verification of forecasts expressed in terms of probability, Monthly Weather Review 78, 1950.
    """
    scores, labels = _checked(values, outcomes)
    if len(tasks) != len(scores):
        raise InvalidInputError(f"expected one task id per value, got {len(tasks)} for {len(scores)} values")
    counts = np.ones(len(scores)) if weights is None else np.asarray(weights, dtype=np.float64)
    if counts.shape != scores.shape or not np.all(counts >= 0) or not 0 < float(counts @ labels) < counts.sum():
        raise InvalidInputError("weights must be as many numbers as values, >= 0, with some weight on each outcome")
    names, groups = np.unique(np.asarray(tasks, dtype=object).astype(str), return_inverse=True)
    total = float(counts.sum())
    base_rate = float(counts @ labels) / total

    def interval(statistic: Callable[[Floats], Floats], value: float) -> Interval:
        return bootstrap_statistic(
            lambda drawn: statistic(drawn * counts),
            value,
            groups,
            confidence=confidence,
            resamples=resamples,
            seed=seed,
        )

    brier = outside = None
    if rewards is not None:
        chances = as_chances(scores, rewards)
        losses = (chances - labels) ** 2
        brier = interval(lambda w: np.asarray(w @ losses / w.sum(axis=1)), float(counts @ losses) / total)
        outside = float(counts @ ((chances < 0) | (chances > 1))) / total
    area = _weighted_auc(scores, labels)
    return ValueMetrics(
        auc=interval(area, float(area(counts[None])[0])),
        brier=brier,
        base_rate=base_rate,
        base_rate_brier=base_rate * (1 - base_rate),
        episodes=round(total),
        tasks=len(names),
        outside=outside,
    )


def reward_range(outcomes: Iterable[float]) -> tuple[float, float] | None:
    """What a failure and a success are worth, from the sums of rewards of episodes.

    A success has a positive sum. Where failures, or successes, are worth different sums there is no such range, and
    None is returned; what does not occur is worth 0 and 1.
    """
    sums = {round(float(outcome), 9) for outcome in outcomes}
    failures, successes = {s for s in sums if s <= 0} or {0.0}, {s for s in sums if s > 0} or {1.0}
    return (failures.pop(), successes.pop()) if len(failures) == len(successes) == 1 else None


def as_chances(values: ArrayLike, rewards: tuple[float, float]) -> Floats:
    """Values as chances of success, where a failure and a success are worth `rewards`."""
    failure, success = rewards
    if not failure < success:
        raise InvalidInputError(f"a success must be worth more than a failure, got {failure} and {success}")
    return (np.asarray(values, dtype=np.float64) - failure) / (success - failure)


def auc(values: ArrayLike, outcomes: ArrayLike) -> float:
    """Probability that a random success has a higher value than a random failure, ties counting half.

    This is the area under the ROC curve and the Mann-Whitney statistic divided by the number of pairs.
    """
    scores, labels = _checked(values, outcomes)
    return float(_weighted_auc(scores, labels)(np.ones((1, len(scores))))[0])


def _weighted_auc(scores: Floats, labels: Floats) -> Callable[[Floats], Floats]:
    """A function from weights `(rows, items)` to the AUC of each row, NaN where a row holds one class only."""
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    positives = labels[order]

    def auc_of(weights: Floats) -> Floats:
        sorted_weights = weights[:, order]
        positive = np.add.reduceat(sorted_weights * positives, starts, axis=1)  # (rows, distinct scores)
        negative = np.add.reduceat(sorted_weights * (1 - positives), starts, axis=1)
        below = np.cumsum(negative, axis=1) - negative
        pairs = positive.sum(axis=1) * negative.sum(axis=1)
        wins = (positive * (below + negative / 2)).sum(axis=1)
        shares: Floats = np.divide(wins, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
        return shares

    return auc_of


def _checked(values: ArrayLike, outcomes: ArrayLike) -> tuple[Floats, Floats]:
    scores, labels = np.asarray(values, dtype=np.float64), np.asarray(outcomes, dtype=np.float64)
    if scores.ndim != 1 or scores.shape != labels.shape or not np.all(np.isfinite(scores)):
        raise InvalidInputError(
            f"expected as many finite values as outcomes, got shapes {scores.shape} and {labels.shape}"
        )
    if not np.all((labels == 0) | (labels == 1)):
        raise InvalidInputError("outcomes must be 0 or 1; leave undecided episodes out")
    if len(set(labels.tolist())) < 2:
        raise InvalidInputError("AUC needs at least one success and one failure among the outcomes")
    return scores, labels

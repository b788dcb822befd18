"""How well values predict outcomes: AUC and Brier score, with intervals over tasks and the base rate beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
        brier: Mean of `(value - outcome)^2`; lower is better.
        base_rate: Share of successes.
        base_rate_brier: Brier score of always saying the base rate, `p (1 - p)`; a useful value is below it.
        episodes: Number of values.
        tasks: Number of tasks they come from.
        outside: Share of values outside [0, 1], which no probability can be.
    """

    auc: Interval
    brier: Interval
    base_rate: float
    base_rate_brier: float
    episodes: int
    tasks: int
    outside: float

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "auc": self.auc.to_dict(),
            "brier": self.brier.to_dict(),
            "base_rate": self.base_rate,
            "base_rate_brier": self.base_rate_brier,
            "episodes": self.episodes,
            "tasks": self.tasks,
            "outside": self.outside,
        }

    def __str__(self) -> str:
        return (
            f"AUC {self.auc}, Brier {self.brier} against {self.base_rate_brier:.3f} for the base rate "
            f"{self.base_rate:.3f} ({self.episodes} episodes of {self.tasks} tasks)"
        )


def value_metrics(
    values: ArrayLike,
    outcomes: ArrayLike,
    tasks: Sequence[str],
    *,
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
        confidence: Level of the intervals.
        resamples: Bootstrap resamples.
        seed: Of the bootstrap.

    References:
        G. W. Brier, Verification of forecasts expressed in terms of probability, Monthly Weather Review 78, 1950.
    """
    scores, labels = _checked(values, outcomes)
    if len(tasks) != len(scores):
        raise InvalidInputError(f"expected one task id per value, got {len(tasks)} for {len(scores)} values")
    names, groups = np.unique(np.asarray(tasks, dtype=object).astype(str), return_inverse=True)
    losses = (scores - labels) ** 2
    base_rate = float(labels.mean())

    def weighted_brier(weights: Floats) -> Floats:
        return np.asarray(weights @ losses / weights.sum(axis=1))

    def interval(statistic: Callable[[Floats], Floats], value: float) -> Interval:
        return bootstrap_statistic(statistic, value, groups, confidence=confidence, resamples=resamples, seed=seed)

    return ValueMetrics(
        auc=interval(_weighted_auc(scores, labels), auc(scores, labels)),
        brier=interval(weighted_brier, float(losses.mean())),
        base_rate=base_rate,
        base_rate_brier=base_rate * (1 - base_rate),
        episodes=len(scores),
        tasks=len(names),
        outside=float(np.mean((scores < 0) | (scores > 1))),
    )


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

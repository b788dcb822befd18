"""Whether values mean what they say: of the states given the value 0.7, do 70 % of the roll-outs succeed?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stepgym.agents.evaluation.value_metrics import ValueMetrics, as_chances, value_metrics
from stepgym.agents.monte_carlo.estimate import McEstimate
from stepgym.agents.statistics import Floats, Interval, bootstrap_statistic, wilson_interval
from stepgym.agents.text_table import text_table
from stepgym.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The states whose value lies in `[low, high)`.

    Attributes:
        low, high: Of the bin; values below 0 and above 1 lie in the first and in the last one.
        states: How many states.
        tasks: Of how many tasks.
        rollouts: How many judged roll-outs from them.
        value: Mean value, each state weighing as many roll-outs as it has.
        success: Share of successes among the roll-outs, with its 95 % interval over tasks.
    """

    low: float
    high: float
    states: int
    tasks: int
    rollouts: int
    value: float
    success: Interval

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        plain = {name: getattr(self, name) for name in ("low", "high", "states", "tasks", "rollouts", "value")}
        return {**plain, "success": self.success.to_dict()}


@dataclass(frozen=True, slots=True)
class Calibration:
    """A value function against roll-outs.

    Attributes:
        metrics: AUC and Brier score over the roll-outs.
        bins: The reliability table; bins without states are left out.
        gap: Mean distance between value and share of successes over the bins, weighted by roll-outs (the expected
            calibration error).
        distance: Root of the mean squared distance between value and true chance over the states with two roll-outs
            or more. The noise of the roll-outs is taken off; None where it is all there is, or no state has two.
        states: Number of states.
        truncated: Share of roll-outs that were cut, which count nowhere.
        undecided: Share that could not be judged, likewise.
    """

    metrics: ValueMetrics
    bins: tuple[ReliabilityBin, ...]
    gap: float
    distance: float | None
    states: int
    truncated: float = 0.0
    undecided: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            **self.metrics.to_dict(),
            "bins": [found.to_dict() for found in self.bins],
            "gap": self.gap,
            "distance": self.distance,
            "states": self.states,
            "truncated": self.truncated,
            "undecided": self.undecided,
        }

    def __str__(self) -> str:
        brier = self.metrics.brier
        facts = [f"AUC {self.metrics.auc}"]
        facts += [f"Brier {brier} against {self.metrics.base_rate_brier:.3f} for the base rate"] if brier else []
        facts += [f"calibration gap {self.gap:.3f}"]
        facts += [f"distance to the true chance {self.distance:.3f}"] if self.distance is not None else []
        count = f"{self.metrics.episodes:,} roll-outs from {self.states:,} states of {self.metrics.tasks:,} tasks"
        rows = [
            (
                f"{b.low:.1f} to {b.high:.1f}",
                f"{b.states:,}",
                f"{b.tasks:,}",
                f"{b.rollouts:,}",
                f"{b.value:.3f}",
                f"{b.success.value:.3f}",
                f"{b.success.low:.3f} to {b.success.high:.3f}",
            )
            for b in self.bins
        ]
        heads = ("value", "states", "tasks", "roll-outs", "mean value", "successes", "95 % interval")
        return f"{', '.join(facts)}; {count}\n\n{text_table(heads, rows)}"


def calibration(
    values: ArrayLike,
    estimates: Sequence[McEstimate],
    tasks: Sequence[str],
    *,
    rewards: tuple[float, float] = (0.0, 1.0),
    bins: int = 10,
    seed: int = 0,
) -> Calibration:
    """Compares the value of each state with what roll-outs from it came to.

    Args:
        values: One per state.
        estimates: The roll-outs from each state; a state without judged ones is left out.
        tasks: The task id of each state; states of one task are drawn together in the bootstrap.
        rewards: What a failure and a success are worth, in the unit of the values.
        bins: Number of equally wide bins.
        seed: Of the bootstrap.

    Raises:
        InvalidInputError: The lengths differ, or no roll-out, or every one, succeeded.
    """
    if not len(np.shape(values)) == 1 or not len(tasks) == len(estimates) == len(np.asarray(values)):
        raise InvalidInputError("expected as many values as estimates and task ids")
    if bins < 1:
        raise InvalidInputError(f"bins must be at least 1, got {bins}")
    cut, open_ = (sum(getattr(e, name) for e in estimates) for name in ("truncated", "undecided"))
    kept = [i for i, estimate in enumerate(estimates) if estimate.n]
    if not kept:
        raise InvalidInputError("no state has a roll-out that was judged")
    chances = as_chances(np.asarray(values, dtype=np.float64)[kept], rewards)
    n = np.array([estimates[i].n for i in kept], dtype=np.float64)
    c = np.array([estimates[i].c for i in kept], dtype=np.float64)
    names = [tasks[i] for i in kept]
    if not 0 < c.sum() < n.sum():
        raise InvalidInputError(
            f"{c.sum():.0f} of {n.sum():.0f} roll-outs succeeded: calibration needs successes and failures"
        )
    metrics = value_metrics(
        np.tile(chances, 2),
        np.repeat([1.0, 0.0], len(kept)),
        names * 2,
        weights=np.concatenate([c, n - c]),
        seed=seed,
    )
    table = _table(chances, n, c, names, bins, seed)
    every = float(n.sum()) + cut + open_
    return Calibration(
        metrics=metrics,
        bins=table,
        gap=sum(b.rollouts * abs(b.value - b.success.value) for b in table) / float(n.sum()),
        distance=_distance(chances, n, c),
        states=len(kept),
        truncated=cut / every,
        undecided=open_ / every,
    )


def _table(
    chances: Floats, n: Floats, c: Floats, tasks: Sequence[str], bins: int, seed: int
) -> tuple[ReliabilityBin, ...]:
    # Half an ulp of slack, so that 0.7 lies in the bin that begins with it.
    places = np.clip(np.floor(chances * bins + 1e-9), 0, bins - 1)
    found = []
    for place in range(bins):
        here = np.flatnonzero(places == place)
        if not len(here):
            continue
        names, groups = np.unique(np.asarray(tasks, dtype=object)[here].astype(str), return_inverse=True)
        found.append(
            ReliabilityBin(
                low=place / bins,
                high=(place + 1) / bins,
                states=len(here),
                tasks=len(names),
                rollouts=int(n[here].sum()),
                value=float(n[here] @ chances[here] / n[here].sum()),
                success=_share(n[here], c[here], groups, len(names), seed),
            )
        )
    return tuple(found)


def _share(n: Floats, c: Floats, groups: NDArray[np.intp], tasks: int, seed: int) -> Interval:
    """Share of successes; where the bootstrap over tasks sees no variation, Wilson's interval with tasks as trials."""
    share = float(c.sum() / n.sum())
    interval = bootstrap_statistic(lambda w: np.asarray((w @ c) / (w @ n)), share, groups, seed=seed)
    if interval.high - interval.low > 1e-12:
        return interval
    return wilson_interval(share * tasks, tasks)


def _distance(chances: Floats, n: Floats, c: Floats) -> float | None:
    several = n >= 2
    if not several.any():
        return None
    p, trials = c[several] / n[several], n[several]
    # Of (V - p)^2 the noise of p is on average its unbiased variance, p (1 - p) / (n - 1).
    squared = float(np.mean((chances[several] - p) ** 2 - p * (1 - p) / (trials - 1)))
    return math.sqrt(squared) if squared >= 0 else None

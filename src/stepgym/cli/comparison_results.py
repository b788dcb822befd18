"""What `stepgym compare` measured: the cells of each method, their means and intervals, and the table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from stepgym.agents.evaluation.crossed_bootstrap import crossed_difference, crossed_mean
from stepgym.agents.evaluation.records import Comparison, Evaluation
from stepgym.agents.statistics import Interval, PairedDifference
from stepgym.agents.text_table import text_table
from stepgym.errors import InvalidInputError

START = "as it is"
BASELINE = "rejection-sampling"
How = Literal["greedy", "sampled"]
_HOW: tuple[How, ...] = ("greedy", "sampled")


@dataclass(frozen=True, slots=True)
class Cell:
    """One training and its evaluation.

    Attributes:
        method, seed: Which one.
        updates, episodes: Optimiser steps made, and episodes read by them.
        cpu_seconds, seconds: CPU and wall time of training.
        greedy, sampled: Success on the held-back tasks.
        note: Why training stopped early, "" if it did not.
    """

    method: str
    seed: int
    updates: int
    episodes: int
    cpu_seconds: float
    seconds: float
    greedy: Evaluation
    sampled: Evaluation
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        plain = {name: getattr(self, name) for name in ("method", "seed", "updates", "episodes", "note")}
        times = {"cpu_seconds": round(self.cpu_seconds, 3), "seconds": round(self.seconds, 3)}
        return plain | times | {"greedy": self.greedy.to_dict(), "sampled": self.sampled.to_dict()}

    @classmethod
    def read(cls, path: Path) -> Cell:
        """The inverse of `to_dict`, from a file."""
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            evaluations = {name: Evaluation.from_dict(values[name]) for name in ("greedy", "sampled")}
            return cls(**(values | evaluations))
        except (ValueError, TypeError, KeyError) as error:
            raise InvalidInputError(f"{path} is no finished cell; delete it to run it again: {error}") from error


class Results:
    """The finished cells.

    Args:
        tasks: What every cell was evaluated on.
    """

    def __init__(self, tasks: Sequence[str]) -> None:
        self.tasks = tasks
        self.cells: dict[str, list[Cell]] = {}

    def add(self, cell: Cell) -> None:
        """One more cell."""
        self.cells.setdefault(cell.method, []).append(cell)

    @property
    def count(self) -> int:
        """How many cells there are."""
        return sum(map(len, self.cells.values()))

    def interval(self, method: str, how: How) -> Interval:
        """Success, with an interval over seeds and tasks."""
        return crossed_mean(list(self._shares(method, how).values()))

    def difference(self, method: str, how: How) -> PairedDifference | None:
        """Success minus that of rejection sampling, paired by seed and task; None where there is nothing to pair."""
        mine, other = self._shares(method, how), self._shares(BASELINE, how)
        seeds = sorted(mine.keys() & other.keys())
        if method in (BASELINE, START) or not seeds:
            return None
        return crossed_difference([mine[s] for s in seeds], [other[s] for s in seeds])

    def mean(self, method: str, name: str) -> float:
        """Mean over the seeds of `updates`, `episodes`, `cpu_seconds` or `seconds`."""
        cells = self.cells[method]
        return float(sum(getattr(cell, name) for cell in cells)) / len(cells)

    def table(self, missing: Mapping[str, str]) -> str:
        """Success in %, the difference to rejection sampling, and the cost per seed."""
        head = ("method", "greedy", "sampled", f"greedy minus {BASELINE}", "updates", "episodes", "CPU s")
        rows = [self._row(method) for method in self.cells]
        return text_table(head, [*rows, *((m, "not run", *[""] * 5) for m in missing)], left=1)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, by method."""
        rows: dict[str, Any] = {}
        for method, cells in self.cells.items():
            row: dict[str, Any] = {how: self.interval(method, how).to_dict() for how in _HOW}
            row |= {name: self.mean(method, name) for name in ("updates", "episodes", "cpu_seconds", "seconds")}
            for how in _HOW:
                difference = self.difference(method, how)
                if difference is not None:
                    row[f"{how}_minus_{BASELINE}"] = {**difference.interval.to_dict(), "p_value": difference.p_value}
            row["per_seed"] = {c.seed: {"greedy": c.greedy.success, "sampled": c.sampled.success} for c in cells}
            rows[method] = row
        return rows

    def records(self) -> list[Evaluation | Comparison]:
        """For the report: all seeds of a method as one evaluation, and its comparison with rejection sampling."""
        pooled = {(method, how): self._pooled(method, how) for method in self.cells for how in _HOW}
        comparisons = []
        for method, how in pooled:
            found = self.difference(method, how)
            if found is not None:
                labels = pooled[method, how].label, pooled[BASELINE, how].label
                difference = found.interval
                ends = difference.value, difference.low, difference.high
                comparisons.append(Comparison(*labels, *ends, found.p_value, found.test, len(self.tasks)))
        return [*pooled.values(), *comparisons]

    def _row(self, method: str) -> tuple[str, ...]:
        difference = self.difference(method, "greedy")
        cost = ["", "", ""]
        if method != START:
            updates, episodes = self.mean(method, "updates"), self.mean(method, "episodes")
            cost = [f"{updates:,.0f}", f"{episodes:,.0f}", f"{self.mean(method, 'cpu_seconds'):,.1f}"]
        return (
            method,
            *(_percent(self.interval(method, how)) for how in _HOW),
            "" if difference is None else _percent(difference.interval, sign=True),
            *cost,
        )

    def _shares(self, method: str, how: How) -> dict[int, list[float]]:
        """Share of solved samples of each task, by seed."""
        found = {}
        for cell in self.cells.get(method, ()):
            outcomes = getattr(cell, how).outcomes
            found[cell.seed] = [sum(outcomes[task]) / len(outcomes[task]) for task in self.tasks]
        return found

    def _pooled(self, method: str, how: How) -> Evaluation:
        found: list[Evaluation] = [getattr(cell, how) for cell in self.cells[method]]
        interval = self.interval(method, how)
        tokens = [e.tokens for e in found if e.tokens is not None]
        return replace(
            found[0],
            success=interval.value,
            low=interval.low,
            high=interval.high,
            outcomes={t: tuple(o for e in found for o in e.outcomes[t]) for t in self.tasks},
            undecided=sum(e.undecided for e in found) / len(found),
            truncated=sum(e.truncated for e in found) / len(found),
            tokens=sum(tokens) if len(tokens) == len(found) else None,
            seconds=sum(e.seconds or 0.0 for e in found),
        )


def _percent(interval: Interval, *, sign: bool = False) -> str:
    value, low, high = (100 * x for x in (interval.value, interval.low, interval.high))
    return f"{value:+.1f} [{low:+.1f}, {high:+.1f}]" if sign else f"{value:.1f} [{low:.1f}, {high:.1f}]"

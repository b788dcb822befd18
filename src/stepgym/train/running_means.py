"""`RunningMeans`: the figures between two log lines, over micro-batches and processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from accelerate.utils import gather_object  # type: ignore[import-untyped]

_Sums = dict[str, list[float]]  # name: total, count


class RunningMeans:
    """Means of what was added since the last `take`.

    `add` counts each value; NaN counts as not there. `add_share` is for means over a whole optimiser step, of which
    every micro-batch and process holds a share: the shares of a step add up and count once, at `close_step`.
    """

    def __init__(self) -> None:
        self._values: _Sums = {}
        self._steps: _Sums = {}
        self._open: dict[str, float] = {}

    def add(self, name: str, value: float) -> None:
        """Count `value` for the mean called `name`."""
        if value == value:
            _add(self._values, name, value, 1)

    def add_share(self, name: str, share: float) -> None:
        """Add a share of this optimiser step's mean called `name`."""
        self._open[name] = self._open.get(name, 0.0) + share

    def close_step(self) -> None:
        """The optimiser step has ended."""
        for name, total in self._open.items():
            _add(self._steps, name, total, 1)
        self._open.clear()

    def take(self, *, processes: int = 1) -> dict[str, float]:
        """All means, over this many processes; all of them must call it. Counting begins anew."""
        values, steps = self._values, self._steps
        if processes > 1:
            parts: list[list[_Sums]] = gather_object([[values, steps]])
            values = _merged([v for v, _ in parts], lambda counts: sum(counts))
            # Every process went through the same optimiser steps.
            steps = _merged([s for _, s in parts], lambda counts: max(counts))
        self._values, self._steps = {}, {}
        return {name: total / count for sums in (values, steps) for name, (total, count) in sums.items()}

    def state(self) -> dict[str, Any]:
        """What was added so far, as JSON values."""
        return {"values": self._values, "steps": self._steps}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self._values, self._steps = state["values"], state["steps"]


def _add(sums: _Sums, name: str, value: float, count: float) -> None:
    entry = sums.setdefault(name, [0.0, 0])
    entry[0] += value
    entry[1] += count


def _merged(parts: list[_Sums], count: Callable[[list[float]], float]) -> _Sums:
    names = {name: None for part in parts for name in part}
    return {
        name: [sum(p[name][0] for p in parts if name in p), count([p[name][1] for p in parts if name in p])]
        for name in names
    }

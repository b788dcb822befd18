"""The trainings of one seed of `oreo_learning.py`, each kept in a file."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from learning.cells import write
from learning.variants import MAIN, START, Variant, fresh
from learning.worlds import World

from stepgym.errors import InvalidInputError, MissingExtraError

Cell = dict[str, Any]


class Cells:
    """The trainings of one seed, each kept in a file.

    Args:
        world: Of the seed.
        tasks: To evaluate on.
        folder: Of the files.
        logged_too: Whether to evaluate on tasks of the log as well.
    """

    def __init__(self, world: World, tasks: Sequence[Any], folder: Path, *, logged_too: bool = False) -> None:
        self.world, self.tasks, self.folder, self.logged_too = world, tasks, folder, logged_too
        self._start: Any = None

    def run(self, variants: Mapping[str, Variant], equal: Sequence[str], iterations: int) -> dict[str, Cell]:
        """All cells; equal time is that of `oreo token` in this seed, or of the dearest variant without it."""
        found = {START: self._kept(START, lambda: self._measured(self.start, {"updates": 0, "cpu_seconds": 0.0}))}
        updates = self.world.settings.updates
        again = f", {iterations} iterations" if iterations > 1 else ""
        costs: dict[str, float] = {}
        found_by_updates: dict[str, Cell] = {}
        for name, variant in variants.items():
            label = f"{name}, equal updates{again}"
            try:
                cell = self._kept(label, lambda v=variant, x=label: self._trained(v, x, updates, iterations))
            except (MissingExtraError, InvalidInputError) as error:
                print(f"{name} is left out: {error}", file=sys.stderr)
                continue
            found_by_updates[name] = cell
            costs[name] = cell["cpu_seconds"] / max(1, cell["updates"])
            if "updates" in equal:
                found[label] = cell
        if "time" in equal and costs:
            budget = costs.get(MAIN, max(costs.values()))
            for name, cost in costs.items():
                count = round(updates * budget / cost / variants[name].times)  # which multiplies them again
                label = f"{name}, equal time{again}"
                if name == MAIN:
                    found[label] = found_by_updates[name]  # its time is the budget
                else:
                    found[label] = self._kept(
                        label, lambda v=variants[name], x=label, n=count: self._trained(v, x, n, iterations)
                    )
        return found

    @property
    def start(self) -> Any:
        """The fine-tuned model."""
        if self._start is None:
            self._start = self.world.start()
        return self._start

    def _trained(self, variant: Variant, label: str, updates: int, iterations: int) -> Cell:
        model, totals = fresh(self.start), {"updates": 0, "cpu_seconds": 0.0, "episodes": 0, "note": ""}
        for i in range(iterations):
            # Later logs belong to this variant alone; the reference is then the policy that wrote them.
            name = "episodes" if i == 0 else f"logs/{_slug(label)}-{i}"
            costs = variant.train(self.world, model, self.world.log(model if i else self.start, name), updates)
            for key in totals:
                totals[key] += costs[key]
        return self._measured(model, totals)

    def _measured(self, model: Any, costs: Mapping[str, Any]) -> Cell:
        greedy, sampled = self.world.evaluate(model, self.tasks)
        found = {"greedy": greedy, "sampled": sampled}
        if self.logged_too:
            # As many tasks of the log: what is learned by heart shows there alone.
            _, found["logged"] = self.world.evaluate(model, self.world.train[: len(self.tasks)])
        outcomes = {how: {task: sum(o) / len(o) for task, o in e.outcomes.items()} for how, e in found.items()}
        return {**costs, "greedy": greedy.success, "sampled": sampled.success, "outcomes": outcomes}

    def _kept(self, label: str, make: Any) -> Cell:
        path = self.folder / f"{_slug(label)}.json"
        if path.is_file():
            kept = read(path)
            if not self.logged_too or "logged" in kept["outcomes"]:
                return kept
        begin = time.perf_counter()
        cell = make() | {"seconds": 0.0}
        cell["seconds"] = round(time.perf_counter() - begin, 1)
        write(path, cell)
        shown = {k: round(cell[k], 3) for k in ("greedy", "sampled", "updates", "cpu_seconds", "seconds")}
        print(f"seed {self.world.settings.seed}  {label:45s}", shown, flush=True)
        return cell


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.is_file() else {}


def _slug(text: str) -> str:
    return "".join(c if c.isalnum() or c in ".=" else "-" for c in text)

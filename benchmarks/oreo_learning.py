"""What OREO and its baselines learn from one log, over seeds, with equal updates and with equal CPU time.

    python benchmarks/oreo_learning.py habit --seeds 0 1 2 3 4 --out runs/oreo-learning
    python benchmarks/oreo_learning.py skill --seeds 0 1 2 3 4 --out runs/oreo-learning
    python benchmarks/oreo_learning.py habit --tune                     # settings, on seeds and tasks of their own
    python benchmarks/oreo_learning.py habit --iterations 3             # log again with the trained policy, train again

`habit` is ArithmeticChain as in the quickstart: the skill is there, the choice is bad. `skill` is Countdown: a model
that learned from random legal play computes right and aims badly. Every seed redoes tasks, weights, demonstrations and
log. DPO and KTO need the extra `baselines`.

Every finished cell is kept in --out, so that the command can be stopped and repeated, or spread over several calls with
--seeds and --variants. With --tune every method's grid runs on two seeds that are not reported, on tasks that no
reported seed tests on; the best setting by the mean of greedy and sampled success goes to settings.json in --out, which
later calls read. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from learning.cells import quiet, today, write
from learning.trained_cells import Cell, Cells, read
from learning.variants import BASELINE, VARIANTS, grid, with_choice
from learning.worlds import TUNING_SEEDS, WORLDS, World, settings_of, validation_tasks

from stepgym.agents.evaluation.crossed_bootstrap import crossed_mean
from stepgym.agents.text_table import text_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", choices=tuple(WORLDS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--variants", nargs="+", metavar="NAME", help="only these (default: all)")
    parser.add_argument("--equal", nargs="+", choices=("updates", "time"), default=["updates", "time"])
    parser.add_argument("--iterations", type=int, default=1, help="log, train, log again with what came of it, ...")
    parser.add_argument("--out", type=Path, default=Path("runs/oreo-learning"))
    parser.add_argument("--tune", action="store_true", help="choose settings instead of reporting")
    parser.add_argument("--tuning-seeds", type=int, nargs="+", choices=TUNING_SEEDS, default=TUNING_SEEDS)
    parser.add_argument("--logged-too", action="store_true", help="evaluate on tasks of the log as well")
    parser.add_argument("--small", action="store_true", help="tiny sizes that only show that everything runs")
    arguments = parser.parse_args()
    known = VARIANTS[arguments.experiment]
    unknown = set(arguments.variants or ()) - set(known)
    if unknown:
        parser.error(f"no variant is called {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    quiet()
    if arguments.tune:
        tune(arguments)
    else:
        compare(arguments)


def compare(arguments: argparse.Namespace) -> None:
    """The table of an experiment."""
    chosen = read(settings_file(arguments))
    variants = {
        name: with_choice(name, variant, chosen)
        for name, variant in VARIANTS[arguments.experiment].items()
        if arguments.variants is None or name in arguments.variants
    }
    rows: dict[str, dict[int, Cell]] = {}
    for seed in arguments.seeds:
        world = make_world(arguments, seed)
        cells = Cells(world, world.test, world.folder / "cells", logged_too=arguments.logged_too)
        for name, cell in cells.run(variants, arguments.equal, arguments.iterations).items():
            rows.setdefault(name, {})[seed] = cell
    report(arguments, rows, chosen)


def tune(arguments: argparse.Namespace) -> None:
    """The best settings of each method, by validation."""
    scores: dict[str, dict[str, list[float]]] = {}
    settings: dict[str, dict[str, Mapping[str, Any]]] = {}
    for seed in arguments.tuning_seeds:
        world = make_world(arguments, seed)
        tasks = validation_tasks(world, small=arguments.small)
        cells = Cells(world, tasks, world.folder / "tuning")
        for name, variant in VARIANTS[arguments.experiment].items():
            if arguments.variants is not None and name not in arguments.variants:
                continue
            candidates = dict(grid(arguments.experiment, name, variant))
            for label, cell in cells.run(candidates, ["updates"], 1).items():
                key = label.removesuffix(", equal updates")
                if key in candidates:
                    scores.setdefault(name, {}).setdefault(key, []).append((cell["greedy"] + cell["sampled"]) / 2)
                    settings.setdefault(name, {})[key] = candidates[key].settings
    best = {}
    for name, found in scores.items():
        key = max(found, key=lambda k: sum(found[k]) / len(found[k]))
        best[name] = dict(settings[name][key])
        ranked = sorted(found, key=lambda k: -sum(found[k]))
        print(
            text_table(
                ("validation", "success in %"), [(k, f"{100 * sum(found[k]) / len(found[k]):.1f}") for k in ranked]
            )
        )
    place = settings_file(arguments)
    write(place, read(place) | best)
    print(json.dumps({"date": today(), "seeds": arguments.tuning_seeds, "settings": best}))


def report(arguments: argparse.Namespace, rows: Mapping[str, Mapping[int, Cell]], chosen: Mapping[str, Any]) -> None:
    """Means with 95 % intervals over seeds and tasks, and the difference to rejection sampling of equal compute."""
    table, summary = [], {}
    for name, cells in rows.items():
        compute = name.partition(", equal ")[2]
        other = rows.get(f"{BASELINE}, equal {compute}") if compute else None
        line: dict[str, Any] = {"seeds": sorted(cells)}
        for how in ("greedy", "sampled", "logged"):
            if any(how not in c["outcomes"] for c in cells.values()):
                continue
            line[how] = interval([[*cells[s]["outcomes"][how].values()] for s in sorted(cells)])
            if other is not None and other is not cells and how != "logged":
                seeds = sorted(set(cells) & set(other))
                line[f"{how}_minus_rejection"] = interval(
                    [[v - other[s]["outcomes"][how][t] for t, v in cells[s]["outcomes"][how].items()] for s in seeds],
                    lowest=-1.0,
                )
        for key in ("updates", "cpu_seconds"):
            line[key] = sum(c[key] for c in cells.values()) / len(cells)
        notes = {s: c["note"] for s, c in cells.items() if c.get("note")}
        summary[name] = line | ({"notes": notes} if notes else {})
        columns = [
            shown(line.get(k))
            for k in ("greedy", "sampled", "greedy_minus_rejection", "sampled_minus_rejection", "logged")
        ]
        table.append((name, *columns, f"{line['updates']:,.0f}", f"{line['cpu_seconds']:,.1f}"))
    head = (
        "success in %",
        "greedy",
        "sampled",
        "greedy - rejection",
        "sampled - rejection",
        "sampled, logged tasks",
        "updates",
        "CPU s",
    )
    print(text_table(head, table, left=1))
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    print(
        json.dumps(
            {
                "date": today(),
                "experiment": arguments.experiment,
                "small": arguments.small,
                "versions": versions,
                "machine": platform.machine(),
                "chosen_settings": chosen,
                "cells": summary,
            }
        )
    )


def interval(table: Sequence[Sequence[float]], *, lowest: float = 0.0) -> list[float]:
    """Mean, low and high in percentage points. Seeds have tasks of their own, paired by their place."""
    found = crossed_mean(table, bounds=(lowest, 1.0))
    return [round(100 * x, 2) for x in (found.value, found.low, found.high)]


def shown(values: Sequence[float] | None) -> str:
    return "" if values is None else f"{values[0]:.1f} ({values[1]:.1f} to {values[2]:.1f})"


def home(arguments: argparse.Namespace) -> Path:
    return Path(arguments.out) / arguments.experiment / ("small" if arguments.small else "full")


def settings_file(arguments: argparse.Namespace) -> Path:
    return home(arguments) / "settings.json"


def make_world(arguments: argparse.Namespace, seed: int) -> World:
    settings = settings_of(arguments.experiment, seed, small=arguments.small)
    world: World = WORLDS[arguments.experiment](home(arguments) / f"seed-{seed}", settings)
    return world


if __name__ == "__main__":
    main()

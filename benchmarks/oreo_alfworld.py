"""ALFWorld from nothing on two CPU cores: what OREO makes of a tiny model's own roll-outs.

    python benchmarks/oreo_alfworld.py --games DIR --seeds 0 1 2 3 4     # the table, on the 140 games of valid_seen
    python benchmarks/oreo_alfworld.py --games DIR --seeds 0 --tune      # variations, on the 200 games of valid_train
    python benchmarks/oreo_alfworld.py --games DIR --seeds 0 --scripted  # from a log of good and bad scripted play
    python benchmarks/oreo_alfworld.py --games DIR --seeds 0 --small     # only shows that everything runs

DIR holds `json_2.1.1`, or is a file written by `stepgym alfworld pack`. A seed makes everything anew: demonstrations of
the exploring expert, 0.8 M random parameters, fine-tuning, roll-outs of the fine-tuned model on train games; then each
method trains from these with equal updates (rejection sampling also in OREO's time). All decoding is restricted to the
admissible commands; the table is of greedy decoding, and of sampling at temperature 1.

Every finished phase is kept in --out: stop the command at any time and repeat it. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from learning.alfworld_cells import (
    Cell,
    add_arguments,
    cell,
    finish,
    interval,
    make_worlds,
    mean,
    shown,
)
from learning.alfworld_methods import METHODS, START, VARIATIONS, Method
from learning.alfworld_world import AlfworldWorld
from learning.cells import quiet

from stepgym.agents.text_table import text_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser, range(5))
    parser.add_argument("--methods", nargs="*", metavar="NAME", help="only these (default: all)")
    parser.add_argument("--tune", action="store_true", help="variations, on valid_train")
    arguments = parser.parse_args()
    known = {**METHODS, **VARIATIONS}
    if unknown := set(arguments.methods or ()) - set(known):
        parser.error(f"no method is called {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    quiet()
    worlds = make_worlds(arguments)
    default = {**METHODS, **VARIATIONS} if arguments.tune else METHODS
    chosen = {name: known[name] for name in (default if arguments.methods is None else arguments.methods)}
    compare(arguments, worlds, chosen, "valid_train" if arguments.tune else "valid_seen")


def compare(
    arguments: argparse.Namespace, worlds: Sequence[AlfworldWorld], methods: Mapping[str, Method], split: str
) -> None:
    """The table of success per method, with intervals over seeds and games."""
    rows: dict[str, list[Cell]] = {}
    for world in worlds:
        rows.setdefault(START, []).append(cell(world, START, None, split))
        for name, method in methods.items():
            rows.setdefault(name, []).append(cell(world, name, method, split))
    baselines = [name for name in rows if not name.startswith("oreo")]
    best = max(baselines, key=lambda name: sum(c["greedy"] for c in rows[name]))
    table, summary = [], {}
    for name, cells in rows.items():
        line: dict[str, Any] = {
            "greedy": interval([games(c, "greedy") for c in cells]),
            "sampled": interval([games(c, "sampled") for c in cells]),
            "updates": mean(c["updates"] for c in cells),
            "cpu_seconds": mean(c["cpu"] for c in cells),
        }
        if name != best:
            line["greedy_minus_best_baseline"] = interval(
                [difference(c, b, "greedy") for c, b in zip(cells, rows[best], strict=True)], lowest=-1.0
            )
        summary[name] = line
        columns = [shown(line.get(k)) for k in ("greedy", "sampled", "greedy_minus_best_baseline")]
        table.append((name, *columns, f"{line['updates']:,.0f}", f"{line['cpu_seconds']:,.0f}"))
    print(text_table((f"{split}, %", "greedy", "T = 1", f"greedy - {best}", "updates", "CPU s"), table, left=1))
    phases = {w.settings.seed: w.costs.read() for w in worlds}
    finish(arguments, {"split": split, "best_baseline": best, "cells": summary, "phases": phases})


def games(found: Cell, how: str) -> list[float]:
    outcomes = found["outcomes"][how]
    return [outcomes[task] for task in sorted(outcomes)]


def difference(a: Cell, b: Cell, how: str) -> list[float]:
    return [x - y for x, y in zip(games(a, how), games(b, how), strict=True)]


if __name__ == "__main__":
    main()

"""How strong should a prover be? The didactic experiment of "Rewarding Progress" (arXiv:2410.08146, section 3.3).

    python benchmarks/pav_didactic.py                 # tables and docs/progress.svg, half a minute of one core
    python benchmarks/pav_didactic.py --seeds 0 1 --out /tmp/progress.svg

A policy learns to write a planted sequence from its outcome alone, or from outcome + exact progress under provers of
many strengths; counted are the updates until it succeeds half of the time. The answer depends on the optimiser and on
the start, so there are four settings. Means over seeds with 95 % t-intervals; the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from learning.planted import prover, prover_states, values
from learning.planted_training import Setting, Strength, updates_needed
from learning.progress_plot import Panel, Point, progress_svg
from numpy.typing import NDArray

from stepgym.agents.progress import prover_report
from stepgym.agents.statistics import Interval, mean_interval
from stepgym.agents.text_table import text_table

STRENGTHS: tuple[Strength, ...] = (None, 3, 5, 8, 10, 12, 15, 20, 30, 100, 1000)
WEAK: tuple[Strength, ...] = (None, 2, 5, 8, 10, 15, 30, 100, 1000)
SETTINGS = (
    (Setting("Adam", 1e-3, 5, 5_000), STRENGTHS),
    (Setting("Adam", 0.02, 5, 2_000), STRENGTHS),
    (Setting("SGD", 3.0, 5, 5_000), STRENGTHS),
    (Setting("SGD", 3.0, 2, 30_000), WEAK),
)
SHOWN = 10.0  # the strength whose speed-up is told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(10)), help="two or more")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "docs" / "progress.svg")
    arguments = parser.parse_args()
    if len(arguments.seeds) < 2:
        parser.error("intervals need two seeds or more")
    begin = time.process_time()
    print(provers_table())
    summary: list[dict[str, Any]] = []
    panels = []
    for setting, strengths in SETTINGS:
        needed = updates_needed(setting, strengths, arguments.seeds)
        print(f"\n{setting}, batch 64, updates to 50 %\n{updates_table(strengths, needed)}", flush=True)
        summary.append({"setting": str(setting), **told(strengths, needed, setting)})
        print(f"fewest at {summary[-1]['best']}, by seed {summary[-1]['best_by_seed']}; ", end="")
        print(f"{summary[-1]['faster']} x fewer at gamma = {SHOWN:g}")
        panels.append(panel(setting, strengths, needed))
    seeds = f"{len(arguments.seeds)} seeds, 95 % intervals"
    note = f"{seeds}; REINFORCE on a table of (t, k), batch 64, exact A, alpha = 1"
    arguments.out.write_text(
        progress_svg(panels, title="Updates until the policy succeeds half of the time", note=note)
    )
    print(json.dumps({"seeds": arguments.seeds, "cpu_seconds": round(time.process_time() - begin), "cells": summary}))


def provers_table() -> str:
    """What the provers know about the steps of mu_5."""
    rows = []
    for gamma in (1.0, 5.0, 8.0, 10.0, 15.0, 30.0, 100.0, 1000.0):
        found = prover_report(prover_states(prover(5), prover(gamma)))
        start = values(prover(gamma)).v[0, 0]
        figures = (found.variance, found.variance_inside, found.alignment)
        rows.append((f"{gamma:g}", f"{start:.6f}", *(f"{figure:.5f}" for figure in figures)))
    return text_table(("gamma", "V(start)", "Var A", "Var A without ends", "alignment"), rows, left=0)


def told(strengths: Sequence[Strength], needed: NDArray[np.int64], setting: Setting) -> dict[str, Any]:
    """The strength with the fewest updates, by seed and in the mean, and the speed-up at `SHOWN`."""
    capped = np.where(needed < 0, setting.updates, needed)
    provers = [index for index, strength in enumerate(strengths) if strength is not None]
    best = provers[int(capped[provers].mean(1).argmin())]
    ratio = np.log(capped[0] / capped[strengths.index(SHOWN)])
    faster = mean_interval(ratio)
    return {
        "best": strengths[best],
        "best_by_seed": [strengths[provers[int(column.argmin())]] for column in capped[provers].T],
        "best_minus": {
            f"{strengths[i]:g}": mean_interval(capped[best] - capped[i]).to_dict() for i in provers if i != best
        },
        "faster": [round(math.exp(x), 2) for x in (faster.value, faster.low, faster.high)],
        "faster_by_means": round(float(capped[0].mean() / capped[strengths.index(SHOWN)].mean()), 2),
        "never": {str(s): int((row < 0).sum()) for s, row in zip(strengths, needed, strict=True) if (row < 0).any()},
    }


def updates_table(strengths: Sequence[Strength], needed: NDArray[np.int64]) -> str:
    rows = []
    for strength, row in zip(strengths, needed, strict=True):
        never = int((row < 0).sum())
        mean = interval(row[row >= 0])
        shown = "" if mean is None else f"{mean.value:.0f} ({mean.low:.0f} to {mean.high:.0f})"
        rows.append((name(strength), shown + (f", {never} seeds never" if never else "")))
    return text_table(("prover", "updates"), rows, left=1)


def panel(setting: Setting, strengths: Sequence[Strength], needed: NDArray[np.int64]) -> Panel:
    found = {strength: interval(row[row >= 0]) for strength, row in zip(strengths, needed, strict=True)}
    points = [Point(s, i) for s, i in found.items() if s is not None and i is not None]
    return Panel(str(setting).replace("mu_", "μ"), points, found[None])


def interval(row: NDArray[np.int64]) -> Interval | None:
    return mean_interval(row) if len(row) > 1 else None


def name(strength: Strength) -> str:
    return "outcome alone" if strength is None else f"gamma = {strength:g}"


if __name__ == "__main__":
    main()

"""What do a compiler's and a chemistry library's certificates add to their verdicts?

    python benchmarks/symbolic_credit.py programs --seeds 0 1 2     # pseudo-code to C++: it compiles; it is right
    python benchmarks/symbolic_credit.py products --seeds 0 1 2     # product of a reaction: it is valid; it is right
    python benchmarks/symbolic_credit.py programs --tune            # weights of the credit, on seeds of their own
    python benchmarks/symbolic_credit.py programs --small           # only shows that everything runs

A tiny model is fine-tuned on a few right answers and logs its own. From the first N of these episodes OREO learns from
the outcome alone, and from the outcome with the verifier's findings as local credit for the tokens they are about
(docs/credit.md), with equal updates. Every seed redoes tasks, weights, demonstrations and log.

Finished cells are kept in --out. Prints shares over held-back tasks with intervals over seeds and tasks, and as its
last line one JSON object.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from learning.cells import quiet, today, write
from learning.symbolic_worlds import KINDS, Symbolic, symbolic_world

from stepgym.agents import Episode
from stepgym.agents.evaluation.crossed_bootstrap import crossed_mean
from stepgym.agents.text_table import text_table
from stepgym.train import CreditConfig, OREOConfig, OREOTrainer, SupervisedConfig, SupervisedTrainer, credit_episodes
from stepgym.train.supervised import successes

TUNING_SEEDS = (100,)
START = "fine-tuned"
REJECTION = "rejection sampling"
ALONE = "outcome alone"
FIGURES = ("greedy success", "greedy form", "sampled success", "sampled form")

Cell = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("world", choices=tuple(KINDS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--episodes", type=int, nargs="+", default=[500, 2000])
    parser.add_argument("--weights", type=float, nargs="+", default=[0.0, 0.1], help="of the credit; 0 is without")
    parser.add_argument("--rate", type=float, default=5e-4, help="learning rate of OREO and rejection sampling")
    parser.add_argument("--updates", type=int, default=200, help="of every method")
    parser.add_argument("--alpha", type=float, default=0.1, help="OREO's weight of the KL")
    parser.add_argument("--tune", action="store_true", help="on seeds that are not reported")
    parser.add_argument("--out", type=Path, default=Path("runs/symbolic-credit"))
    parser.add_argument("--small", action="store_true", help="tiny sizes that only show that everything runs")
    arguments = parser.parse_args()
    quiet()
    cells: dict[str, dict[int, Cell]] = {}
    for seed in TUNING_SEEDS if arguments.tune else arguments.seeds:
        folder = arguments.out / arguments.world / ("small" if arguments.small else "full") / f"seed-{seed}"
        world = symbolic_world(arguments.world, folder, seed, small=arguments.small)
        for name, cell in run_seed(world, arguments).items():
            cells.setdefault(name, {})[seed] = cell
    report(arguments, cells)


def run_seed(world: Symbolic, arguments: argparse.Namespace) -> dict[str, Cell]:
    """All cells of a seed."""
    start = world.start()
    episodes = world.log(start)
    found = {START: kept(world, START, lambda: start)}
    for count in arguments.episodes:
        some = list(islice(episodes, count))
        name = f"{count:,} episodes, {REJECTION}"
        if any(e.success for e in some):
            label = f"{name}, rate {arguments.rate:g}, {arguments.updates} updates"
            found[name] = kept(world, label, lambda x=some: reject(world, x, arguments))
        for weight in arguments.weights:
            name = f"{count:,} episodes, " + (f"credit {weight:g}" if weight else ALONE)
            label = f"{name}, rate {arguments.rate:g}, {arguments.updates} updates, alpha {arguments.alpha:g}"
            found[name] = kept(world, label, lambda x=some, w=weight: oreo(world, x, w, arguments))
    return found


def reject(world: Symbolic, episodes: Sequence[Episode], arguments: argparse.Namespace) -> Any:
    student = copy.deepcopy(world.start())
    config = SupervisedConfig(**world.common(arguments.updates) | {"learning_rate": arguments.rate})
    SupervisedTrainer(student, config, successes(episodes), processing_class=world.tokenizer).train()
    return student


def oreo(world: Symbolic, episodes: Sequence[Episode], weight: float, arguments: argparse.Namespace) -> Any:
    """OREO; `weight` 0 leaves the findings out."""
    student = copy.deepcopy(world.start())
    data: Any = episodes
    if weight:
        data, _ = credit_episodes(episodes, world.tokenizer, CreditConfig(weight=weight))
    config = OREOConfig(
        **world.common(arguments.updates) | {"learning_rate": arguments.rate, "alpha": arguments.alpha, "guard": "warn"}
    )
    OREOTrainer(student, config, data, processing_class=world.tokenizer).train()
    return student


def kept(world: Symbolic, label: str, make: Any) -> Cell:
    """The figures of a model on the held-back tasks, from the folder if it was measured before."""
    path = world.folder / "cells" / ("".join(c if c.isalnum() or c in "." else "-" for c in label) + ".json")
    if path.is_file():
        return json.loads(path.read_text())  # type: ignore[no-any-return]
    begin = time.process_time()
    model = make()
    cpu = time.process_time() - begin
    cell: Cell = {"cpu_seconds": round(cpu, 1)}
    for how in ("greedy", "sampled"):
        for what, values in world.measure(model, world.test, greedy=how == "greedy").items():
            cell[f"{how} {what}"] = values
    write(path, cell)
    shown = {name: round(mean(cell[name]), 3) for name in FIGURES}
    print(f"seed {world.settings.seed}  {label:55s}", shown, f"{cpu:.0f} CPU s", flush=True)
    return cell


def mean(values: Mapping[str, float]) -> float:
    return sum(values.values()) / len(values)


def report(arguments: argparse.Namespace, cells: Mapping[str, Mapping[int, Cell]]) -> None:
    """One row a setting, then the differences of credit to the outcome alone, seed by seed and task by task."""
    rows, summary = [], {}
    for name, found in cells.items():
        figures = {f: interval([[*found[s][f].values()] for s in sorted(found)]) for f in FIGURES}
        summary[name] = figures
        rows.append((name, *map(shown, figures.values())))
    for count in arguments.episodes:
        alone = cells.get(f"{count:,} episodes, {ALONE}")
        for weight in filter(None, arguments.weights):
            if alone is None:
                continue
            name = f"{count:,} episodes, credit {weight:g}"
            figures = {
                f: interval(
                    [[v - alone[s][f][t] for t, v in cells[name][s][f].items()] for s in sorted(alone)], lowest=-1.0
                )
                for f in FIGURES
            }
            summary[f"{name} minus {ALONE}"] = figures
            rows.append((f"{name} minus {ALONE}", *map(shown, figures.values())))
    print(text_table((f"{arguments.world}, shares in %", *FIGURES), rows, left=1))
    seeds = sorted({seed for found in cells.values() for seed in found})
    print(
        json.dumps(
            {
                "date": today(),
                "world": arguments.world,
                "seeds": seeds,
                "rate": arguments.rate,
                "updates": arguments.updates,
                "alpha": arguments.alpha,
            }
            | summary
        )
    )


def interval(table: Sequence[Sequence[float]], *, lowest: float = 0.0) -> list[float]:
    """Mean, low and high in percentage points."""
    found = crossed_mean(table, bounds=(lowest, 1.0))
    return [round(100 * x, 2) for x in (found.value, found.low, found.high)]


def shown(values: Sequence[float]) -> str:
    return f"{values[0]:.1f} ({values[1]:.1f} to {values[2]:.1f})"


if __name__ == "__main__":
    main()

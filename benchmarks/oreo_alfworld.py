"""ALFWorld from nothing on two CPU cores: what OREO makes of a tiny model's own roll-outs, and what its V is worth.

    python benchmarks/oreo_alfworld.py --games DIR --seeds 0 1 2 3 4     # the table, on the 140 games of valid_seen
    python benchmarks/oreo_alfworld.py --games DIR --seeds 0 --tune      # variations, on the 200 games of valid_train
    python benchmarks/oreo_alfworld.py --games DIR --seeds 0 --judge     # V: AUC at fixed steps, best of 5 commands
    python benchmarks/oreo_alfworld.py --games DIR --seeds 0 --small     # only shows that everything runs

DIR holds `json_2.1.1`, or is a file written by `stepgym alfworld pack`. A seed makes everything anew: demonstrations of
the exploring expert, 0.8 M random parameters, fine-tuning, roll-outs of the fine-tuned model on train games; then each
method trains from these with equal updates (rejection sampling also in OREO's time). All decoding is restricted to the
admissible commands; the table is of greedy decoding, and of sampling at temperature 1.

Every finished phase is kept in --out: stop the command at any time and repeat it. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from learning.alfworld_judge import STEPS, TurnValue, game_auc, judged, mean_auc
from learning.alfworld_methods import MAIN, METHODS, START, VALUES, VARIATIONS, Method
from learning.alfworld_world import AlfworldWorld, Settings
from learning.cells import quiet, today, write

from stepgym.agents import EpisodeLog
from stepgym.agents.engines.admissible_policy import AdmissiblePolicy
from stepgym.agents.evaluation.crossed_bootstrap import crossed_mean
from stepgym.agents.search import BestOfNPolicy
from stepgym.agents.seeds import derive_seed
from stepgym.agents.text_table import text_table
from stepgym.errors import InvalidInputError
from stepgym.train.value_model import ValueModel

CANDIDATES = 5
Cell = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--games", default=os.environ.get("ALFWORLD_DATA"), help="default: $ALFWORLD_DATA")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--methods", nargs="*", metavar="NAME", help="only these (default: all)")
    parser.add_argument("--tune", action="store_true", help="variations, on valid_train")
    parser.add_argument("--judge", action="store_true", help="V as a judge of episodes and of commands")
    parser.add_argument("--values", nargs="+", choices=tuple(VALUES), default=["plain"], help="judged before OREO")
    parser.add_argument("--sft-updates", type=int, help=f"of fine-tuning (default: {Settings.sft_updates})")
    parser.add_argument("--out", type=Path, default=Path("runs/oreo-alfworld"))
    parser.add_argument("--small", action="store_true", help="tiny sizes that only show that everything runs")
    arguments = parser.parse_args()
    known = {**METHODS, **VARIATIONS}
    if unknown := set(arguments.methods or ()) - set(known):
        parser.error(f"no method is called {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    quiet()
    try:
        worlds = [make_world(arguments, seed) for seed in arguments.seeds]
    except InvalidInputError as error:
        print(f"skipped: there are no official games ({error})", file=sys.stderr)
        print(json.dumps({"date": today(), "skipped": str(error)}))
        return
    if arguments.judge:
        judge(arguments, worlds)
    else:
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


def cell(world: AlfworldWorld, name: str, method: Method | None, split: str) -> Cell:
    """The evaluation of one method, from its file if it was made before."""
    path = world.folder / "cells" / f"{split} {name}.json"
    if path.is_file():
        kept: Cell = json.loads(path.read_text())
        return kept
    model, costs = (world.start(), {"updates": 0, "cpu": 0.0}) if method is None else method.train(world, name)
    begin = time.process_time()
    found: Cell = {**costs, "outcomes": {}}
    for how, greedy in (("greedy", True), ("sampled", False)):
        episodes = world.play(
            model, world.test(split), seed=evaluation_seed(world), steps=world.settings.test_steps, greedy=greedy
        )
        found["outcomes"][how] = {e.task_id: float(bool(e.success)) for e in episodes}
        found[how] = mean(found["outcomes"][how].values())
    found["evaluation_cpu"] = round(time.process_time() - begin, 1)
    write(path, found)
    print(
        f"seed {world.settings.seed}  {split}  {name:32s} greedy {found['greedy']:.3f}  sampled {found['sampled']:.3f}",
        flush=True,
    )
    return found


def judge(arguments: argparse.Namespace, worlds: Sequence[AlfworldWorld]) -> None:
    """V at fixed steps of held-out roll-outs, and as a choice among sampled commands."""
    found: dict[int, Any] = {}
    for world in worlds:
        report = found[world.settings.seed] = judge_one(arguments, world)
        lines = []
        for name, row in report["auc"].items():
            at = (row["steps"].get(str(step)) for step in STEPS)
            lines.append((name, *("" if a is None else f"{a['auc']:.2f} {a['auc_after']:.2f}" for a in at)))
        print(text_table(("AUC before, after", *(f"step {s}" for s in STEPS)), lines, left=1))
        print(text_table(("commands", "success"), [(k, f"{100 * v:.1f}") for k, v in report["commands"].items()]))
    finish(arguments, {"judge": found})


def judge_one(arguments: argparse.Namespace, world: AlfworldWorld) -> Cell:
    path = world.folder / "judge.json"
    report: Cell = json.loads(path.read_text()) if path.is_file() else {"auc": {}, "commands": {}}
    seed = derive_seed(world.settings.seed, "judge")
    games_held_out = world.test("valid_train")
    labels = [v for v in arguments.values if f"before OREO: {v}" not in report["auc"]]
    if labels or "game_auc" not in report:
        place = world.folder / "judged"
        world.play(world.start(), games_held_out, seed=seed, samples=4, out=place)
        episodes = list(EpisodeLog(place))
        report["game_auc"] = game_auc(episodes)
        for label in labels:
            value = VALUES[label].model(world, label)
            row = judged(episodes, value, world.tokenizer)
            report["auc"][f"before OREO: {label}"] = row | {"mean_auc": mean_auc(row)}
            write(path, report)
    names = [n for n in ([MAIN] if arguments.methods is None else arguments.methods) if n.startswith("oreo")]
    for name in names:
        method = {**METHODS, **VARIATIONS}[name]
        model, _ = method.train(world, name)
        value = ValueModel.load(world.folder / "policies" / name / "value")
        if name not in report["auc"]:
            row = judged(world.play(model, games_held_out, seed=seed, samples=2), value, world.tokenizer)
            report["auc"][name] = row | {"mean_auc": mean_auc(row)}
        before = VALUES[method.value].model(world, method.value)
        for label, policy, judge_value in (
            (f"best of {CANDIDATES}: {START}, V before OREO", world.start(), before),
            (f"best of {CANDIDATES}: {name}", model, value),
            (f"best of {CANDIDATES}: {name}, V before OREO", model, before),
        ):
            if label not in report["commands"]:
                report["commands"][label] = best_of(world, policy, judge_value)
                write(path, report)
        for who, method_or_none in ((name, method), (START, None)):
            kept = cell(world, who, method_or_none, "valid_seen")
            report["commands"] |= {f"greedy: {who}": kept["greedy"], f"T = 1: {who}": kept["sampled"]}
        write(path, report)
    return report


def best_of(world: AlfworldWorld, model: Any, value: ValueModel) -> float:
    """Success when the command is the best by V of some sampled ones."""
    policy = AdmissiblePolicy(model.eval(), world.tokenizer, slots=256, ignored=("help",))
    search = BestOfNPolicy(policy, TurnValue(value, world.tokenizer, slots=256), CANDIDATES)
    episodes = world.play(
        search, world.test("valid_seen"), seed=evaluation_seed(world), steps=world.settings.test_steps, concurrency=50
    )
    return mean(float(bool(e.success)) for e in episodes)


def evaluation_seed(world: AlfworldWorld) -> int:
    return derive_seed(world.settings.seed, "evaluation")


def games(found: Cell, how: str) -> list[float]:
    outcomes = found["outcomes"][how]
    return [outcomes[task] for task in sorted(outcomes)]


def difference(a: Cell, b: Cell, how: str) -> list[float]:
    return [x - y for x, y in zip(games(a, how), games(b, how), strict=True)]


def interval(table: Sequence[Sequence[float]], *, lowest: float = 0.0) -> list[float]:
    """Mean, low and high in percentage points."""
    found = crossed_mean(table, bounds=(lowest, 1.0))
    return [round(100 * x, 2) for x in (found.value, found.low, found.high)]


def shown(values: Sequence[float] | None) -> str:
    return "" if values is None else f"{values[0]:.1f} ({values[1]:.1f} to {values[2]:.1f})"


def mean(values: Any) -> float:
    return float(np.mean(list(values)))


def make_world(arguments: argparse.Namespace, seed: int) -> AlfworldWorld:
    if not arguments.games:
        raise InvalidInputError("name their folder: --games DIR, or ALFWORLD_DATA=DIR")
    settings = Settings.small(seed) if arguments.small else Settings(seed=seed)
    size = "small" if arguments.small else "full"
    if arguments.sft_updates is not None and arguments.sft_updates != settings.sft_updates:
        settings = replace(settings, sft_updates=arguments.sft_updates)
        size += f"-sft-{arguments.sft_updates}"
    return AlfworldWorld(arguments.out / size / f"seed-{seed}", settings, Path(arguments.games))


def finish(arguments: argparse.Namespace, result: Mapping[str, Any]) -> None:
    """The last line."""
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    head = {"date": today(), "small": arguments.small, "seeds": arguments.seeds, "machine": platform.machine()}
    print(json.dumps(head | {"threads": torch.get_num_threads(), "versions": versions} | dict(result)))


if __name__ == "__main__":
    main()

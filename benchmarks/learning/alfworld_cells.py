"""What the ALFWorld experiments share: their arguments, evaluations that are kept in files, the last line."""

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
from learning.alfworld_methods import Method
from learning.alfworld_world import AlfworldWorld, Settings
from learning.cells import today, write

from stepgym.agents.evaluation.crossed_bootstrap import crossed_mean
from stepgym.agents.seeds import derive_seed
from stepgym.errors import InvalidInputError

Cell = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser, seeds: Sequence[int]) -> None:
    """Games, seeds, sizes, and where to keep everything."""
    parser.add_argument("--games", default=os.environ.get("ALFWORLD_DATA"), help="default: $ALFWORLD_DATA")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(seeds))
    parser.add_argument("--sft-updates", type=int, help=f"of fine-tuning (default: {Settings.sft_updates})")
    parser.add_argument("--scripted", action="store_true", help="the log is scripted play, good and bad, of no model")
    parser.add_argument("--out", type=Path, default=Path("runs/oreo-alfworld"))
    parser.add_argument("--small", action="store_true", help="tiny sizes that only show that everything runs")


def make_worlds(arguments: argparse.Namespace) -> list[AlfworldWorld]:
    """One a seed; ends the program, with a line that says so, where there are no games."""
    try:
        return [_make_world(arguments, seed) for seed in arguments.seeds]
    except InvalidInputError as error:
        print(f"skipped: there are no official games ({error})", file=sys.stderr)
        print(json.dumps({"date": today(), "skipped": str(error)}))
        raise SystemExit(0) from None


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


def evaluation_seed(world: AlfworldWorld) -> int:
    return derive_seed(world.settings.seed, "evaluation")


def interval(table: Sequence[Sequence[float]], *, lowest: float = 0.0) -> list[float]:
    """Mean, low and high in percentage points."""
    found = crossed_mean(table, bounds=(lowest, 1.0))
    return [round(100 * x, 2) for x in (found.value, found.low, found.high)]


def shown(values: Sequence[float] | None) -> str:
    return "" if values is None else f"{values[0]:.1f} ({values[1]:.1f} to {values[2]:.1f})"


def mean(values: Any) -> float:
    return float(np.mean(list(values)))


def finish(arguments: argparse.Namespace, result: Mapping[str, Any]) -> None:
    """The last line."""
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    head = {"date": today(), "small": arguments.small, "seeds": arguments.seeds, "machine": platform.machine()}
    print(json.dumps(head | {"threads": torch.get_num_threads(), "versions": versions} | dict(result)))


def _make_world(arguments: argparse.Namespace, seed: int) -> AlfworldWorld:
    if not arguments.games:
        raise InvalidInputError("name their folder: --games DIR, or ALFWORLD_DATA=DIR")
    settings = Settings.small(seed) if arguments.small else Settings(seed=seed)
    size = "small" if arguments.small else "full"
    if arguments.sft_updates is not None and arguments.sft_updates != settings.sft_updates:
        settings = replace(settings, sft_updates=arguments.sft_updates)
        size += f"-sft-{arguments.sft_updates}"
    if arguments.scripted:
        settings = replace(settings, scripted=True, noise=1.0)
        size += "-scripted"
    return AlfworldWorld(arguments.out / size / f"seed-{seed}", settings, Path(arguments.games))

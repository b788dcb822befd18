"""Dense step rewards: online training against the outcome alone, and searches by progress at equal tokens.

    python benchmarks/dense_rewards.py hurry --seeds 0 1 2 3 4  # the tables of docs/online.md, in this order
    python benchmarks/dense_rewards.py search --seeds 0 1 2
    python benchmarks/dense_rewards.py hurry --tune             # the grid, on a seed that the tables do not use

`hurry`: a tiny model that writes worked chains and gives up before most lines learns from its own episodes, where a
solution counts only if every line is there and right. Rewards: the outcome alone; the progress of a prover that gives
up less, by a verifier trained on its roll-outs from the policy's first episodes, or by new roll-outs; and the
certificates of the environment. Counted are the episodes until half of the last `WINDOW` succeeded. `search`: final
answers alone count, and all searches choose for the same tasks. Every finished cell is kept in --out, and what is there
is not done again. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import time
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from learning.cells import quiet, today, write
from learning.chain_worlds import ChainWorld, chain_world
from learning.progress_searches import searches

from stepgym.agents.statistics import mean_interval
from stepgym.agents.text_table import text_table
from stepgym.train import CertificateRewards, MonteCarloProgress, OnlineConfig, OnlineTrainer, VerifierProgress

HURRY, PROVER_HURRY = 0.7, 0.2  # chances to give up, before each line
WINDOW, ENOUGH = 128, 0.5
MOST = 4_000  # episodes
VERIFIER = {"tasks": 1_000, "n": 4, "updates": 150}
TUNING_SEEDS = (100,)
ROLLOUTS = 4
SAMPLES = 4
# Tasks an iteration, learning rate, alpha, weight of the KL. --tune was run for progress, outcome and certificates (the
# outcome alone never got there); the other two have the setting of progress.
Setting = tuple[int, float, float, float]
METHODS: dict[str, Setting] = {
    "outcome": (4, 1e-3, 0.0, 0.2),
    "progress": (4, 1e-3, 1.0, 0.2),
    "progress, best of 4": (4, 1e-3, 1.0, 0.2),
    "progress by roll-outs": (4, 1e-3, 1.0, 0.2),
    "certificates": (4, 1e-3, 1.0, 0.2),
}
TASKS, RATES, ALPHAS, KLS = (4, 8), (1e-3,), (1.0,), (0.05, 0.2)
Cell = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["hurry", "search"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--tune", action="store_true", help="the grid, on a seed that the tables do not use")
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--out", type=Path, default=Path("runs/dense-rewards"))
    parser.add_argument("--small", action="store_true", help="tiny sizes that only show that everything runs")
    arguments = parser.parse_args()
    if arguments.tune:
        arguments.seeds = list(TUNING_SEEDS)
    quiet()
    begin = time.process_time()
    if arguments.part == "search":
        found = searches(arguments)
    else:
        found = {str(seed): online(seed, arguments) for seed in arguments.seeds}
        show_online(found)
    facts = {"date": today(), "seeds": arguments.seeds, "cpu_seconds": round(time.process_time() - begin)}
    print(json.dumps({**facts, "part": arguments.part, "found": found}))


def online(seed: int, arguments: argparse.Namespace) -> dict[str, Cell]:
    """Every method of one seed."""
    small = arguments.small
    folder = arguments.out / f"{'small-' if small else ''}hurry-{seed}"
    world = chain_world(folder / "world", seed, hurry=HURRY, small=small, strict=True)
    prover = chain_world(folder / "prover", seed, hurry=PROVER_HURRY, small=small, strict=True)
    cells: dict[str, Cell] = {}
    for method in arguments.methods:
        chosen = [METHODS[method]]
        if arguments.tune:
            alphas = (0.0,) if method == "outcome" else ALPHAS
            chosen = list(product(TASKS, RATES, alphas, KLS))
        for setting in chosen:
            words = "{} tasks, rate {:g}, alpha {:g}, kl {:g}".format(*setting)
            name = f"{method}, {words}" if arguments.tune else method
            path = folder / "cells" / f"{method}-{'-'.join(map(str, setting))}.json".replace(" ", "-")
            if not path.is_file():
                write(path, one_run(world, prover, method, setting, folder / "training", small=small))
            cells[name] = json.loads(path.read_text())
            print(f"seed {seed}  {name:50s} {cells[name]['episodes']} episodes", flush=True)
    return cells


def one_run(world: ChainWorld, prover: ChainWorld, method: str, setting: Setting, out: Path, *, small: bool) -> Cell:
    """Train until half of the last episodes succeeded."""
    tasks, rate, alpha, kl = setting
    begin = time.process_time()
    rewards, cost = rewards_of(world, prover, method, small=small)
    config = OnlineConfig(
        iterations=3 if small else MOST // (SAMPLES * tasks),
        tasks=tasks,
        samples=SAMPLES,
        alpha=alpha,
        cut="failure",
        baseline="task",
        kl=kl,
        learning_rate=rate,
        warmup=0.0,
        batch_size=64,
        save_every=10_000,
        seed=world.settings.seed,
    )
    shutil.rmtree(out, ignore_errors=True)
    trainer = OnlineTrainer(
        world.start(),
        world.env,
        world.tasks,
        config,
        tokenizer=world.tokenizer,
        out=out,
        rewards=rewards,
        sampling=world.sampling,
        concurrency=512,
    )
    seen: list[float] = []

    def enough(record: Any) -> bool:
        seen.append(record.success)
        last = seen[-max(1, WINDOW // record.episodes) :]
        return len(last) * record.episodes >= WINDOW and float(np.mean(last)) >= ENOUGH

    records = trainer.train(on_iteration=enough)
    reached = len(seen) * records[0].episodes >= WINDOW and np.mean(seen[-(WINDOW // records[0].episodes) :]) >= ENOUGH
    held_back = world.play(world.policy(trainer.model), world.held_back, samples=2, seed=world.settings.seed + 3)
    shutil.rmtree(out, ignore_errors=True)
    return {
        "episodes": sum(r.episodes for r in records) if reached else None,
        "played": sum(r.episodes for r in records),
        "success": [round(s, 4) for s in seen],
        "held_back": float(np.mean([bool(e.success) for e in held_back])),
        "verifier": cost,
        "cpu_seconds": round(time.process_time() - begin),
    }


def rewards_of(world: ChainWorld, prover: ChainWorld, method: str, *, small: bool) -> tuple[Any, Cell | None]:
    if method == "outcome":
        return None, None
    if method == "certificates":
        return CertificateRewards(world.tokenizer), None
    if method == "progress by roll-outs":
        plays = prover.policy(prover.start(), "prover")
        return MonteCarloProgress(plays, world.env, 1 if small else ROLLOUTS, sampling=world.sampling), None
    sizes = {"tasks": 12, "n": 2, "updates": 5} if small else VERIFIER
    value, cost = world.verifier(prover.start(), **sizes)
    best_of = 4 if "best of 4" in method else 1
    return VerifierProgress(value, world.tokenizer, best_of=best_of), cost


def show_online(found: Mapping[str, Mapping[str, Cell]]) -> None:
    """Episodes to the bar by method, how many times fewer than by the outcome alone, and what the last policy does."""
    rows = []
    for name in next(iter(found.values())):
        cells = [seed[name] for seed in found.values() if name in seed]
        episodes = [c["episodes"] for c in cells]
        shown = ", ".join("never" if e is None else f"{e:,}" for e in episodes)
        ratio = ratios(found, name)
        last = ", ".join(f"{100 * c['held_back']:.0f}" for c in cells)
        rows.append((name, shown, ratio, last))
    print(text_table(("rewards", "episodes, by seed", "times fewer (95 %)", "held-back success then, %"), rows, left=1))


def ratios(found: Mapping[str, Mapping[str, Cell]], name: str) -> str:
    """Geometric mean over the seeds of the ratio to the outcome alone; a run that never got there counts as its end."""
    if name == "outcome":
        return ""
    pairs = [(seed["outcome"], seed[name]) for seed in found.values() if "outcome" in seed and name in seed]
    logs = [math.log((a["episodes"] or a["played"]) / (b["episodes"] or b["played"])) for a, b in pairs]
    if not logs:
        return ""
    if len(logs) == 1:
        return f"{math.exp(logs[0]):.1f}"
    interval = mean_interval(logs)
    return f"{math.exp(interval.value):.1f} ({math.exp(interval.low):.1f} to {math.exp(interval.high):.1f})"


if __name__ == "__main__":
    main()

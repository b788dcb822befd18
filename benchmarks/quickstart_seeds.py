"""The quickstart over seeds, each redone from nothing, with the grid of beta and loss_norm.

    python benchmarks/quickstart_seeds.py --seeds 0 1 2 3 4 --out runs/quickstart-seeds

For each seed: tasks, weights, demonstrations, log; then rejection sampling with OREO's number of updates and with
OREO's CPU time, and OREO in every cell of the grid. Finished cells are kept in --out, so that the command can be
stopped and repeated. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
import transformers

from stepgym.agents import EpisodeLog, summarize
from stepgym.agents.statistics import mean_interval
from stepgym.agents.text_table import text_table
from stepgym.quickstart.evaluation import best_by_value, evaluate_policy, majority
from stepgym.quickstart.run import Quickstart
from stepgym.quickstart.settings import QuickstartSettings
from stepgym.report.recorder import RunRecorder

BETAS = (0.03, 0.1, 0.3)
NORMS = ("token", "episode")
MAIN = "oreo token 0.1"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--out", type=Path, default=Path("runs/quickstart-seeds"))
    parser.add_argument("--main-only", action="store_true", help="leave the grid out")
    arguments = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    # One line per cell is enough: no progress bar and no printed metrics of the trainer.
    transformers.trainer.DEFAULT_PROGRESS_CALLBACK = transformers.TrainerCallback
    transformers.trainer.PrinterCallback = transformers.TrainerCallback

    rows: dict[int, dict[str, Any]] = {}
    for seed in arguments.seeds:
        rows[seed] = run_seed(seed, arguments.out, grid=not arguments.main_only)
    report(rows)


def run_seed(seed: int, out: Path, *, grid: bool) -> dict[str, Any]:
    """The cells of one seed, from the file if they were run before."""
    folder = out / f"seed-{seed}"
    done = folder / "cells.json"
    cells: dict[str, Any] = json.loads(done.read_text()) if done.exists() else {}
    names = [f"oreo {norm} {beta}" for norm in NORMS for beta in BETAS] if grid else [MAIN]
    wanted = ["sft", "rejection, equal updates", "rejection, equal time", *names]
    if all(name in cells for name in wanted):
        return cells

    settings = QuickstartSettings(seed=seed)
    quick = Quickstart(RunRecorder(folder, "quickstart over seeds", "quickstart", ""), settings)
    sft = load_or(folder / "sft", quick.fine_tune)
    log_path = folder / "episodes"
    log = EpisodeLog(log_path, mode="r") if "log" in cells else quick.log_episodes(sft)
    cells["log"] = {"episodes": len(log)}

    def keep(name: str, cell: Mapping[str, Any]) -> None:
        cells[name] = dict(cell)
        done.write_text(json.dumps(cells, indent=1))
        print(f"seed {seed}  {name:28s}", {k: round(v, 3) for k, v in cell.items()}, flush=True)

    if "sft" not in cells:
        keep("sft", measure(quick, sft, "sft")[0])
    base = measure(quick, sft, "sft", greedy=False)[1]
    for name in sorted(names, key=lambda n: n != MAIN):  # the main cell sets the equal time
        if name in cells:
            continue
        _, norm, beta = name.split()
        cell_quick = Quickstart(quick.record, replace(settings, beta=float(beta), loss_norm=norm))
        start = time.process_time()
        model, value = cell_quick.oreo(sft, log)
        cpu = time.process_time() - start
        cell, episodes = measure(quick, model, "oreo")
        n = settings.candidates
        cell |= {
            "cpu_seconds": cpu,
            "best_of_n_by_value_sft": summarize(best_by_value(base, value), method="best", policy="sft").success,
            "majority_of_n_sft": summarize(majority(base), method="majority", policy="sft").success,
            "best_of_n_by_value_oreo": summarize(best_by_value(episodes, value), method="best", policy="oreo").success,
            "majority_of_n_oreo": summarize(majority(episodes), method="majority", policy="oreo").success,
            "n": n,
        }
        keep(name, cell)
    if "rejection, equal updates" not in cells:
        start = time.process_time()
        model = quick.reject(sft, log)
        keep("rejection, equal updates", measure(quick, model, "rs")[0] | {"cpu_seconds": time.process_time() - start})
    if "rejection, equal time" not in cells:
        ratio = cells[MAIN]["cpu_seconds"] / cells["rejection, equal updates"]["cpu_seconds"]
        updates = round(settings.updates * max(1.0, ratio))
        model = quick.reject(sft, log, updates=updates)
        keep("rejection, equal time", measure(quick, model, "rs")[0] | {"updates": updates})
    return cells


def measure(quick: Quickstart, model: Any, name: str, *, greedy: bool = True) -> tuple[dict[str, float], list[Any]]:
    """Greedy and sampled success on the held-back tasks, and the sampled episodes."""
    one, many, episodes = evaluate_policy(
        quick.policy(model, name),
        name,
        quick.tasks.test,
        quick.sampling,
        samples=quick.settings.candidates,
        seed=quick.settings.seed + 1,
    )
    return {"greedy": one.success, "sampled": many.success}, episodes


def load_or(folder: Path, make: Any) -> Any:
    """A saved model, or a new one that is saved."""
    if (folder / "config.json").exists():
        return transformers.AutoModelForCausalLM.from_pretrained(folder)
    model = make()
    model.save_pretrained(folder)
    return model


def report(rows: Mapping[int, Mapping[str, Any]]) -> None:
    """Mean over seeds with 95 % t-intervals, and the paired difference that matters."""
    names = [name for name in next(iter(rows.values())) if name != "log"]
    columns = ("greedy", "sampled", "best_of_n_by_value_sft", "majority_of_n_sft", "best_of_n_by_value_oreo")

    def cell(name: str, column: str) -> str:
        values = [100 * r[name][column] for r in rows.values() if column in r[name]]
        if not values:
            return ""
        interval = mean_interval(values)
        return f"{interval.value:.1f} ({interval.low:.1f} to {interval.high:.1f})"

    print(text_table(("success in %", *columns), [(n, *(cell(n, c) for c in columns)) for n in names], left=1))
    best = [max(r[k]["greedy"] for k in r if k.startswith("rejection")) for r in rows.values()]
    differences = [100 * (r[MAIN]["greedy"] - b) for r, b in zip(rows.values(), best, strict=True)]
    gap = mean_interval(differences)
    by_value = [100 * (r[MAIN]["best_of_n_by_value_sft"] - r[MAIN]["majority_of_n_sft"]) for r in rows.values()]
    over = mean_interval(by_value)
    print(f"\n{MAIN} minus the better rejection sampling, greedy: {_points(gap)}")
    print(f"best of 8 by value minus majority of 8, fine-tuned policy: {_points(over)}")
    times = [r[MAIN]["best_of_n_by_value_sft"] / r["sft"]["sampled"] for r in rows.values()]
    print(f"best of 8 by value / mean of one sample, fine-tuned policy: {min(times):.2f} at least over the seeds")
    print(
        json.dumps(
            {
                "date": datetime.now(UTC).date().isoformat(),
                "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
                "machine": platform.machine(),
                "seeds": list(rows),
                "cells": rows,
                "oreo_minus_best_rejection": {"mean": gap.value, "low": gap.low, "high": gap.high},
                "best_of_8_by_value_minus_majority": {"mean": over.value, "low": over.low, "high": over.high},
                "best_of_8_by_value_over_mean_at_least": min(times),
            }
        )
    )


def _points(interval: Any) -> str:
    return f"{interval.value:.1f} points ({interval.low:.1f} to {interval.high:.1f})"


if __name__ == "__main__":
    main()

"""Does credit per step beat the outcome alone? Arithmetic chains in which the logging policy makes slips.

    python benchmarks/step_credit.py --seeds 0 1 --episodes 500 2000 8000 --out runs/step-credit

A tiny model is fine-tuned on worked solutions with slips and logs its own episodes. From the first N of them OREO
learns once from the outcome alone and once with the verifier's findings as local credit beside it (docs/credit.md),
with equal updates. Prints the sampled success on held-back tasks by N and, as its last line, one JSON object.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import transformers

from stepgym.agents import Episode
from stepgym.agents.statistics import mean_interval
from stepgym.agents.text_table import text_table
from stepgym.quickstart.evaluation import evaluate_policy
from stepgym.quickstart.run import Quickstart
from stepgym.quickstart.settings import QuickstartSettings
from stepgym.report.recorder import RunRecorder, claim_folder
from stepgym.train import CreditConfig, OREOConfig, OREOTrainer, credit_episodes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--episodes", type=int, nargs="+", default=[500, 2000, 8000])
    parser.add_argument("--weights", type=float, nargs="+", default=[0.0, 0.1], help="0 is the outcome alone")
    parser.add_argument("--updates", type=int, default=200)
    parser.add_argument("--out", type=Path, default=Path("runs/step-credit"))
    arguments = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    transformers.trainer.DEFAULT_PROGRESS_CALLBACK = transformers.TrainerCallback
    transformers.trainer.PrinterCallback = transformers.TrainerCallback

    # What an interrupted run measured of whole seeds stands in this file and is not measured again.
    file = arguments.out / "results.json"
    known = json.loads(file.read_text()) if file.is_file() else {}
    results: dict[str, list[float]] = {}
    for seed in arguments.seeds:
        if f"seed {seed}, {arguments.updates} updates" in known:
            for name, value in known[f"seed {seed}, {arguments.updates} updates"].items():
                keep(results, name, value)
            continue
        settings = QuickstartSettings(
            seed=seed,
            habit=0.0,
            slip=0.15,
            demonstrations=6_000,
            sft_updates=600,
            train_tasks=1_000,
            samples=8,
            test_tasks=200,
            updates=arguments.updates,
        )
        folder = claim_folder(arguments.out / f"seed-{seed}", overwrite=True)
        run = Quickstart(RunRecorder(folder, "step credit", "train", ""), settings)
        model = run.fine_tune()
        with run.log_episodes(model) as log:
            episodes = list(log)
        keep(results, "fine-tuned policy", success(run, model))
        for count in arguments.episodes:
            for weight in arguments.weights:
                name = label(count, weight)
                keep(results, name, success(run, train(run, model, list(islice(episodes, count)), weight)))
                print(f"seed {seed}  {name}: {results[name][-1]:.3f}", flush=True)
        known[f"seed {seed}, {arguments.updates} updates"] = {name: values[-1] for name, values in results.items()}
        file.write_text(json.dumps(known, indent=2) + "\n")
    print(text_table(("sampled success in %", "mean", "95 % over seeds", "seeds"), table(results, arguments), left=1))
    print(json.dumps({"seeds": arguments.seeds, "updates": arguments.updates, "success": results}))


def table(results: dict[str, list[float]], arguments: argparse.Namespace) -> list[tuple[str, ...]]:
    """One row a setting, and the paired difference to the outcome alone at each number of episodes."""
    differences = {}
    for count in arguments.episodes:
        alone = results[label(count, 0.0)]
        for weight in filter(None, arguments.weights):
            pairs = zip(results[label(count, weight)], alone, strict=True)
            differences[f"{count:,} episodes, weight {weight:g} minus outcome alone"] = [x - y for x, y in pairs]
    rows = []
    for name, values in (results | differences).items():
        interval = mean_interval([100 * v for v in values])
        shown = ", ".join(f"{100 * v:.1f}" for v in values)
        rows.append((name, f"{interval.value:.1f}", f"{interval.low:.1f} to {interval.high:.1f}", shown))
    return rows


def label(count: int, weight: float) -> str:
    return f"{count:,} episodes, " + (f"credit weight {weight:g}" if weight else "outcome alone")


def keep(results: dict[str, list[float]], name: str, value: float) -> None:
    results.setdefault(name, []).append(value)


def success(run: Quickstart, model: Any) -> float:
    """Sampled success on the held-back tasks."""
    _, sampled, _ = evaluate_policy(
        run.policy(model, "policy"), "policy", run.tasks.test, run.sampling, samples=4, seed=run.settings.seed + 1
    )
    return sampled.success


def train(run: Quickstart, model: Any, episodes: list[Episode], weight: float) -> Any:
    """OREO from `episodes`; `weight` 0 leaves the findings out."""
    s = run.settings
    student = copy.deepcopy(model)
    data: Any = episodes
    if weight:
        data, _ = credit_episodes(episodes, run.tokenizer, CreditConfig(weight=weight))
    config = OREOConfig(**run.common(s.updates, s.rate), beta=s.beta, alpha=s.alpha)
    OREOTrainer(student, config, data, processing_class=run.tokenizer).train()
    return student


if __name__ == "__main__":
    main()

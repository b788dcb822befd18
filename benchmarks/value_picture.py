"""The picture of the README: a wrong solution, the verifier's finding, and the learned value along the text.

    python benchmarks/value_picture.py --out runs/value-picture --svg docs/value.svg

A tiny model is fine-tuned on worked solutions of which some lines hold a slip, logs its own episodes with outcome
rewards only, and OREO learns a value from that log. The task of the picture was in no training data. alpha is 0.3 here:
with 0.01 the policy may shed a failure's probability on its last tokens, and V then need not fall at the slip
(docs/oreo.md). Prints a table and, as its last line, one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from stepgym.agents import Episode
from stepgym.agents.evaluation.value_metrics import value_metrics
from stepgym.agents.text_table import text_table
from stepgym.quickstart.evaluation import evaluate_policy, final_values, traces, worth_showing
from stepgym.quickstart.run import Quickstart
from stepgym.quickstart.settings import QuickstartSettings
from stepgym.report import best_trace, figure_svg, read_run, write_report
from stepgym.report.recorder import RunRecorder, claim_folder
from stepgym.train import TransformersValueFunction


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/value-picture"))
    parser.add_argument("--svg", type=Path)
    parser.add_argument("--alpha", type=float, default=0.3)
    parser.add_argument("--updates", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    transformers.trainer.DEFAULT_PROGRESS_CALLBACK = transformers.TrainerCallback
    transformers.trainer.PrinterCallback = transformers.TrainerCallback

    settings = QuickstartSettings(
        seed=arguments.seed,
        habit=0.0,
        slip=0.15,
        operands=4,
        modulus=5,
        layers=3,
        demonstrations=8_000,
        sft_updates=500,
        train_tasks=250,
        samples=40,
        test_tasks=60,
        updates=arguments.updates,
        rate=3e-3,
        alpha=arguments.alpha,
    )
    folder = claim_folder(arguments.out, overwrite=True)
    command = f"python benchmarks/value_picture.py --alpha {arguments.alpha} --updates {arguments.updates}"
    run = Quickstart(RunRecorder(folder, "Where the learned value falls", "train", command), settings)
    with run.record.phase("supervised fine-tuning"):
        model = run.fine_tune()
    with run.record.phase("log episodes"), run.log_episodes(model) as log:
        episodes_logged = len(log)
        with run.record.phase("OREO"):
            _, value = run.oreo(model, log)
    greedy, sampled, episodes = evaluate_policy(
        run.policy(model, "sft"), "sft", run.tasks.test, run.sampling, samples=16, seed=settings.seed + 1
    )
    run.record.add(greedy, sampled)
    values = final_values(episodes, value)
    outcomes, names = [bool(e.success) for e in episodes], [e.task_id for e in episodes]
    metrics = value_metrics(values, outcomes, names)
    past_the_end = value_metrics(asyncio.run(_after_the_end(episodes, value)), outcomes, names)

    for line in traces(worth_showing(episodes, 8), value, "sft"):
        run.record.add_trace(line)
    falls = [_fall(line) for line in traces(episodes, value, "sft")]
    measured = [fall for fall in falls if fall is not None]
    write_report(folder)
    picture = best_trace(read_run(folder).traces)
    if arguments.svg and picture is not None:
        arguments.svg.write_text(figure_svg(picture), encoding="utf-8")
    rows = [
        ("episodes logged", f"{episodes_logged:,}"),
        ("success of the logging policy, held-back tasks", f"{sampled.success:.3f}"),
        ("V of the finished answer, held-back tasks", str(metrics)),
        ("V one token later, after the end of turn", str(past_the_end)),
        ("mean fall of V at the first refuted step", f"{np.mean(measured):.2f} ({len(measured)} wrong solutions)"),
    ]
    print(text_table(("", "figure"), rows, left=2))
    print(
        json.dumps(
            {
                "alpha": arguments.alpha,
                "updates": arguments.updates,
                "seed": arguments.seed,
                "success": sampled.success,
                "value": metrics.to_dict(),
                "value_after_end_of_turn": past_the_end.to_dict(),
                "mean_fall_at_first_refuted_step": float(np.mean(measured)),
                "wrong_solutions": len(measured),
            }
        )
    )


async def _after_the_end(episodes: list[Episode], value: TransformersValueFunction) -> list[float]:
    completions = [e.steps[-1].completion for e in episodes]
    rows = [(*(c.prompt_token_ids or ()), *(c.token_ids or ())) for c in completions if c is not None]
    return list(await asyncio.gather(*(value.value(row) for row in rows)))


def _fall(line: dict[str, Any]) -> float | None:
    """V before minus V after the first refuted line of a solution; None without one."""
    refuted = [f for f in line["findings"] if f["severity"] == "refuted" and f["kind"] == "arithmetic"]
    if not refuted:
        return None
    prompt = line["action"].index(True)
    values = line["values"][prompt - 1 :]  # V before the first written token, then after each
    ends = [0, *np.cumsum([len(token) for token in line["tokens"][prompt:]])]
    before = max(i for i, end in enumerate(ends) if end <= refuted[0]["start"])
    after = min(i for i, end in enumerate(ends) if end >= refuted[0]["end"])
    return float(values[before] - values[after])


if __name__ == "__main__":
    main()

"""Synthetic run folders. Every figure and text here is made up."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Files = dict[str, Any]


def info() -> dict[str, Any]:
    return {
        "title": "Quickstart: a habit unlearned (synthetic example)",
        "kind": "quickstart",
        "command": "stepgym quickstart --seed 0 --out runs/quickstart",
        "started": "2026-03-04T09:12:31+00:00",
        "config": {"seed": 0, "oreo": {"beta": 0.1, "alpha": 0.01, "optimiser": {"lr": 0.002}}, "tags": ["a", "b"]},
        "versions": {"stepgym": "0.1.0", "torch": "2.13.0"},
        "machine": {"system": "Linux", "cores": 2},
        "seconds": {"demonstrations": 11.3, "collect": 48.5, "train_oreo": 61.75, "evaluate": 33.0, "report": 0.4},
        "seeds": [0],
        "notes": ["This task is shaped to show a bad habit being unlearned. No test task is among the training tasks."],
    }


def evaluations() -> dict[str, Any]:
    rows = [
        ("sft", "greedy", 0.1725, 0.1385, 0.2126),
        ("sft", "best_of_8_by_value", 0.6625, 0.6149, 0.7071),
        ("sft", "majority_of_8", 0.205, 0.1683, 0.2473),
        ("rejection_sampling", "greedy", 0.37, 0.3241, 0.4183),
        ("oreo", "greedy", 0.97, 0.9483, 0.9828),
        ("oreo", "sampled", 0.9425, 0.9152, 0.9614),
    ]
    return {
        "evaluations": [
            {
                "policy": policy,
                "method": method,
                "env_id": "stepgym/ArithmeticChain-v0",
                "tasks": 400,
                "samples": 8 if "8" in method else 1,
                "success": success,
                "low": low,
                "high": high,
                "undecided": 0.0,
                "truncated": 0.0125 if policy == "sft" else 0.0,
                "tokens": 11234,
                "seconds": 3.21,
            }
            for policy, method, success, low, high in rows
        ],
        "comparisons": [
            {
                "a": "oreo greedy",
                "b": "rejection_sampling greedy",
                "difference": 0.6,
                "low": 0.552,
                "high": 0.648,
                "p_value": 1e-9,
                "tasks": 400,
            },
            {
                "a": "sft majority_of_8",
                "b": "sft greedy",
                "difference": -0.0125,
                "low": -0.041,
                "high": 0.016,
                "p_value": 0.4523,
                "tasks": 400,
            },
        ],
    }


def oreo_metrics() -> list[dict[str, float]]:
    noise = random.Random(1)
    lines = []
    for step in range(1, 301):
        rise = 1 - math.exp(-step / 70)
        lines.append(
            {
                "step": step,
                "policy_loss": 0.3 * (1 - rise) + 0.02 * noise.random(),
                "value_loss": 0.16 * (1 - 0.8 * rise) + 0.02 * noise.random(),
                "kl": 0.4 * rise + 0.05 * noise.random(),
                "value_mean_success": 0.2 + 0.7 * rise + 0.04 * noise.random(),
                "value_mean_failure": 0.2 - 0.12 * rise + 0.04 * noise.random(),
                "auc_first": 0.5 + 0.1 * rise,
                "auc_last": 0.5 + 0.48 * rise,
                "explained_variance": 0.75 * rise + 0.03 * noise.random(),
                "log_ratio_success": 0.6 * rise + 0.1 * noise.random(),
                "log_ratio_failure": -0.9 * rise + 0.1 * noise.random(),
                "grad_norm_policy": 2 * noise.random(),
                "grad_norm_value": 10 ** (2 - 4 * rise) * (0.5 + noise.random()),
                "learning_rate": 0.002 * (1 - step / 300),
            }
        )
        if step % 50 == 0:
            success = 0.17 + 0.8 * rise
            lines.append({"step": step, "success": success, "low": success - 0.05, "high": min(1, success + 0.04)})
    return lines


def characters(text: str, values: list[float]) -> dict[str, Any]:
    return {"tokens": list(text), "action": [True] * len(text), "values": values, "text": text}


def wrong_trace() -> dict[str, Any]:
    """Three steps, the second of which is wrong: the value falls where the 5 is written."""
    text = "3+6=2\n2*4=5\n5-1=4\n#4"
    values = [0.78, 0.8, 0.79, 0.82, 0.9, 0.91, 0.9, 0.92, 0.91, 0.88, 0.12, 0.1]
    values += [0.08, 0.09, 0.07, 0.06, 0.05, 0.05, 0.04, 0.02]
    spans = [(0, 5, "proved", "3 + 6 = 2 (mod 7)", {}), (12, 17, "proved", "5 - 1 = 4 (mod 7)", {})]
    findings = [
        {"start": a, "end": b, "kind": "arithmetic", "severity": s, "message": m, "evidence": e}
        for a, b, s, m, e in spans
    ]
    findings.append(
        {
            "start": 6,
            "end": 11,
            "kind": "arithmetic",
            "severity": "refuted",
            "message": "2 * 4 is 1 modulo 7, not 5.",
            "evidence": {"expression": "2*4", "modulus": 7, "written": 5, "exact": 1},
        }
    )
    return {
        "task_id": "chain-00017",
        "prompt": "Compute ((3 + 6) * 4) - 1 modulo 7.",
        "reference": "0",
        "policy": "sft",
        "outcome": 0.0,
        **characters(text, values),
        "findings": findings,
    }


def right_trace() -> dict[str, Any]:
    text = "3+6=2\n2*4=1\n1-1=0\n#0"
    values = [0.78, 0.8, 0.79, 0.82, 0.9, 0.91, 0.9, 0.92, 0.91, 0.9, 0.97, 0.97] + [0.98] * 8
    return {
        "task_id": "chain-00017",
        "prompt": "Compute ((3 + 6) * 4) - 1 modulo 7.",
        "reference": "0",
        "policy": "oreo",
        "outcome": 1.0,
        **characters(text, values),
        "findings": [],
    }


def jump_trace(number: int, *, right: bool) -> dict[str, Any]:
    text = f"#{number % 7}"
    return {
        "task_id": f"chain-{number:05d}",
        "prompt": f"Compute {number} + 4 * 2 modulo 7.",
        "reference": str((number + 8) % 7),
        "policy": "sft",
        "outcome": float(right),
        **characters(text, [0.21, 0.95 if right else 0.06]),
        "findings": [],
    }


def long_trace() -> dict[str, Any]:
    """Prose in words, as a larger model would write it."""
    lines = [
        "Mira picked 48 plums on Monday, so on Tuesday she picked 48 / 2 = 24.",
        "Together that makes 48 + 24 = 82 plums in the two days.",
        "She gives a quarter of them away, which leaves 82 * 3 / 4 = 61.5 plums.",
        "The answer is \\boxed{61.5}",
    ]
    text = "\n".join(lines)
    cut = text.replace(" ", "\x00 ").replace("\n", "\x00\n\x00").split("\x00")
    tokens = [token for token in cut if token]
    start = text.index("48 + 24 = 82")
    values, position = [], 0
    for token in tokens:
        position += len(token)
        values.append(round(0.83 + 0.08 * math.sin(position / 9) if position < start + 10 else 0.17 + 6 / position, 3))
    evidence = {"left": "48 + 24", "written": 82, "exact": 72}
    return {
        "task_id": "made-up-3",
        "prompt": "Mira picked 48 plums on Monday, half as many on Tuesday; a quarter went away. How many are left?",
        "reference": "54",
        "policy": "small_model",
        "outcome": 0.0,
        "tokens": tokens,
        "action": [True] * len(tokens),
        "values": values,
        "text": text,
        "findings": [
            {
                "start": start,
                "end": start + len("48 + 24 = 82"),
                "kind": "arithmetic",
                "severity": "refuted",
                "message": "48 + 24 is 72, not 82.",
                "evidence": evidence,
            }
        ],
    }


def doctor() -> dict[str, Any]:
    rows = [
        ["Episodes", 12000, ""],
        ["Success", "21.4 %", "Both outcomes are there in number."],
        ["Duplicates", "3.1 %", "Below 10 %: nothing to do."],
    ]
    return {"title": "The log", "rows": rows}


def full_run() -> Files:
    """All files of a run folder; a list is written as JSON lines."""
    return {
        "run.json": info(),
        "metrics/sft.jsonl": [{"step": s, "loss": 2.1 * math.exp(-s / 60) + 0.4} for s in range(1, 201)],
        "metrics/oreo.jsonl": oreo_metrics(),
        "evaluations.json": evaluations(),
        "value_traces.jsonl": [
            wrong_trace(),
            right_trace(),
            long_trace(),
            jump_trace(3, right=False),
            jump_trace(6, right=True),
        ],
        "doctor.json": doctor(),
    }


def write_run(folder: Path, files: Files) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif isinstance(content, list):
            path.write_text("".join(json.dumps(line) + "\n" for line in content), encoding="utf-8")
        else:
            path.write_text(json.dumps(content), encoding="utf-8")
    return folder


@pytest.fixture
def files() -> Files:
    return full_run()


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[[Files], Path]:
    return lambda content: write_run(tmp_path / "run", content)


@pytest.fixture
def run_dir(make_run: Callable[[Files], Path], files: Files) -> Path:
    return make_run(files)

"""The verifier on data of others: labelled answers, hostile answers, MATH, GSM8K, model solutions."""

from __future__ import annotations

import gzip
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stepgym.errors import InvalidInputError
from stepgym.verifiers.math.answer import MathAnswerVerifier
from stepgym.verifiers.math.recheck import check_finding

SHARED = Path(os.environ.get("STEPGYM_SHARED", "../shared"))
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SHARED.is_dir(), reason=f"the shared data is not at {SHARED} (set STEPGYM_SHARED)"),
]
VERIFIER = MathAnswerVerifier()


def rows(name: str) -> Iterator[dict[str, Any]]:
    opener = gzip.open if name.endswith(".gz") else open
    with opener(SHARED / name, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def test_labelled_answers() -> None:
    right = total = undecided = 0
    for row in rows("bench/answers_dev.jsonl.gz"):
        verdict = VERIFIER.verify(row["prediction"], row["gold"])
        assert all(check_finding(f, row["prediction"], row["gold"]) for f in verdict.findings), row
        if row["convention"] is None:
            total += 1
            right += (verdict.status == "correct") == row["expected"]
            undecided += verdict.status == "undecided"
    assert right / total >= 0.995
    assert undecided / total <= 0.005


def test_hostile_answers() -> None:
    VERIFIER.verify("\\sqrt 2", "1")
    for row in rows("bench/hostile_answers_dev.jsonl"):
        text = row.get("prediction")
        if text is None:
            text = "".join(piece * times for piece, times in row["build"])
        started = time.process_time()
        try:
            status: str = VERIFIER.verify(text, row["gold"]).status
        except InvalidInputError:
            status = "refused"
        assert time.process_time() - started < 1.0, row["id"]
        if row["must"] != "either":
            assert (status == "correct") == (row["must"] == "accept"), row["id"]


def test_model_solutions_agree_with_their_labels() -> None:
    disagreements = []
    for row in rows("data/math/gsm8k_example_model_solutions_half.jsonl.gz"):
        for model in ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification"):
            verdict = VERIFIER.verify(row[model]["solution"], row["ground_truth"])
            if (verdict.status == "correct") != row[model]["is_correct"]:
                disagreements.append((row[model]["solution"][-60:], row["ground_truth"][-20:]))
    assert not disagreements


@pytest.mark.slow
def test_worked_references_equal_their_answers() -> None:
    wrong = total = 0
    for name in ("math_test", "math_train"):
        for row in rows(f"data/math/{name}.jsonl.gz"):
            if not row["answer"].strip():
                continue
            total += 1
            # `answer` is the last box only; where there are several the solution is its own reference.
            several = row["solution"].count("boxed") > 1
            reference = row["solution"] if several else row["answer"]
            wrong += VERIFIER.verify(row["solution"], reference).status != "correct"
    for name in ("gsm8k_test", "gsm8k_train"):
        for row in rows(f"data/math/{name}.jsonl.gz"):
            total += 1
            wrong += VERIFIER.verify(row["answer"], row["answer"].rpartition("####")[2]).status != "correct"
    assert wrong / total <= 0.0005

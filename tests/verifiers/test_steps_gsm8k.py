"""The step checker on GSM8K: sound on the reference solutions, and planted errors found."""

from __future__ import annotations

import gzip
import json
import os
import random
import re
from pathlib import Path

import pytest

from stepgym.verifiers import check_finding
from stepgym.verifiers.steps import check_steps

PATH = Path(os.environ.get("STEPGYM_SHARED", "../shared")) / "data" / "math" / "gsm8k_train.jsonl.gz"
ANNOTATION = re.compile(r"<<[^<>\n]*>>")
NUMBER = r"\$?([0-9]+(?:\.[0-9]+)?)"
PLAIN = re.compile(rf"(?<![0-9.,/+*x^-])(?<![-+*/x] ){NUMBER} ?[-+*/x] ?{NUMBER} ?= ?{NUMBER}(?![0-9,/%a-z]|\.[0-9])")

pytestmark = [pytest.mark.shared, pytest.mark.skipif(not PATH.is_file(), reason=f"no {PATH}; set STEPGYM_SHARED")]


@pytest.fixture(scope="module")
def solutions() -> list[dict[str, str]]:
    with gzip.open(PATH, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file][::10]


def test_reference_solutions_are_hardly_ever_refuted_while_most_is_decided(solutions):
    annotations = decided_annotations = plain = decided_plain = checked = refuted = 0
    for row in solutions:
        text = row["answer"]
        findings = [f for f in check_steps(text, row["question"]) if f.kind == "calculation"]
        decided = [f for f in findings if f.severity in ("proved", "refuted")]
        checked += len(decided)
        refuted += sum(f.severity == "refuted" for f in decided)
        assert all(check_finding(f, text, None) for f in decided)
        annotations += len(ANNOTATION.findall(text))
        decided_annotations += sum(f.evidence["place"] == "annotation" for f in decided)
        bare = ANNOTATION.sub("", text)
        spans = [(f.start, f.end) for f in check_steps(bare) if f.severity in ("proved", "refuted")]
        for match in PLAIN.finditer(bare):
            plain += 1
            decided_plain += any(start <= match.start(1) and match.end() <= end for start, end in spans)
    assert annotations > 2000
    assert plain > 800
    assert decided_annotations >= 0.98 * annotations
    assert decided_plain >= 0.9 * plain, decided_plain / plain
    assert refuted <= 0.002 * checked, refuted / checked


def test_planted_errors_are_refuted_where_they_are(solutions):
    random_ = random.Random(0)
    planted = found = 0
    for row in solutions:
        places = list(re.finditer(r"<<[^<>\n]*=([0-9]+)>>", row["answer"]))
        if not places:
            continue
        start, end = random_.choice(places).span(1)
        wrong = str(int(row["answer"][start:end]) + random_.choice([1, 2, 10, 100, 7]))
        text = row["answer"][:start] + wrong + row["answer"][end:]
        planted += 1
        refuted = [f for f in check_steps(text) if f.severity == "refuted" and f.kind == "calculation"]
        found += any(f.start <= start and f.end == start + len(wrong) for f in refuted)
    assert planted > 500
    assert found >= 0.99 * planted, found / planted

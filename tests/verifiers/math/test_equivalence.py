"""Families of equal and of different answers, each pair in both directions, each finding re-checked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stepgym.errors import InvalidInputError
from stepgym.verifiers.math.answer import MathAnswerVerifier
from stepgym.verifiers.math.recheck import check_finding

HERE = Path(__file__).parent
VERIFIER = MathAnswerVerifier()


def pairs(name: str) -> list[tuple[str, str]]:
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    return [(left, right) for left, _, right in (line.partition(" | ") for line in lines if line)]


def status(response: str, reference: str) -> str:
    verdict = VERIFIER.verify(response, reference)
    for finding in verdict.findings:
        assert 0 <= finding.start <= finding.end <= len(response)
        assert check_finding(finding, response, reference), (response, reference, finding)
    return verdict.status


@pytest.mark.parametrize(("left", "right"), pairs("equal.txt"))
def test_equal_answers_are_correct_in_both_directions(left: str, right: str) -> None:
    assert status(left, right) == "correct"
    assert status(right, left) == "correct"


@pytest.mark.parametrize(("left", "right"), pairs("different.txt"))
def test_different_answers_are_never_correct(left: str, right: str) -> None:
    for response, reference in ((left, right), (right, left)):
        try:
            assert status(response, reference) != "correct"
        except InvalidInputError:  # "nan" and the like are refused as references.
            continue


@pytest.mark.parametrize("case", (HERE / "responses.jsonl").read_text(encoding="utf-8").splitlines())
def test_answers_in_sentences(case: str) -> None:
    data = json.loads(case)
    assert (status(data["response"], data["reference"]) == "correct") == data["expected"]

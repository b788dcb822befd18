"""Findings that somebody made up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stepgym.verifiers import Finding

from .conftest import REFERENCE, SOLUTION

WRONG = SOLUTION.replace("x * 2", "x * 3")
PLACE = WRONG.index("3;")
KINDS = ("repair", "wrong-output", "runtime-error", "compile-error", "compile-limit", "too-long", "empty", "program")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "evidence",
    [
        {},
        {"by": 5},
        {"edits": 7},
        {"edits": [1], "by": "2", "replace": "3"},
        {"edits": [["0", None, []]], "by": "2", "replace": "3"},
        {"edits": [[5, 2, "2"]], "by": "2", "replace": "3"},
        {"edits": [[-4, 10**30, "2"]], "by": "2", "replace": "3"},
        {"nesting": "deep", "allowed": "x"},
        {"nesting": 5, "allowed": 0},
        {"line": []},
        {"test": {}, "expected": None, "line": 10**30},
        [],
        None,
    ],
)
def test_malformed_evidence_shows_nothing(verifier, kind, evidence):
    for finding in (Finding(PLACE, PLACE + 1, kind, "refuted", "", evidence), Finding(0, 9_999, kind, "fatal", "", {})):
        assert not verifier.check_finding(finding, WRONG, REFERENCE)


@pytest.mark.parametrize("response", ["", "x" * 70_000, "int main() { \0 }", "(" * 2_000, "no program"])
@pytest.mark.parametrize("kind", ["repair", "program", "wrong-output", 3, []])
def test_no_other_kind_holds_where_there_is_nothing_to_run(verifier, response, kind):
    severity = "proved" if kind == "program" else "refuted"
    assert not verifier.check_finding(Finding(90_000, 90_001, kind, severity, "", {}), response, REFERENCE)


def test_a_repair_elsewhere_and_a_right_program_that_is_called_wrong(verifier):
    (repair,) = [f for f in verifier.verify(WRONG, REFERENCE).findings if f.severity == "refuted"]
    assert verifier.check_finding(repair, WRONG, REFERENCE)
    assert not verifier.check_finding(replace(repair, start=0, end=4), WRONG, REFERENCE)
    facts = {**repair.evidence, "edits": [*repair.evidence["edits"], [PLACE, PLACE + 1, "2"]]}
    assert not verifier.check_finding(replace(repair, evidence=facts), WRONG, REFERENCE)
    (proved,) = [f for f in verifier.verify(SOLUTION, REFERENCE).findings if f.severity == "proved"]
    assert verifier.check_finding(proved, SOLUTION, REFERENCE)
    assert not verifier.check_finding(replace(proved, severity="fatal"), SOLUTION, REFERENCE)

from __future__ import annotations

import json
from typing import Any

import pytest
from constraint_puzzles import KNIGHTS, OPEN, SEATS, SUMS, VISITS

from stepgym.errors import InvalidInputError
from stepgym.verifiers import ConstraintsVerifier, Verdict, check_verifier, get_verifier

VERIFIER = ConstraintsVerifier()


def marked(response: str, verdict: Verdict) -> dict[str, list[str]]:
    """What findings of each severity stand on."""
    found: dict[str, list[str]] = {}
    for finding in verdict.findings:
        found.setdefault(finding.severity, []).append(response[finding.start : finding.end])
    return found


def test_a_right_answer_has_every_value_proved() -> None:
    response = "Cy is easy.\nAnswer:\n1. Cy\n2. Ann\n3. Bob"
    verdict = get_verifier("constraints").verify(response, SEATS)
    assert (verdict.status, verdict.score, verdict.verifier) == ("correct", 1.0, "constraints/1")
    assert marked(response, verdict) == {"proved": ["Cy", "Ann", "Bob"]}


def test_each_wrong_value_is_refuted_with_the_clues_it_contradicts() -> None:
    response = "1. Ann\n2. Cy\n3. Bob"
    verdict = VERIFIER.verify(response, SEATS)
    assert verdict.status == "wrong"
    refuted = [finding for finding in verdict.findings if finding.severity == "refuted"]
    assert [(response[f.start : f.end], f.evidence["clues"], f.evidence["words"]) for f in refuted] == [
        ("Ann", [3], ["Cy sits left of Ann."]),
        ("Cy", [2], ["Cy sits at an end."]),
    ]
    assert verdict.reason == "Ann = 1 conflicts with clue 3: Cy sits left of Ann"
    assert marked(response, verdict)["proved"] == ["Bob"]
    notes = [finding.evidence for finding in verdict.findings if finding.kind == "violated-clue"]
    assert [(note["words"], [response[a:b] for a, b in note["spans"]]) for note in notes] == [
        ("Cy sits at an end.", ["Cy"]),
        ("Cy sits left of Ann.", ["Ann", "Cy"]),
    ]


def test_a_core_has_no_clue_to_spare() -> None:
    verdict = VERIFIER.verify("Bob = 2", SEATS)
    assert verdict.findings[0].evidence["clues"] == [1, 3]


def test_of_two_values_in_a_row_only_the_wrong_one_is_refuted() -> None:
    response = "Ann: Monday 14:00\nBob: Tuesday 14:00"
    assert marked(response, VERIFIER.verify(response, VISITS))["refuted"] == ["14:00"]


def test_an_incomplete_answer_is_wrong_with_its_true_part_proved() -> None:
    response = "Ann: knight"
    verdict = VERIFIER.verify(response, KNIGHTS)
    assert (verdict.status, verdict.reason) == ("wrong", "incomplete: Bob not given")
    assert marked(response, verdict) == {"proved": ["knight"]}
    assert ConstraintsVerifier(partial=True).verify(response, KNIGHTS).reason == "can still be completed"


def test_nothing_that_can_be_read_is_wrong_as_a_whole() -> None:
    response = "I do not know who lies."
    verdict = VERIFIER.verify(response, KNIGHTS)
    assert marked(response, verdict) == {"fatal": [response]}
    assert verdict.reason == "no answer: Ann, Bob not given"


def test_two_values_for_one_name_are_never_accepted() -> None:
    for response in ("Ann: knight\nAnn: knave\nBob: knave", "Ann: knave\nAnn: knight\nBob: knave"):
        verdict = VERIFIER.verify(response, KNIGHTS)
        assert verdict.status == "wrong"
        assert marked(response, verdict)["refuted"] == ["knave"]
    response = "A: 1\nA: 2\nB: 3"
    verdict = VERIFIER.verify(response, OPEN)
    assert (verdict.status, marked(response, verdict)["refuted"]) == ("wrong", ["2"])


def test_values_outside_of_the_domain_and_unknown_names() -> None:
    response = "A = 12\nB = 3"
    assert marked(response, VERIFIER.verify(response, SUMS)) == {"refuted": ["12"], "proved": ["3"]}
    response = "Ann: knight\nZoe: knave"
    assert marked(response, VERIFIER.verify(response, KNIGHTS))["refuted"] == ["Zoe"]
    response = "A = 4\nB = 3\nTotal: 7"
    assert VERIFIER.verify(response, SUMS).status == "correct"


def test_where_there_are_several_solutions_any_is_right_and_conflicts_name_what_came_before() -> None:
    assert VERIFIER.verify("A: 1, B: 3", OPEN).status == VERIFIER.verify("A: 2, B: 3", OPEN).status == "correct"
    response = "A: 2, B: 2"
    verdict = VERIFIER.verify(response, OPEN)
    (finding,) = [f for f in verdict.findings if f.severity == "refuted"]
    assert (finding.start, finding.evidence["with"]) == (9, [{"variable": "A", "value": 2}])
    assert finding.message == "B = 2 conflicts with A = 2; clue 1: A < B"
    assert VERIFIER.check_finding(finding, response, OPEN)
    assert VERIFIER.verify("A: 1", OPEN).findings[0].severity == "note"


def test_a_puzzle_without_a_solution_is_a_broken_reference() -> None:
    reference = {**OPEN, "clues": [*OPEN["clues"], {"words": "B < A.", "holds": ["<", "B", "A"]}]}
    with pytest.raises(InvalidInputError, match="no solution"):
        VERIFIER.verify("A: 1", reference)


def test_a_finding_that_was_tampered_with_does_not_hold() -> None:
    response = "1. Ann\n2. Cy\n3. Bob"
    verdict = VERIFIER.verify(response, SEATS)
    refuted, proved = verdict.findings[0], verdict.findings[-1]
    for change in ({"clues": [2]}, {"value": 2}, {"words": ["Cy sits right of Ann."]}, {"variable": "Bob"}):
        data = {**refuted.to_dict(), "evidence": {**refuted.evidence, **change}}
        assert not VERIFIER.check_finding(type(refuted).from_dict(data), response, SEATS)
    claimed = {
        **proved.to_dict(),
        "evidence": {"claim": "entailed", "variable": "Ann", "value": 1},
        "start": 3,
        "end": 6,
    }
    assert not VERIFIER.check_finding(type(proved).from_dict(claimed), response, SEATS)


@pytest.mark.parametrize(
    ("response", "refuted", "message"),
    [
        ("Ann: knight/knave\nBob: knave", "knight/knave", "expected a line"),
        ("Ann: knight\nBob: knave; no wait, Bob: knight", "knight", "two values are given for Bob"),
        ("Ann: knight\nBob: knave\nBob: knave; no wait, Bob: knight", "knight", "two values are given for Bob"),
        ("Answer:\nAnn: knight\nBob: knave, although the longer I think of it the clue says", "although", "a line"),
        ("Bob: " + "1" * 5_000 + "\nAnn: knight", "1" * 5_000, "no value of Bob"),
        ("Bob: " + "so " * 2_000 + "spy\nAnn: knight", "spy", "no value of Bob"),
    ],
)
def test_no_value_vanishes_without_a_finding_on_whole_words(response: str, refuted: str, message: str) -> None:
    verdict = VERIFIER.verify(response, KNIGHTS)
    found = [f for f in verdict.findings if f.severity == "refuted"]
    assert (verdict.status, [response[f.start : f.end] for f in found]) == ("wrong", [refuted])
    assert message in found[0].message
    assert VERIFIER.check_finding(found[0], response, KNIGHTS)


@pytest.mark.parametrize("line", ["Ann: knight\n", "Ann: knave\n", "Zoe: knave\n", "Ann: spy\n", "Ann: knight/knave\n"])
def test_what_is_said_again_and_again_has_few_findings(line: str) -> None:
    verdict = VERIFIER.verify(line * 110_000, KNIGHTS)
    assert verdict.status == "wrong"
    assert [finding.end for finding in verdict.findings]
    assert len(verdict.findings) <= 4
    many = "".join(f"Zoe{number}: knave\n" for number in range(1_000))
    assert len(VERIFIER.verify(many, KNIGHTS).findings) <= 100


def test_a_second_value_counts_however_often_the_first_was_said() -> None:
    response = "Ann: knight\n" * 10 + "Bob: knave\nAnn: knave\n" + "Ann: knight\n" * 10
    assert VERIFIER.verify(response, KNIGHTS).status == "wrong"


CASES: list[dict[str, Any]] = [
    {"response": "1. Cy\n2. Ann\n3. Bob", "reference": SEATS, "expected": "correct"},
    {"response": "1. Ann\n2. Cy\n3. Bob", "reference": SEATS, "expected": "wrong"},
    {"response": "Ann: knight\nBob: knave", "reference": KNIGHTS, "expected": "correct"},
    {"response": "Ann: knave\nBob: knave", "reference": KNIGHTS, "expected": "wrong"},
    {"response": "Ann: knight", "reference": KNIGHTS, "expected": "wrong"},
    {"response": "Ann: Monday 9:00\nBob: Tuesday 14:00", "reference": VISITS, "expected": "correct"},
    {"response": "Ann: Monday\nBob: Tuesday 9:00", "reference": VISITS, "expected": "wrong"},
    {"response": "A=4, B=3", "reference": SUMS, "expected": "correct"},
    {"response": "A=4, B=33", "reference": SUMS, "expected": "wrong"},
    {"response": "A = 4.0, B = three", "reference": SUMS, "expected": "correct"},
    {"response": "A = four, B = 2.0", "reference": SUMS, "expected": "wrong"},
    {"response": "Ann: Monday 09:00\nBob: Tuesday at 2 pm", "reference": VISITS, "expected": "correct"},
    {"response": "Ann: Monday 9 pm\nBob: Tuesday 14:00", "reference": VISITS, "expected": "wrong"},
]


def test_the_promises_of_verifiers() -> None:
    card = check_verifier(VERIFIER, CASES)
    assert card.accuracy == 1.0


def test_every_finding_of_the_cases_holds_by_the_second_route() -> None:
    for case in CASES:
        verdict = VERIFIER.verify(case["response"], case["reference"])
        assert json.dumps(verdict.to_dict())
        for finding in verdict.findings:
            assert VERIFIER.check_finding(finding, case["response"], case["reference"]), finding


@pytest.mark.parametrize("arguments", [{"engine": "magic"}, {"timeout": 0}])
def test_broken_arguments(arguments: Any) -> None:
    with pytest.raises(InvalidInputError, match=next(iter(arguments))):
        ConstraintsVerifier(**arguments)

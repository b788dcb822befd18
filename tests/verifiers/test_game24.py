from __future__ import annotations

import csv
import gzip
import itertools
import os
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepgym.errors import InvalidInputError
from stepgym.verifiers import Game24Verifier, check_finding, check_verifier
from stepgym.verifiers.countdown import can_reach, solve
from stepgym.verifiers.game24_lines import Puzzle, play_line

SHARED = Path(os.environ.get("STEPGYM_SHARED", "../shared")) / "data" / "math"
NUMBERS = [4, 7, 8, 8]


def holds(response: str, reference) -> bool:
    verdict = Game24Verifier().verify(response, reference)
    return all(check_finding(finding, response, reference) for finding in verdict.findings)


@pytest.mark.parametrize(
    ("response", "numbers"),
    [
        ("(7-8/8)*4", NUMBERS),
        ("(7 - 8 / 8) * 4 = 24", NUMBERS),
        ("24 = (7 - 8 / 8) * 4", NUMBERS),
        ("I think so.\nAnswer: (7 - 8 ÷ 8) × 4 = 24.", NUMBERS),
        ("<answer> (7 - 8/8) * 4 </answer>", NUMBERS),
        (r"\boxed{\left(7 - \frac{8}{8}\right) \times 4}", NUMBERS),
        ("8/(3-8/3)", [3, 3, 8, 8]),
        ("4(7-8/8)", NUMBERS),
        ("8 / 8 = 1 (left: 1 4 7)\n7 - 1 = 6 (left: 4 6)\n4 * 6 = 24 (left: 24)", NUMBERS),
        ("8 / 8 = 1 (left: 1, 4, 7)\n7 - 1 = 6\n6 * 4 = 24\nAnswer: (7 - 8 / 8) * 4 = 24", NUMBERS),
        ("8 / 3 = 8/3 (left: 3 8 8/3)\n3 - 8/3 = 1/3 (left: 8 1/3)\n8 / 1/3 = 24 (left: 24)", [3, 3, 8, 8]),
    ],
)
def test_right_answers(response, numbers):
    verdict = Game24Verifier().verify(response, numbers)
    assert verdict.status == "correct", verdict
    assert {f.severity for f in verdict.findings} == {"proved"}
    assert holds(response, numbers)


@pytest.mark.parametrize(
    ("response", "kind", "span"),
    [
        ("(7-8/8)+4", "value", "(7-8/8)+4"),
        ("(7-8/8)*4 = 25", "value", "(7-8/8)*4 = 25"),
        ("(7-8/8)*5", "number-use", "5"),
        ("(7-8/8)*4*4", "number-use", "4"),
        ("(7-8)*4", "number-use", "(7-8)*4"),
        ("7*(8-8)/0", "number-use", "0"),
        ("4*7/(8-8)", "value", "4*7/(8-8)"),
        ("4^7-8-8", "operation", "4^7-8-8"),
        ("Answer: four times six", "form", "four times six"),
        ("8 / 8 = 2 (left: 2 4 7)", "line-arithmetic", "8 / 8 = 2 (left: 2 4 7)"),
        ("8 / 9 = 1", "line-numbers", "8 / 9 = 1"),
        ("7 + 7 = 14", "line-numbers", "7 + 7 = 14"),
        ("8 / 8 = 1 (left: 1 4 8)", "line-left", "8 / 8 = 1 (left: 1 4 8)"),
        ("8 - 8 = 0 (left: 0 4 7)", "line-dead-end", "8 - 8 = 0 (left: 0 4 7)"),
        ("8 / 0 = 1", "line-arithmetic", "8 / 0 = 1"),
    ],
)
def test_wrong_answers_are_refuted_where_they_go_wrong(response, kind, span):
    verdict = Game24Verifier().verify(response, NUMBERS)
    assert verdict.status == "wrong"
    bad = [f for f in verdict.findings if f.severity != "proved"]
    assert [(f.kind, response[f.start : f.end]) for f in bad] == [(kind, span)]
    assert holds(response, NUMBERS)


def test_what_follows_a_broken_line_is_unknown():
    response = "8 - 8 = 0 (left: 0 4 7)\n7 * 4 = 28 (left: 0 28)"
    verdict = Game24Verifier().verify(response, NUMBERS)
    assert [f.start for f in verdict.findings] == [0]


def test_unfinished_and_empty_responses_are_wrong():
    assert "end with 4, 7, 1" in Game24Verifier().verify("8 / 8 = 1", NUMBERS).reason
    assert Game24Verifier().verify("", NUMBERS).status == "wrong"
    assert Game24Verifier().verify("9" * 30_000, NUMBERS).status == "undecided"


def test_other_targets_operations_and_a_choice_of_numbers():
    countdown = Game24Verifier(use_all=False)
    assert countdown.verify("25 * 4", {"numbers": [25, 4, 7], "target": 100}).status == "correct"
    assert countdown.verify("25 * 4 = 100", {"numbers": [25, 4, 7], "target": 100}).status == "correct"
    assert Game24Verifier().verify("25 * 4", {"numbers": [25, 4, 7], "target": 100}).status == "wrong"
    plus = Game24Verifier(operations="+")
    verdict = plus.verify("4 * 6", {"numbers": [4, 6]})
    assert verdict.status == "wrong"
    assert plus.verify("Answer: 4 + 6", {"numbers": [4, 6], "target": 10}).status == "correct"


@pytest.mark.parametrize(
    "reference", [None, [], "4 7 8 8", {"numbers": [4, "7"]}, {"numbers": [1] * 7}, {"target": 24}, [1, True], [10**9]]
)
def test_broken_references_are_refused(reference):
    with pytest.raises(InvalidInputError, match="game24: the reference must be"):
        Game24Verifier().verify("1", reference)


def test_conformance():
    cases = [
        {"response": "(7-8/8)*4", "reference": NUMBERS, "expected": "correct"},
        {"response": "(7-8/8)+4", "reference": NUMBERS, "expected": "wrong"},
    ]
    assert check_verifier(Game24Verifier(), cases).hostile_accepted == ()


def test_playing_line_by_line():
    puzzle = Puzzle.from_reference(NUMBERS)
    left: list[Fraction] = list(puzzle.numbers)
    for line in ("8 / 8 = 1 (left: 4 7 1)", "7 - 1 = 6", "4 * 6 = 24"):
        finding, left = play_line(line, left, puzzle)
        assert finding.severity == "proved"
    assert puzzle.is_solved(left)
    finding, same = play_line("4 x 6", [4, 6], puzzle)
    assert (finding.kind, same) == ("form", [4, 6])


def brute_force(numbers: list[Fraction]) -> set[Fraction]:
    """Every value that uses all numbers: put any two together, again and again."""
    if len(numbers) == 1:
        return {numbers[0]}
    values: set[Fraction] = set()
    for (i, a), (j, b) in itertools.permutations(enumerate(numbers), 2):
        rest = [n for k, n in enumerate(numbers) if k not in (i, j)]
        for result in [a + b, a - b, a * b, *([a / b] if b else [])]:
            values |= brute_force([*rest, result])
    return values


@settings(deadline=None, max_examples=15)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=4), st.integers(-30, 60))
def test_the_solver_finds_a_solution_exactly_when_there_is_one(numbers, target):
    reachable = Fraction(target) in brute_force([Fraction(n) for n in numbers])
    found = solve(numbers, target)
    assert (found is not None) == reachable == can_reach(numbers, target)
    if found is not None:
        verdict = Game24Verifier().verify("Answer: " + found, {"numbers": numbers, "target": target})
        assert verdict.status == "correct", (found, verdict)


@settings(deadline=None, max_examples=10)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=4), st.sampled_from(["+", "+-", "*/", "/", "-*"]))
def test_the_solver_keeps_to_the_operations(numbers, operations):
    found = solve(numbers, 0, operations=operations)
    if found is not None:
        verifier = Game24Verifier(operations=operations)
        assert verifier.verify("Answer: " + found, {"numbers": numbers, "target": 0}).status == "correct", found


def test_the_solver_on_known_puzzles():
    assert solve([3, 3, 8, 8]) == "8 / (3 - (8 / 3))"
    assert solve([1, 1, 1, 1]) is None
    assert solve([3, 7, 13, 25, 50, 75], 952) is not None
    assert solve([25, 4, 7], 100, use_all=False) is not None
    assert not can_reach([25, 4, 7], 100)
    assert can_reach([Fraction(8, 3), 3, 8])
    with pytest.raises(InvalidInputError, match="1 to 6 numbers"):
        solve([1] * 7)
    with pytest.raises(InvalidInputError, match="operations"):
        solve([1], operations="^")


@pytest.mark.shared
def test_the_classic_puzzles_are_solved_and_accepted():
    path = SHARED / "game24.csv.gz"
    if not path.is_file():
        pytest.skip(f"no {path}; set STEPGYM_SHARED")
    with gzip.open(path, "rt") as file:
        puzzles = [[int(n) for n in row["Puzzles"].split()] for row in csv.DictReader(file)]
    assert len(puzzles) == 1362
    for numbers in puzzles:
        found = solve(numbers)
        assert found is not None, numbers
        assert Game24Verifier().verify(found, numbers).status == "correct", (numbers, found)

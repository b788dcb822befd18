from __future__ import annotations

from typing import Any

import pytest
from constraint_puzzles import KNIGHTS, SEATS, SUMS, VISITS
from hypothesis import given
from hypothesis import strategies as st

from stepgym.verifiers.constraints import Puzzle
from stepgym.verifiers.constraints.reading import reader_of


def said(response: str, reference: Any) -> dict[str, tuple[str, str]]:
    """The values that a response gives, by variable, with what stands in their spans."""
    puzzle = Puzzle.from_reference(reference)
    found = {}
    for statement in reader_of(puzzle).read(response).statements:
        variable = puzzle.variables[statement.given[0]]
        found[variable.name] = (variable.word(statement.given[1]), response[statement.start : statement.end])
    return found


@pytest.mark.parametrize(
    "response",
    [
        "Ann: knight\nBob: knave",
        "ann = KNIGHT, bob = KNAVE",
        "- **Ann**: knight\n- **Bob**: knave\n",
        "| Ann | knight |\n| Bob | knave |",
        "1. Ann: knight\n2. Bob: knave",
        "So Ann is a knight and Bob is a knave.",
        "If Ann lies, so does Bob?\nAnn: knave\nThat fails.\n\nAnn -> knight\n\nBob -> liar\nI am sure.",
        "Ann: knave\nAnswer: Ann: truth-teller; Bob: liar",
        "\\boxed{\\text{Ann: knight, Bob: knave}}",
        "<answer>Ann: knight\nBob: knave</answer> done",
    ],
)
def test_pairs_in_many_spellings(response: str) -> None:
    assert {name: value for name, (value, _) in said(response, KNIGHTS).items()} == {"Ann": "knight", "Bob": "knave"}


@pytest.mark.parametrize(
    "response",
    [
        "1. Cy\n2. Ann\n3. Bob",
        "Seat 1: Cy\nSeat 2: Ann\nSeat 3: Bob",
        "Cy, Ann, Bob",
        "1) Cy 2) Ann 3) Bob",
        "Cy Ann Bob",
    ],
)
def test_lists_refer_to_the_names(response: str) -> None:
    assert said(response, SEATS) == {"Cy": ("1", "Cy"), "Ann": ("2", "Ann"), "Bob": ("3", "Bob")}


def test_lists_may_also_be_pairs() -> None:
    assert said("Bob: 3, Cy is in seat 1", SEATS) == {"Bob": ("3", "3"), "Cy": ("1", "1")}


@pytest.mark.parametrize("response", ["Ann: Monday 9:00", "Ann: 9:00, Monday", "Monday: Ann, 9:00", "Monday 9:00: Ann"])
def test_rows_with_two_values(response: str) -> None:
    assert said(response, VISITS) == {"Ann's day": ("Monday", "Monday"), "Ann's hour": ("9:00", "9:00")}


@pytest.mark.parametrize("hour", ["09:00", "9.00", "9 am", "9am", "9:00 AM", "at 9 a.m."])
def test_times_in_many_spellings(hour: str) -> None:
    assert said(f"Ann: Monday {hour}", VISITS)["Ann's hour"] == ("9:00", hour.removeprefix("at "))
    together: dict[str, Any] = {
        "variables": {"Eve": ["Monday 9:00", "Monday 14:00"]},
        "clues": [{"words": "She comes early.", "holds": ["=", "Eve", 0]}],
    }
    response = f"Eve: Monday {hour.removeprefix('at ')}"
    assert said(response, together) == {"Eve": ("Monday 9:00", response.removeprefix("Eve: "))}
    assert said("Eve: Monday 2 pm", together)["Eve"][0] == "Monday 14:00"
    assert said("Eve: Monday 9 pm", together) == {}


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("3.0", "3"),
        ("3.00", "3"),
        ("03", "3"),
        ("three", "3"),
        ("Nine", "9"),
        ("3.05", ""),
        ("twenty-one", ""),
        ("ten", ""),
    ],
)
def test_numbers_in_many_spellings(value: str, number: str) -> None:
    assert said(f"A: {value}", SUMS) == ({"A": (number, value)} if number else {})


def test_a_number_word_is_a_value_only_behind_a_name_or_beside_a_sign() -> None:
    assert said("Seat one: Cy", SEATS) == {"Cy": ("1", "Cy")}
    assert said("No one but Cy sits at an end", SEATS) == {}


@pytest.mark.parametrize(
    "response",
    [
        "A + B = 7",
        "A > 3",
        "A != 3",
        "2*A = 6",
        "A is not 3",
        "A = 3 or 4",
        "A = 3?",
        "A - B = 1",
        "A = B",
        "A ≤ 3",
        "3",
    ],
)
def test_other_sentences_are_no_assignments(response: str) -> None:
    assert said(response, SUMS) == {}


@pytest.mark.parametrize(
    ("response", "spans"),
    [
        ("Ann and Bob are knights.", ["Ann", "Bob"]),
        ("Knights: Ann, Bob", ["Ann", "Bob"]),
        ("Knight: Ann; knight: Bob", ["Ann", "Bob"]),
        ("Both Ann and Bob: knight", ["Ann", "Bob"]),
        ("Ann, Bob and Ann = knights", ["Ann", "Bob"]),
    ],
)
def test_groups_refer_to_the_names(response: str, spans: list[str]) -> None:
    assert said(response, KNIGHTS) == {name: ("knight", name) for name in spans}


@pytest.mark.parametrize("response", ["Ann, Bob", "Ann and Bob: knight or knave", "Ann Bob spy", "knight, knave: Ann"])
def test_groups_that_are_not_plain_say_nothing(response: str) -> None:
    assert said(response, KNIGHTS) == {}


def test_what_is_no_name_and_no_value_is_told_with_its_place() -> None:
    puzzle = Puzzle.from_reference(KNIGHTS)
    response = "Ann: spy\nZoe: knave"
    misfits = reader_of(puzzle).read(response).misfits
    assert [(m.kind, response[m.start : m.end]) for m in misfits] == [("out-of-domain", "spy"), ("unknown-name", "Zoe")]


def test_a_slip_in_one_line_does_not_end_the_answer() -> None:
    response = "1. Cy\n2 Ann Bob 3 4\n3. Bob"
    reading = reader_of(Puzzle.from_reference(SEATS)).read(response)
    assert [response[s.start : s.end] for s in reading.statements] == ["Cy", "Bob"]
    assert [m.kind for m in reading.misfits] == ["unreadable"]


def test_only_the_end_of_a_long_response_is_read() -> None:
    assert said("Ann: knight\n" + "word " * 5_000 + "\nBob: knave", KNIGHTS) == {"Bob": ("knave", "knave")}


def test_the_end_that_is_read_begins_with_a_whole_line() -> None:
    response = "Annabel: knave\n" * 2_001
    reading = reader_of(Puzzle.from_reference(KNIGHTS)).read(response)
    assert {response[m.start : m.end] for m in reading.misfits} == {"Annabel"}


@given(st.text(alphabet="AnBob: =kightve12\n.,*-|<\\{}()", max_size=80))
def test_any_text_is_read_with_spans_that_hold_what_they_say(response: str) -> None:
    for reference in (KNIGHTS, SEATS, SUMS, VISITS):
        for value, span in said(response, reference).values():
            assert span
            assert len(span) <= 12
            assert value

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stepgym.verifiers import check_finding
from stepgym.verifiers.steps import check_steps
from stepgym.verifiers.steps.equations import read_equation, rewritten_equations


def severities(text: str) -> list[str]:
    findings = rewritten_equations(text)
    assert all(check_finding(f, text, None) for f in findings)
    return [f.severity for f in findings]


@pytest.mark.parametrize(
    "text",
    [
        "2x + 3 = 7\n2x = 4\nx = 2",
        "3(x - 1) = 9\n3x - 3 = 9\nx = 4",
        "x/2 + 1 = 4\nx = 6",
        "Let p be the price. 3p + 4 = 19\nSubtracting 4 we get 3p = 15\nso p = 5.",
        "x^2 - 5x + 6 = 0\nx = 2",
        "x^2 - 5x + 6 = 0\n2x^2 - 10x + 12 = 0",
        "3x = 1\nx = 1/3",
    ],
)
def test_rewriting_that_keeps_the_solutions_is_proved(text):
    found = severities(text)
    assert found
    assert set(found) == {"proved"}


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("2x + 3 = 7\n2x = 5", "2x = 5"),
        ("2x + 3 = 7\n2x = 4\nx = 3", "x = 3"),
        ("x^2 - 5x + 6 = 0\nx = 4", "x = 4"),
        ("1. 3(x - 1) = 9\n2. 3x - 1 = 9", "3x - 1 = 9"),
    ],
)
def test_rewriting_that_loses_the_solution_is_refuted_at_its_place(text, span):
    refuted = [f for f in rewritten_equations(text) if f.severity == "refuted"]
    assert [text[f.start : f.end] for f in refuted] == [span]
    assert check_finding(refuted[0], text, None)
    assert span in [text[f.start : f.end] for f in check_steps(text) if f.severity == "refuted"]


@pytest.mark.parametrize(
    "text",
    [
        "2x = 4\n2y = 6",
        "For Tom x = 4\nfor Ann x = 5",
        "x = 4\n\n\nx = 5",
        "x + y = 4\nx = 5",
        "x < 4\nx = 5",
        "6x = 48 - 18 = 30\n6x = 30",
        "x = sin(3)\nx = 2",
        "a = 4\na = 5",
        "x = 1/0\nx = 2",
        "x^9 = 1\nx = 2",
        "x^2 = 4\nx^2 = 5",
    ],
)
def test_where_a_new_equation_may_begin_nothing_is_refuted(text):
    assert "refuted" not in severities(text)


@given(st.integers(-50, 50), st.integers(-9, 9), st.integers(-50, 50), st.integers(-5, 5))
def test_linear_equations_in_any_form(root, factor, constant, error):
    assume(factor)
    text = f"{factor}x + ({constant}) = {factor * root + constant}\n{factor}x = {factor * root + error}"
    assert severities(text) == ["refuted" if error else "proved"]


@given(st.text(alphabet="xy0123456789+-*/()^=. \n", max_size=60))
def test_any_text_is_read_in_bounded_time_and_holds(text):
    severities(text)


def test_reading_one_equation():
    assert read_equation("2x + 3 = 7") == ("x", (Fraction(-4), Fraction(2)))
    assert read_equation("x = x") is None
    assert read_equation("x + y = 1") is None
    assert read_equation("((((x = 1") is None

from __future__ import annotations

import pytest

from stepgym.errors import ConformanceError, InvalidInputError
from stepgym.verifiers import Finding, Verdict, from_function


@pytest.mark.parametrize(
    ("said", "status", "score"),
    [
        (True, "correct", 1.0),
        (False, "wrong", 0.0),
        (1.0, "correct", 1.0),
        (0.4, "wrong", 0.4),
        (0, "wrong", 0.0),
        (None, "undecided", 0.0),
    ],
)
def test_what_the_function_returns_becomes_a_verdict(said, status, score):
    verdict = from_function(lambda response, reference: said, name="f/1").verify("r", "x")
    assert (verdict.status, verdict.score, verdict.verifier) == (status, score, "f/1")
    assert verdict.seconds >= 0


def test_a_verdict_passes_through_with_its_findings():
    wrong = Verdict.wrong(Finding(0, 1, "unit", message="metres"))
    verdict = from_function(lambda response, reference: wrong, name="f/1").verify("r", "x")
    assert verdict.findings == wrong.findings
    assert verdict.verifier == "f/1"


def test_context_is_passed_when_the_function_takes_it():
    by_position = from_function(lambda response, reference, context: context == "q", name="f/1")
    by_default = from_function(lambda response, reference, context="": context == "q", name="f/1")
    assert by_position.verify("r", "x", context="q").status == "correct"
    assert by_default.verify("r", "x", context="q").status == "correct"


def test_an_exception_is_an_error_with_the_name_and_never_a_score():
    def broken(response, reference):
        raise KeyError("missing")

    with pytest.raises(ConformanceError, match=r"'f/1' raised KeyError.*5 characters") as caught:
        from_function(broken, name="f/1").verify("hello", "x")
    assert isinstance(caught.value.__cause__, KeyError)


def test_invalid_input_of_a_broken_reference_passes_through():
    def picky(response, reference):
        raise InvalidInputError("reference must be a number")

    with pytest.raises(InvalidInputError, match="must be a number"):
        from_function(picky, name="f/1").verify("r", "x")


@pytest.mark.parametrize("said", ["yes", 1.5, -0.1, float("nan"), [1]])
def test_other_return_values_are_refused(said):
    with pytest.raises(ConformanceError, match="must return"):
        from_function(lambda response, reference: said, name="f/1").verify("r", "x")


def test_a_function_with_other_arguments_is_refused_at_once():
    with pytest.raises(InvalidInputError, match=r"response, reference\[, context\]"):
        from_function(lambda response: True, name="f/1")

"""The math answer verifier as a grader for the answer bench: `grade(gold, prediction) -> bool`."""

from __future__ import annotations

from stepgym.errors import InvalidInputError
from stepgym.verifiers.math.answer import MathAnswerVerifier
from stepgym.verifiers.math.symbolic import warm_up

_VERIFIER = MathAnswerVerifier()


def grade(gold: str, prediction: str) -> bool:
    try:
        return _VERIFIER.verify(prediction, gold).status == "correct"
    except InvalidInputError:  # The bench also holds golds without an answer.
        return False


def warmup() -> None:
    warm_up()
    grade("\\sqrt{3+2\\sqrt2}", "1+\\sqrt2")
    grade("\\frac{x+1}{2}", "x^2")

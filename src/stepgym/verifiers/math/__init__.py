"""Mathematical answers: reading them out of a response, and deciding whether two of them are the same."""

from stepgym.verifiers.math.answer import MathAnswerVerifier
from stepgym.verifiers.math.conventions import AnswerConventions
from stepgym.verifiers.math.recheck import check_finding
from stepgym.verifiers.math.symbolic import warm_up

__all__ = ["AnswerConventions", "MathAnswerVerifier", "check_finding", "warm_up"]

"""Logic puzzles: finite domains, clues as expression trees, answers judged value by value with minimal cores."""

from stepgym.verifiers.constraints.puzzle import Puzzle
from stepgym.verifiers.constraints.solving import solutions_of
from stepgym.verifiers.constraints.verifier import ConstraintsVerifier

__all__ = ["ConstraintsVerifier", "Puzzle", "solutions_of"]

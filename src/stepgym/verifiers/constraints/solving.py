"""`solutions_of`: the solutions of a puzzle, and `worked`: how they follow, clue by clue."""

from __future__ import annotations

from typing import Any

from stepgym.errors import InvalidInputError
from stepgym.verifiers.constraints.cores import Given, minimal_core
from stepgym.verifiers.constraints.expression import is_value, negated
from stepgym.verifiers.constraints.puzzle import Puzzle
from stepgym.verifiers.constraints.solver import solve_by_solver
from stepgym.verifiers.constraints.verifier import space_of


def solutions_of(reference: Any, *, timeout: float = 20.0) -> list[tuple[int, ...]]:
    """Up to two solutions of a puzzle, each a code for every variable: one if it is unique, none if there is none.

    Exact; a puzzle that is too large to list needs z3 (`MissingExtraError` without it) and raises
    `InvalidInputError` if that gives up within `timeout` seconds.
    """
    puzzle = Puzzle.from_reference(reference)
    space = space_of(puzzle)
    if space is None:
        solved = solve_by_solver(reference, timeout=timeout)
        if solved is None:
            raise InvalidInputError(
                f"constraints: z3 could not decide within {timeout} s how many solutions the puzzle has"
            )
        return [tuple(one) for one in solved]
    left = space.solutions(clue.node for clue in puzzle.clues)
    found: list[tuple[int, ...]] = []
    while left and len(found) < 2:
        lowest = left & -left
        found.append(space.row(lowest.bit_length() - 1))
        left ^= lowest
    return found


def worked(reference: Any) -> list[tuple[tuple[int, ...], Given]]:
    """Steps that lead to the only solution: places of the clues, and what follows from them and the steps before.

    The step that needs the fewest clues comes first. Only for puzzles that are small enough to list.
    """
    puzzle = Puzzle.from_reference(reference)
    space = space_of(puzzle)
    found = solutions_of(reference)
    if space is None or len(found) != 1:
        raise InvalidInputError("a worked solution is for puzzles with one solution that are small enough to list")
    clues = [clue.node for clue in puzzle.clues]
    open_places = list(range(len(puzzle.variables)))
    steps: list[tuple[tuple[int, ...], Given]] = []
    while open_places:
        known = [is_value(*given) for _, given in steps]
        options = []
        for place in open_places:
            given = (place, found[0][place])
            core = minimal_core(space, clues, [*known, negated(is_value(*given))])
            options.append((len(core), place, core, given))
        _, place, core, given = min(options)
        steps.append((core, given))
        open_places.remove(place)
    return steps

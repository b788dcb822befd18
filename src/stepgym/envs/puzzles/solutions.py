"""Right answers to puzzles: the bare one, and one that is worked out from the clues."""

from __future__ import annotations

from stepgym.envs.tasks import Task
from stepgym.errors import InvalidInputError
from stepgym.verifiers.constraints.puzzle import Puzzle
from stepgym.verifiers.constraints.solving import solutions_of, worked


def write_solution(task: Task) -> str:
    """The right answer in the form of its puzzle, one row per line; some right one if there are several."""
    found = solutions_of(task.reference)
    if not found:
        raise InvalidInputError(f"the puzzle {task.id!r:.80} has no solution")
    return Puzzle.from_reference(task.reference).write(found[0])


def write_reasoning(task: Task) -> str:
    """A worked solution: per line the clues that are needed and what follows from them, then the answer.

    Lines look like "Clues 1, 3: Bob = 2". Each rests on the named clues, the rules and the lines before it; the line
    that needs the fewest clues comes first. Only for puzzles with one solution that are small enough to list.
    """
    puzzle = Puzzle.from_reference(task.reference)
    lines = []
    for core, (place, code) in worked(task.reference):
        variable = puzzle.variables[place]
        named = ", ".join(str(number + 1) for number in core)
        reasons = f"Clues {named}" if len(core) > 1 else f"Clue {named}" if core else "So"
        lines.append(f"{reasons}: {variable.name} = {variable.word(code)}")
    return "\n".join([*lines, "Answer:", write_solution(task)])

"""Tests that tell a program from near copies of it, chosen greedily from candidates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stepgym.envs.programs.interpreter import EndlessError, Interpreter, UndefinedError
from stepgym.envs.programs.tree import If, Program, walk

FEWEST = 8
"""A program counts as usable if so many candidates run within the bounds."""


@dataclass(frozen=True, slots=True)
class Tests:
    """Pairs of input and output, and how many of the mutants that some candidate tells apart they tell apart."""

    pairs: tuple[tuple[str, str], ...]
    killed: int
    killable: int


def choose_tests(
    program: Program, candidates: Sequence[str], mutants: Sequence[Callable[[], Program]], count: int
) -> Tests | None:
    """`count` tests of a program, or None for a program that makes no good task.

    That is one for which too few candidates run, whose outputs are all alike, or with a branch that none of them takes.

    The first takes most branches and loop lengths; each next one tells most of the remaining mutants apart and takes
    most of the remaining branches; at least two outputs differ. A mutant is told apart by other words in the output
    or by having no end; one that only leaves the bounds is not, because what it does then is nobody's promise.
    """
    interpreter = Interpreter()
    inputs: list[str] = []
    tokens: list[list[str]] = []
    outputs: list[str] = []
    covered: list[set[tuple[int, int]]] = []
    for candidate in candidates:
        read = candidate.split()
        try:
            run = interpreter.run(program, read)
        except (UndefinedError, EndlessError):
            continue
        inputs.append(candidate)
        tokens.append(read)
        outputs.append("".join(run.out))
        covered.append(run.covered)
    words = [output.split() for output in outputs]
    if len(inputs) < FEWEST or len(set(map(tuple, words))) < 2 or max(map(len, outputs)) > 400:
        return None
    if not _branches(program) <= set().union(*covered):
        return None

    def kills(mutant: Program, place: int) -> bool | None:
        try:
            return "".join(interpreter.run(mutant, tokens[place]).out).split() != words[place]
        except UndefinedError:
            return None
        except EndlessError:
            return True

    first = max(range(len(inputs)), key=lambda place: (len(covered[place]), len(inputs[place])))
    chosen, seen = [first], set(covered[first])
    made = [mutant() for mutant in mutants]
    fates = [kills(mutant, first) for mutant in made]
    # What leaves the bounds here mostly does so everywhere: an index that is one off.
    alive = [mutant for mutant, fate in zip(made, fates, strict=True) if fate is False]
    killed = fates.count(True)
    others = [place for place in range(len(inputs)) if place != first]
    by_place = {place: {number for number, mutant in enumerate(alive) if kills(mutant, place)} for place in others}
    killable = killed + len(set().union(*by_place.values()))
    dead: set[int] = set()
    while len(chosen) < count and others:
        told = {outputs[place] for place in chosen}
        best = max(
            others,
            key=lambda place: (
                len(told) > 1 or outputs[place] not in told,
                2 * len(by_place[place] - dead) + len(covered[place] - seen),
                outputs[place] not in told,
                -len(inputs[place]),
            ),
        )
        others.remove(best)
        chosen.append(best)
        dead |= by_place[best]
        seen |= covered[best]
    return Tests(tuple((inputs[place], outputs[place]) for place in chosen), killed + len(dead), killable)


def _branches(program: Program) -> set[tuple[int, int]]:
    """The marks that a run leaves for each branch of each `If`."""
    conditions = (node for node in walk(program) if isinstance(node, If))
    return {(id(node), branch) for node in conditions for branch in range(-1, len(node.cases))}

"""Draws the clues of a puzzle: a hidden solution first, then random true clues until it is the only one.

Which clues are kept depends on what they mean, not on how a solver works, so that an id gives the same puzzle with
every version of everything but this package.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stepgym.errors import StepgymError
from stepgym.verifiers.constraints.expression import ExpressionReader, Node, evaluate
from stepgym.verifiers.constraints.space import EnumeratedSpace, table_of

NAMES = ("Ann", "Bob", "Cy", "Dan", "Eve", "Fay", "Gus", "Ida", "Joe", "Kim", "Leo", "Mia", "Ned", "Pam", "Ray", "Sue")
_ATTEMPTS = 400
_PROPOSALS = 250


@dataclass(frozen=True, slots=True)
class Proposal:
    """A clue that may or may not be true; of several with one `key` at most one is taken.

    Attributes:
        key: For example who says it.
        words: The sentence.
        holds: The same as a tree.
    """

    key: str
    words: str
    holds: Any


@dataclass(frozen=True, slots=True)
class Frame:
    """A puzzle without its clues.

    Attributes:
        intro: The sentences before the clues.
        variables: Domains by name.
        answer: The form of the answer, as in a reference.
        propose: Draws a clue.
        rules: Rules as in a reference.
        aliases: Other words for values.
        extra: How many clues are added that could be left out.
    """

    intro: str
    variables: Mapping[str, Sequence[int | str]]
    answer: Mapping[str, Any]
    propose: Callable[[random.Random], Proposal]
    rules: Sequence[Mapping[str, Any]] = ()
    aliases: Mapping[str, int | str] = field(default_factory=dict)
    extra: int = 0


def draw_puzzle(rng: random.Random, frame: Frame) -> tuple[str, dict[str, Any]]:
    """The prompt and the reference of a puzzle with exactly one solution."""
    codes = {
        name: {value: value if isinstance(value, int) else place for place, value in enumerate(values)}
        for name, values in frame.variables.items()
    }
    rules = tuple(ExpressionReader(codes).statement(rule["holds"]) for rule in frame.rules)
    table = table_of(tuple(tuple(values.values()) for values in codes.values()), rules)
    if table is None:
        raise StepgymError("this frame has too many assignments to draw a puzzle")
    space = EnumeratedSpace(table)
    for _ in range(_ATTEMPTS):
        hidden = rng.randrange(len(table))
        drawn = _draw(rng, frame, space, hidden, codes)
        if drawn is not None:
            clues = [{"words": clue.words, "holds": clue.holds} for clue in drawn]
            reference: dict[str, Any] = {
                "variables": {name: list(values) for name, values in frame.variables.items()},
                "rules": [dict(rule) for rule in frame.rules],
                "clues": clues,
                "answer": dict(frame.answer),
            }
            if frame.aliases:
                reference["aliases"] = dict(frame.aliases)
            return written(frame.intro, clues), reference
    raise StepgymError(f"no puzzle with one solution in {_ATTEMPTS} attempts: {frame.intro!r:.80}")


def written(intro: str, clues: Sequence[Mapping[str, Any]]) -> str:
    """The prompt: the introduction and the numbered clues."""
    return "\n".join([intro, *(f"{number}. {clue['words']}" for number, clue in enumerate(clues, 1))])


def _draw(
    rng: random.Random,
    frame: Frame,
    space: EnumeratedSpace,
    hidden: int,
    codes: Mapping[str, Mapping[int | str, int]],
) -> list[Proposal] | None:
    """Clues that leave the hidden solution alone, none to spare but `extra`; None if they would not come."""
    solution, only = space.row(hidden), 1 << hidden
    taken: dict[str, Proposal] = {}
    nodes: dict[str, Node] = {}
    left = space.everything
    spare = 0
    for _ in range(_PROPOSALS):
        clue = frame.propose(rng)
        if clue.key in taken:
            continue
        node = ExpressionReader(codes).statement(clue.holds)
        if not evaluate(node, solution) or (left != only and left & space.set_of(node) == left):
            continue
        if left == only:
            if spare == frame.extra:
                break
            spare += space.set_of(node) != space.everything
        if space.set_of(node) == space.everything:
            continue
        taken[clue.key], nodes[clue.key] = clue, node
        left &= space.set_of(node)
        if left == only and not spare:
            _drop_needless(rng, taken, nodes, space, only)
    if left != only:
        return None
    clues = list(taken.values())
    rng.shuffle(clues)
    return clues


def _drop_needless(
    rng: random.Random, taken: dict[str, Proposal], nodes: dict[str, Node], space: EnumeratedSpace, only: int
) -> None:
    order = list(taken)
    rng.shuffle(order)
    for key in order:
        if space.solutions(node for other, node in nodes.items() if other != key) == only:
            del taken[key], nodes[key]


def names_of(rng: random.Random, count: int, difficulty: int) -> list[str]:
    """Names for a puzzle; the easiest ones have few to choose from."""
    pool = NAMES[: {1: 4, 2: 8}.get(difficulty, len(NAMES))]
    return sorted(rng.sample(pool, count))


def listed(names: Sequence[str], word: str = "and") -> str:
    """`Ann, Bob and Cy`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"

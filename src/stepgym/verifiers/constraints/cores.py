"""What follows from a puzzle for given assignments: impossible, demanded, possible, each with the reasons.

A core is a smallest set of clues from which something follows: no clue can be left out of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from stepgym.verifiers.constraints.expression import Node, is_value, negated
from stepgym.verifiers.constraints.space import Space, UnsettledError

State = Literal["impossible", "entailed", "possible", "conflict", "unknown"]
_MOST_VALUES = 256

Given = tuple[int, int]
"""A variable's position and the code of its value."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How one given assignment stands.

    Attributes:
        state: "impossible" (no solution has it), "entailed" (every solution has it), "possible", "conflict" (possible,
            but not together with what was given before), "unknown" (the solver gave up).
        clues: Places of the clues of the core, for "impossible" and "conflict".
        others: The other assignments of the core of a "conflict".
    """

    state: State
    clues: tuple[int, ...] = ()
    others: tuple[Given, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Standing:
        """The inverse of `to_json`."""
        return cls(data["state"], tuple(data["clues"]), tuple((v, c) for v, c in data["others"]))


def stand(space: Space, clues: Sequence[Node], given: Sequence[Given], *, pairs: bool = True) -> list[Standing]:
    """How each given assignment stands, in their order; a variable may be given several values.

    Args:
        space: The rules.
        clues: The clues, which must have a solution.
        given: What is said; of more than 256 different assignments, the rest stays unknown.
        pairs: Whether all pairs of clues are tried for a core before larger sets are.
    """
    alone: dict[Given, Standing] = {}
    for one in given:
        if one not in alone:
            many = len(alone) >= _MOST_VALUES
            alone[one] = Standing("unknown") if many else _alone(space, clues, one, pairs=pairs)
    found = [alone[one] for one in given]
    held: list[Given] = []
    for place, one in enumerate(given):
        if found[place].state not in ("possible", "entailed") or one in held:
            continue
        if found[place].state == "possible":
            found[place] = _together(space, clues, one, held)
        if found[place].state != "conflict":
            held.append(one)
    return found


def minimal_core(space: Space, facts: Sequence[Node], fixed: Sequence[Node], *, pairs: bool = True) -> tuple[int, ...]:
    """Places of few of the `facts` that contradict `fixed`: one or two if that is enough, else none to spare.

    All facts together must contradict `fixed`. It depends on meaning alone, not on how a solver works.
    """
    if not space.consistent(fixed):
        return ()
    for place, fact in enumerate(facts):
        if not space.consistent([*fixed, fact]):
            return (place,)
    if pairs:
        for pair in itertools.combinations(range(len(facts)), 2):
            if not space.consistent([*fixed, *(facts[i] for i in pair)]):
                return pair
    core = list(range(len(facts)))
    for place in reversed(range(len(facts))):
        fewer = [i for i in core if i != place]
        if not space.consistent([*fixed, *(facts[i] for i in fewer)]):
            core = fewer
    return tuple(core)


def _alone(space: Space, clues: Sequence[Node], one: Given, *, pairs: bool) -> Standing:
    fact = is_value(*one)
    try:
        if not space.consistent([*clues, fact]):
            return Standing("impossible", minimal_core(space, clues, [fact], pairs=pairs))
        return Standing("possible" if space.consistent([*clues, negated(fact)]) else "entailed")
    except UnsettledError:
        return Standing("unknown")


def _together(space: Space, clues: Sequence[Node], one: Given, held: Sequence[Given]) -> Standing:
    before = [is_value(*other) for other in held]
    fact = is_value(*one)
    try:
        if space.consistent([*clues, *before, fact]):
            return Standing("possible")
        core = minimal_core(space, [*clues, *before], [fact], pairs=False)
    except UnsettledError:
        return Standing("unknown")
    return Standing(
        "conflict",
        tuple(place for place in core if place < len(clues)),
        tuple(held[place - len(clues)] for place in core if place >= len(clues)),
    )

"""What to write: the next step of a perfect searcher, whole solutions, and careless ones with a label per step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias, get_args

import numpy as np

from stepgym.envs.multi_hop.relations import Kind, relations_from
from stepgym.envs.multi_hop.steps import TAG, SearchState, Trail, judge_step, trail
from stepgym.envs.multi_hop.world import World
from stepgym.envs.tasks import Task
from stepgym.envs.tools.full_text import FullTextIndex
from stepgym.envs.tools.turns import ANSWER, read_turn
from stepgym.errors import InvalidInputError

Slip: TypeAlias = Literal["", "wrong-entity", "wrong-relation", "repeat", "early"]
"""What a careless searcher does instead of the right step; "" for the right step."""


@dataclass(frozen=True, slots=True)
class SolutionStep:
    """One step with its label.

    Attributes:
        action: The text.
        good: Whether `judge_step` finds it good.
        why: What it says.
        observation: What came back; "" after an answer.
    """

    action: str
    good: bool
    why: str
    observation: str = ""


def next_action(state: SearchState) -> str:
    """What a perfect searcher does next: the next query, or the answer that the results tell.

    Where a query did not bring what it asked for it is put in other words, twice at most; then the last name known is
    given as the answer.
    """
    known = trail(state)
    if known.next is None:
        return _answer(known.here)
    asked = {read_turn(action, TAG, longest=1_000).text for action, _ in state.turns}
    noun = known.next.noun
    for query in (f"{noun} of {known.here}", f"{known.here} {noun}", f"What is the {noun} of {known.here}?"):
        if query not in asked:
            return _query(query)
    return _answer(known.here)


def slip_action(state: SearchState, slip: Slip, rng: np.random.Generator) -> str:
    """A careless step in place of `next_action`.

    "wrong-entity" asks the right thing of another one of its kind, with a like name if there is one; "wrong-relation"
    something else of the right one; "repeat" the last query again (before the first: a wrong relation); "early"
    answers with some name of the kind that is asked for, which may be right by luck. Where the answer is known
    already, the first three ask and "early" gives another one.
    """
    if slip not in get_args(Slip):
        raise InvalidInputError(f"a slip must be one of {get_args(Slip)}, got {slip!r:.80}")
    known = trail(state)
    queries = [turn.text for action, _ in state.turns if (turn := read_turn(action, TAG, longest=1_000)).kind == "call"]
    if slip == "":
        return next_action(state)
    if slip == "early":
        return _answer(_other(known, known.question.relations[-1].object, rng))
    if slip == "repeat" and queries:
        return _query(queries[-1])
    relation = known.next or known.question.relations[-1]
    place = known.here if known.next is not None else known.names[-2]
    if slip == "wrong-entity":
        return _query(f"{relation.noun} of {_other(known, relation.subject, rng)}")
    others = [other for other in relations_from(relation.subject) if other.key != relation.key]
    return _query(f"{others[int(rng.integers(len(others)))].noun} of {place}")


def searcher_steps(
    task: Task,
    search: Callable[[str], str] | None = None,
    *,
    slips: Sequence[Slip] = (),
    max_calls: int = 5,
    seed: int = 0,
) -> list[SolutionStep]:
    """The steps of a searcher that follows what `search` says, to the answer; at its last turn it answers anyway.

    Args:
        task: Of the procedural world.
        search: A query to what the environment shows of its results, such as `env.unwrapped.call`; None searches
            the facts of the task's world, without noise, one result at a time.
        slips: What goes wrong at each step; steps beyond them are right.
        max_calls: How many queries there may be.
        seed: For which wrong name or relation a slip takes.
    """
    rng = np.random.default_rng(seed)
    state, steps = SearchState(task.id), list[SolutionStep]()
    if search is None:
        search = _truthful(trail(state).question.world)
    while True:
        slip = slips[len(steps)] if len(steps) < len(slips) else ""
        action = slip_action(state, slip, rng)
        turn = read_turn(action, TAG, longest=1_000)
        if turn.kind == "call" and len(steps) >= max_calls:
            action = _answer(trail(state).here)
            turn = read_turn(action, TAG, longest=1_000)
        good, why = judge_step(state, action)
        if turn.kind == "answer":
            return [*steps, SolutionStep(action, good, why)]
        observation = f"{turn.text} -> {search(turn.text)}"
        steps.append(SolutionStep(action, good, why, observation))
        state = state.after(action, observation)


@lru_cache(maxsize=4)
def _truthful(world: World) -> Callable[[str], str]:
    index = FullTextIndex(world.documents())
    return lambda query: "\n".join(str(document) for document in index.search(query, 1)) or "nothing was found"


def _other(known: Trail, kind: Kind, rng: np.random.Generator) -> str:
    """A name of a kind that the trail does not hold: one that shares a word with the last name, if there is one."""
    others = [name for name in known.question.world.names[kind] if name not in known.names]
    words = set(known.here.split())
    alike = [name for name in others if words & set(name.split())] or others
    return alike[int(rng.integers(len(alike)))]


def _query(text: str) -> str:
    return f"<{TAG}>{text}</{TAG}>"


def _answer(text: str) -> str:
    return f"<{ANSWER}>{text}</{ANSWER}>"

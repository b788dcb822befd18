"""Is this step good? Judged by rules from what was found so far, as a careful reader would, without the gold answer.

The process filter of SWiRL (Goldie et al. 2025, https://arxiv.org/abs/2504.04736, appendix E) asks a language model
whether a query is likely to help and whether an answer follows from the search results, not whether it is true. In the
procedural world both can be told exactly: the question spells out its relations, and documents are sentences that can
be read back. A wrong fact that a document states is believed here, as it must be by whoever knows the results alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from stepgym.envs.actions import ActionsLike, action_format, read_action
from stepgym.envs.multi_hop.questions import Question, question_from_id
from stepgym.envs.multi_hop.relations import Relation, relations_asked
from stepgym.envs.tools.turns import Turn, read_turn
from stepgym.errors import InvalidInputError
from stepgym.verifiers.short_answer import normalized_answer

TAG = "search_query"
"""The tag of a search."""
LONGEST = 1_000
"""Most characters of a query or an answer."""

_WORD = re.compile(r"\w+")


class Judgement(NamedTuple):
    """Whether a step is good, and why, in one sentence."""

    good: bool
    why: str


@dataclass(frozen=True, slots=True)
class SearchState:
    """What is known before an action: the question and the turns so far. Nothing in it is a gold answer.

    Attributes:
        task_id: Of the procedural world; it spells out the question.
        turns: The actions so far, as the environment read them, each with the observation that came back.
    """

    task_id: str
    turns: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(
        cls,
        task_id: str,
        observations: Sequence[str],
        actions: Sequence[str],
        *,
        format: ActionsLike | None = None,
    ) -> SearchState:
        """The state after `actions`; `observations[0]` is the question, `observations[i + 1]` answers `actions[i]`.

        `format` is the argument `actions` of the environment: how actions are read out of the texts of a log.
        """
        if len(observations) != len(actions) + 1:
            raise InvalidInputError(
                f"expected the question and one observation per action, got {len(observations)} observations for "
                f"{len(actions)} actions"
            )
        read = [_as_read(action, format) for action in actions]
        return cls(task_id, tuple(zip(read, observations[1:], strict=True)))

    def after(self, action: str, observation: str) -> SearchState:
        """The state one turn later."""
        return SearchState(self.task_id, (*self.turns, (action, observation)))


@dataclass(frozen=True, slots=True)
class Trail:
    """How far the results lead.

    Attributes:
        question: What is asked.
        names: The start and what the results say each relation leads to, as far as they say it.
    """

    question: Question
    names: tuple[str, ...]

    @property
    def here(self) -> str:
        """The last name that is known."""
        return self.names[-1]

    @property
    def next(self) -> Relation | None:
        """What must be asked of it; None if the answer is known."""
        relations = self.question.relations
        return relations[len(self.names) - 1] if len(self.names) <= len(relations) else None


def trail(state: SearchState) -> Trail:
    """How far the results in `state` lead; where two of them differ, the first counts.

    Raises:
        UnknownNameError: The task is not one of the procedural world.
    """
    question = question_from_id(state.task_id)
    known: dict[tuple[str, str], str] = {}
    for action, observation in state.turns:
        for fact in question.world.read(_results(action, observation)):
            known.setdefault((fact.subject, fact.relation.key), fact.object)
    names = [question.start]
    for relation in question.relations:
        found = known.get((names[-1], relation.key))
        if found is None:
            break
        names.append(found)
    return Trail(question, tuple(names))


def judge_step(state: SearchState, action: str, *, format: ActionsLike | None = None) -> Judgement:
    """Whether `action` is a good step, and why.

    A query is good if it names the one thing that the results lead to so far, and nothing else, and asks for the one
    relation that the question wants next; a query that was made before is bad. An answer is good if it is what the
    results say. A text without a query or an answer is bad.

    Args:
        state: What was known before.
        action: What a model wrote.
        format: How actions are read out of it, the argument `actions` of the environment; None takes the whole text.

    Raises:
        UnknownNameError: The task is not one of the procedural world.
    """
    turn = read_turn(_as_read(action, format), TAG, longest=LONGEST)
    known = trail(state)
    if turn.kind == "nothing":
        return Judgement(False, f"nothing can be done: {turn.problem}")
    return _judge_answer(known, turn) if turn.kind == "answer" else _judge_query(known, state, turn)


def _judge_answer(known: Trail, turn: Turn) -> Judgement:
    if known.next is not None:
        return Judgement(False, f"the results do not tell the {known.next.noun} of {known.here} yet")
    if normalized_answer(turn.text) != normalized_answer(known.here):
        return Judgement(False, f"the results say {known.here}")
    return Judgement(True, "the answer follows from the results")


def _judge_query(known: Trail, state: SearchState, turn: Turn) -> Judgement:
    asked = _plain(turn.text)
    if asked in {_plain(read_turn(action, TAG, longest=LONGEST).text) for action, _ in state.turns}:
        return Judgement(False, "this was asked before")
    if known.next is None:
        return Judgement(False, f"the answer is known already: {known.here}")
    words = asked.split()
    named = _named(known.question, words)
    if named != {known.here}:
        told = ", ".join(sorted(named)) or "nothing that there is"
        return Judgement(False, f"it names {told}; the results lead to {known.here}")
    relations = relations_asked(words)
    if relations != {known.next.key}:
        told = ", ".join(sorted(relations)) or "nothing that can be told"
        return Judgement(False, f"it asks for {told}; the question wants the {known.next.noun} of {known.here}")
    return Judgement(True, f"the {known.next.noun} of {known.here} is what must be known next")


def _named(question: Question, words: list[str]) -> set[str]:
    """The names in a query; of overlapping ones the longest, from the left."""
    found: set[str] = set()
    at = 0
    while at < len(words):
        for length in (2, 1):
            name = question.world.name(" ".join(words[at : at + length]))
            if name is not None and at + length <= len(words):
                found.add(name)
                at += length - 1
                break
        at += 1
    return found


def _results(action: str, observation: str) -> str:
    """What the documents of an observation say: without the query's echo, in which a model may state anything."""
    turn = read_turn(action, TAG, longest=LONGEST)
    if turn.kind != "call":
        return ""
    echo = f"{' '.join(turn.text.encode('utf-8', 'replace').decode().split())} ->"
    if not observation.startswith(echo):
        return ""
    lines = observation[len(echo) :].split("\n")
    return "\n".join(line.partition(": ")[2] for line in lines)


def _as_read(text: str, format: ActionsLike | None) -> str:
    return text if format is None else read_action(action_format(format), text).text


def _plain(text: str) -> str:
    return " ".join(_WORD.findall(text.lower()))

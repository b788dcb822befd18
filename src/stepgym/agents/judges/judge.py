"""The records of judging, `StepState` and `Judgement`, and the `Judge` protocol."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any, Literal, Protocol, cast, runtime_checkable

from stepgym.agents.episodes import Episode
from stepgym.agents.policy import Message
from stepgym.agents.running import run_sync
from stepgym.errors import InvalidInputError

Problem = Literal["", "neither", "cut", "failed"]


@dataclass(frozen=True)
class StepState:
    """What was known before an action: `s_i` of the papers. Nothing in it is a gold answer.

    Attributes:
        task_id: Of the task.
        observations: What was shown, the task first; one more than there are `actions`.
        actions: What was written so far.
    """

    task_id: str
    observations: tuple[str, ...]
    actions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.observations) != len(self.actions) + 1:
            raise InvalidInputError(
                f"a state has one observation more than actions, got {len(self.observations)} observations and "
                f"{len(self.actions)} actions"
            )

    @classmethod
    def of(cls, episode: Episode, step: int) -> StepState:
        """The state before the action of `episode.steps[step]`."""
        if not 0 <= step < len(episode.steps):
            raise InvalidInputError(f"{episode.id} has {len(episode.steps)} steps, there is no step {step}")
        before = episode.steps[: step + 1]
        return cls(episode.task_id, tuple(one.observation for one in before), tuple(one.action for one in before[:-1]))

    @cached_property
    def key(self) -> str:
        """A stable hash: equal for states in which the same was shown and written, in whatever episode."""
        return _hash([self.task_id, self.observations, self.actions])

    def messages(self) -> list[Message]:
        """The state as a conversation that ends with the last observation."""
        turns: list[Message] = [{"role": "user", "content": self.observations[0]}]
        for action, observation in zip(self.actions, self.observations[1:], strict=True):
            turns.append({"role": "assistant", "content": action})
            turns.append({"role": "user", "content": observation})
        return turns


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a judge says of one step.

    Attributes:
        good: Whether the step is good; None if the judge did not say.
        reason: Its reasons, in its own words.
        judge: Who judged.
        prompt_hash: Identifies the prompt of a judge that has one.
        problem: Why `good` is None: "neither" verdict was given, the text was "cut" because it does not fit the judge's
            context, or the judge "failed"; "" otherwise.
    """

    good: bool | None
    reason: str = ""
    judge: str = ""
    prompt_hash: str = ""
    problem: Problem = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Judgement:
        """The inverse of `to_dict`."""
        try:
            return cls(**cast(Any, data))
        except TypeError as error:
            raise InvalidInputError(f"not a judgement: {error}") from error


@runtime_checkable
class Judge(Protocol):
    """Judges single steps. Optional attribute: `name`, for logs."""

    async def judge(self, state: StepState, action: str) -> Judgement:
        """Whether `action` is a good step in `state`. The action need not have been carried out."""
        ...


def judge_all(judge: Judge, steps: Sequence[tuple[StepState, str]], *, concurrency: int = 64) -> list[Judgement]:
    """The judgement of each (state, action), in order; equal ones are judged once.

    Args:
        judge: Any judge.
        steps: What is to be judged.
        concurrency: Most steps under judgement at once.
    """
    if concurrency < 1:
        raise InvalidInputError(f"concurrency must be at least 1, got {concurrency}")

    async def work() -> list[Judgement]:
        places = asyncio.Semaphore(concurrency)

        async def one(state: StepState, action: str) -> Judgement:
            async with places:
                return await judge.judge(state, action)

        unique = list(dict.fromkeys(steps))
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(state, action)) for state, action in unique]
        found = {step: task.result() for step, task in zip(unique, tasks, strict=True)}
        return [found[step] for step in steps]

    try:
        return run_sync(work())
    except BaseExceptionGroup as errors:
        first = errors.exceptions[0]
    # One failure cancels the others; the first says what was wrong. Raised here, it keeps its own cause.
    raise first


def judge_name(judge: Judge) -> str:
    """The judge's `name`, or the name of its class."""
    return str(getattr(judge, "name", type(judge).__name__))


def _hash(values: Any) -> str:
    return sha256(json.dumps(values).encode()).hexdigest()[:32]

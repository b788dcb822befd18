from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from stepgym.agents import Episode, Request, Step, StepState
from stepgym.agents.policy import Completion


class Asked:
    """A policy that answers what a function makes of the prompt, and counts."""

    name = "asked"

    def __init__(self, answer: Callable[[str], str]) -> None:
        self.answer = answer
        self.prompts: list[str] = []

    async def generate(self, request: Request) -> list[Completion]:
        self.prompts.append(request.messages[-1]["content"])
        return [Completion(self.answer(self.prompts[-1]))] * request.n


@pytest.fixture
def asked() -> type[Asked]:
    return Asked


@pytest.fixture
def state() -> StepState:
    return StepState(
        "me/1",
        ("Who is the mayor of the birthplace of Mira?", "birthplace of Mira -> Mira was born in Valhar."),
        ("<search_query>birthplace of Mira</search_query>",),
    )


@pytest.fixture
def make_episode() -> Callable[..., Episode]:
    def make(actions: Sequence[str], outcome: float | None = 1.0, name: str = "e", **fields: Any) -> Episode:
        steps = tuple(
            Step(f"observation {i}", action, reward=outcome or 0.0 if i == len(actions) - 1 else 0.0)
            for i, action in enumerate(actions)
        )
        return Episode(name, "me/Env-v0", fields.pop("task_id", "t"), steps, outcome, **fields)

    return make

"""A game whose values are known, and an answer of several lines with its ids."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gymnasium
import pytest

from stepgym.agents import Agent, Episode, PlainPrompt, RandomPolicy, ScriptedPolicy, collect

TURNS = 8


class Bridge(gymnasium.Env[str, str]):
    """Eight planks; "a" is a step on one, with "x" it breaks, which shows at the end only."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        self.name = (options or {}).get("task") or "bridge"
        self.actions = ""
        return f"{self.name}:", {"task": self.name}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        self.actions += action
        over = len(self.actions) >= TURNS
        return f"{self.name}:{self.actions}", float(over and "x" not in self.actions), over, False, {"task": self.name}


@pytest.fixture(scope="session")
def bridge() -> type[Bridge]:
    return Bridge


@pytest.fixture
def careful() -> RandomPolicy:
    """Takes "x" one time in ten: worth 0.9^8 = 0.43 at first."""
    return RandomPolicy(["a"] * 9 + ["x"])


@pytest.fixture
def walked() -> Callable[..., Episode]:
    """An episode with the given actions."""

    def walk(actions: str, *, task: str = "bridge") -> Episode:
        script = iter(actions)
        policy = ScriptedPolicy(lambda _: next(script))
        (episode,) = collect(Bridge, policy, tasks=[task], progress=False, concurrency=1).episodes
        return replace(episode, id=f"{task}-{actions}")

    return walk


@pytest.fixture(scope="module")
def answer(char_policy: Any) -> Any:
    """The tiny model's tokenizer and agent, and an episode whose answer has three lines and an end token."""
    env = "stepgym:stepgym/ArithmeticChain-v0"
    policy = ScriptedPolicy(lambda _: "x", name="by hand")
    (episode,) = collect(env, policy, tasks=["chain/7/3+4+1"], progress=False).episodes
    agent = Agent(char_policy, PlainPrompt(suffix="="))
    conversation = agent.start()
    conversation.ask(episode.steps[0].observation)
    completion = conversation.force("one\ntwo\nanswer 1")
    assert completion.token_ids is not None
    step = replace(episode.steps[0], action=completion.text, completion=completion)
    return char_policy.tokenizer, agent, replace(episode, steps=(step,), outcome=0.0)

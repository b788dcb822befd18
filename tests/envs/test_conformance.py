from __future__ import annotations

import random
import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest

import stepgym
from stepgym.envs import ArithmeticChainEnv, QuestionEnv, TextEnv, check_text_env
from stepgym.errors import ConformanceError
from stepgym.verifiers import Verdict

ROWS = [{"id": f"t/{i}", "prompt": f"{i}?", "reference": str(i)} for i in range(20)]


class Right(QuestionEnv):
    """Keeps every promise; the classes below break one each."""

    def __init__(self, render_mode: str | None = None) -> None:
        super().__init__(ROWS, "exact", max_turns=3, render_mode=render_mode)


class Unseeded(Right):
    def draw_task(self) -> Any:
        return self.tasks[np.random.default_rng().integers(20)]


class SeedBlind(Right):
    def draw_task(self) -> Any:
        return self.tasks[3]


class GlobalRandomness(Right):
    def on_step(self, action: str) -> Any:
        random.random()
        return super().on_step(action)


class IgnoresTheTask(Right):
    def find_task(self, task_id: str) -> Any:
        self.tasks.find(task_id)
        return self.tasks[0]


class InventsTasks(Right):
    def find_task(self, task_id: str) -> Any:
        return self.tasks.find(task_id) if task_id.startswith("t/") else self.tasks[0]


class NamelessTasks(Right):
    def on_reset(self, options: dict[str, Any]) -> Any:
        return super().on_reset(options)[0], {}


class InfoChangesType(Right):
    def on_step(self, action: str) -> Any:
        observation, reward, terminated, truncated, info = super().on_step(action)
        return observation, reward, terminated, truncated, {**info, "verdict": info["verdict"].status}


class StepsOn(Right):
    def step(self, action: str) -> Any:
        self._live = True
        return super().step(action)


class TakesNumbers(Right):
    def step(self, action: Any) -> Any:
        return super().step(str(action))


class Crashes(Right):
    def on_step(self, action: str) -> Any:
        action.encode()
        return super().on_step(action)


class BothFlags(Right):
    def on_step(self, action: str) -> Any:
        observation, reward, terminated, _, info = super().on_step(action)
        return observation, reward, terminated, terminated, info


class NoReward(Right):
    def on_step(self, action: str) -> Any:
        observation, reward, *rest = super().on_step(action)
        return (observation, reward if action else float("nan"), *rest)


class NarrowSpace(Right):
    def __init__(self) -> None:
        super().__init__()
        self.observation_space = gymnasium.spaces.Text(10)  # type: ignore[assignment]


class ForgetsTurns(Right):
    def set_state(self, state: dict[str, Any]) -> None:
        super().set_state({**state, "turn": self._turn})


class RawFrames(Right):
    def render(self) -> Any:
        return self.frame() if self.render_mode == "ansi" else super().render()


class Talkative(Right):
    def render(self) -> Any:
        return super().render() or "done"


class Typed(Right):
    def __init__(self, verifier: Any = None, render_mode: str | None = None) -> None:
        super().__init__(render_mode)


@pytest.mark.parametrize(
    ("env", "promise"),
    [
        (Unseeded, "same seed same episode"),
        (SeedBlind, "seeds matter"),
        (GlobalRandomness, "own randomness"),
        (IgnoresTheTask, "task selection"),
        (InventsTasks, "task selection"),
        (NamelessTasks, "task selection"),
        (InfoChangesType, "info types"),
        (StepsOn, "order"),
        (TakesNumbers, "wrong type"),
        (Crashes, "hostile actions"),
        (NoReward, "hostile actions"),
        (BothFlags, "ends"),
        (NarrowSpace, "text"),
        (ForgetsTurns, "forks"),
    ],
)
def test_a_broken_promise_is_named(env: type[TextEnv], promise: str) -> None:
    with pytest.raises(ConformanceError, match=f"{env.__name__} breaks the promise '{promise}'"):
        check_text_env(env())


@pytest.mark.parametrize(
    ("env", "arguments", "promise"),
    [
        (RawFrames, {}, "rendering"),
        (Talkative, {}, "gymnasium"),  # Gymnasium's own check warns
        (Typed, {"verifier": Verdict.wrong()}, "travels"),
        (Unseeded, {}, "gymnasium"),
    ],
)
def test_promises_about_the_spec(env: type[TextEnv], arguments: dict[str, Any], promise: str) -> None:
    spec = gymnasium.envs.registration.EnvSpec(f"test-conformance/{env.__name__}-v0", entry_point=env)
    with pytest.raises(ConformanceError, match=f"breaks the promise '{promise}'"):
        check_text_env(gymnasium.make(spec, **arguments))


def test_what_cannot_be_checked_is_said() -> None:
    report = check_text_env(Right())
    unchecked = {promise.name for promise in report.promises if promise.not_checked}
    assert unchecked == {"gymnasium", "order", "rendering", "travels"}
    assert "not checked: no spec" in str(report)


@pytest.mark.parametrize(
    "arguments",
    [{}, {"modulus": None, "operations": "+-*"}, {"operands": 2, "modulus": 2, "max_turns": 4, "feedback": "reason"}],
)
def test_arithmetic_chains_keep_every_promise_without_a_warning(
    arguments: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = check_text_env(gymnasium.make("stepgym/ArithmeticChain-v0", **arguments))
    assert not any(promise.not_checked for promise in report.promises)
    assert str(report).count(" kept ") == len(report.promises) == 14
    assert capsys.readouterr().out == ""


def test_one_task_is_enough() -> None:
    stepgym.register("test-conformance/One-v0", tasks=ROWS[:1], verifier="exact")
    report = check_text_env(gymnasium.make("test-conformance/One-v0"))
    assert [promise.name for promise in report.promises if promise.not_checked] == ["seeds matter"]


def test_an_environment_of_endless_episodes_is_checked_too() -> None:
    class Endless(ArithmeticChainEnv):
        def on_step(self, action: str) -> Any:
            observation, _, _, _, info = super().on_step(action)
            return observation, 0.0, False, False, info

    check_text_env(Endless())

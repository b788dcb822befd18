"""Environments that read actions: the action is judged, the text is logged, spans point into the text."""

from __future__ import annotations

import json
from typing import Any

import gymnasium as gym
import pytest

import stepgym
from stepgym.agents import Agent, PlainPrompt, ScriptedPolicy, collect, examine
from stepgym.envs import ReadActions, action_format, check_text_env
from stepgym.envs.text import instructions_of
from stepgym.errors import InvalidInputError

CHAIN = "stepgym/ArithmeticChain-v0"
TASK = {"task": "chain/7/3+4+1"}
KINDS = [CHAIN, "stepgym/Game24-v0", "stepgym/Countdown-v0", "stepgym/MathSteps-v0", "stepgym/ALFWorld-v0"]


@pytest.mark.parametrize("id", KINDS)
@pytest.mark.parametrize("actions", ["think+react", {"format": "tool-call", "argument": "command"}])
def test_environments_with_a_format_keep_their_promises(id: str, actions: Any) -> None:
    env = gym.make(f"stepgym:{id}", actions=actions)
    check_text_env(env)
    assert "Action" in env.unwrapped.instructions or "<tool_call>" in env.unwrapped.instructions


@pytest.mark.parametrize("id", KINDS[1:])
@pytest.mark.parametrize("actions", ["react", "tool-call", "think+tags"])
def test_demonstrations_are_written_in_the_format(id: str, actions: str) -> None:
    env = gym.make(id, actions=actions)
    env.reset(seed=5)
    for _ in range(50):
        _, reward, terminated, _, info = env.step(env.unwrapped.expert_action())
        assert info["unread"] == ""
        if terminated:
            break
    assert reward == 1.0


def test_spans_of_a_verdict_are_offsets_into_the_whole_text() -> None:
    text = "<think>3+4=7?</think>Thought: reduce.\nAction: 3+4=1\n1+1=2\nanswer 2"
    env = gym.make(CHAIN, actions="think+react", render_mode="ansi")
    env.reset(options=TASK)
    _, reward, terminated, _, info = env.step(text)
    assert (reward, terminated, info["unread"]) == (0.0, True, "")
    wrong = [text[f.start : f.end] for f in info["verdict"].findings if f.severity in ("refuted", "fatal")]
    assert wrong[0] == "3+4=1"
    assert text.index(wrong[0]) == min(f.start for f in info["verdict"].findings)
    assert "  3+4=1\n  ^^^^^" in env.render(), "what is shown is the action, marked where it is wrong"


def test_a_text_without_an_action_is_answered_and_counts() -> None:
    env = gym.make(CHAIN, actions="react", max_turns=2)
    _, info = env.reset(options=TASK)
    assert info["unread"] == ""
    observation, reward, terminated, _, info = env.step("answer 1")
    assert (reward, terminated) == (0.0, False)
    assert info["unread"] == "there is no 'Action:'"
    assert observation.startswith("That ")
    assert observation.endswith(env.unwrapped.action_format.instructions)
    assert env.step("Action: answer 1")[1] == 1.0
    house = gym.make("stepgym/ALFWorld-v0", actions="tags")
    house.reset(seed=1)
    observation, _, terminated, truncated, info = house.step("look")
    assert observation.startswith("Nothing happens.\n\nNo action was read: there is no <action>.")
    assert (terminated, truncated, info["invalid"]) == (False, False, True)
    assert house.step("<action>look</action>")[0].startswith("You are in the middle of a room")


def test_forks_and_specs_carry_the_format() -> None:
    env = gym.make("stepgym/ALFWorld-v0", actions="think")
    again = gym.make(type(env.spec).from_json(env.spec.to_json()))
    first, _ = env.reset(seed=3)
    assert again.reset(seed=3)[0] == first
    assert env.step("<think>x</think>look")[0] == again.step("look")[0]
    state = env.unwrapped.get_state()
    assert json.loads(env.spec.to_json())["kwargs"]["actions"] == "think"
    again.unwrapped.set_state(state)
    assert env.step("<think>y</think>inventory")[:2] == again.step("inventory")[:2]


class Lamp(gym.Env[str, str]):
    """Somebody else's environment, without verdicts."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        self.left = 3
        return "It is dark.", {"task": "lamp"}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        self.left -= 1
        on = action == "switch on"
        return "It is bright." if on else "It is dark.", float(on), on, not on and not self.left, {"task": "lamp"}


def test_any_environment_can_be_wrapped_and_the_log_says_what_was_not_read() -> None:
    script = ["<think>where?", "on <think>?</think>", "<think>there</think>switch on"]
    policy = Agent(ScriptedPolicy(script), PlainPrompt())
    done = collect(lambda: ReadActions(Lamp(), "think"), policy, episodes=1, progress=False)
    (episode,) = done.episodes
    assert [step.action for step in episode.steps] == script, "the log keeps what was written"
    assert [[v.verifier for v in step.verdicts] for step in episode.steps] == [["action-format"], [], []]
    assert episode.steps[0].verdicts[0].reason == "there is no </think>"
    assert "No action was read" in episode.steps[1].observation
    assert (episode.outcome, episode.end) == (1.0, "terminated")
    wrapped = ReadActions(Lamp(), "think")
    wrapped.reset()
    with pytest.raises(InvalidInputError, match="must be a str"):
        wrapped.step(3)  # type: ignore[arg-type]


def test_a_wrapper_tells_its_format_and_the_doctor_counts_what_was_not_read() -> None:
    heard: list[str] = []
    policy = ScriptedPolicy(lambda text: heard.append(text) or "switch on")  # type: ignore[func-returns-value]
    agent = Agent(policy, PlainPrompt(instructions=True))
    done = collect(lambda: ReadActions(Lamp(), "react"), agent, episodes=2, progress=False)
    assert done.ends == {"step_limit": 2}
    assert examine(done.episodes).unread_actions == 6
    assert "6 turns" in str(examine(done.episodes))
    assert instructions_of(ReadActions(Lamp(), "react")) == action_format("react").instructions
    inner = gym.make(CHAIN)
    told = instructions_of(ReadActions(inner, "tags"))
    assert told == f"{inner.unwrapped.instructions}\n{action_format('tags').instructions}"


def test_a_wrapped_environment_travels() -> None:
    env = ReadActions(gym.make(CHAIN), "think")
    again = gym.make(type(env.spec).from_json(env.spec.to_json()))
    check_text_env(again)
    again.reset(options=TASK)
    assert again.step("<think>3+4=0</think>0+1=1\nanswer 1")[1] == 1.0


def test_episodes_played_with_a_format_can_be_played_again_from_the_log(tmp_path: Any) -> None:
    script = {"3 + 4 + 1 mod 7 =": "<think>3+4=0</think>0+1=1\nanswer 1"}
    options = {"actions": "think"}
    collect(
        CHAIN, ScriptedPolicy(script), tasks=[TASK["task"]], env_kwargs=options, out=tmp_path / "log", progress=False
    )
    (episode,) = stepgym.agents.EpisodeLog(tmp_path / "log")
    assert dict(episode.env_kwargs) == options
    env = gym.make(episode.env_id, **episode.env_kwargs)
    env.reset(options={"task": episode.task_id})
    _, reward, _, _, info = env.step(episode.steps[0].action)
    assert (reward, info["verdict"]) == (episode.outcome, episode.steps[0].verdicts[-1])

"""Presets of the environments that ask questions: every worked example is what the environment calls right."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import pytest

from stepgym.agents import ChatPrompt, Completion, PlainPrompt, PuzzleExpertPolicy, collect, preset, preset_names
from stepgym.agents.policy import Request
from stepgym.agents.presets.mathematics import COMPETITION, STEPS, WORD_PROBLEMS
from stepgym.agents.presets.numbers import CHAINS, COUNTDOWNS, GAMES24, LINES24, LINES46
from stepgym.envs import QuestionEnv
from stepgym.verifiers import get_verifier

IDS = ["ArithmeticChain", "Countdown", "GSM8K", "Game24", "MATH", "MathSteps"]
TASKS = {
    "ArithmeticChain": "chain/7/3+4+1",
    "Game24": "game24/1,9,11,11",
    "Countdown": "countdown/46/1,3,8,50",
    "MathSteps": "compute/14*17*(1+17)",
}


def play(id: str, task: str, exchanges: Any, **kwargs: Any) -> None:
    """The environment shows what the example shows, and says that it is right in the end."""
    env = gym.make(f"stepgym:stepgym/{id}-v0", **kwargs)
    observation, _ = env.reset(options={"task": task})
    for shown, answer in exchanges:
        assert observation == shown
        observation, reward, terminated, _, info = env.step(answer)
        assert info["verdict"].status == "correct"
        assert not [f for f in info["verdict"].findings if f.severity in ("refuted", "fatal", "warning")]
    assert (reward, terminated) == (1.0, True)


def test_worked_examples_are_right() -> None:
    play("ArithmeticChain", "chain/7/3+6+5", CHAINS[:1])
    play("ArithmeticChain", "chain/10/8+4+9", CHAINS[1:])
    play("Game24", "game24/2,3,5,12", GAMES24[:1])
    play("Game24", "game24/1,2,3,4", GAMES24[1:])
    play("Countdown", "countdown/46/1,3,8,50", COUNTDOWNS[:1])
    play("Countdown", "countdown/60/4,5,6,9", COUNTDOWNS[1:])
    play("Game24", "game24/1,9,11,11", LINES24, mode="lines")
    play("Countdown", "countdown/46/1,3,8,50", LINES46, mode="lines")
    play("MathSteps", "compute/5*(4+3)-8", STEPS)
    steps = get_verifier("math-steps")
    for (question, solution), gold in zip((*WORD_PROBLEMS, *COMPETITION), ("19", "0", "9", "1/9"), strict=True):
        env = QuestionEnv([{"id": "x", "prompt": question, "reference": gold}], "math-answer")
        env.reset(seed=0)
        assert env.step(solution)[1] == 1.0
        assert steps.verify(solution, gold, context=question).status != "wrong"


@pytest.mark.parametrize("id", IDS)
def test_every_preset_makes_an_environment_and_an_agent(id: str, shaped: Any, char_tokenizer: Any) -> None:
    _, tokenizer = shaped("qwen2")
    names = preset_names(f"stepgym:stepgym/{id}-v0")
    assert {"chat", "few-shot", "think", "tool-call"} <= set(names)
    assert ("lines-few-shot" in names) == (id in ("Game24", "Countdown"))
    for name in names:
        chosen = preset(f"stepgym/{id}-v0", name)
        assert chosen.summary
        policy = Recorder(tokenizer)
        agent = chosen.agent(policy)
        assert isinstance(agent.prompt, ChatPrompt)
        assert isinstance(chosen.agent(Recorder(char_tokenizer)).prompt, PlainPrompt)
        assert bool(agent.prompt.opening) == name.endswith("few-shot")
        if id not in TASKS:
            continue  # needs data
        done = collect(f"stepgym/{id}-v0", agent, tasks=[TASKS[id]], env_kwargs=chosen.env_kwargs, progress=False)
        text = tokenizer.decode(policy.requests[0].prompt_token_ids)
        assert text.startswith("<|im_start|>system\n")
        assert ("<tool_call>" in text) == (name == "tool-call")
        assert text.count("<|im_start|>assistant") == 1 + len(agent.prompt.opening) // 2
        assert sum(done.ends.values()) == 1


@pytest.mark.parametrize("id", ["Game24", "Countdown", "MathSteps"])
def test_experts_play_every_preset(id: str) -> None:
    for name in preset_names(f"stepgym/{id}-v0"):
        chosen = preset(f"stepgym/{id}-v0", name)
        done = collect(
            f"stepgym/{id}-v0",
            chosen.agent(PuzzleExpertPolicy(), temperature=0.0),
            episodes=2,
            env_kwargs=chosen.env_kwargs,
            progress=False,
        )
        assert done.successes == 2, name
        wrote = done.episodes[0].steps[0].action
        assert wrote.startswith("<tool_call>") == (name == "tool-call")


class Recorder:
    """Answers nothing much and remembers what it was asked."""

    name = "recorder"

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.requests: list[Request] = []

    async def generate(self, request: Request) -> list[Completion]:
        self.requests.append(request)
        return [Completion("7", prompt_token_ids=request.prompt_token_ids, token_ids=(1, 2))]


def test_plain_prompts_open_with_examples_too(char_tokenizer: Any) -> None:
    prompt = preset("stepgym/Game24-v0", "few-shot").agent(Recorder(char_tokenizer)).prompt
    messages = prompt.messages([{"role": "user", "content": "Make 24 from 1, 1, 4, 6."}], instructions="Play.")
    text = prompt.render(messages, None)
    assert text.startswith("Play.\nMake 24 from 2, 3, 5, 12.\n> Answer: 12 / (3 - 5 / 2)\n")
    assert text.endswith("Make 24 from 1, 1, 4, 6.\n> ")
    assert "opening" not in PlainPrompt().settings(), "logs from before go on with the same hash"

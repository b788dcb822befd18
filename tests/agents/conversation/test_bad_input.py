"""What goes wrong in conversations, and what is said about it."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import pytest

from stepgym.agents import Agent, ChatPrompt, Completion, FitContext, LastTurns, PlainPrompt, WithHistory, collect
from stepgym.agents.policy import Request
from stepgym.errors import InvalidInputError
from stepgym.train import tokenize_episode

CHAIN = "stepgym:stepgym/ArithmeticChain-v0"


class Mute:
    """Writes given ids, by default none."""

    name = "mute"

    def __init__(self, tokenizer: Any, ids: tuple[int, ...] = (), context: int | None = None) -> None:
        self.tokenizer, self.ids, self.context = tokenizer, ids, context

    async def generate(self, request: Request) -> list[Completion]:
        text = self.tokenizer.decode(self.ids, skip_special_tokens=True)
        return [Completion(text, prompt_token_ids=request.prompt_token_ids, token_ids=self.ids)]


def test_a_tokenizer_without_a_chat_template_is_told_with_what_to_do(char_tokenizer: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"PlainPrompt\(\), or pass a template, ChatPrompt\(template=") as told:
        collect(CHAIN, Mute(char_tokenizer), episodes=1, prompt=ChatPrompt(), progress=False)
    assert "no chat template" in str(told.value)
    done = collect(CHAIN, Mute(char_tokenizer), episodes=1, prompt=PlainPrompt(), progress=False)
    assert done.ends == {"terminated": 1}


def test_several_templates_without_a_default_are_explained(shaped: Any) -> None:
    _, tokenizer = shaped("qwen2")
    own, tokenizer.chat_template = tokenizer.chat_template, {"rag": "x", "tool_use": "y"}
    try:
        with pytest.raises(InvalidInputError, match="the chat template refuses"):
            collect(CHAIN, Mute(tokenizer), episodes=1, prompt=ChatPrompt(), progress=False)
    finally:
        tokenizer.chat_template = own


@pytest.mark.parametrize("end", [True, False])
def test_an_empty_generation_is_an_empty_action(shaped: Any, end: bool) -> None:
    _, tokenizer = shaped("qwen2")
    policy = Mute(tokenizer, (tokenizer.eos_token_id,) if end else ())
    agent = Agent(policy, ChatPrompt())
    done = collect(CHAIN, agent, episodes=1, env_kwargs={"max_turns": 3}, progress=False)
    (episode,) = done.episodes
    assert [step.action for step in episode.steps] == ["", "", ""]
    assert (episode.outcome, episode.end) == (0.0, "terminated")
    assert [step.completion.new_segment for step in episode.steps] == [True, False, False]  # type: ignore[union-attr]
    tokenized = tokenize_episode(episode, tokenizer)
    if end:
        assert not isinstance(tokenized, str)
        assert int(tokenized.segments[0].action_mask.sum()) == 3
    else:
        assert tokenized == "no action"


@pytest.mark.parametrize("prompt", [ChatPrompt(), WithHistory(ChatPrompt(), FitContext()), PlainPrompt()])
def test_a_prompt_beyond_the_context_ends_the_episode_and_says_why(shaped: Any, prompt: Any) -> None:
    _, tokenizer = shaped("qwen2")
    done = collect(CHAIN, Agent(Mute(tokenizer, context=5), prompt), episodes=2, progress=False)
    assert done.ends == {"context": 2}
    for episode in done.episodes:
        (step,) = episode.steps
        assert (episode.outcome, episode.success, step.action) == (None, None, "")
        assert "the prompt of turn 1 has" in step.verdicts[0].reason
        assert "context holds 5" in step.verdicts[0].reason
        assert tokenize_episode(episode, tokenizer) == "cut by the system"


class Nothing(FitContext):
    """A history policy that forgets to answer."""

    def start(self, *args: Any, **kwargs: Any) -> int:
        return None  # type: ignore[return-value]


def test_histories_and_formats_that_return_nothing_are_named(shaped: Any) -> None:
    _, tokenizer = shaped("qwen2")
    agent = Agent(Mute(tokenizer), WithHistory(ChatPrompt(), Nothing()))
    with pytest.raises(InvalidInputError, match=r"Nothing\.start must return the number of the first turn"):
        collect(CHAIN, agent, episodes=1, progress=False)

    class Blank(PlainPrompt):
        def messages(self, turns: Any, *, instructions: str = "") -> tuple[Any, ...]:
            return ()

    with pytest.raises(InvalidInputError, match=r"Blank\.messages must return at least one"):
        collect(CHAIN, Agent(Mute(tokenizer), Blank()), episodes=1, progress=False)


class Wide(gym.Env[str, str]):
    """Starts brief and becomes long-winded."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        return "hello", {"task": "wide"}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        return "word " * 200, 0.0, False, False, {"task": "wide"}


def test_a_context_that_overflows_later_keeps_the_turns_before(shaped: Any) -> None:
    _, tokenizer = shaped("qwen2")
    agent = Agent(Mute(tokenizer, tuple(tokenizer.encode("go")), context=300), WithHistory(ChatPrompt(), LastTurns(0)))
    done = collect(Wide, agent, episodes=1, progress=False)
    (episode,) = done.episodes
    assert [step.action for step in episode.steps] == ["go", ""]
    assert "turn 2" in episode.steps[1].verdicts[0].reason
    assert episode.end == "context"

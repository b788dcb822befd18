"""Token-in, token-out: what is logged is what was read and written, whatever the template and the history."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepgym.agents import Agent, ChatPrompt, Completion, Episode, FitContext, LastTurns, WithHistory, collect
from stepgym.agents.conversation.prompts import PromptFormat
from stepgym.agents.policy import Request
from stepgym.train import tokenize_episode

NAMES = ["qwen2", "qwen3", "qwen3-no-thinking", "llama3", "gemma", "deepseek-r1", "mistral"]
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="<>｜[]"), max_size=12)
THOUGHTS = st.sampled_from(
    ["", "", "<think>\nso\n</think>\n\n", "hm</think>", "<think>", "<think>a</think><think>b</think>"]
)


@dataclass(frozen=True)
class Turn:
    """What is seen, what is answered, and how the answer is put into ids."""

    observation: str
    answer: str
    ended: bool = True  # whether the end-of-turn token was sampled
    letters: bool = False  # in other ids than the tokenizer would choose


TURNS = st.lists(
    st.builds(Turn, WORDS, st.tuples(THOUGHTS, WORDS).map("".join), st.booleans(), st.booleans()),
    min_size=1,
    max_size=6,
)
HISTORIES = st.one_of(
    st.none(),
    st.builds(LastTurns, st.integers(0, 3)),
    st.builds(FitContext, st.integers(20, 300), st.floats(0.2, 1.0)),
)


class Talk(gym.Env[str, str]):
    """Says what it is told to say."""

    instructions = "Answer né."

    def __init__(self, observations: list[str]) -> None:
        self.observations = observations

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        self.told = 1
        return self.observations[0], {"task": "talk"}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        over = self.told == len(self.observations)
        self.told += 1
        return "" if over else self.observations[self.told - 1], float(over), over, False, {"task": "talk"}


@dataclass
class Writer:
    """A policy with a tokenizer that writes given answers, and remembers what it was asked and wrote."""

    tokenizer: Any
    turns: list[Turn]
    name: str = "writer"
    asked: list[Request] = field(default_factory=list)
    wrote: list[tuple[int, ...]] = field(default_factory=list)

    async def generate(self, request: Request) -> list[Completion]:
        turn = self.turns[len(self.asked)]
        self.asked.append(request)
        pieces = list(turn.answer) if turn.letters else [turn.answer]
        ids = tuple(i for piece in pieces for i in self.tokenizer.encode(piece, add_special_tokens=False))
        ids += (self.tokenizer.eos_token_id,) if turn.ended else ()
        self.wrote.append(ids)
        text = self.tokenizer.decode(ids, skip_special_tokens=True)
        return [Completion(text, prompt_token_ids=request.prompt_token_ids, token_ids=ids)]


def play(tokenizer: Any, prompt: PromptFormat, turns: list[Turn]) -> tuple[Episode, Writer]:
    writer = Writer(tokenizer, turns)
    observations = [turn.observation for turn in turns]
    done = collect(lambda: Talk(observations), Agent(writer, prompt), episodes=1, progress=False)
    return done.episodes[0], writer


def assert_exact(episode: Episode, writer: Writer | Overheard, prompt: PromptFormat) -> None:
    tokenizer = writer.tokenizer
    segments: list[tuple[list[int], list[bool]]] = []
    for step, request, wrote in zip(episode.steps, writer.asked, writer.wrote, strict=True):
        completion = step.completion
        assert completion is not None
        assert completion.prompt_token_ids is not None
        if completion.new_segment:
            segments.append(([], []))
        ids, mine = segments[-1]
        ids += completion.prompt_token_ids
        mine += [False] * len(completion.prompt_token_ids)
        # What was logged so far is what was read: within a segment every turn's ids are a prefix of the next one's.
        assert tuple(ids) == request.prompt_token_ids
        assert tokenizer.decode(ids, skip_special_tokens=False) == prompt.render(request.messages, tokenizer)
        assert completion.token_ids == wrote
        ids += wrote
        mine += [True] * len(wrote)
    if not any(writer.wrote):
        assert tokenize_episode(episode, tokenizer) == "no action"
        return
    tokenized = tokenize_episode(episode, tokenizer)
    assert not isinstance(tokenized, str)
    assert not tokenized.retokenized
    kept = [segment for segment in segments if len(segment[0]) > 1]
    for (ids, mine), made in zip(kept, tokenized.segments, strict=True):
        np.testing.assert_array_equal(made.token_ids, ids)
        np.testing.assert_array_equal(made.action_mask, mine[1:])


@pytest.mark.parametrize("kind", ["bytes", "pieces"])
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(turns=TURNS, history=HISTORIES, keep=st.booleans(), summary=st.booleans())
def test_logged_ids_are_what_was_read_and_written(
    shaped: Any, name: str, kind: str, turns: list[Turn], history: Any, keep: bool, summary: bool
) -> None:
    shape, tokenizer = shaped(name, kind)
    prompt: PromptFormat = ChatPrompt(instructions=shape.instructions, template_kwargs=dict(shape.kwargs))
    if history is not None or not keep:
        summarize = (lambda before, dropped: f"{before}{len(dropped)};") if summary else None
        prompt = WithHistory(prompt, *([history] if history else []), summarize=summarize, keep_thoughts=keep)
    episode, writer = play(tokenizer, prompt, turns)
    assert_exact(episode, writer, prompt)


@pytest.mark.parametrize("name", NAMES)
def test_segments_are_as_long_as_the_template_lets_them_be(shaped: Any, name: str) -> None:
    shape, tokenizer = shaped(name)
    prompt = ChatPrompt(instructions=shape.instructions, template_kwargs=dict(shape.kwargs))
    plain = [Turn(f"see {n}", f"go {n}", ended=n % 2 == 0, letters=n == 1) for n in range(5)]
    thoughtful = [Turn(f"see {n}", f"<think>\nso {n}\n</think>\n\ngo {n}") for n in range(5)]
    for turns, strips in ((plain, shape.opens), (thoughtful, shape.opens or shape.strips)):
        episode, writer = play(tokenizer, prompt, turns)
        assert_exact(episode, writer, prompt)
        begun = [step.completion.new_segment for step in episode.steps]  # type: ignore[union-attr]
        if name == "mistral":
            # The space before an answer belongs to the history alone: the template rewrites every turn.
            assert begun == [True] * 5
        else:
            assert begun == [True] + [strips] * 4


def test_a_space_that_the_tokenizer_hides_keeps_the_segment(shaped: Any) -> None:
    """The template writes a space before an answer, the model samples it, and decoding the answer alone drops it."""
    shape, tokenizer = shaped("mistral", "pieces")
    turns = [Turn(f"see {n}", f" go {n}") for n in range(4)]
    episode, writer = play(tokenizer, prompt := ChatPrompt(instructions=shape.instructions), turns)
    assert episode.steps[0].action == "go 0"
    assert_exact(episode, writer, prompt)
    assert [step.completion.new_segment for step in episode.steps] == [True, False, False, False]  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["qwen3", "deepseek-r1"])
def test_thoughts_are_trained_on_where_they_were_written(shaped: Any, name: str) -> None:
    shape, tokenizer = shaped(name)
    turns = [Turn(f"see {n}", f"so {n}</think>go {n}") for n in range(3)]
    episode, _ = play(tokenizer, ChatPrompt(instructions=shape.instructions), turns)
    tokenized = tokenize_episode(episode, tokenizer)
    assert not isinstance(tokenized, str)
    assert len(tokenized.segments) == 3
    for number, segment in enumerate(tokenized.segments):
        written = tokenizer.decode(segment.token_ids[1:][segment.action_mask])
        assert written == f"so {number}</think>go {number}{shape.eos}"
        assert "so" not in tokenizer.decode(segment.token_ids[1:][~segment.action_mask])


@dataclass
class Overheard:
    """A policy whose questions and answers are remembered."""

    policy: Any
    asked: list[Request] = field(default_factory=list)
    wrote: list[tuple[int, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.name, self.tokenizer, self.context = "overheard", self.policy.tokenizer, self.policy.context

    async def generate(self, request: Request) -> list[Completion]:
        (completion,) = await self.policy.generate(request)
        self.asked.append(request)
        self.wrote.append(completion.token_ids or ())
        return [completion]


@pytest.mark.parametrize("name", NAMES)
def test_a_real_model_logs_what_it_read_and_wrote(shaped: Any, make_llama: Any, name: str) -> None:
    from stepgym.agents import Sampling, TransformersPolicy

    shape, tokenizer = shaped(name)
    model = TransformersPolicy(make_llama(tokenizer, context=512), tokenizer)
    sampling = Sampling(max_tokens=24, temperature=3.0, stop=("e", "a", "o", "1", " "))
    chat = ChatPrompt(instructions=shape.instructions, template_kwargs=dict(shape.kwargs))
    histories = (LastTurns(1), FitContext(120))
    prompts: list[PromptFormat] = [chat, *(WithHistory(chat, history) for history in histories)]
    turns = 0
    for prompt in prompts:
        for seed in range(2):
            policy = Overheard(model)
            observations = [f"you see apple {n}" for n in range(4)]
            agent = Agent(policy, prompt, sampling)  # type: ignore[arg-type]
            done = collect(lambda seen=observations: Talk(seen), agent, episodes=1, seed=seed, progress=False)  # type: ignore[misc]
            if done.episodes[0].end == "terminated":
                assert_exact(done.episodes[0], policy, prompt)
                turns += len(policy.asked)
    assert turns >= 8

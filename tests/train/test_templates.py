"""Masks of multi-turn chats for the templates found in the field: what the agent sampled, and nothing else."""

from __future__ import annotations

import dataclasses
from itertools import groupby

import numpy as np
import pytest

from stepgym.agents import ChatPrompt, Completion, Episode, Step
from stepgym.agents.conversation.conversation import Conversation, PromptEncoder
from stepgym.train import TokenizeOptions, tokenize_episode

TURNS = [("look around", "take apple 1"), ("you have it", "use apple 1 with desk 2"), ("done?", "answer 1")]


@pytest.fixture(params=["chatml", "llama3", "gemma", "minicpm", "thinking"])
def tokenizer(request, make_byte_tokenizer, chat_templates):
    template, eos, bos = chat_templates[request.param]
    return make_byte_tokenizer(template, eos=eos, bos=bos)


def chat(tokenizer, turns) -> Episode:
    """An episode whose ids a policy would have read and written, end-of-turn tokens sampled."""
    conversation = Conversation(ChatPrompt(), PromptEncoder(ChatPrompt(), tokenizer))
    steps = []
    for observation, action in turns:
        asked = conversation.ask(observation)
        ids = (*tokenizer.encode(action, add_special_tokens=False), tokenizer.eos_token_id)
        completion = conversation.record(Completion(action, prompt_token_ids=asked.token_ids, token_ids=ids))
        steps.append(Step(observation, action, completion))
    steps[-1] = dataclasses.replace(steps[-1], reward=1.0, terminated=True)
    return Episode(id="chat", env_id="test/Chat-v0", task_id="t", steps=tuple(steps), outcome=1.0)


def action_texts(tokenized, tokenizer) -> list[str]:
    """The text of each unbroken run of action tokens."""
    texts = []
    for segment in tokenized.segments:
        marked = zip(segment.action_mask.tolist(), segment.token_ids[1:].tolist(), strict=True)
        for is_action, run in groupby(marked, key=lambda pair: pair[0]):
            if is_action:
                texts.append(tokenizer.decode([token for _, token in run]))
    return texts


def test_actions_are_the_sampled_tokens_with_their_end_of_turn(tokenizer) -> None:
    tokenized = tokenize_episode(chat(tokenizer, TURNS), tokenizer)
    assert len(tokenized.segments) == 1
    assert action_texts(tokenized, tokenizer) == [action + tokenizer.eos_token for _, action in TURNS]


def test_imported_text_gets_the_same_masks(tokenizer) -> None:
    logged = chat(tokenizer, TURNS)
    text_only = dataclasses.replace(logged, steps=tuple(dataclasses.replace(s, completion=None) for s in logged.steps))
    ours = tokenize_episode(text_only, tokenizer, TokenizeOptions(prompt=ChatPrompt()))
    assert ours.retokenized
    for mine, theirs in zip(ours.segments, tokenize_episode(logged, tokenizer).segments, strict=True):
        for field in ("token_ids", "action_mask", "state_mask", "returns"):
            np.testing.assert_array_equal(getattr(mine, field), getattr(theirs, field))


def test_a_template_that_strips_thoughts_gives_segments(make_byte_tokenizer, chat_templates) -> None:
    template, eos, _ = chat_templates["thinking"]
    tokenizer = make_byte_tokenizer(template, eos=eos)
    turns = [(observation, f"<think>so</think>{action}") for observation, action in TURNS]
    tokenized = tokenize_episode(chat(tokenizer, turns), tokenizer)
    # Each turn is read behind a history without thoughts, and trained on with its own.
    assert len(tokenized.segments) == 3
    assert action_texts(tokenized, tokenizer) == [action + eos for _, action in turns]
    assert [set(s.returns.tolist()) for s in tokenized.segments] == [{1.0}] * 3

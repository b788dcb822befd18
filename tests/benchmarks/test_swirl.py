"""What the SWiRL benchmark's tiny model reads and writes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from learning.search_language import QuestionPrompt, search_tokenizer

from stepgym.envs.multi_hop import SearchState, judge_step, multi_hop_task, searcher_steps, world_of


@pytest.fixture(scope="module")
def tokenizer():
    return search_tokenizer(world_of(0, 20))


def test_actions_keep_their_meaning_in_the_words_of_the_tiny_model(tokenizer) -> None:
    for seed in range(8):
        task = multi_hop_task(seed, size=20, hops=2)
        state = SearchState(task.id)
        for step in searcher_steps(task, slips=("", "wrong-relation", "", "early")):
            ids = tokenizer.encode(step.action)
            assert tokenizer.unk_token_id not in ids
            assert len(ids) <= 4
            assert judge_step(state, tokenizer.decode(ids)).good is step.good
            state = state.after(step.action, step.observation)


def test_an_episode_of_decoded_texts_is_one_segment(tokenizer) -> None:
    from stepgym.agents import Episode, Step
    from stepgym.train.tokenize import TokenizeOptions, tokenize_episode

    task = multi_hop_task(0, size=20, hops=2)
    steps, seen = [], task.prompt
    for step in searcher_steps(task):
        steps.append(Step(seen, tokenizer.decode(tokenizer.encode(step.action))))
        seen = step.observation
    episode = Episode("e", "me/Env-v0", task.id, tuple(steps), 1.0)
    tokenized = tokenize_episode(episode, tokenizer, TokenizeOptions(prompt=QuestionPrompt()))
    assert len(tokenized.segments) == 1
    assert tokenizer.unk_token_id not in tokenized.segments[0].token_ids

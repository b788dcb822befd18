"""Dense rewards lie on the tokens of their own step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import AutoModelForCausalLM

from stepgym.agents import Completion, Episode, Step, TransformersPolicy, collect
from stepgym.errors import InvalidInputError
from stepgym.train import CertificateRewards, MonteCarloProgress, TokenizeOptions, VerifierProgress, tokenize_episode
from stepgym.train.online.rewards import OutcomeOnly


class Table:
    """V by the text read so far."""

    def __init__(self, tokenizer: Any, table: dict[str, float]) -> None:
        self.tokenizer, self.table = tokenizer, table

    async def value(self, token_ids: Any) -> float:
        return self.table[self.tokenizer.decode(token_ids)]


def test_progress_of_two_turns_lies_on_the_tokens_of_each_step(make_episode: Any, tokenizer: Any) -> None:
    episode = make_episode([("q?", "a\nbc"), ("r?", "de")], reward=1.0)
    tokenized = tokenize_episode(episode, tokenizer, TokenizeOptions())
    read = "q?a\nbc<eos>r?"
    value = Table(tokenizer, {"q?": 0.2, "q?a\n": 0.5, read: 0.4, read + "de": 0.9})
    found = VerifierProgress(value, tokenizer, best_of=1).rewards([episode], [tokenized], seed=0)  # type: ignore[list-item]
    (row,) = found.rewards[0]
    written = row[tokenized.segments[0].action_mask]  # type: ignore[union-attr]
    np.testing.assert_allclose(written, [0.3] * 2 + [-0.1] * 3 + [0.6] * 3, atol=1e-6)
    assert not row[~tokenized.segments[0].action_mask].any()  # type: ignore[union-attr]
    assert (found.episodes, found.tokens) == (0, 0)
    # Without the outcome the prediction after the last step counts; a better prover sees other differences.
    guess = VerifierProgress(value, tokenizer, best_of=1, exact_end=False)
    np.testing.assert_allclose(guess.rewards([episode], [tokenized], seed=0).rewards[0][0][-1], 0.5, atol=1e-6)  # type: ignore[list-item]
    of_four = VerifierProgress(value, tokenizer, best_of=4).rewards([episode], [tokenized], seed=0)  # type: ignore[list-item]
    np.testing.assert_allclose(of_four.rewards[0][0][1], (1 - 0.5**4) - (1 - 0.8**4), atol=1e-6)


def test_rewards_of_an_episode_sum_to_its_outcome_less_the_value_of_its_task(make_episode: Any, tokenizer: Any) -> None:
    episode = make_episode([("q?", "a\nb\nc")], reward=0.0)
    tokenized = tokenize_episode(episode, tokenizer, TokenizeOptions(states="step"))
    value = Table(tokenizer, {"q?": 0.3, "q?a\n": 0.9, "q?a\nb\n": 0.1, "q?a\nb\nc": 0.8})
    found = VerifierProgress(value, tokenizer, best_of=1).rewards([episode], [tokenized], seed=0)  # type: ignore[list-item]
    steps = found.rewards[0][0][tokenized.segments[0].state_mask]  # type: ignore[union-attr]
    np.testing.assert_allclose(steps, [0.6, -0.8, -0.1], atol=1e-6)
    assert steps.sum() == pytest.approx(0 - 0.3)


def test_episodes_without_ids_are_refused(make_episode: Any, tokenizer: Any) -> None:
    episode = make_episode([("q?", "a\nb")], ids=False)
    tokenized = tokenize_episode(episode, tokenizer, TokenizeOptions())
    with pytest.raises(InvalidInputError, match="token ids"):
        VerifierProgress(Table(tokenizer, {}), tokenizer).rewards([episode], [tokenized], seed=0)  # type: ignore[list-item]


def test_an_episode_of_one_step_has_one_reward(make_episode: Any, tokenizer: Any) -> None:
    episode = make_episode([("q?", "a")], reward=1.0)
    tokenized = tokenize_episode(episode, tokenizer, TokenizeOptions())
    value = Table(tokenizer, {"q?": 0.25, "q?a": 0.5})
    found = VerifierProgress(value, tokenizer, best_of=1).rewards([episode], [tokenized], seed=0)  # type: ignore[list-item]
    np.testing.assert_allclose(found.rewards[0][0][-2:], [0.75, 0.75])
    assert not OutcomeOnly().rewards([episode], [tokenized], seed=0).rewards[0][0].any()  # type: ignore[list-item]


def test_roll_outs_and_certificates_on_real_episodes(chain_start: Path, chain: dict[str, Any]) -> None:
    tokenizer = chain["tokenizer"]
    policy = TransformersPolicy(AutoModelForCausalLM.from_pretrained(chain_start), tokenizer, name="prover")
    given = {"sampling": chain["sampling"], "env_kwargs": chain["env_kwargs"]}
    played = collect(chain["env"], policy, tasks=chain["tasks"][:6], progress=False, **given)
    episodes = [e for e in played.episodes if e.outcome is not None]
    tokenized: Any = [tokenize_episode(e, tokenizer, TokenizeOptions()) for e in episodes]
    source = MonteCarloProgress(policy, chain["env"], 12, best_of=2, **given)
    found = source.rewards(episodes, tokenized, seed=5)
    assert found.episodes >= 12 * len(episodes)
    assert found.tokens > found.episodes
    again = source.rewards(episodes, tokenized, seed=5)
    for rows, same in zip(found.rewards, again.rewards, strict=True):
        np.testing.assert_array_equal(rows[0], same[0])
    assert any(rows[0].any() for rows in found.rewards)
    certified = CertificateRewards(tokenizer).rewards(episodes, tokenized, seed=5)
    assert {float(x) for rows in certified.rewards for x in rows[0]} <= {-1.0, 0.0, 1.0}
    assert any(rows[0].any() for rows in certified.rewards)
    with pytest.raises(InvalidInputError, match="best of 4"):
        MonteCarloProgress(policy, chain["env"], 3, best_of=4)


def test_an_answer_of_no_tokens_has_no_rewards(tokenizer: Any) -> None:
    ids = tuple(tokenizer("q?")["input_ids"])
    turns = [Step("q?", "a", Completion("a", True, ids, (25, 1))), Step("r?", "", Completion("", True, ids, ()))]
    episode = Episode(id="x", env_id="t", task_id="t", steps=tuple(turns), outcome=0.0)
    tokenized = tokenize_episode(episode, tokenizer, TokenizeOptions())
    assert not isinstance(tokenized, str)
    first = tokenizer.decode([*ids, 25, 1])
    value = Table(tokenizer, {"q?": 0.5, "q?q?": 0.5, first + "q?": 0.25})
    rewards = VerifierProgress(value, tokenizer, best_of=1).rewards([episode], [tokenized], seed=0).rewards
    assert sum(len(row) for row in rewards[0]) == sum(len(s.action_mask) for s in tokenized.segments)

from __future__ import annotations

import asyncio
import math

import pytest
import torch

from stepgym.agents import Judgement, PolicyError, RuleJudge
from stepgym.errors import InvalidInputError
from stepgym.train.swirl import (
    LoggedStepConfig,
    LoggedStepTrainer,
    StepwiseConfig,
    StepwiseTrainer,
    bandit_optimum,
    decompose,
    decompose_all,
)

FAST = {"max_tokens": 1, "learning_rate": 1e-2, "states": 4, "samples": 6, "beta": 0.0}


def rows_of(make_episode, tokenizer):
    return decompose(make_episode([("a?", "gb"), ("c?", "b"), ("d?", "g")]))


def first_token(model, ids):
    with torch.no_grad():
        return model(input_ids=torch.tensor([ids])).logits[0, -1].softmax(-1)


def chance_of_g(model, tokenizer, row):
    return float(first_token(model, row.state_ids)[tokenizer.convert_tokens_to_ids("g")])


def test_reward_for_new_actions_makes_good_steps_likely_in_every_stored_state(
    make_episode, tokenizer, tiny_model, judge
):
    rows = rows_of(make_episode, tokenizer)
    before = [chance_of_g(tiny_model, tokenizer, row) for row in rows]
    trainer = StepwiseTrainer(tiny_model, tokenizer, rows, judge, StepwiseConfig(iterations=60, **FAST))
    history = trainer.train()
    assert max(before) < 0.2
    assert all(chance_of_g(tiny_model, tokenizer, row) > 0.8 for row in rows)
    assert len(history) == 60
    assert history[-1].reward > 0.8 > history[0].reward
    assert history[0].kl == pytest.approx(0.0, abs=1e-5)
    assert history[-1].kl > 0.5
    assert history[0].judged + history[0].undecided == 3 * 6, "three states are all there are"


def test_the_pull_to_the_start_ends_near_the_exact_optimum(make_episode, tokenizer, tiny_model):
    (row,) = decompose(make_episode([("a?", "g")]))
    start = first_token(tiny_model, row.state_ids)
    half = set(range(0, len(tokenizer), 2))
    judge = RuleJudge(lambda state, action: (tokenizer.convert_tokens_to_ids(action or "<eos>") in half, ""))
    rewards = [float(i in half) for i in range(len(tokenizer))]
    # Special tokens have no text: they are judged like the end token.
    rewards[0] = rewards[1] = float(1 in half)
    wanted = bandit_optimum(start, rewards, 1.0)
    good = [i for i, reward in enumerate(rewards) if reward]
    config = StepwiseConfig(iterations=50, max_tokens=1, learning_rate=5e-3, states=1, samples=64, beta=1.0)
    StepwiseTrainer(tiny_model, tokenizer, [row], judge, config).train()
    assert 0.4 < start[good].sum() < 0.6
    assert float(first_token(tiny_model, row.state_ids)[good].sum()) == pytest.approx(wanted[good].sum(), abs=0.05)


def test_seeds_repeat_it(make_episode, tokenizer, tiny_model, judge):
    import copy

    rows = rows_of(make_episode, tokenizer)

    def run(seed):
        config = StepwiseConfig(iterations=3, seed=seed, **FAST)
        return StepwiseTrainer(copy.deepcopy(tiny_model), tokenizer, rows, judge, config).train()

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_no_action_is_carried_out_and_each_new_one_is_judged_once(make_episode, tokenizer, tiny_model, judge):
    rows = rows_of(make_episode, tokenizer)
    StepwiseTrainer(tiny_model, tokenizer, rows, judge, StepwiseConfig(iterations=2, **FAST)).train()
    assert 0 < judge.asked <= 2 * 3 * 6


def test_states_longer_than_the_context_are_left_out_and_counted(make_episode, tokenizer, tiny_model, judge):
    episode = make_episode([("a?", "g"), ("b" * 30, "g")])
    trainer = StepwiseTrainer(tiny_model, tokenizer, decompose(episode), judge, StepwiseConfig(max_tokens=4))
    assert trainer.left_out == {"too long": 1}
    with pytest.raises(InvalidInputError, match=r"no stored state.*too long.*reads 32 tokens.*max_tokens=31"):
        StepwiseTrainer(tiny_model, tokenizer, decompose(episode), judge, StepwiseConfig(max_tokens=31))
    with pytest.raises(InvalidInputError, match="there are none"):
        StepwiseTrainer(tiny_model, tokenizer, [], judge)


class Silent:
    async def judge(self, state, action):
        return Judgement(None, problem="neither")


class Broken:
    async def judge(self, state, action):
        raise PolicyError("the judge failed")


def test_a_judge_that_says_nothing_changes_nothing(make_episode, tokenizer, tiny_model):
    before = {name: value.clone() for name, value in tiny_model.state_dict().items()}
    rows = rows_of(make_episode, tokenizer)
    (update,) = StepwiseTrainer(tiny_model, tokenizer, rows, Silent(), StepwiseConfig(iterations=1, **FAST)).train()
    assert (update.judged, update.undecided) == (0, 18)
    assert math.isnan(update.reward)
    assert all(torch.equal(value, before[name]) for name, value in tiny_model.state_dict().items())
    with pytest.raises(InvalidInputError, match=r"no logged action.*undecided"):
        LoggedStepTrainer(tiny_model, tokenizer, rows, Silent())


def test_a_failing_judge_stops_before_the_update(make_episode, tokenizer, tiny_model):
    before = {name: value.clone() for name, value in tiny_model.state_dict().items()}
    trainer = StepwiseTrainer(tiny_model, tokenizer, rows_of(make_episode, tokenizer), Broken(), StepwiseConfig(**FAST))
    with pytest.raises(PolicyError, match="the judge failed"):
        trainer.train()
    assert all(torch.equal(value, before[name]) for name, value in tiny_model.state_dict().items())


@pytest.mark.parametrize("weighting", ["clipped", "awr"])
def test_logged_actions_alone_make_good_steps_likelier(make_episode, tokenizer, tiny_model, judge, weighting):
    episodes = [make_episode([("a?", "g" if i % 4 == 0 else "b"), ("c?", "gb")], name=f"e{i}") for i in range(8)]
    rows, _ = decompose_all(episodes)
    g, b = (tokenizer.convert_tokens_to_ids(letter) for letter in "gb")
    before = first_token(tiny_model, rows[0].state_ids)
    config = LoggedStepConfig(updates=20, rows=16, learning_rate=5e-3, weighting=weighting)
    trainer = LoggedStepTrainer(tiny_model, tokenizer, rows, judge, config)
    history = trainer.train()
    after = first_token(tiny_model, rows[0].state_ids)
    assert after[g] / after[b] > 1.2 * before[g] / before[b]
    if weighting == "clipped":
        assert after[g] < 2.5 * before[g], "the clip bounds how far an update goes"
    assert history[0].log_ratio == pytest.approx(0.0, abs=1e-5)
    assert judge.asked <= len(rows)


def test_the_same_judgement_for_everything_teaches_nothing(make_episode, tokenizer, tiny_model, judge):
    rows = decompose(make_episode([("a?", "g")]))
    with pytest.raises(InvalidInputError, match="same judgement"):
        LoggedStepTrainer(tiny_model, tokenizer, rows, judge)


def test_only_the_tokens_of_the_action_are_scored(make_episode, tokenizer, tiny_model):
    from stepgym.train.policy_model import PolicyModel
    from stepgym.train.swirl.row_scores import RowScorer

    rows = rows_of(make_episode, tokenizer)
    ids = [(row.state_ids, row.action_ids) for row in rows]
    found = RowScorer(tokenizer, micro_batch=2).logprobs(PolicyModel(tiny_model.eval()), ids)
    for (state, action), logp in zip(ids, found, strict=True):
        with torch.no_grad():
            table = tiny_model(input_ids=torch.tensor([[*state, *action]])).logits[0].log_softmax(-1)
        alone = sum(float(table[len(state) - 1 + i, token]) for i, token in enumerate(action))
        assert float(logp) == pytest.approx(alone, abs=1e-4)


@pytest.mark.parametrize(
    ("config", "settings"),
    [
        (StepwiseConfig, {"samples": 0}),
        (StepwiseConfig, {"beta": -1.0}),
        (LoggedStepConfig, {"weighting": "grpo"}),
        (LoggedStepConfig, {"updates": 0}),
        (LoggedStepConfig, {"clip": 0.0}),
    ],
)
def test_settings_that_make_no_sense_are_refused(config, settings):
    with pytest.raises(InvalidInputError):
        config(**settings)


def test_the_judge_of_the_fixture_is_a_judge(judge):
    from stepgym.agents import Judge, StepState

    assert isinstance(judge, Judge)
    assert asyncio.run(judge.judge(StepState("t", ("o",)), "g")).good

"""The trainers of a comparison: what they share, what is their own, what is refused."""

from __future__ import annotations

import importlib.util

import pytest

from stepgym.errors import InvalidInputError, MissingExtraError, UnknownNameError
from stepgym.train.baselines import METHODS, check_settings, episodes_per_update, make_trainer

HAS_TRL = importlib.util.find_spec("trl") is not None


@pytest.fixture
def pairs_log(make_episode):
    return [
        make_episode([(f"{task}+1?", f"={answer}")], float(answer < 2), name=f"{task}{answer}", task_id=str(task))
        for task in range(4)
        for answer in range(4)
    ]


def settings(tmp_path, **changes):
    values = {"output_dir": str(tmp_path), "max_steps": 3, "per_device_train_batch_size": 4, "use_cpu": True}
    return values | {"save_strategy": "no", "learning_rate": 1e-3} | changes


@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains_with_the_same_settings(method, tiny_model, tokenizer, pairs_log, tmp_path):
    if method in ("dpo", "kto") and not HAS_TRL:
        with pytest.raises(MissingExtraError, match=r"pip install 'stepgym\[baselines\]'"):
            make_trainer(method, tiny_model, pairs_log, tokenizer, settings=settings(tmp_path))
        return
    before = [p.clone() for p in tiny_model.parameters()]
    trainer = make_trainer(method, tiny_model, pairs_log, tokenizer, settings=settings(tmp_path))
    assert episodes_per_update(trainer) == 4
    assert (trainer.args.adam_beta2, trainer.args.learning_rate, trainer.args.bf16) == (0.95, 1e-3, False)
    trainer.train()
    assert any(not a.equal(b) for a, b in zip(before, tiny_model.parameters(), strict=True)), "trained in place"
    if method.startswith("oreo-"):
        assert trainer.args.level == method.removeprefix("oreo-")


def test_rejection_sampling_sees_successes_alone(tiny_model, tokenizer, pairs_log, tmp_path):
    trainer = make_trainer("rejection-sampling", tiny_model, pairs_log, tokenizer, settings=settings(tmp_path))
    assert {e.outcome for e in trainer.train_dataset} == {1.0}
    failures = [e for e in pairs_log if not e.success]
    with pytest.raises(InvalidInputError, match="no successful episode"):
        make_trainer("rejection-sampling", tiny_model, failures, tokenizer, settings=settings(tmp_path))


@pytest.mark.skipif(not HAS_TRL, reason="needs the extra 'baselines'")
def test_dpo_takes_half_as_many_pairs_and_its_own_arguments(tiny_model, tokenizer, pairs_log, tmp_path):
    own = settings(tmp_path, pairs_per_task=1, order="shortest", beta=0.3)
    trainer = make_trainer("dpo", tiny_model, pairs_log, tokenizer, settings=own)
    assert trainer.args.per_device_train_batch_size == 2
    assert len(trainer.train_dataset) == 4
    assert trainer.beta == 0.3


def test_unknown_names_are_refused():
    with pytest.raises(UnknownNameError, match=r"No method is called 'ppo'.*"):
        check_settings("ppo", [])
    with pytest.raises(UnknownNameError, match="Did you mean 'beta'"):
        check_settings("oreo-token", ["betta"])
    with pytest.raises(UnknownNameError, match="No setting of sft is called 'beta'"):
        check_settings("sft", ["learning_rate", "beta"])

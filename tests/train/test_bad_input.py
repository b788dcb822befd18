"""What the trainers say about data that cannot be trained on, and what they leave alone."""

from __future__ import annotations

import copy
import dataclasses
import math

import pytest
import torch
from transformers import TrainerCallback

from stepgym.errors import InvalidInputError
from stepgym.train import OREOConfig, OREOTrainer, SupervisedConfig, SupervisedTrainer
from stepgym.train.nonfinite import NonFiniteError, named
from stepgym.train.resumable import newest_checkpoint

TRAINERS = [(OREOTrainer, OREOConfig), (SupervisedTrainer, SupervisedConfig)]
both = pytest.mark.parametrize(("trainer", "config"), TRAINERS, ids=["oreo", "supervised"])


def settings(config, tmp_path, **changes):
    values = {
        "output_dir": str(tmp_path),
        "learning_rate": 1e-2,
        "per_device_train_batch_size": 4,
        "gradient_accumulation_steps": 2,
        "max_steps": 4,
        "save_steps": 1,
        "logging_steps": 1,
        "use_cpu": True,
        "disable_tqdm": True,
    }
    return config(**(values | changes))


class Poison(TrainerCallback):
    """Spoils one weight before an update, as an overflow would."""

    def __init__(self, step: int, value: float) -> None:
        self.step, self.value = step, value

    def on_step_begin(self, args, state, control, *, model, **_):
        if state.global_step == self.step:
            with torch.no_grad():
                next(p for p in model.parameters() if p.requires_grad).fill_(self.value)


@both
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_checkpoint(
    tiny_model, tokenizer, log, tmp_path, trainer, config, value
) -> None:
    args = settings(config, tmp_path)
    run = trainer(copy.deepcopy(tiny_model), args, log, processing_class=tokenizer, callbacks=[Poison(2, value)])
    drawn = []
    collate = run.data_collator

    def watched(episodes):
        drawn.append([e.id for e in episodes])
        return collate(episodes)

    run.data_collator = watched
    with pytest.raises(NonFiniteError, match="update 3: the loss is NaN or infinite") as caught:
        run.train()
    message = str(caught.value)
    # The loader is one batch ahead at most; update 3 saw batches 4 and 5.
    assert all(repr(name) in message for name in drawn[4] + drawn[5])
    assert not any(repr(name) in message for name in drawn[0] + drawn[1])
    assert "The last good checkpoint is" in message
    good = newest_checkpoint(tmp_path)
    assert good == tmp_path / "checkpoint-2"
    assert str(good) in message
    # Training can go on there.
    again = trainer(tiny_model, args, log, processing_class=tokenizer)
    assert again.train(resume_from_checkpoint=True).global_step == 4


@both
def test_weights_that_are_not_finite_are_never_saved(tiny_model, tokenizer, log, tmp_path, trainer, config) -> None:
    class PoisonAfter(Poison):
        def on_step_end(self, args, state, control, *, model, **_):
            self.on_step_begin(args, state, control, model=model)

        def on_step_begin(self, args, state, control, *, model, **_):
            if state.global_step == self.step:
                with torch.no_grad():
                    next(p for p in model.parameters() if p.requires_grad).fill_(self.value)

    args = settings(config, tmp_path)
    run = trainer(tiny_model, args, log, processing_class=tokenizer, callbacks=[PoisonAfter(3, math.nan)])
    with pytest.raises(NonFiniteError, match="weights are not finite"):
        run.train()
    assert newest_checkpoint(tmp_path) == tmp_path / "checkpoint-2"


@both
def test_gradients_that_are_not_finite_stop_before_the_update(
    tiny_model, tokenizer, log, tmp_path, trainer, config
) -> None:
    run = trainer(tiny_model, settings(config, tmp_path), log, processing_class=tokenizer)
    parameter = next(p for p in run.model.parameters() if p.requires_grad)
    parameter.register_hook(lambda gradient: gradient * math.inf)
    before = {n: p.detach().clone() for n, p in run.model.named_parameters()}
    with pytest.raises(NonFiniteError, match=r"the gradient of the .* has the norm"):
        run.train()
    assert all(torch.equal(before[n], p) for n, p in run.model.named_parameters())
    assert newest_checkpoint(tmp_path) is None


def test_long_lists_of_episodes_are_cut(tokenizer, log) -> None:
    from stepgym.train import tokenize_episodes
    from stepgym.train.nonfinite import key

    episodes = tokenize_episodes(log, tokenizer)[0]
    text = named([key(e.id) for e in episodes], episodes)
    assert text.startswith("'e0', 'e1'")
    assert text.endswith("and 16 more")
    assert named([], episodes) == "not known"


@both
@pytest.mark.parametrize("reward", [math.nan, math.inf])
def test_rewards_that_are_not_finite_are_refused(
    tiny_model, tokenizer, log, make_episode, tmp_path, trainer, config, reward
) -> None:
    bad = make_episode([("1+1?", "2")], reward, name="bad")
    with pytest.raises(InvalidInputError, match="'bad' has"):
        trainer(tiny_model, settings(config, tmp_path), [*log, bad], processing_class=tokenizer)
    hidden = dataclasses.replace(bad, outcome=1.0)
    for cache in (None, str(tmp_path / "cache")):
        args = settings(config, tmp_path, token_cache=cache)
        with pytest.raises(InvalidInputError, match=r"finite rewards.*'bad'"):
            trainer(tiny_model, args, [*log, hidden], processing_class=tokenizer)


@both
def test_a_context_too_short_for_every_episode_is_said(tiny_model, tokenizer, log, tmp_path, trainer, config) -> None:
    with pytest.raises(InvalidInputError, match="32 dropped: too long"):
        trainer(tiny_model, settings(config, tmp_path, max_length=3), log, processing_class=tokenizer)


@both
def test_the_tokenizer_of_another_model_is_refused(tiny_model, tokenizer, log, tmp_path, trainer, config) -> None:
    import pickle

    from tokenizers import Tokenizer

    state = tokenizer.backend_tokenizer.to_str()
    # As many tokens, other meanings: no id is out of range.
    swapped = Tokenizer.from_str(state.replace('"1":3', '"1":99').replace('"0":2', '"0":3').replace('"1":99', '"1":2'))
    other = pickle.loads(pickle.dumps(tokenizer))
    other._tokenizer = swapped
    assert other("01")["input_ids"] != tokenizer("01")["input_ids"]
    with pytest.raises(InvalidInputError, match="tokenizer"):
        trainer(tiny_model, settings(config, tmp_path), log, processing_class=other)


def test_one_class_is_warned_about(tiny_model, tokenizer, log, tmp_path, caplog) -> None:
    good = [e for e in log if e.outcome]
    OREOTrainer(tiny_model, settings(OREOConfig, tmp_path), good, processing_class=tokenizer)
    assert "All episodes have the outcome 1" in caplog.text

"""The trainers on a tiny real model."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import math

import pytest
import torch

from stepgym.errors import InvalidInputError
from stepgym.train import (
    MetricsFile,
    OREOConfig,
    OREOTrainer,
    SupervisedConfig,
    SupervisedTrainer,
    TokenizeOptions,
    load,
    load_value_function,
    successes,
    tokenize_episodes,
)
from stepgym.train.collate import EpisodeCollator, model_inputs
from stepgym.train.losses import oreo_loss, reverse_kl, token_logprobs
from stepgym.train.models import PolicyWithValue


def settings(tmp_path, **changes):
    values = {
        "output_dir": str(tmp_path),
        "learning_rate": 1e-2,
        "per_device_train_batch_size": 8,
        "max_steps": 6,
        "logging_steps": 1,
        "use_cpu": True,
        "seed": 3,
        "disable_tqdm": True,
        "save_strategy": "no",
    }
    return OREOConfig(**(values | changes))


def weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def test_value_starts_at_zero_in_float32_and_reference_is_frozen(tiny_model) -> None:
    model = PolicyWithValue(tiny_model.to(torch.bfloat16))
    ids = torch.randint(2, 20, (2, 5))
    out = model(ids, torch.ones_like(ids[:, 1:]), torch.ones_like(ids))
    assert out.values.dtype == torch.float32
    assert not out.values.any()
    assert not out.ref_logp.requires_grad
    assert not any(p.requires_grad for p in model.reference.parameters())


def test_training_prefers_what_was_rewarded(tiny_model, tokenizer, log, tmp_path) -> None:
    trainer = OREOTrainer(tiny_model, settings(tmp_path, max_steps=80), log, processing_class=tokenizer)
    trainer.train()
    lines = [line for line in trainer.state.log_history if "policy_loss" in line]
    assert lines[-1]["policy_loss"] < 0.2 * lines[0]["policy_loss"]
    assert lines[-1]["log_ratio_success"] > lines[-1]["log_ratio_failure"] + 1
    wanted = {"value_loss", "kl", "explained_variance", "auc_last", "grad_norm_policy", "grad_norm_value"}
    assert wanted <= set(lines[-1])
    policy = trainer.model.policy.eval()
    prompt = torch.tensor([tokenizer("1+2?=")["input_ids"]])
    next_token = policy(prompt).logits[0, -1].softmax(-1)
    one, zero = (tokenizer.convert_tokens_to_ids(t) for t in "10")
    assert next_token[one] > 5 * next_token[zero]


@pytest.mark.parametrize("critic", ["separate", "shared"])
@pytest.mark.parametrize("level", ["token", "step", "full", "response", "onestep"])
def test_first_loss_is_the_loss_of_the_formulas(tiny_model, tokenizer, log, tmp_path, critic, level) -> None:
    args = settings(tmp_path, critic=critic, level=level, max_steps=1, learning_rate=0.0)
    trainer = OREOTrainer(tiny_model, args, log, processing_class=tokenizer)
    # Give V and the policy something to disagree about.
    torch.nn.init.normal_(trainer.model.value.head.weight)
    batch = EpisodeCollator(tokenizer.pad_token_id)(tokenize_episodes(log[:8], tokenizer, trainer_options(args))[0])
    trainer.model.train()
    loss = trainer.compute_loss(trainer.model, batch)
    networks, inputs = trainer.model, {name: batch[name] for name in ("input_ids", "attention_mask")}
    logits, ref_logits = networks.policy(**inputs).logits, networks.reference(**inputs).logits
    trunk = networks.value.trunk(**inputs).last_hidden_state
    value, policy = oreo_loss(
        token_logprobs(logits, batch["input_ids"]),
        token_logprobs(ref_logits, batch["input_ids"]),
        networks.value.read(trunk)[:, :-1],
        batch["action_mask"],
        batch["state_mask"],
        batch["returns"],
        beta=args.beta,
        level=level,
    )
    kl = reverse_kl(logits[:, :-1], ref_logits[:, :-1], batch["action_mask"])
    torch.testing.assert_close(loss, value + policy + args.alpha * kl)


def trainer_options(args: OREOConfig):
    return args.tokenize_options(64)


@pytest.mark.parametrize("loss_norm", ["token", "episode"])
def test_splitting_a_batch_changes_nothing(tiny_model, tokenizer, log, tmp_path, loss_norm) -> None:
    # Episodes of different length, and one of two segments, so that a mean of means would differ.
    after = []
    for per_device, accumulate in ((16, 1), (4, 4)):
        model = type(tiny_model)(tiny_model.config)
        model.load_state_dict(tiny_model.state_dict())
        args = settings(
            tmp_path,
            per_device_train_batch_size=per_device,
            gradient_accumulation_steps=accumulate,
            max_steps=2,
            loss_norm=loss_norm,
            optim="sgd",
            max_grad_norm=1e9,
        )
        trainer = OREOTrainer(model, args, log, processing_class=tokenizer)
        trainer.train()
        after.append(weights(trainer.model.policy) | weights(trainer.model.value))
        losses = [line["policy_loss"] for line in trainer.state.log_history if "policy_loss" in line]
        after[-1]["loss"] = torch.tensor(losses)
    for name in after[0]:
        torch.testing.assert_close(after[0][name], after[1][name], rtol=1e-4, atol=1e-6)


def test_two_groups_have_their_own_rate_and_clipping(tiny_model, tokenizer, log, tmp_path) -> None:
    args = settings(tmp_path, learning_rate=0.0, value_learning_rate=1e-2, max_steps=2, lr_scheduler_type="constant")
    trainer = OREOTrainer(tiny_model, args, log, processing_class=tokenizer)
    before = weights(trainer.model)
    trainer.train()
    after = weights(trainer.model)
    moved = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert moved == {"value"}
    assert [group["lr"] for group in trainer.optimizer.param_groups] == [0.0, 1e-2]


def test_saved_folder_gives_policy_and_value_back(tiny_model, tokenizer, log, tmp_path) -> None:
    from transformers import AutoModelForCausalLM, AutoModelForTokenClassification

    trainer = OREOTrainer(tiny_model, settings(tmp_path), log, processing_class=tokenizer)
    trainer.train()
    trainer.save_model()
    policy, value = load(tmp_path)
    ids = [2, 3, 4, 5, 6]
    mask = torch.ones(1, 5, dtype=torch.long)
    model = trainer.model.eval()
    with torch.no_grad():
        out = model(torch.tensor([ids]), mask[:, 1:], mask)
    expected = out.logp[0].tolist()
    assert asyncio.run(policy.score(ids)) == pytest.approx(expected, abs=1e-5)
    assert asyncio.run(value.values(ids)) == pytest.approx(out.values[0].tolist(), abs=1e-6)
    assert asyncio.run(load_value_function(tmp_path / "value").value(ids)) == pytest.approx(out.values[0, -1].item())
    # Both load without stepgym.
    plain = AutoModelForTokenClassification.from_pretrained(tmp_path / "value")
    assert plain.config.id2label == {0: "value"}
    assert plain(torch.tensor([ids])).logits[0, :, 0].tolist() == pytest.approx(out.values[0].tolist(), abs=1e-6)
    AutoModelForCausalLM.from_pretrained(tmp_path / "policy")


def test_value_for_search_is_read_where_it_was_trained(tiny_model, tokenizer, log, tmp_path) -> None:
    trainer = OREOTrainer(tiny_model, settings(tmp_path), log, processing_class=tokenizer)
    trainer.train()
    trainer.save_model()
    _, value = load(tmp_path)
    episode = tokenize_episodes(log[:1], tokenizer)[0][0]
    batch = EpisodeCollator(tokenizer.pad_token_id)([episode])
    with torch.no_grad():
        trained = trainer.model.eval()(**model_inputs(batch)).values[0]
    ids = episode.segments[0].token_ids.tolist()
    states = batch["state_mask"][0].nonzero().squeeze(-1).tolist()
    assert len(states) >= 3
    for t in states:
        assert asyncio.run(value.value(ids[: t + 1])) == pytest.approx(trained[t].item(), abs=1e-6)
    # Two candidates that differ in their last token only.
    a, b = (asyncio.run(value.value([*ids[:-1], last])) for last in (5, 6))
    assert abs(a - b) > 1e-6


def test_resume_continues_the_same_run(tiny_model, tokenizer, log, tmp_path) -> None:
    def run(folder, steps, resume=None):
        model = type(tiny_model)(tiny_model.config)
        model.load_state_dict(tiny_model.state_dict())
        args = settings(folder, max_steps=6, save_strategy="steps", save_steps=2)
        trainer = OREOTrainer(
            model, args, log, processing_class=tokenizer, callbacks=[MetricsFile(folder / "metrics.jsonl")]
        )
        if steps < 6:
            trainer.add_callback(_StopAt(steps))
        trainer.train(resume_from_checkpoint=resume)
        return trainer

    whole = run(tmp_path / "whole", 6)
    run(tmp_path / "cut", 3)
    resumed = run(tmp_path / "cut", 6, resume=str(tmp_path / "cut" / "checkpoint-2"))
    for (name, a), b in zip(weights(whole.model).items(), weights(resumed.model).values(), strict=True):
        assert torch.equal(a, b), name
    steps = [json.loads(x)["step"] for x in (tmp_path / "cut" / "metrics.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3, 4, 5, 6, 6]


def test_resume_with_other_settings_is_refused(tiny_model, tokenizer, log, tmp_path) -> None:
    args = settings(tmp_path, max_steps=2, save_strategy="steps", save_steps=2)
    OREOTrainer(tiny_model, args, log, processing_class=tokenizer).train()
    other = OREOTrainer(tiny_model, dataclasses.replace(args, beta=0.5), log, processing_class=tokenizer)
    with pytest.raises(InvalidInputError, match=r"beta: 0\.1 there, 0\.5 here"):
        other.train(resume_from_checkpoint=str(tmp_path / "checkpoint-2"))


def _stop(control):
    control.should_training_stop = True


class _StopAt:
    """Ends training after a step, as a crash would, without the final save."""

    def __new__(cls, step):
        from transformers import TrainerCallback

        class Stop(TrainerCallback):
            def on_step_end(self, args, state, control, **_):
                if state.global_step >= step:
                    _stop(control)

        return Stop()


def test_guard_stops_a_collapsing_policy(tiny_model, tokenizer, log, tmp_path, caplog) -> None:
    args = settings(tmp_path, alpha=0.0, learning_rate=0.5, max_steps=60, lr_scheduler_type="constant")
    trainer = OREOTrainer(tiny_model, args, log, processing_class=tokenizer)
    trainer.train()
    assert trainer.state.global_step < 60
    assert "step" in trainer.guard.message
    assert "raise alpha" in caplog.text


@pytest.mark.parametrize(("states", "said"), [("token", True), ("turn", False)])
def test_states_that_come_tokenised_otherwise_are_said(tiny_model, tokenizer, log, tmp_path, caplog, states, said):
    tokenized, _ = tokenize_episodes(log, tokenizer, TokenizeOptions(states=states))
    OREOTrainer(tiny_model, settings(tmp_path, states="turn"), tokenized, processing_class=tokenizer)
    assert ("states='turn' has no effect" in caplog.text) is said


def test_one_class_log_is_said(tiny_model, tokenizer, log, tmp_path, caplog) -> None:
    good = [e for e in log if e.outcome]
    OREOTrainer(tiny_model, settings(tmp_path), good, processing_class=tokenizer)
    assert "none can be preferred" in caplog.text


@pytest.mark.parametrize("outcome", [0.0, 1.0, 5.0])
def test_the_guard_lets_a_one_class_log_be_learned(tiny_model, tokenizer, log, tmp_path, outcome) -> None:
    """V begins at zero and ends at the outcome: neither is out of range."""
    alike = [
        dataclasses.replace(e, outcome=outcome, steps=tuple(dataclasses.replace(t, reward=outcome) for t in e.steps))
        for e in log
    ]
    assert all(len(e.steps) == 1 for e in alike)
    trainer = OREOTrainer(
        tiny_model, settings(tmp_path, max_steps=12, logging_steps=1), alike, processing_class=tokenizer
    )
    trainer.train()
    assert trainer.state.global_step == 12
    assert trainer.guard.message == ""


def test_log_without_trainable_episode_is_refused(tiny_model, tokenizer, log, tmp_path) -> None:
    cut = [dataclasses.replace(e, end="context", outcome=None) for e in log]
    with pytest.raises(InvalidInputError, match="32 dropped: cut by the system"):
        OREOTrainer(tiny_model, settings(tmp_path), cut, processing_class=tokenizer)
    with pytest.raises(InvalidInputError, match="tokenizer"):
        OREOTrainer(tiny_model, settings(tmp_path), log)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"beta": 0.0}, "beta must be > 0"), ({"level": "turn"}, "level must be one of"), ({"alpha": -1.0}, "alpha")],
)
def test_wrong_settings_are_refused(tmp_path, changes, message) -> None:
    with pytest.raises(InvalidInputError, match=message):
        settings(tmp_path, **changes)


def test_paper_setting(tmp_path) -> None:
    config = OREOConfig.paper(output_dir=str(tmp_path), use_cpu=True)
    assert (config.beta, config.alpha, config.loss_norm, config.level) == (0.03, 0.01, "episode", "token")
    assert config.per_device_train_batch_size * config.gradient_accumulation_steps == 128


def test_evaluation_loss(tiny_model, tokenizer, log, tmp_path) -> None:
    trainer = OREOTrainer(tiny_model, settings(tmp_path), log[:16], log[16:], processing_class=tokenizer)
    trainer.train()
    metrics = trainer.evaluate()
    assert math.isfinite(metrics["eval_loss"])
    last = trainer.state.log_history[-1]
    assert {"eval_value_loss", "eval_policy_loss", "eval_kl", "eval_auc_last"} <= set(last)


def test_supervised_training_learns_the_successes(tiny_model, tokenizer, log, tmp_path) -> None:
    args = SupervisedConfig(
        output_dir=str(tmp_path),
        learning_rate=1e-2,
        max_steps=40,
        use_cpu=True,
        logging_steps=1,
        disable_tqdm=True,
        save_strategy="no",
    )
    good = successes(log)
    assert len(good) == 16
    trainer = SupervisedTrainer(tiny_model, args, good, processing_class=tokenizer)
    trainer.train()
    losses = [line["loss"] for line in trainer.state.log_history if "loss" in line]
    assert losses[-1] < 0.1 < losses[0]
    with pytest.raises(InvalidInputError, match="no successful episode"):
        successes(e for e in log if not e.outcome)


def test_resuming_a_finished_run_changes_nothing(tiny_model, tokenizer, log, tmp_path) -> None:
    args = settings(tmp_path, max_steps=4, save_strategy="steps", save_steps=2)
    first = OREOTrainer(tiny_model, args, log, processing_class=tokenizer)
    first.train()
    before = weights(first.model)
    again = OREOTrainer(tiny_model, args, log, processing_class=tokenizer)
    assert again.train(resume_from_checkpoint=True).global_step == 4
    trained = {k: v for k, v in weights(again.model).items() if not k.startswith("reference")}
    assert all(torch.equal(before[name], value) for name, value in trained.items())


def test_damaged_weights_are_named(tiny_model, tokenizer, log, tmp_path) -> None:
    trainer = OREOTrainer(tiny_model, settings(tmp_path, max_steps=1), log, processing_class=tokenizer)
    trainer.train()
    trainer.save_model()
    for part in ("policy", "value"):
        file = tmp_path / part / "model.safetensors"
        whole = file.read_bytes()
        file.write_bytes(whole[:1000])
        with pytest.raises(InvalidInputError, match=part):
            load(tmp_path)
        file.write_bytes(whole)

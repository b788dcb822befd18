"""Training the value alone: the same value as beside a frozen policy, without a pass of the policy."""

from __future__ import annotations

import copy

import pytest
import torch

from stepgym.errors import InvalidInputError
from stepgym.train import OREOConfig, OREOTrainer, load
from stepgym.train.models import PolicyWithValue


def make(model, tokenizer, log, tmp_path, ratio: float, *, peft_config=None, **changes) -> OREOTrainer:
    settings = {
        "output_dir": str(tmp_path),
        "learning_rate": 1e-2,
        "per_device_train_batch_size": 8,
        "max_steps": 6,
        "logging_steps": 1,
        "use_cpu": True,
        "disable_tqdm": True,
        "save_strategy": "no",
        "guard": "off",
        "policy_freeze_ratio": ratio,
    }
    config = OREOConfig(**(settings | changes))
    return OREOTrainer(copy.deepcopy(model), config, log, processing_class=tokenizer, peft_config=peft_config)


@pytest.mark.parametrize("adapted", [False, True])
def test_it_is_the_value_beside_a_frozen_policy(tiny_model, tokenizer, log, tmp_path, adapted) -> None:
    peft_config = None
    if adapted:
        peft_config = pytest.importorskip("peft").LoraConfig(r=2, target_modules="all-linear")
    values, calls = [], []
    for ratio in (1.0, 0.99):  # of 6 updates all, either way
        trainer = make(tiny_model, tokenizer, log, tmp_path, ratio, peft_config=peft_config)
        counted: list[int] = []
        # Looked up by its first layer, which both ways of running a trunk pass through.
        layer = next(m for n, m in trainer.networks.policy.named_modules() if n.endswith("layers.0"))
        layer.register_forward_hook(lambda *_, c=counted: c.append(1))
        trainer.train()
        values.append({n: p.detach().clone() for n, p in trainer.networks.value.named_parameters()})
        calls.append(len(counted))
        assert [line["kl"] for line in trainer.state.log_history if "kl" in line] == [0.0] * 6
    assert calls[0] == 0
    assert calls[1] >= 6
    for name, expected in values[1].items():
        assert torch.equal(values[0][name], expected)


def test_neither_reference_nor_gradients_of_the_policy_are_kept(tiny_model, tokenizer, log, tmp_path) -> None:
    trainer = make(tiny_model, tokenizer, log, tmp_path, 1.0, kl="k3", reference_cache=str(tmp_path / "cache"))
    assert trainer.networks.reference is None
    assert not any(p.requires_grad for p in trainer.networks.policy.parameters())
    assert not (tmp_path / "cache").exists()
    trainer.train()
    assert trainer.evaluate(trainer.train_dataset)["eval_value_loss"] > 0
    trainer.save_model(str(tmp_path / "saved"))
    policy, _ = load(tmp_path / "saved")
    for name, start in tiny_model.named_parameters():
        assert torch.equal(dict(policy.model.named_parameters())[name], start)


def test_another_reference_is_run(tiny_model, tokenizer, log, tmp_path) -> None:
    config = OREOConfig(output_dir=str(tmp_path), use_cpu=True, policy_freeze_ratio=1.0)
    other = copy.deepcopy(tiny_model)
    trainer = OREOTrainer(tiny_model, config, log, processing_class=tokenizer, reference=other)
    assert not trainer.networks.value_only
    assert trainer.networks.reference is not None
    with pytest.raises(InvalidInputError, match="value_only"):
        PolicyWithValue(tiny_model, reference=other, value_only=True)
    with pytest.raises(InvalidInputError, match="value_only"):
        PolicyWithValue(tiny_model, critic="shared", value_only=True)

"""LoRA: one base in memory, the reference is the base, checkpoints and folders load plainly."""

from __future__ import annotations

import asyncio
import copy

import pytest
import torch

from stepgym.errors import InvalidInputError
from stepgym.train import OREOConfig, OREOTrainer, SupervisedConfig, SupervisedTrainer, load
from stepgym.train.models import PolicyWithValue

peft = pytest.importorskip("peft")


def lora(**changes):
    return peft.LoraConfig(**({"r": 4, "lora_alpha": 8, "target_modules": "all-linear", "lora_dropout": 0.0} | changes))


@pytest.fixture
def log(make_episode):
    answers = "0123"
    return [make_episode([(f"{i % 4}+1?=", answers[i % 3])], reward=float(i % 3 == 1), name=f"e{i}") for i in range(16)]


def settings(tmp_path, **changes):
    values = {
        "output_dir": str(tmp_path),
        "learning_rate": 1e-2,
        "per_device_train_batch_size": 8,
        "max_steps": 4,
        "logging_steps": 1,
        "use_cpu": True,
        "seed": 3,
        "disable_tqdm": True,
        "save_strategy": "no",
    }
    return OREOConfig(**(values | changes))


def shake(networks: PolicyWithValue) -> None:
    """Adapters start as the identity: move everything that trains."""
    torch.manual_seed(5)
    with torch.no_grad():
        for p in networks.parameters():
            if p.requires_grad:
                p.add_(0.1 * torch.randn_like(p))


def test_one_base_in_memory(tiny_model) -> None:
    whole = sum(p.numel() for p in tiny_model.parameters())
    networks = PolicyWithValue(tiny_model, peft_config=lora(), value_peft_config=lora())
    assert networks.reference is None
    frozen = {p.data_ptr(): p.numel() for p in networks.parameters() if not p.requires_grad}
    assert sum(frozen.values()) == whole
    trained = [n for n, p in networks.named_parameters() if p.requires_grad]
    assert all("lora" in n or n == "value.head.weight" for n in trained)
    assert any(n.startswith("policy") for n in trained)
    assert any(n.startswith("value.trunk") for n in trained)


@pytest.mark.parametrize("critic", ["separate", "shared"])
def test_reference_is_the_base_bit_for_bit(tiny_model, critic) -> None:
    base = copy.deepcopy(tiny_model).eval()
    value_config = lora() if critic == "separate" else None
    networks = PolicyWithValue(
        tiny_model, critic=critic, peft_config=lora(lora_dropout=0.3), value_peft_config=value_config
    )
    shake(networks)
    networks.train()
    ids = torch.randint(2, 20, (3, 7))
    out = networks(ids, torch.ones(3, 6, dtype=torch.bool), torch.ones_like(ids))
    frozen = PolicyWithValue(base)
    expected = frozen(ids, torch.ones(3, 6, dtype=torch.bool), torch.ones_like(ids))
    # The frozen copy goes through the same kernel once its head is frozen too.
    frozen.policy.requires_grad_(False)
    exact = frozen(ids, torch.ones(3, 6, dtype=torch.bool), torch.ones_like(ids))
    assert torch.equal(out.ref_logp, exact.ref_logp)
    torch.testing.assert_close(out.ref_logp, expected.ref_logp, rtol=1e-5, atol=1e-5)
    assert not torch.equal(out.logp, out.ref_logp)
    assert float(out.kl.detach().min()) > 0


@pytest.mark.parametrize("critic", ["separate", "shared"])
def test_activation_checkpointing_changes_nothing(tiny_model, critic) -> None:
    value_config = lora() if critic == "separate" else None
    networks = PolicyWithValue(tiny_model, critic=critic, peft_config=lora(), value_peft_config=value_config)
    shake(networks)
    networks.train()
    ids = torch.randint(2, 20, (3, 7))

    def gradients() -> dict[str, torch.Tensor]:
        networks.zero_grad()
        out = networks(ids, torch.ones(3, 6, dtype=torch.bool), torch.ones_like(ids))
        (out.logp.square().sum() + out.values.square().sum() + out.kl.sum()).backward()
        return {n: p.grad.clone() for n, p in networks.named_parameters() if p.grad is not None}

    plain = gradients()
    networks.activation_checkpointing_enable({})
    again = gradients()
    assert plain.keys() == again.keys()
    for name in plain:
        torch.testing.assert_close(again[name], plain[name])


def test_the_base_is_untouched_and_the_adapters_learn(tiny_model, tokenizer, log, tmp_path) -> None:
    before = copy.deepcopy(tiny_model.state_dict())
    args = settings(tmp_path, max_steps=60, activation_checkpointing=True)
    trainer = OREOTrainer(tiny_model, args, log, processing_class=tokenizer, peft_config=lora())
    trainer.train()
    after = {n.replace(".base_layer", ""): p for n, p in tiny_model.state_dict().items() if "lora" not in n}
    assert before.keys() == after.keys()
    assert all(torch.equal(before[n], after[n]) for n in before)
    lines = [line for line in trainer.state.log_history if "policy_loss" in line]
    assert lines[-1]["policy_loss"] < 0.5 * lines[0]["policy_loss"]


@pytest.mark.parametrize(
    ("critic", "policy_adapter", "value_adapter"),
    [("separate", True, True), ("separate", True, False), ("separate", False, True), ("shared", True, False)],
)
def test_saved_folder_is_merged_and_plain(
    tiny_model, tokenizer, log, tmp_path, critic, policy_adapter, value_adapter
) -> None:
    from transformers import AutoModelForCausalLM, AutoModelForTokenClassification

    trainer = OREOTrainer(
        tiny_model,
        settings(tmp_path, critic=critic),
        log,
        processing_class=tokenizer,
        peft_config=lora() if policy_adapter else None,
        value_peft_config=lora() if value_adapter else None,
    )
    trainer.train()
    trainer.save_model()
    ids = [2, 3, 4, 5, 6]
    batch = torch.tensor([ids])
    networks = trainer.networks.eval()
    with torch.no_grad():
        out = networks(batch, torch.ones(1, 4, dtype=torch.bool), torch.ones_like(batch))
        logits = AutoModelForCausalLM.from_pretrained(tmp_path / "policy")(batch).logits
        values = AutoModelForTokenClassification.from_pretrained(tmp_path / "value")(batch).logits[0, :, 0]
    logp = torch.log_softmax(logits, -1)[:, :-1].gather(-1, batch[:, 1:, None])[..., 0]
    torch.testing.assert_close(logp, out.logp, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(values, out.values[0], rtol=1e-4, atol=1e-5)
    _, value = load(tmp_path)
    assert asyncio.run(value.values(ids)) == pytest.approx(out.values[0].tolist(), abs=1e-5)


@pytest.mark.parametrize("critic", ["separate", "shared"])
def test_checkpoints_hold_adapters_and_resume(tiny_model, tokenizer, log, tmp_path, critic) -> None:
    args = settings(tmp_path, critic=critic, save_strategy="steps", save_steps=2, max_steps=4)
    tiny_model.save_pretrained(tmp_path / "base")

    def trainer(model):
        return OREOTrainer(model, args, log, processing_class=tokenizer, peft_config=lora())

    def base():
        return type(tiny_model).from_pretrained(tmp_path / "base")

    first = trainer(base())
    first.train()
    checkpoint = tmp_path / "checkpoint-2"
    assert (checkpoint / "policy" / "adapter_config.json").is_file()
    assert not (checkpoint / "policy" / "model.safetensors").exists()
    again = trainer(base())
    again.train(resume_from_checkpoint=str(checkpoint))
    for name, weight in first.networks.state_dict().items():
        assert torch.equal(again.networks.state_dict()[name], weight), name
    # A checkpoint is loadable too, where its base can be found.
    policy, value = load(tmp_path / "checkpoint-4")
    ids = [2, 3, 4, 5, 6]
    networks = first.networks.eval()
    with torch.no_grad():
        batch = torch.tensor([ids])
        out = networks(batch, torch.ones(1, 4, dtype=torch.bool), torch.ones_like(batch))
    assert asyncio.run(value.values(ids)) == pytest.approx(out.values[0].tolist(), abs=1e-5)
    assert asyncio.run(policy.score(ids)) == pytest.approx(out.logp[0].tolist(), abs=1e-4)


def test_the_seed_repeats_a_run(tiny_model, tokenizer, log, tmp_path) -> None:
    ends = []
    for draws in (0, 7):
        torch.rand(draws)  # what happened in the process before is no part of the run
        model = copy.deepcopy(tiny_model)
        trainer = OREOTrainer(model, settings(tmp_path), log, processing_class=tokenizer, peft_config=lora())
        trainer.train()
        ends.append(trainer.networks.state_dict())
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_adapters_alone_can_be_the_result(tiny_model, tokenizer, log, tmp_path) -> None:
    args = settings(tmp_path, merge_adapters=False, max_steps=1)
    trainer = OREOTrainer(tiny_model, args, log, processing_class=tokenizer, peft_config=lora())
    trainer.train()
    trainer.save_model()
    assert (tmp_path / "policy" / "adapter_model.safetensors").is_file()
    assert (tmp_path / "value" / "adapter_model.safetensors").is_file()


def test_supervised_training_takes_an_adapter(tiny_model, tokenizer, log, tmp_path) -> None:
    from transformers import AutoModelForCausalLM

    args = SupervisedConfig(
        output_dir=str(tmp_path), max_steps=3, learning_rate=1e-2, use_cpu=True, disable_tqdm=True, save_strategy="no"
    )
    trainer = SupervisedTrainer(tiny_model, args, log, processing_class=tokenizer, peft_config=lora())
    trainer.train()
    trainer.save_model()
    ids = torch.tensor([[2, 3, 4, 5]])
    with torch.no_grad():
        here = trainer.networks.eval()(ids, torch.ones(1, 3, dtype=torch.bool), torch.ones_like(ids))
        there = AutoModelForCausalLM.from_pretrained(tmp_path)(ids).logits
    logp = torch.log_softmax(there, -1)[:, :-1].gather(-1, ids[:, 1:, None])[..., 0]
    torch.testing.assert_close(logp, here, rtol=1e-4, atol=1e-5)


def test_the_value_alone_can_learn_first(tiny_model, tokenizer, log, tmp_path) -> None:
    args = settings(tmp_path, policy_freeze_ratio=0.5, max_steps=4, lr_scheduler_type="constant", weight_decay=0.1)
    trainer = OREOTrainer(tiny_model, args, log, processing_class=tokenizer, peft_config=lora())
    seen = []

    class Watch(__import__("transformers").TrainerCallback):
        def on_step_end(self, *_, **__):
            seen.append({n: p.detach().clone() for n, p in trainer.networks.named_parameters() if p.requires_grad})

    trainer.add_callback(Watch())
    start = {n: p.detach().clone() for n, p in trainer.networks.named_parameters() if p.requires_grad}
    trainer.train()
    policy = [n for n in start if n.startswith("policy")]
    value = [n for n in start if n.startswith("value")]
    assert all(torch.equal(start[n], seen[1][n]) for n in policy)
    assert any(not torch.equal(start[n], seen[1][n]) for n in value)
    assert any(not torch.equal(start[n], seen[-1][n]) for n in policy)


def test_the_value_of_a_frozen_policy_still_learns(tiny_model) -> None:
    networks = PolicyWithValue(tiny_model.requires_grad_(False))
    assert all(p.requires_grad for p in networks.value_parameters())
    assert not any(p.requires_grad for p in networks.policy.parameters())


def test_adapters_for_missing_modules_are_refused(tiny_model) -> None:
    with pytest.raises(InvalidInputError, match="LlamaForCausalLM"):
        PolicyWithValue(tiny_model, peft_config=lora(target_modules=["no_such_module"]))


def test_a_checkpoint_of_another_adapter_is_refused(tiny_model, tokenizer, log, tmp_path) -> None:
    args = settings(tmp_path, save_strategy="steps", save_steps=1, max_steps=1)
    OREOTrainer(copy.deepcopy(tiny_model), args, log, processing_class=tokenizer, peft_config=lora()).train()
    args = settings(tmp_path, max_steps=2)
    other = OREOTrainer(tiny_model, args, log, processing_class=tokenizer, peft_config=lora(r=2))
    with pytest.raises(InvalidInputError, match="another adapter"):
        other.train(resume_from_checkpoint=str(tmp_path / "checkpoint-1"))

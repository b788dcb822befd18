"""The value's trunk predicts what it reads, too: the second loss is the cross-entropy, and the value's alone."""

from __future__ import annotations

import copy

import pytest
import torch

from stepgym.errors import InvalidInputError
from stepgym.train import OREOConfig, OREOTrainer, tokenize_episodes


@pytest.fixture
def turns(make_episode):
    """Episodes of different length, every fourth of two segments."""
    return [
        make_episode(
            [(f"{i}+{i}?", "1;" * (i % 5 + 1)), (f"so {i}?", "=0")],
            float(i % 2),
            name=f"e{i}",
            new_segments=(0, 1) if i % 4 == 0 else (0,),
        )
        for i in range(16)
    ]


def trained(model, tokenizer, log, tmp_path, *, peft_config=None, **changes):
    """A trainer after its updates: plain gradient descent, so that wrong scales would show."""
    settings = {
        "output_dir": str(tmp_path),
        "learning_rate": 0.05,
        "per_device_train_batch_size": 16,
        "max_steps": 1,
        "logging_steps": 1,
        "warmup_steps": 0,
        "optim": "sgd",
        "max_grad_norm": 1e9,
        "use_cpu": True,
        "disable_tqdm": True,
        "save_strategy": "no",
        "guard": "off",
        "value_lm_coef": 0.5,
    }
    config = OREOConfig(**(settings | changes))
    trainer = OREOTrainer(copy.deepcopy(model), config, log, processing_class=tokenizer, peft_config=peft_config)
    trainer.train()
    return trainer


def weights(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in module.named_parameters()}


def logged(trainer) -> list[float]:
    return [line["value_lm"] for line in trainer.state.log_history if "value_lm" in line]


@pytest.mark.parametrize("loss_norm", ["token", "episode"])
def test_it_is_the_cross_entropy_of_all_that_is_read(tiny_model, tokenizer, turns, tmp_path, loss_norm) -> None:
    """As transformers computes it of each segment; nothing is predicted from one segment to the next."""
    sums, counts = [], []
    for episode in tokenize_episodes(turns, tokenizer)[0]:
        segments = [torch.as_tensor(s.token_ids)[None] for s in episode.segments]
        counts.append(sum(s.shape[1] - 1 for s in segments))
        with torch.no_grad():
            sums.append(sum(float(tiny_model(input_ids=s, labels=s).loss) * (s.shape[1] - 1) for s in segments))
    expected = sum(sums) / sum(counts)
    if loss_norm == "episode":
        expected = sum(total / count for total, count in zip(sums, counts, strict=True)) / len(sums)
    trainer = trained(tiny_model, tokenizer, turns, tmp_path, loss_norm=loss_norm)
    assert logged(trainer) == [pytest.approx(expected, rel=1e-5)]


@pytest.mark.parametrize("loss_norm", ["token", "episode"])
def test_splitting_and_packing_change_nothing(tiny_model, tokenizer, turns, tmp_path, loss_norm) -> None:
    ends = []
    for size, packing in ((16, False), (4, False), (4, True)):
        changes = {"per_device_train_batch_size": size, "gradient_accumulation_steps": 16 // size, "packing": packing}
        trainer = trained(tiny_model, tokenizer, turns, tmp_path, loss_norm=loss_norm, max_steps=2, **changes)
        ends.append(weights(trainer.networks) | {"logged": torch.tensor(logged(trainer))})
    for other in ends[1:]:
        for name, expected in ends[0].items():
            torch.testing.assert_close(other[name], expected, rtol=1e-4, atol=1e-6)


def test_the_policy_does_not_see_it(tiny_model, tokenizer, turns, tmp_path) -> None:
    """After one update, before V differs, the policy and its head are those of a training without; the value is not."""
    without, with_it = (trained(tiny_model, tokenizer, turns, tmp_path, value_lm_coef=c).networks for c in (0.0, 0.5))
    for name, expected in weights(without.policy).items():
        assert torch.equal(weights(with_it.policy)[name], expected)
    start = weights(tiny_model.model)
    moved = []
    for networks in (without, with_it):
        after = weights(networks.value.trunk)
        moved.append(sum(float((after[name] - before).norm()) for name, before in start.items()))
    assert moved[1] > 2 * moved[0]


@pytest.mark.parametrize("adapted", [False, True])
def test_a_value_trained_alone_learns_to_read(tiny_model, tokenizer, turns, tmp_path, adapted) -> None:
    """With an adapter, base and head stay as they are."""
    peft_config = None
    if adapted:
        peft = pytest.importorskip("peft")
        peft_config = peft.LoraConfig(r=4, target_modules="all-linear")
    start = weights(tiny_model)
    changes = {"optim": "adamw_torch", "learning_rate": 1e-2, "max_steps": 20, "policy_freeze_ratio": 1.0}
    trainer = trained(tiny_model, tokenizer, turns, tmp_path, peft_config=peft_config, **changes)
    first, last = logged(trainer)[0], logged(trainer)[-1]
    assert last < 0.95 * first  # through a random head that stays as it is
    policy = trainer.networks.policy
    after = weights(policy.get_base_model() if adapted else policy)
    for name, expected in start.items():
        found = after.get(name, after.get(name.replace(".weight", ".base_layer.weight")))
        assert torch.equal(found, expected)


def test_where_it_makes_no_sense_it_is_refused(tmp_path) -> None:
    with pytest.raises(InvalidInputError, match="value_lm_coef must be >= 0"):
        OREOConfig(output_dir=str(tmp_path), use_cpu=True, value_lm_coef=-1.0)
    with pytest.raises(InvalidInputError, match="a trunk of the value's own"):
        OREOConfig(output_dir=str(tmp_path), use_cpu=True, value_lm_coef=0.5, critic="shared")

"""`torch_compile=True`: the same training, in compiled blocks."""

from __future__ import annotations

import copy
import shutil

import pytest
import torch
from torch._dynamo.utils import counters

from stepgym.errors import InvalidInputError
from stepgym.train import OREOConfig, OREOTrainer, load
from stepgym.train.adapters import merged
from stepgym.train.compiled_blocks import compile_blocks
from stepgym.train.nonfinite import KEYS


@pytest.fixture(autouse=True)
def nothing_compiled():
    torch.compiler.reset()
    counters.clear()
    yield
    torch.compiler.reset()


def trained(model, tokenizer, log, folder, *, peft_config=None, **settings) -> OREOTrainer:
    common = {
        "output_dir": str(folder),
        "learning_rate": 1e-2,
        "per_device_train_batch_size": 3,
        "max_steps": 5,
        "logging_steps": 1,
        "packing": True,
        "use_cpu": True,
        "disable_tqdm": True,
        "save_strategy": "no",
        "guard": "off",
    }
    config = OREOConfig(**(common | settings))
    trainer = OREOTrainer(copy.deepcopy(model), config, log, processing_class=tokenizer, peft_config=peft_config)
    trainer.train()
    return trainer


def weights(trainer: OREOTrainer) -> dict[str, torch.Tensor]:
    return {n: p.detach() for n, p in trainer.networks.named_parameters() if p.requires_grad}


def check_equal(plain: OREOTrainer, compiled: OREOTrainer) -> None:
    expected, found = weights(plain), weights(compiled)
    assert list(found) == list(expected)
    for name, weight in expected.items():
        assert torch.allclose(found[name], weight, rtol=1e-3, atol=1e-4), name
    for a, b in zip(plain.state.log_history, compiled.state.log_history, strict=True):
        for name in ("loss", "value_loss", "policy_loss", "kl"):
            assert b.get(name, 0.0) == pytest.approx(a.get(name, 0.0), rel=1e-3, abs=1e-5)


def test_same_training_with_adapters(tiny_model, tokenizer, log, tmp_path) -> None:
    # Batches of different lengths; the policy's blocks run with their adapters and, as the reference, without.
    peft_config = pytest.importorskip("peft").LoraConfig(r=2, target_modules="all-linear")
    plain = trained(tiny_model, tokenizer, log, tmp_path / "plain", peft_config=peft_config)
    assert counters["stats"]["unique_graphs"] == 0
    options = {"torch_compile": True, "torch_compile_backend": "aot_eager", "peft_config": peft_config}
    compiled = trained(tiny_model, tokenizer, log, tmp_path / "compiled", **options)
    assert counters["stats"]["unique_graphs"] > 0
    assert compiled.model_wrapped is compiled.networks, "compiled as a whole"
    check_equal(plain, compiled)
    # What is saved knows nothing of it.
    compiled.save_model(str(tmp_path / "saved"))
    policy, _ = load(tmp_path / "saved")
    expected = merged(compiled.networks.policy).state_dict()
    for name, weight in policy.model.state_dict().items():
        assert torch.equal(weight, expected[name]), name


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
def test_same_training_by_the_default_compiler(tiny_model, tokenizer, log, tmp_path) -> None:
    settings = {"critic": "shared", "packing": False, "activation_checkpointing": True}
    plain = trained(tiny_model, tokenizer, log, tmp_path / "plain", **settings)
    compiled = trained(tiny_model, tokenizer, log, tmp_path / "compiled", torch_compile=True, **settings)
    assert counters["stats"]["unique_graphs"] > 0
    check_equal(plain, compiled)


def test_batches_of_any_lengths_are_compiled_once(tiny_model, tokenizer, log, tmp_path) -> None:
    compiled: list[int] = []

    def backend(graph, inputs):
        compiled.append(len(inputs))
        return graph.forward

    settings = {"per_device_train_batch_size": 2, "max_steps": 1}
    trainer = trained(tiny_model, tokenizer, log, tmp_path / "run", **settings)
    torch.compiler.reset()
    compile_blocks(trainer.networks, backend=backend)
    after = []
    for batch in trainer.get_train_dataloader():
        inputs = trainer._prepare_inputs(batch)
        inputs.pop(KEYS)
        trainer.compute_loss(trainer.networks, inputs).backward()
        after.append(len(compiled))
    assert len(after) >= 4
    assert after[0] > 0
    assert after[-1] == after[1], "compiled again after the second batch"


def test_a_model_without_blocks_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="no blocks"):
        compile_blocks(torch.nn.Linear(2, 2))

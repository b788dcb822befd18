from __future__ import annotations

import json

import pytest

pytest.importorskip("peft")

QUICK = ("--max-steps", "3", "--per-device-train-batch-size", "8", "--learning-rate", "1e-2", "--use-cpu")


def tensors(path):
    from safetensors.torch import load_file

    return load_file(path / "model.safetensors")


def changed(run, quickstart, part: str) -> set[str]:
    before, after = tensors(quickstart / "oreo" / part), tensors(run / part)
    assert before.keys() == after.keys(), "a whole model, without anything of the adapters"
    return {name for name in before if not before[name].equal(after[name])}


@pytest.mark.parametrize("method", ["oreo", "sft"])
def test_adapters_end_as_a_whole_model_of_which_only_linear_layers_changed(quickstart, cli, tmp_path, method):
    words = ("train", quickstart / "episodes", "--model", quickstart / "oreo", "--method", method, *QUICK)
    result = cli(*words, "--lora", "4", "--eval-fraction", "0.2", "--out", tmp_path / "run")
    assert result.code == 0, result.err
    names = changed(tmp_path / "run", quickstart, "policy")
    assert names
    assert all("proj" in name for name in names), names
    config = json.loads((tmp_path / "run/config.json").read_text())
    assert config["lora"] == 4
    played = cli("evaluate", "stepgym/ArithmeticChain-v0", "--policy", tmp_path / "run", "--episodes", "2")
    assert played.code == 0, played.err
    weights = (tmp_path / "run/policy/model.safetensors").read_bytes()
    again = cli(*words, "--lora", "4", "--eval-fraction", "0.2", "--out", tmp_path / "run", "--resume")
    assert again.code == 0, again.err
    assert (tmp_path / "run/policy/model.safetensors").read_bytes() == weights
    other = cli(*words, "--lora", "8", "--eval-fraction", "0.2", "--out", tmp_path / "run", "--resume")
    assert "begun with lora = 4" in other.err


@pytest.mark.parametrize(
    ("flags", "policy_whole", "value_whole"),
    [(("--value-lora", "4", "--lora-alpha", "8"), True, False), (("--lora", "4", "--value-lora", "0"), False, True)],
)
def test_policy_and_value_may_be_adapted_apart(quickstart, cli, tmp_path, flags, policy_whole, value_whole):
    words = ("train", quickstart / "episodes", "--model", quickstart / "oreo", *QUICK, "--eval-fraction", "0")
    result = cli(*words, *flags, "--out", tmp_path / "run")
    assert result.code == 0, result.err
    assert any("norm" in name for name in changed(tmp_path / "run", quickstart, "policy")) == policy_whole
    value = tensors(tmp_path / "run/value")
    before = tensors(quickstart / "oreo/policy")
    norms = [name for name in value if "norm" in name]
    assert norms
    assert any(not value[name].equal(before[name]) for name in norms if name in before) == value_whole


def test_the_reference_may_be_another_model(quickstart, cli, tmp_path):
    words = ("train", quickstart / "episodes", "--model", quickstart / "oreo", *QUICK, "--eval-fraction", "0")

    def trained(name: str, *more: object) -> bytes:
        result = cli(*words, *more, "--out", tmp_path / name)
        assert result.code == 0, result.err
        return (tmp_path / name / "policy/model.safetensors").read_bytes()

    own = trained("own")
    assert trained("same", "--reference", quickstart / "oreo") == own
    assert trained("other", "--reference", tmp_path / "own") != own

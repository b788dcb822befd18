"""The online trainer on a tiny model: it learns, repeats itself, goes on where it was, and logs everything."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from stepgym.agents import EpisodeLog, Sampling
from stepgym.errors import InvalidInputError
from stepgym.train import CertificateRewards, NonFiniteError, OnlineConfig, OnlineTrainer
from stepgym.train.online.records import read_iterations
from stepgym.train.online.rewards import RewardedBatch, zeros

CONFIG = OnlineConfig(
    iterations=4, tasks=4, samples=4, learning_rate=2e-3, warmup=0.0, batch_size=8, save_every=2, seed=3
)


def weights(trainer: OnlineTrainer) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in trainer.model.state_dict().items()}


def trainer(start: Path, chain: dict[str, Any], out: Path, config: OnlineConfig = CONFIG, **more: Any) -> OnlineTrainer:
    given = {name: value for name, value in chain.items() if name not in ("env", "tasks")}
    return OnlineTrainer(start, chain["env"], chain["tasks"], config, out=out, **(given | more))


def test_a_run_that_was_stopped_ends_with_the_weights_of_one_that_was_not(
    chain_start: Path, chain: dict[str, Any], tmp_path: Path
) -> None:
    whole = trainer(chain_start, chain, tmp_path / "whole")
    records = whole.train()
    assert [r.iteration for r in records] == [0, 1, 2, 3]
    assert read_iterations(tmp_path / "whole") == records
    # Killed after its third iteration: the checkpoint is of the second, the log has all three.
    cut = trainer(chain_start, chain, tmp_path / "cut")

    class KilledError(Exception):
        pass

    def kill(record: Any) -> None:
        if record.iteration == 2:
            raise KilledError

    with pytest.raises(KilledError):
        cut.train(on_iteration=kill)
    again = trainer(chain_start, chain, tmp_path / "cut")
    assert again.train() == records
    for name, tensor in weights(whole).items():
        assert torch.equal(tensor, again.model.state_dict()[name]), name
    assert read_iterations(tmp_path / "cut") == records
    episodes = list(EpisodeLog(tmp_path / "cut" / "episodes"))
    assert len({e.id for e in episodes}) == len(episodes) == 4 * 16
    assert {e.policy for e in episodes} == {f"online-{i}" for i in range(4)}
    # A finished run trains no more, and its policy is a plain model.
    assert trainer(chain_start, chain, tmp_path / "cut").train() == records
    saved = AutoModelForCausalLM.from_pretrained(tmp_path / "cut" / "policy")
    assert all(torch.equal(t, saved.state_dict()[name]) for name, t in weights(whole).items())


def test_the_size_of_a_batch_changes_nothing(chain_start: Path, chain: dict[str, Any], tmp_path: Path) -> None:
    config = replace(CONFIG, iterations=1)
    one = trainer(chain_start, chain, tmp_path / "a", config)
    other = trainer(chain_start, chain, tmp_path / "b", replace(config, batch_size=3))
    first, second = one.train()[0], other.train()[0]
    assert first.gradient == pytest.approx(second.gradient, rel=1e-4)
    assert first.gradient > 0


def test_other_settings_do_not_go_on(chain_start: Path, chain: dict[str, Any], tmp_path: Path) -> None:
    trainer(chain_start, chain, tmp_path, replace(CONFIG, iterations=1)).train()
    for config, more in (
        (replace(CONFIG, alpha=2.0), {}),
        (CONFIG, {"sampling": Sampling(max_tokens=12)}),
        (CONFIG, {"rewards": CertificateRewards(chain["tokenizer"])}),
    ):
        with pytest.raises(InvalidInputError, match="other settings"):
            trainer(chain_start, chain, tmp_path, config, **more).train()
    # More iterations are no other settings where the rate does not depend on them.
    assert len(trainer(chain_start, chain, tmp_path, replace(CONFIG, iterations=2)).train()) == 2


def test_certificates_teach_what_outcomes_hardly_show(chain_start: Path, chain: dict[str, Any], tmp_path: Path) -> None:
    config = replace(CONFIG, iterations=20, tasks=16, alpha=1.0, kl=0.0, save_every=100, batch_size=64)
    rewards = CertificateRewards(chain["tokenizer"])
    records = trainer(chain_start, chain, tmp_path, config, rewards=rewards).train()
    begin, end = (np.mean([r.success for r in part]) for part in (records[:5], records[-5:]))
    assert end > begin + 0.15
    assert records[0].kl == 0
    assert records[-1].kl > 0
    assert all(r.reward > 0 and r.prover_episodes == 0 for r in records)


def test_the_pull_to_the_start_holds_the_policy(chain_start: Path, chain: dict[str, Any], tmp_path: Path) -> None:
    config = replace(CONFIG, iterations=6, save_every=100)
    free = trainer(chain_start, chain, tmp_path / "free", replace(config, kl=0.0)).train()
    held = trainer(chain_start, chain, tmp_path / "held", replace(config, kl=3.0)).train()
    assert held[-1].kl < 0.7 * free[-1].kl


def test_a_reward_that_is_not_finite_stops_before_the_update(
    chain_start: Path, chain: dict[str, Any], tmp_path: Path
) -> None:
    class Broken:
        name = "broken"

        def rewards(self, episodes: Any, tokenized: Any, *, seed: int) -> RewardedBatch:
            return RewardedBatch([tuple(row + np.nan for row in zeros(t)) for t in tokenized])

    broken = trainer(chain_start, chain, tmp_path, rewards=Broken())
    before = weights(broken)
    with pytest.raises(NonFiniteError, match="iteration 0"):
        broken.train()
    assert all(torch.equal(tensor, before[name]) for name, tensor in weights(broken).items())


def test_only_plain_sampling_has_this_gradient(chain_start: Path, chain: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="temperature 1"):
        trainer(chain_start, chain, tmp_path, sampling=Sampling(temperature=0.7))
    with pytest.raises(InvalidInputError, match="different tasks"):
        trainer(chain_start, chain | {"tasks": chain["tasks"][:2]}, tmp_path)


def test_an_adapter_is_trained_beside_a_frozen_base(chain_start: Path, chain: dict[str, Any], tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    config = replace(CONFIG, iterations=1)
    adapter = peft.LoraConfig(r=2, target_modules="all-linear")
    adapted = trainer(chain_start, chain, tmp_path, config, peft_config=adapter)
    adapted.train()
    state = json.loads((tmp_path / "checkpoint" / "online.json").read_text())
    assert state["done"] == 1
    assert (tmp_path / "checkpoint" / "policy" / "adapter_model.safetensors").is_file()
    start = AutoModelForCausalLM.from_pretrained(chain_start).state_dict()
    trained = AutoModelForCausalLM.from_pretrained(tmp_path / "policy").state_dict()
    assert any(not torch.equal(tensor, trained[name]) for name, tensor in start.items())


@pytest.mark.parametrize(("cut", "trained"), [("drop", 0), ("failure", 16)])
def test_episodes_without_an_end_are_left_out_or_failures(
    chain_start: Path, chain: dict[str, Any], tmp_path: Path, cut: Any, trained: int, caplog: pytest.LogCaptureFixture
) -> None:
    config = replace(CONFIG, iterations=1, cut=cut)
    records = trainer(chain_start, chain, tmp_path, config, sampling=Sampling(max_tokens=1)).train()
    assert (records[0].episodes, records[0].trained, records[0].success) == (16, trained, 0.0)
    assert ("cut by the system" in caplog.text) == (cut == "drop")

"""A verifier of steps learns soft labels, is saved and loaded, and serves a search."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stepgym.agents.progress import bok_plug_in
from stepgym.errors import InvalidInputError
from stepgym.train import StepValueConfig, StepValueTrainer, load_value_function
from stepgym.train.models import PolicyWithValue
from stepgym.train.progress import value_rows
from stepgym.train.value_model import ValueModel

TARGETS = {"a": 0.1, "b": 0.35, "ab": 0.9, "ba": 0.6}


@pytest.fixture
def rows(tokenizer: Any) -> list[dict[str, Any]]:
    """Prefixes with a known chance, the label drawn from 20 roll-outs."""
    rng = np.random.default_rng(0)
    made = []
    for i in range(160):
        text = list(TARGETS)[i % 4]
        c = rng.binomial(20, TARGETS[text])
        ids = tokenizer("x?" + text)["input_ids"]
        made.append({"ids": ids, "q": c / 20, "n": 20, "prefix": f"p{i}", "task": "x"})
    return made


def config(folder: Path, **more: Any) -> StepValueConfig:
    settings: dict[str, Any] = {
        "output_dir": str(folder),
        "max_steps": 60,
        "learning_rate": 3e-3,
        "per_device_train_batch_size": 32,
        "warmup_steps": 5,
        "save_strategy": "no",
        "use_cpu": True,
        "disable_tqdm": True,
    }
    return StepValueConfig(**(settings | more))


def predictions(value: Any, tokenizer: Any) -> dict[str, float]:
    async def read() -> list[float]:
        return [await value.value(tokenizer("x?" + text)["input_ids"]) for text in TARGETS]

    return dict(zip(TARGETS, asyncio.run(read()), strict=True))


def test_it_predicts_the_mean_of_soft_labels_and_comes_back_from_disk(
    tiny_model: Any, tokenizer: Any, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    before = {name: tensor.clone() for name, tensor in tiny_model.state_dict().items()}
    trainer = StepValueTrainer(tiny_model, config(tmp_path, balance="none"), rows, processing_class=tokenizer)
    assert predictions(trainer.value_function(), tokenizer) == dict.fromkeys(TARGETS, 0.5)
    trainer.train()
    trainer.save_model()
    found = predictions(load_value_function(tmp_path), tokenizer)
    for text, target in TARGETS.items():
        drawn = np.mean([r["q"] for r in rows if tokenizer.decode(r["ids"]) == "x?" + text])
        assert found[text] == pytest.approx(drawn, abs=0.06), (text, target)
    assert found == pytest.approx(predictions(trainer.value_function(), tokenizer), abs=1e-6)
    # The policy that it began from is as it was.
    assert all(torch.equal(tensor, before[name]) for name, tensor in tiny_model.state_dict().items())
    # The best of four of a prediction: no verifier of its own.
    assert bok_plug_in(found["a"], 4) == pytest.approx(1 - (1 - found["a"]) ** 4)
    assert (tmp_path / "value" / "README.md").is_file()


def test_the_loss_is_the_weighted_soft_cross_entropy(
    tiny_model: Any, tokenizer: Any, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    """At the start every prediction is 1/2, so each row costs log 2, whatever its label."""
    trainer = StepValueTrainer(tiny_model, config(tmp_path), rows[:7], processing_class=tokenizer)
    batch = next(iter(trainer.get_train_dataloader()))
    batch.pop("episode_keys", None)
    loss: Any = trainer.compute_loss(trainer.networks, batch)
    assert loss.item() == pytest.approx(math.log(2), rel=1e-5)  # the weights of a whole batch have the mean 1


def test_packed_rows_train_alike(chain_copy: Any, tokenizer: Any, rows: list[dict[str, Any]], tmp_path: Path) -> None:
    found = []
    for packing in (False, True):
        settings = config(tmp_path, max_steps=10, packing=packing, logging_steps=1)
        trainer = StepValueTrainer(chain_copy(), settings, rows, processing_class=tokenizer)
        trainer.train()
        found.append([(x["value_loss"], x["brier"]) for x in trainer.state.log_history if "value_loss" in x])
    assert np.allclose(found[0], found[1], atol=1e-3)
    assert found[0][-1][0] < found[0][0][0] - 0.02


def test_a_stopped_training_ends_with_the_same_weights(
    tokenizer: Any, rows: list[dict[str, Any]], tmp_path: Path, chain_copy: Any
) -> None:
    whole = StepValueTrainer(chain_copy(), config(tmp_path / "a", max_steps=6), rows, processing_class=tokenizer)
    whole.train()
    settings = {"max_steps": 6, "save_strategy": "steps", "save_steps": 3}
    StepValueTrainer(chain_copy(), config(tmp_path / "b", **settings), rows, processing_class=tokenizer).train()
    (tmp_path / "b" / "checkpoint-6").rename(tmp_path / "later")
    again = StepValueTrainer(chain_copy(), config(tmp_path / "b", **settings), rows, processing_class=tokenizer)
    again.train(resume_from_checkpoint=True)
    for name, tensor in whole.networks.state_dict().items():
        assert torch.equal(tensor, again.networks.state_dict()[name]), name


@pytest.fixture
def chain_copy(tiny_model: Any) -> Any:
    import copy

    return lambda: copy.deepcopy(tiny_model)


def test_an_adapter_is_saved_with_its_link(
    tiny_model: Any, tokenizer: Any, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    peft = pytest.importorskip("peft")
    tiny_model.save_pretrained(tmp_path / "base")
    settings = config(tmp_path / "run", max_steps=5, merge_adapters=False)
    adapter = peft.LoraConfig(r=4, target_modules="all-linear")
    trainer = StepValueTrainer(tmp_path / "base", settings, rows, processing_class=tokenizer, peft_config=adapter)
    trainer.train()
    trainer.save_model()
    assert (tmp_path / "run" / "value" / "adapter_config.json").is_file()
    found = predictions(load_value_function(tmp_path / "run"), tokenizer)
    assert found == pytest.approx(predictions(trainer.value_function(), tokenizer), abs=1e-5)
    assert found != dict.fromkeys(TARGETS, 0.5)


def weights_of(rows: list[dict[str, Any]], **more: Any) -> list[float]:
    return [w for e in value_rows(rows, **more)[0] for w in e.credit[0][e.segments[0].state_mask].tolist()]


def test_buckets_and_roll_outs_weigh_rows() -> None:
    rows: list[dict[str, Any]] = [{"ids": [5, 6], "q": 0.1, "n": 10}] * 3 + [{"ids": [7], "q": 0.9, "n": None}]
    np.testing.assert_allclose(weights_of(rows), [2 / 3] * 3 + [2.0], rtol=1e-6)
    some = [{"ids": [5], "q": 0.1, "n": 30}, {"ids": [5], "q": 0.2, "n": 10}, {"ids": [5], "q": 0.0, "n": None}]
    found = weights_of(some, balance="none", weigh_by_n=True)
    np.testing.assert_allclose(found, np.array([30, 10, 30]) / (70 / 3), rtol=1e-6)
    drawn, _ = value_rows(rows, balance="draw")
    assert sorted(e.outcome for e in drawn) == [0.1, 0.1, 0.9, 0.9]
    episode = value_rows(rows, balance="none")[0][0]
    np.testing.assert_array_equal(episode.segments[0].token_ids[:2], [5, 6])
    np.testing.assert_array_equal(episode.segments[0].state_mask, [False, True])
    assert episode.segments[0].returns[1] == pytest.approx(0.1)


@given(
    st.lists(st.tuples(st.lists(st.integers(0, 2), min_size=1, max_size=5), st.integers(0, 9)), min_size=1, max_size=30)
)
def test_rows_that_continue_each_other_share_an_episode(drawn: list[tuple[list[int], int]]) -> None:
    rows = [{"ids": ids, "q": tenths / 10} for ids, tenths in drawn]
    episodes, report = value_rows(rows, balance="none")
    read = []
    for (segment,) in (e.segments for e in episodes):
        ids = segment.token_ids.tolist()
        ends = np.flatnonzero(segment.state_mask).tolist()
        assert ends[-1] == len(ids) - 2
        read += [(ids[: end + 1], round(10 * float(segment.returns[end]))) for end in ends]
    assert sorted(read) == sorted(drawn)
    assert report.kept == len(rows)
    ordered = sorted(tuple(ids) for ids, _ in drawn)
    # One more episode than the longest row of each family, only where prefixes repeat or branch.
    leaves = [a for a, b in zip(ordered, [*ordered[1:], ()], strict=True) if b[: len(a)] != a]
    assert len(episodes) >= len(leaves)
    if len(set(ordered)) == len(ordered):
        assert len(episodes) == len(leaves)


def test_sharing_changes_no_gradient(tiny_model: Any, tokenizer: Any, tmp_path: Path) -> None:
    rows = [{"ids": [5, 6, 7, 8][:k], "q": k / 5, "n": 4} for k in range(1, 5)]
    gradients = []
    for one_by_one in (False, True):
        trainer = StepValueTrainer(tiny_model, config(tmp_path), rows, processing_class=tokenizer)
        episodes = [e for row in rows for e in value_rows([row])[0]] if one_by_one else trainer.train_dataset
        assert len(episodes) == (4 if one_by_one else 1)
        batch: Any = trainer.data_collator(list(episodes))
        batch.pop("episode_keys", None)
        trainer.networks.zero_grad()
        trainer.networks.value.head.weight.data.fill_(0.1)
        trainer.compute_loss(trainer.networks, batch).backward()  # type: ignore[union-attr]
        gradients.append([p.grad.clone() for p in trainer.networks.parameters() if p.grad is not None])
    weights = np.array(weights_of(rows))
    assert weights == pytest.approx(np.ones(4))
    for shared, alone in zip(*gradients, strict=True):
        torch.testing.assert_close(shared, alone, rtol=1e-4, atol=1e-6)


def test_what_cannot_be_trained_on_is_dropped_or_refused(tiny_model: Any, tokenizer: Any, tmp_path: Path) -> None:
    long = {"ids": [5] * 70, "q": 0.5, "n": 4}  # the model reads 64
    trainer = StepValueTrainer(tiny_model, config(tmp_path), [long, {"ids": [5], "q": 1.0}], processing_class=tokenizer)
    assert trainer.tokenize_report.dropped == {"longer than the context": 1}
    with pytest.raises(InvalidInputError, match="no rows"):
        StepValueTrainer(tiny_model, config(tmp_path), [long], processing_class=tokenizer)
    for wrong, words in (
        ({"ids": None, "q": 0.5}, "no token ids"),
        ({"ids": [5], "q": 1.5}, r"\[0, 1\]"),
        ({"ids": [5], "q": float("nan")}, r"\[0, 1\]"),
        ({"ids": [5000], "q": 0.5}, "tokenizer"),
        ({"ids": [-1], "q": 0.5}, "tokenizer"),
    ):
        with pytest.raises(InvalidInputError, match=words):
            value_rows([wrong], vocabulary=len(tokenizer))
    with pytest.raises(InvalidInputError, match="balance"):
        config(tmp_path, balance="much")
    with pytest.raises(InvalidInputError, match="mean over rows"):
        config(tmp_path, loss_norm="episode")


def test_a_verifier_is_no_start_for_oreo_s_value(tiny_model: Any) -> None:
    verifier = ValueModel(tiny_model.model, link="logistic")
    with pytest.raises(InvalidInputError, match="chance"):
        PolicyWithValue(tiny_model, value=verifier)
    with pytest.raises(InvalidInputError, match="link"):
        ValueModel(tiny_model.model, link="probit")  # type: ignore[arg-type]

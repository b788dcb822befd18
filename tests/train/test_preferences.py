"""DPO and KTO through TRL: the ids of the log, what is masked, what is refused, and that they learn."""

from __future__ import annotations

import copy
import math

import pytest
import torch

from stepgym.errors import InvalidInputError

trl = pytest.importorskip("trl", reason="needs the extra 'baselines'")

from stepgym.agents.exporters.rows import to_dpo, to_step_dpo  # noqa: E402
from stepgym.train import make_trainer  # noqa: E402
from stepgym.train.dpo import EpisodeDPOTrainer  # noqa: E402
from stepgym.train.kto import EpisodeKTOTrainer, balanced_weights  # noqa: E402
from stepgym.train.preference_rows import PairCollator, UnpairedCollator  # noqa: E402


def settings(kind, tmp_path, **changes):
    values = {
        "output_dir": str(tmp_path / "run"),
        "per_device_train_batch_size": 4,
        "max_steps": 2,
        "bf16": False,
        "use_cpu": True,
        "gradient_checkpointing": False,
        "report_to": "none",
        "save_strategy": "no",
        "learning_rate": 1e-2,
        "disable_tqdm": True,
    }
    return kind(**(values | changes))


@pytest.fixture
def pairs_log(make_episode):
    """Four tasks, two successes and two failures each."""
    return [
        make_episode([(f"{task}+1?", f"={answer};")], float(answer < 2), name=f"{task}{answer}", task_id=str(task))
        for task in range(4)
        for answer in range(4)
    ]


def logprobs(model, ids):
    """Log-probability of each token after the first, by the plain forward pass."""
    with torch.no_grad():
        logits = model.eval()(input_ids=torch.tensor([ids])).logits[0, :-1].log_softmax(-1)
    return logits[torch.arange(len(ids) - 1), ids[1:]]


def test_nothing_is_reported_over_the_network(tiny_model, tokenizer, pairs_log, tmp_path, monkeypatch):
    sent = []
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr("trl.trainer.base_trainer.send_telemetry", lambda **report: sent.append(report))
    config, kto = settings(trl.DPOConfig, tmp_path), settings(trl.KTOConfig, tmp_path)
    EpisodeDPOTrainer(tiny_model, config, pairs_log, processing_class=tokenizer)
    EpisodeKTOTrainer(tiny_model, kto, pairs_log, processing_class=tokenizer)
    assert sent == []


def test_pairs_hold_the_ids_of_the_log(tiny_model, tokenizer, pairs_log, tmp_path):
    trainer = EpisodeDPOTrainer(
        tiny_model, settings(trl.DPOConfig, tmp_path), pairs_log, processing_class=tokenizer, pairs_per_task=3
    )
    assert len(trainer.train_dataset) == 12
    logged = {
        (e.task_id, e.steps[0].completion.prompt_token_ids, e.steps[0].completion.token_ids): e.outcome
        for e in pairs_log
    }
    tasks = {prompt: task for task, prompt, _ in logged}
    for row in trainer.train_dataset:
        prompt = tuple(row["prompt_ids"])
        assert logged[tasks[prompt], prompt, tuple(row["chosen_ids"])] == 1.0
        assert logged[tasks[prompt], prompt, tuple(row["rejected_ids"])] == 0.0
        assert set(row["chosen_mask"]) == set(row["rejected_mask"]) == {1}


def test_ids_that_no_text_would_give_are_kept(tiny_model, tokenizer, make_episode, tmp_path):
    """Two tokens that decode to one character each, where encoding the text gives other ids."""
    from dataclasses import replace

    good, bad = make_episode([("1?", "=1")], 1.0, task_id="t"), make_episode([("1?", "=0")], 0.0, task_id="t")
    strange = replace(good.steps[0].completion, token_ids=(0, 0, 5))
    good = replace(good, steps=(replace(good.steps[0], completion=strange),))
    trainer = EpisodeDPOTrainer(tiny_model, settings(trl.DPOConfig, tmp_path), [good, bad], processing_class=tokenizer)
    assert trainer.train_dataset[0]["chosen_ids"] == [0, 0, 5]


def test_the_dpo_loss_is_that_of_the_agents_own_tokens(tiny_model, tokenizer, make_episode, tmp_path):
    """Against the formula by hand: two turns, and what was observed between them does not count."""
    good = make_episode([("a?", "=1"), ("bb", "=2")], 1.0, task_id="t")
    bad = make_episode([("a?", "=3"), ("cccc", "=;4")], 0.0, task_id="t")
    trainer = EpisodeDPOTrainer(
        tiny_model, settings(trl.DPOConfig, tmp_path, beta=0.3), [good, bad], processing_class=tokenizer
    )
    reference = copy.deepcopy(tiny_model)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in tiny_model.parameters():
            p.add_(0.05 * torch.randn(p.shape, generator=generator))
    found = trainer.evaluate(trainer.train_dataset)["eval_loss"]

    def ratio(episode):
        ids, written = [], []
        for step in episode.steps:
            ids += [*step.completion.prompt_token_ids, *step.completion.token_ids]
            written += [False] * len(step.completion.prompt_token_ids) + [True] * len(step.completion.token_ids)
        both = logprobs(tiny_model, ids) - logprobs(reference, ids)
        return float(both[torch.tensor(written[1:])].sum())

    expected = -math.log(1 / (1 + math.exp(-0.3 * (ratio(good) - ratio(bad)))))
    assert found == pytest.approx(expected, abs=1e-5)
    assert abs(expected - math.log(2)) > 1e-3, "the loss would be log 2 without any difference"


def test_collators_mask_observations_and_pair_answers_with_other_prompts():
    rows = [
        {"prompt_ids": [7], "completion_ids": [1, 2, 3], "completion_mask": [1, 0, 1], "label": True},
        {"prompt_ids": [8, 9], "completion_ids": [4], "completion_mask": [1], "label": False},
    ]
    batch = UnpairedCollator(0)(rows)
    assert batch["input_ids"].tolist() == [[7, 1, 2, 3], [8, 9, 4, 0]]
    assert batch["completion_mask"].tolist() == [[0, 1, 0, 1], [0, 0, 1, 0]]
    assert batch["KL_input_ids"].tolist() == [[7, 4, 0, 0, 0], [8, 9, 1, 2, 3]]
    assert batch["KL_completion_mask"].tolist() == [[0, 1, 0, 0, 0], [0, 0, 1, 0, 1]]
    assert batch["label"].tolist() == [True, False]
    pair = {"prompt_ids": [7], "chosen_ids": [1], "rejected_ids": [2, 3], "rejected_mask": [0, 1]}
    batch = PairCollator(0)([pair])
    assert batch["input_ids"].tolist() == [[7, 1, 0], [7, 2, 3]]
    assert batch["completion_mask"].tolist() == [[0, 1, 0], [0, 0, 1]]
    assert batch["attention_mask"].tolist() == [[1, 1, 0], [1, 1, 1]]


def test_collators_agree_with_those_of_trl():
    from trl.trainer.dpo_trainer import DataCollatorForPreference
    from trl.trainer.kto_trainer import DataCollatorForUnpairedPreference

    pairs = [
        {"prompt_ids": [1, 2, 3], "chosen_ids": [4, 5], "rejected_ids": [6]},
        {"prompt_ids": [7, 8], "chosen_ids": [9], "rejected_ids": [10, 11]},
    ]
    theirs, ours = DataCollatorForPreference(pad_token_id=0)(pairs), PairCollator(0)(pairs)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    unpaired = [
        {"prompt_ids": [1, 2, 3], "completion_ids": [4, 5], "label": True},
        {"prompt_ids": [7, 8], "completion_ids": [9], "label": False},
    ]
    rotated = [u | {"KL_completion_ids": unpaired[i - 1]["completion_ids"]} for i, u in enumerate(unpaired)]
    theirs, ours = DataCollatorForUnpairedPreference(pad_token_id=0)(rotated), UnpairedCollator(0)(unpaired)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize("kind", ["dpo", "kto"])
def test_training_moves_towards_the_successes_and_leaves_the_model_plain(
    kind, tiny_model, tokenizer, pairs_log, tmp_path
):
    start = copy.deepcopy(tiny_model)
    if kind == "dpo":
        config = settings(trl.DPOConfig, tmp_path, max_steps=8)
        trainer = EpisodeDPOTrainer(tiny_model, config, pairs_log, processing_class=tokenizer)
    else:
        config = settings(trl.KTOConfig, tmp_path, max_steps=8, per_device_train_batch_size=8)
        trainer = EpisodeKTOTrainer(tiny_model, config, pairs_log, processing_class=tokenizer)
        assert sorted(trainer.train_dataset["label"]) == [False] * 8 + [True] * 8
    assert trainer.tokenize_report.kept == 16
    trainer.train()
    assert "forward" not in vars(tiny_model)

    def gap(model):
        total = 0.0
        for episode in pairs_log:
            c = episode.steps[0].completion
            value = logprobs(model, [*c.prompt_token_ids, *c.token_ids])[-len(c.token_ids) :].sum()
            total += float(value) * (1 if episode.outcome else -1)
        return total

    assert gap(tiny_model) > gap(start) + 1.0
    # A copy made after training computes with its own weights.
    twin = copy.deepcopy(tiny_model)
    ids = torch.tensor([[1, 2, 3]])
    before = twin(input_ids=ids).logits
    with torch.no_grad():
        for p in tiny_model.parameters():
            p.zero_()
    assert torch.equal(twin(input_ids=ids).logits, before)


def test_episodes_without_ids_are_encoded_once_and_counted(tiny_model, tokenizer, make_episode, tmp_path):
    log = [make_episode([("1?", f"={i}")], float(i), name=str(i), task_id="t", ids=False) for i in (0, 1)]
    trainer = EpisodeDPOTrainer(tiny_model, settings(trl.DPOConfig, tmp_path), log, processing_class=tokenizer)
    assert trainer.tokenize_report.retokenized == 2
    assert trainer.train_dataset[0]["chosen_ids"] == [*tokenizer("=1")["input_ids"], tokenizer.eos_token_id]


def test_exported_rows_train_as_they_are(tiny_model, tokenizer, pairs_log, make_episode, tmp_path):
    rows = list(to_dpo(pairs_log, ids=True))
    config = settings(trl.DPOConfig, tmp_path, max_steps=1)
    trainer = EpisodeDPOTrainer(tiny_model, config, rows, processing_class=tokenizer)
    assert [row["chosen_ids"] for row in trainer.train_dataset] == [row["chosen_ids"] for row in rows]
    trainer.train()
    forks = [
        make_episode([("a?", "=1"), ("b", f"={i}")], float(i), name=f"f{i}", parent="root", forked_at=1) for i in (0, 1)
    ]
    siblings = list(to_step_dpo(forks, ids=True))
    trainer = EpisodeDPOTrainer(tiny_model, config, siblings, processing_class=tokenizer)
    (row,) = trainer.train_dataset
    first = forks[1].steps[0].completion
    assert row["prompt_ids"] == [*first.prompt_token_ids, *first.token_ids, *tokenizer("b")["input_ids"]]
    assert row["chosen_ids"] == list(forks[1].steps[1].completion.token_ids)


def test_adapters_train_against_the_base_without_them(tiny_model, tokenizer, pairs_log, tmp_path):
    from peft import LoraConfig

    before = {name: p.clone() for name, p in tiny_model.named_parameters()}
    lora = LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM")
    config = settings(trl.DPOConfig, tmp_path)
    trainer = EpisodeDPOTrainer(tiny_model, config, pairs_log, processing_class=tokenizer, peft_config=lora)
    trainer.train()
    trained = dict(trainer.model.named_parameters())
    assert any("lora_B" in name and bool(p.any()) for name, p in trained.items())
    base = {name.removeprefix("base_model.model.").replace(".base_layer", ""): p for name, p in trained.items()}
    assert all(torch.equal(p, base[name]) for name, p in before.items())


def test_long_episodes_are_dropped_and_counted(tiny_model, tokenizer, pairs_log, make_episode, tmp_path):
    long = make_episode([("0+1?", "=" + "1" * 40)], 1.0, name="long", task_id="0")
    config = settings(trl.KTOConfig, tmp_path, max_length=16)
    trainer = EpisodeKTOTrainer(tiny_model, config, [*pairs_log, long], processing_class=tokenizer)
    assert trainer.tokenize_report.dropped == {"too long": 1}
    assert max(map(len, trainer.train_dataset["completion_ids"])) < 16


def test_what_cannot_be_compared_is_refused(tiny_model, tokenizer, make_episode, log, tmp_path):
    config, kto = settings(trl.DPOConfig, tmp_path), settings(trl.KTOConfig, tmp_path)
    rewritten = make_episode([("a?", "=1"), ("b", "=2")], 1.0, name="window", new_segments=(0, 1))
    with pytest.raises(InvalidInputError, match=r"1 of 1 episodes have several segments .*'window'.*to_step_dpo"):
        EpisodeDPOTrainer(tiny_model, config, [rewritten], processing_class=tokenizer)
    with pytest.raises(InvalidInputError, match="several segments"):
        EpisodeKTOTrainer(tiny_model, kto, [rewritten], processing_class=tokenizer)
    with pytest.raises(InvalidInputError, match="no task of the log has both a success and a failure"):
        EpisodeDPOTrainer(tiny_model, config, log[:1], processing_class=tokenizer)
    with pytest.raises(InvalidInputError, match="processing_class is missing"):
        EpisodeDPOTrainer(tiny_model, config, log)
    with pytest.raises(InvalidInputError, match="train_dataset is missing"):
        EpisodeKTOTrainer(tiny_model, kto, processing_class=tokenizer)
    one = settings(trl.KTOConfig, tmp_path, per_device_train_batch_size=1)
    with pytest.raises(InvalidInputError, match="at least 2 episodes"):
        EpisodeKTOTrainer(tiny_model, one, log, processing_class=tokenizer)
    with pytest.raises(InvalidInputError, match="row 0: expected token ids"):
        EpisodeDPOTrainer(tiny_model, config, [{"prompt": "a"}], processing_class=tokenizer)
    with pytest.raises(InvalidInputError, match="order must be one of"):
        EpisodeDPOTrainer(tiny_model, config, log, processing_class=tokenizer, order="longest")  # type: ignore[arg-type]


@pytest.mark.parametrize(("labels", "weights"), [([1, 0, 0, 0], (3.0, 1.0)), ([1, 1, 0], (1.0, 2.0)), ([1, 0], (1, 1))])
def test_balanced_weights_make_both_outcomes_count_the_same(labels, weights) -> None:
    found = balanced_weights([bool(x) for x in labels])
    assert found == weights
    assert found[0] * sum(labels) == found[1] * (len(labels) - sum(labels))


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, (3.0, 1.0)), ({"desirable_weight": 1.2}, (1.2, 1.0)), ({"undesirable_weight": 1.0}, (1, 1))],
)
def test_the_comparison_balances_kto_unless_told_otherwise(
    tiny_model, tokenizer, make_episode, tmp_path, given, expected
) -> None:
    log = [make_episode([("1+1?=", str(i))], reward=float(i % 4 == 2), name=f"e{i}") for i in range(8)]
    common = {"output_dir": str(tmp_path), "max_steps": 1, "use_cpu": True}
    trainer = make_trainer("kto", tiny_model, log, tokenizer, settings=common | given)
    assert (trainer.desirable_weight, trainer.undesirable_weight) == expected

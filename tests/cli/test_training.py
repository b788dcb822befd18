from __future__ import annotations

import json
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from stepgym.agents import Episode, EpisodeLog, Step
from stepgym.cli import main

from .conftest import ENV, lines, start, stop_when
from .test_logs import SHARED

pytest.importorskip("transformers")

QUICK = ("--max-steps", "6", "--logging-steps", "2", "--per-device-train-batch-size", "8", "--use-cpu")


def test_the_quickstart_leaves_a_report_and_can_be_repeated(quickstart, cli):
    summary = json.loads((quickstart / "summary.json").read_text())
    assert set(summary) >= {"sft", "rejection_sampling", "oreo", "best_of_2_by_value", "seconds", "seeds"}
    assert (quickstart / "report.html").stat().st_size > 10_000
    config = json.loads((quickstart / "config.json").read_text())
    assert (config["command"], config["sft_updates"], config["beta"]) == ("quickstart", 30, 0.1)
    refused = cli("quickstart", "--config", quickstart, "--out", quickstart)
    assert refused.code == 2
    assert "not empty" in refused.err
    assert "2500 distinct tasks" in cli("quickstart", "--train-tasks", "2100", "--operands", "2", "--out", "x").err


def test_the_report_of_a_run(quickstart, cli, tmp_path):
    result = cli("report", quickstart, "--out", tmp_path / "page.html")
    assert result.code == 0
    assert "Success on stepgym/ArithmeticChain-v0" in result.out
    assert result.out.endswith(f"Report: {tmp_path / 'page.html'}\n")
    assert result.err == ""


@pytest.fixture(scope="module")
def fine_tuned(quickstart: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model from scratch, fine-tuned on the quickstart's log."""
    folder = tmp_path_factory.mktemp("sft") / "run"
    words = ["train", str(quickstart / "episodes"), "--from-scratch", "tiny", "--method", "sft", *QUICK]
    assert main([*words, "--out", str(folder)]) == 0
    return folder


def test_training_from_scratch_and_then_with_oreo(fine_tuned, quickstart, cli, tmp_path):
    words = ("train", quickstart / "episodes", "--model", fine_tuned, "--eval-fraction", "0.4", *QUICK)
    result = cli(*words, "--learning-rate", "1e-3", "--out", tmp_path / "oreo")
    assert result.code == 0
    run = tmp_path / "oreo"
    assert "encoded from their text" in result.err, "the log's ids are of another tokenizer"
    assert "OREO: 6 updates" in result.err
    assert result.out.count("AUC") == 2
    assert "base rate" in result.out
    found = json.loads((run / "value.json").read_text())
    held_back = (run / "held_back_tasks.txt").read_text().splitlines()
    assert found["tasks"] == len(held_back) == 24
    assert found["end"]["episodes"] <= 96
    config = json.loads((run / "config.json").read_text())
    assert (config["beta"], config["learning_rate"], config["max_steps"]) == (0.1, 1e-3, 6)
    assert [line["step"] for line in lines(run / "metrics" / "oreo.jsonl")][:3] == [2, 4, 6]
    assert cli("report", run).code == 0
    assert "AUC" in (run / "report.html").read_text()
    played = cli("evaluate", ENV, "--policy", run, "--tasks", run / "held_back_tasks.txt")
    assert played.code == 0
    assert " 24 " in played.out


@pytest.mark.parametrize("method", ["oreo", "sft"])
def test_resuming_what_is_done_changes_nothing(quickstart, cli, tmp_path, method):
    words = ("train", quickstart / "episodes", "--model", quickstart / "oreo", "--method", method, *QUICK)
    words = (*words, "--learning-rate", "1e-2", "--eval-fraction", "0.4", "--out", tmp_path / "run")
    assert cli(*words).code == 0
    weights = tmp_path / "run" / "policy" / "model.safetensors"
    before = weights.read_bytes()
    weights.unlink()
    again = cli(*words, "--resume")
    assert again.code == 0
    assert "checkpoint-6 is the end of the training already" in again.err
    assert weights.read_bytes() == before


def test_rejection_sampling_keeps_the_successes(quickstart, cli, tmp_path):
    words = ("train", quickstart / "episodes", "--model", quickstart / "oreo", "--method", "rejection-sampling", *QUICK)
    result = cli(*words, "--out", tmp_path / "run")
    assert result.code == 0
    right = sum(1 for e in EpisodeLog(quickstart / "episodes") if e.success)
    trained = int(result.err.split("to train on: ")[1].split(" episodes")[0].replace(",", ""))
    assert 0 < trained <= right


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("--method", "sft", "--beta", "1"), "--method oreo"),
        (("--set", "weight_decy=1"), "'weight_decay'"),
        (("--set", "output_dir=x"), "--out"),
        (("--beta", "-1"), "beta must be > 0"),
        (("--eval-fraction", "1.5"), "[0, 1)"),
        (("--set", "lr_scheduler_type=cosinus"), "cosin"),
    ],
)
def test_settings_that_cannot_be(quickstart, cli, tmp_path, words, hint):
    base = ("train", quickstart / "episodes", "--from-scratch", "tiny", "--out", tmp_path / "run")
    result = cli(*base, *words)
    assert result.code == 2
    assert hint in result.err
    assert not (tmp_path / "run").exists()


def one_class(path: Path, reward: float) -> Path:
    with EpisodeLog(path, mode="a") as log:
        for i in range(12):
            step = Step(f"{i} + 1 =", f"{i + 1}", reward=reward, terminated=True)
            log.append(Episode(f"e{i}", "my/Env-v0", f"t{i}", (step,), reward))
    return path


def test_a_log_without_any_success_or_failure(cli, tmp_path):
    failures, successes = one_class(tmp_path / "failures", 0.0), one_class(tmp_path / "successes", 1.0)
    scratch = ("--from-scratch", "tiny", *QUICK)
    refused = cli("train", failures, *scratch, "--method", "rejection-sampling", "--out", tmp_path / "a")
    assert refused.code == 2
    assert "no successful episode" in refused.err
    trained = cli("train", successes, *scratch, "--out", tmp_path / "b")
    assert trained.code == 0
    assert "All episodes have the outcome 1" in trained.err
    assert "was not evaluated on held-back tasks" in trained.err


@pytest.mark.slow
def test_ctrl_c_writes_a_checkpoint_and_resume_ends_where_it_would_have(quickstart, cli, tmp_path, monkeypatch):
    base = [
        "train",
        quickstart / "episodes",
        "--model",
        quickstart / "oreo",
        "--max-steps",
        "60",
        "--logging-steps",
        "1",
    ]
    base += ["--learning-rate", "1e-3", "--use-cpu", "--eval-fraction", "0"]
    metrics = tmp_path / "run" / "metrics" / "oreo.jsonl"

    def some_updates() -> bool:
        return metrics.exists() and metrics.read_bytes().count(b"\n") >= 3

    stopped = stop_when(start(*base, "--out", "run", cwd=tmp_path), some_updates, signal.SIGINT)
    assert stopped.code == 130, stopped
    (kept,) = (tmp_path / "run" / "checkpoints").iterdir()
    assert f"run/checkpoints/{kept.name} is kept" in stopped.err
    assert stopped.err.rstrip().endswith("--out run --resume")
    monkeypatch.chdir(tmp_path)
    changed = cli(*base, "--seed", "7", "--out", "run", "--resume")
    assert changed.code == 2
    assert "begun with seed = 42" in changed.err
    assert cli(*base, "--out", "run", "--resume").code == 0
    assert cli(*base, "--out", "whole").code == 0
    a, b = (
        {x["step"]: x["loss"] for x in lines(Path(name) / "metrics/oreo.jsonl") if "loss" in x}
        for name in ("run", "whole")
    )
    assert list(a) == list(range(1, 61))
    assert a == pytest.approx(b, rel=1e-3, abs=1e-5)


def test_search_and_comparison_are_on_the_same_tasks_and_can_be_resumed(quickstart, cli, tmp_path):
    words = ("evaluate", ENV, "--env-arg", "operands=4", "--env-arg", "modulus=5", "--policy", quickstart / "oreo")
    words = (*words, "--search", "best-of-n", "--width", "3", "--compare", "random", "--choice", "answer 1")
    refused = cli(*words, "--episodes", "8")
    assert refused.code == 2
    assert "value" in refused.err
    words = (*words[:-6], "--search", "best-of-n", "--width", "3", "--out", tmp_path / "run")
    result = cli(*words, "--episodes", "8")
    assert result.code == 0
    found = json.loads((tmp_path / "run" / "evaluations.json").read_text())
    plain, searched = found["evaluations"]
    assert (plain["method"], searched["method"]) == ("sampled", "best of 3 by value")
    assert plain["outcomes"].keys() == searched["outcomes"].keys()
    assert searched["tokens"] > plain["tokens"]
    assert len(found["comparisons"]) == 1
    again = cli(*words, "--episodes", "8", "--resume")
    assert again.code == 0
    assert "8 were there already" in again.err
    assert cli("report", tmp_path / "run").code == 0


def test_a_value_function_of_another_tokenizer_is_refused(quickstart, fine_tuned, cli):
    words = ("evaluate", ENV, "--policy", fine_tuned, "--episodes", "2", "--search", "step-beam")
    assert "no value function" in cli(*words).err
    result = cli(*words, "--value", quickstart / "oreo")
    assert result.code == 2
    assert "another tokenizer" in result.err


def test_a_model_plays_in_the_terminal_and_is_examined(quickstart, cli):
    assert "reward" in cli("play", ENV, "--policy", quickstart / "oreo").out
    examined = cli("doctor", quickstart / "episodes", "--model", quickstart / "oreo")
    assert "log-likelihood" in examined.out
    assert "Did you mean" in cli("play", ENV, "--policy", quickstart).err


@pytest.mark.parametrize("part", ["policy", "value"])
def test_weights_that_are_cut_off_are_an_error_of_the_file(quickstart, cli, tmp_path, part):
    shutil.copytree(quickstart / "oreo", tmp_path / "model")
    weights = tmp_path / "model" / part / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    words = ("evaluate", ENV, "--policy", tmp_path / "model", "--episodes", "1", "--search", "best-of-n")
    result = cli(*words)
    assert result.code == 2
    assert "expected a saved model" in result.err


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason=f"third-party data not found at {SHARED} (set STEPGYM_SHARED)")
def test_the_whole_way_on_real_solutions(cli, tmp_path, monkeypatch):
    file = SHARED.resolve()
    monkeypatch.chdir(tmp_path)
    assert cli("import", file, "--format", "gsm8k-solutions", "--out", "log").code == 0
    words = ("--logging-steps", "1", "--per-device-train-batch-size", "4", "--use-cpu", "--eval-fraction", "0.05")
    tuned = cli("train", "log", "--from-scratch", "tiny", "--method", "sft", "--max-steps", "3", *words, "--out", "sft")
    assert tuned.code == 0
    base = ("train", "log", "--model", "sft", *words, "--save-steps", "2", "--out", "oreo")
    assert cli(*base, "--max-steps", "2").code == 0
    assert cli(*base, "--max-steps", "4", "--resume").code == 0
    steps = [line["step"] for line in lines(tmp_path / "oreo/metrics/oreo.jsonl") if "loss" in line]
    assert steps == [1, 2, 3, 4]
    found = json.loads((tmp_path / "oreo/value.json").read_text())
    assert found["tasks"] == 28
    for place in ("start", "end"):
        assert 0 <= found[place]["auc"]["low"] <= found[place]["auc"]["high"] <= 1
        assert found[place]["base_rate_brier"] == pytest.approx(
            found[place]["base_rate"] * (1 - found[place]["base_rate"])
        )
    notes = json.loads((tmp_path / "oreo/run.json").read_text())["notes"]
    assert any("GSM8K's test split" in note for note in notes)


@pytest.mark.parametrize(
    ("flag", "value", "expected"),
    [
        ("--learning-rate", "nan", "--learning-rate must be a finite number"),
        ("--num-train-epochs", "inf", "--num-train-epochs must be a finite number"),
        ("--beta", "nan", "--beta must be a finite number"),
        ("--set", "weight_decay=NaN", "--set weight_decay must be a finite number"),
        ("--learning-rate", "-1e-3", "--learning-rate must be 0 or more"),
        ("--max-steps", "-2", "--max-steps must be -1 or more"),
    ],
)
def test_numbers_that_no_training_takes_are_refused_first(cli, tmp_path, flag, value, expected):
    result = cli("train", tmp_path / "no log", "--from-scratch", "tiny", f"{flag}={value}", "--out", tmp_path / "run")
    assert result.code == 2
    assert expected in result.err
    minus_one = cli("train", tmp_path / "no log", "--from-scratch", "tiny", "--max-steps=-1", "--out", tmp_path / "run")
    assert "no episode log" in minus_one.err


def test_training_that_fails_leaves_no_folder_in_the_way(cli, tmp_path):
    words = (
        "train",
        one_class(tmp_path / "log", 0.0),
        "--from-scratch",
        "tiny",
        "--method",
        "rejection-sampling",
        "--use-cpu",
    )
    result = cli(*words, "--eval-fraction", "0", "--out", tmp_path / "run")
    assert result.code == 2, result.err
    assert not (tmp_path / "run").exists()
    (tmp_path / "run").mkdir()
    assert cli(*words, "--eval-fraction", "0", "--out", tmp_path / "run").code == 2
    assert (tmp_path / "run").is_dir(), "only what this call made is removed"


def test_text_without_ids_is_not_decoded_as_another_tokenizer(quickstart):
    from transformers import AutoTokenizer

    from stepgym.cli.training_data import ids_fit

    tokenizer = AutoTokenizer.from_pretrained(quickstart / "oreo" / "policy")
    episodes = list(EpisodeLog(quickstart / "episodes"))[:20]
    assert ids_fit(episodes, tokenizer)
    step = episodes[0].steps[0]
    assert step.completion is not None
    other = replace(step, completion=replace(step.completion, text="something else"))
    assert not ids_fit([replace(episodes[0], steps=(other,))], tokenizer)
    assert ids_fit([replace(episodes[0], steps=(replace(step, completion=None),))], tokenizer)

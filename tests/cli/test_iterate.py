from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from stepgym.agents import EpisodeLog

from .conftest import ENV, start, stop_when

pytest.importorskip("transformers")

WORDS = (
    *("--env-arg", "operands=4", "--env-arg", "modulus=5", "--iterations", "2", "--episodes", "24", "--samples", "4"),
    *("--max-tokens", "24", "--eval-episodes", "8", "--max-steps", "2", "--per-device-train-batch-size", "8"),
    *("--learning-rate", "1e-3", "--eval-fraction", "0", "--use-cpu"),
)


def weights(run: Path, k: int) -> bytes:
    return (run / str(k) / "train/policy/model.safetensors").read_bytes()


def settings(run: Path, k: int, phase: str) -> dict[str, object]:
    return json.loads((run / f"{k}/{phase}.json").read_text())


@pytest.fixture(scope="module")
def iterated(quickstart: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from stepgym.cli import main

    folder = tmp_path_factory.mktemp("iterate") / "run"
    assert main(["iterate", ENV, "--model", str(quickstart / "oreo"), *WORDS, "--out", str(folder)]) == 0
    return folder


def test_each_iteration_starts_from_the_policy_before_it(quickstart, iterated):
    start, first, second = (settings(iterated, k, "evaluate")["policy"] for k in (0, 1, 2))
    assert start == str((quickstart / "oreo").resolve())
    assert [settings(iterated, k, "collect")["policy"] for k in (1, 2)] == [start, first]
    assert [settings(iterated, k, "train")["model"] for k in (1, 2)] == [start, first]
    assert second == str((iterated / "2/train").resolve())
    assert weights(iterated, 1) != weights(iterated, 2)
    logs = [{e.task_id for e in EpisodeLog(iterated / f"{k}/collect")} for k in (1, 2)]
    assert logs[0] != logs[1], "each iteration plays tasks of its own"
    assert len({json.dumps(settings(iterated, k, "evaluate")["seed"]) for k in (0, 1, 2)}) == 1


def test_what_came_of_it_is_kept_and_reported(iterated, cli):
    found = json.loads((iterated / "iterations.json").read_text())
    assert [row["iteration"] for row in found["iterations"]] == [1, 2]
    assert all(row["episodes"] == 24 and 0 <= row["success"] <= 1 for row in found["iterations"])
    evaluations = json.loads((iterated / "evaluations.json").read_text())
    assert len(evaluations["evaluations"]) == 3
    assert len(evaluations["comparisons"]) == 2
    assert len({tuple(sorted(e["outcomes"])) for e in evaluations["evaluations"]}) == 1, "the same tasks each time"
    assert cli("report", iterated).code == 0


@pytest.mark.slow
def test_the_reference_is_the_model_of_the_beginning_unless_asked_otherwise(quickstart, iterated, cli, tmp_path):
    assert "reference" not in settings(iterated, 1, "train"), "there both are the same"
    assert settings(iterated, 2, "train")["reference"] == str((quickstart / "oreo").resolve())
    words = (
        "iterate",
        ENV,
        "--model",
        quickstart / "oreo",
        *WORDS,
        "--reference",
        "previous",
        "--out",
        tmp_path / "run",
    )
    result = cli(*words)
    assert result.code == 0, result.err
    assert "reference" not in settings(tmp_path / "run", 2, "train")
    assert weights(tmp_path / "run", 1) == weights(iterated, 1)
    assert weights(tmp_path / "run", 2) != weights(iterated, 2)


@pytest.mark.slow
def test_a_run_killed_between_and_within_phases_ends_as_if_it_was_not(quickstart, iterated, cli, tmp_path):
    run = tmp_path / "run"
    words = ("iterate", ENV, "--model", quickstart / "oreo", *WORDS, "--out", run)
    killed = stop_when(start(*words, cwd=tmp_path), (run / "1/train.json").exists, signal.SIGKILL)
    assert killed.code == -signal.SIGKILL
    refused = cli(*words)
    assert refused.code == 2
    assert "--resume" in refused.err
    changed = cli(*words, "--reference", "previous", "--resume")
    assert changed.code == 2
    assert "begun with reference = 'initial'" in changed.err
    resumed = cli(*words, "--resume")
    assert resumed.code == 0, resumed.err
    assert "iteration 1 of 2, collect: done already" in resumed.err
    assert "iteration 2 of 2, collect\n" in resumed.err
    for k in (1, 2):
        assert weights(run, k) == weights(iterated, k)
    assert "iteration 2 of 2, evaluate: done already" in cli(*words, "--resume").err


@pytest.mark.slow
def test_a_resumed_run_may_add_iterations(quickstart, cli, tmp_path):
    words = ("iterate", ENV, "--model", quickstart / "oreo", *WORDS, "--method", "rejection-sampling")
    words = (*words, "--iterations", "1", "--eval-episodes", "4", "--out", tmp_path / "run")
    assert cli(*words).code == 0
    more = cli(*words, "--iterations", "2", "--resume")
    assert more.code == 0, more.err
    assert "iteration 1 of 2, train: done already" in more.err
    assert (tmp_path / "run/2/train/policy/model.safetensors").is_file()
    (tmp_path / "run/1/train.done").write_text("{")
    assert "is damaged" in cli(*words, "--iterations", "2", "--resume").err


def test_evaluation_tasks_in_the_log_are_told(quickstart, cli, tmp_path):
    words = ("--env-arg", "operands=2", "--env-arg", "modulus=3", "--iterations", "1", "--episodes", "60")
    result = cli(
        *("iterate", ENV, "--model", quickstart / "oreo", *WORDS, *words, "--out", tmp_path / "run"),
    )
    assert result.code == 0, result.err
    assert "evaluation tasks are also in the log of iteration 1" in result.err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("--iterations", "0"), "--iterations must be 1 or more"),
        (("--method", "rejection-sampling", "--reference", "initial"), "--method oreo"),
        (("--reference", "first"), "initial"),
        (("--eval-tasks", "tasks.txt"), "either --eval-episodes"),
        (("--balance", "0"), "--balance"),
        (("--model", "runs/nothing"), "holds no model"),
        (("--env-arg", "operands=0"), "operands"),
    ],
)
def test_settings_that_cannot_be(quickstart, cli, tmp_path, words, hint):
    result = cli("iterate", ENV, "--model", quickstart / "oreo", *WORDS, *words, "--out", tmp_path / "run")
    assert result.code == 2, result.err
    assert hint in result.err
    assert not (tmp_path / "run").exists()

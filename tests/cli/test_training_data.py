from __future__ import annotations

import json
from pathlib import Path

import pytest

from stepgym.agents import Episode, EpisodeLog, Step

pytest.importorskip("transformers")

SCRATCH = ("--from-scratch", "tiny", "--max-steps", "1", "--per-device-train-batch-size", "4", "--use-cpu")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Ten tasks with five successes and three failures each; every other answer has two steps."""
    with EpisodeLog(tmp_path / "log", mode="a") as log:
        for task in range(10):
            for i in range(8):
                right = i < 5
                answer = f"{task} plus 1. So {task + right}" if i % 2 else f"{task + right}"
                step = Step(f"{task} + 1 =", answer, reward=float(right), terminated=True)
                log.append(Episode(f"{task}/{i}", "my/Env-v0", f"t{task}", (step,), float(right)))
    return tmp_path / "log"


def test_the_data_recipes_of_the_paper(log, cli, tmp_path):
    words = ("--balance", "4", "--reward-map", "2,-1", "--delimiters", "period", "--level", "step")
    result = cli("train", log, *SCRATCH, *words, "--eval-fraction", "0.2", "--out", tmp_path / "run")
    assert result.code == 0, result.err
    assert "48 episodes of 8 tasks (24 successes, 24 failures)" in result.err
    assert "8 left out: more than 4 successes of a task" in result.err
    assert "8 left out: more successes than failures of a task" in result.err
    config = json.loads((tmp_path / "run/config.json").read_text())
    assert (config["balance"], config["reward_map"], config["delimiters"]) == (4, "2,-1", ["\n", ". ", ".$ "])
    value = json.loads((tmp_path / "run/value.json").read_text())
    assert value["end"]["episodes"] == 16, "what is held back is not thinned"
    again = cli("train", log, *SCRATCH, "--config", tmp_path / "run", "--out", tmp_path / "again")
    assert again.code == 0, again.err
    assert json.loads((tmp_path / "again/config.json").read_text()) == config
    other = cli("train", log, *SCRATCH, *words, "--balance", "3", "--out", tmp_path / "run", "--resume")
    assert other.code == 2
    assert "begun with" in other.err


def test_short_episodes_are_left_out(log, cli, tmp_path):
    words = ("--method", "sft", "--min-actions", "3", "--eval-fraction", "0")
    result = cli("train", log, *SCRATCH, *words, "--out", tmp_path / "run")
    assert result.code == 0, result.err
    assert "to train on: 40 episodes" in result.err
    assert "40 dropped" in result.err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("--balance", "0"), "--balance must be 1 or more"),
        (("--min-actions", "0"), "--min-actions must be 1 or more"),
        (("--reward-map", "2"), None),
        (("--reward-map", "two"), "two numbers A,B"),
        (("--reward-map", "0,1"), "scale > 0"),
        (("--reward-map", "1,1"), "must remain one"),
        (("--reward-map", "2,-1", "--method", "sft"), "--method oreo"),
        (("--reference", "nowhere", "--method", "sft"), "--method oreo"),
        (("--reference", "nowhere"), "nowhere"),
        (("--lora", "0"), "--lora must be 1 or more"),
        (("--lora-alpha", "8"), "give --lora"),
        (("--lora", "4", "--lora-alpha", "0"), "--lora-alpha must be > 0"),
        (("--value-lora", "-1"), "--value-lora must be 0 or more"),
        (("--value-lora", "4", "--method", "sft"), "--method oreo"),
    ],
)
def test_recipes_that_cannot_be(log, cli, tmp_path, words, hint):
    result = cli("train", log, *SCRATCH, *words, "--out", tmp_path / "run")
    assert result.code == (0 if hint is None else 2), result.err
    if hint is not None:
        assert hint in result.err
        assert not (tmp_path / "run").exists()


def test_named_delimiters_stand_beside_texts():
    from stepgym.cli.training_data import named_delimiters

    assert named_delimiters(["newline"]) == ("\n",)
    assert named_delimiters(["; ", "period", "newline"]) == ("; ", "\n", ". ", ".$ ")

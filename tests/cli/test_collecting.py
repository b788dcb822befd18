"""Budgets, enough samples, workers and progress of `stepgym collect`."""

from __future__ import annotations

import json

import pytest

from stepgym.agents import Collected
from stepgym.cli.collecting import plain_progress

ENV = "stepgym/ArithmeticChain-v0"
WORDS = ("collect", ENV, "--policy", "random", "--choice", "answer 1", "--choice", "answer 2", "--out", "log")


def ids(folder):
    return [json.loads(line)["id"] for line in (folder / "log" / "episodes.jsonl").read_text().splitlines()]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_budget_stops_and_the_last_line_goes_on(cli, here):
    first = cli(*WORDS, "--episodes", "30", "--budget-episodes", "12")
    assert (first.code, first.out) == (0, "log\n")
    assert "stopped by the budget of 12 episodes with 18 still to be played" in first.err
    assert first.err.splitlines()[-1].startswith("Go on with: stepgym collect")
    assert first.err.splitlines()[-1].endswith("--resume")
    second = cli(*WORDS, "--episodes", "30", "--resume", "--budget-minutes", "5")
    assert "Go on" not in second.err
    assert len(set(ids(here))) == len(ids(here)) == 30


def test_tasks_that_have_enough_get_no_further_samples(cli, here):
    (here / "tasks.txt").write_text("chain/7/1+2+3\nchain/5/1+1\nchain/5/4+2\n")
    result = cli(*WORDS, "--tasks", "tasks.txt", "--samples", "40", "--enough", "2,3", "--workers", "1")
    assert result.code == 0
    tasks = {}
    for line in (here / "log" / "episodes.jsonl").read_text().splitlines():
        episode = json.loads(line)
        tasks.setdefault(episode["task_id"], []).append(episode["outcome"])
    assert len(tasks["chain/7/1+2+3"]) == 40  # no choice is right
    for task in ("chain/5/1+1", "chain/5/4+2"):
        assert tasks[task].count(1.0) >= 2
        assert tasks[task].count(0.0) >= 3
        assert 2 in (tasks[task].count(1.0),) or tasks[task].count(0.0) == 3
    assert "not needed (their tasks had enough)" in result.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--enough", "4"), "--enough takes two whole numbers"),
        (("--enough", "a,b"), "--enough takes two whole numbers"),
        (("--enough", "0,0"), "enough"),
        (("--budget-tokens", "0"), "above 0"),
        (("--workers", "-1"), "workers must be at least 0"),
        (("--retries", "-1"), "retries must be at least 0"),
    ],
)
def test_bad_values_are_said_in_one_line(cli, here, words, message):
    result = cli(*WORDS, "--episodes", "2", *words)
    assert result.code == 2
    assert message in result.err


def test_progress_without_a_terminal_is_a_line_from_time_to_time(capsys):
    now = [0.0]
    show = plain_progress(10, clock=lambda: now[0])
    done = Collected(finished=1200, skipped=34, missing=8766, successes=600, failures=600, tokens=5000, seconds=12.0)
    show(done)
    assert capsys.readouterr().err == ""
    now[0] = 10.5
    show(done)
    show(done)
    assert capsys.readouterr().err == "1,234 of 10,000 episodes, 100.0 episodes/s, success 50.0%, 417 tokens/s\n"
    now[0] = 21.0
    show(Collected(finished=3, missing=1, ends={"error": 2}, failures_by_kind={"worker": 4}, seconds=1.0))
    assert capsys.readouterr().err == "3 of 4 episodes, 3.0 episodes/s, 2 error, 4 worker failures\n"

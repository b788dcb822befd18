from __future__ import annotations

import json
import shutil
import signal

import pytest

from stepgym.agents import EpisodeLog, McValue
from stepgym.cli.spent import Spent

from .conftest import start, stop_when

ENV = "stepgym/ArithmeticChain-v0"
WORDS = (
    "evaluate",
    ENV,
    "--env-arg",
    "modulus=3",
    "--policy",
    "random",
    "--choice",
    "answer 1",
    "--choice",
    "answer 2",
)


def test_several_samples_give_pass_and_majority_at_k(cli, tmp_path):
    words = (*WORDS, "--episodes", "40", "--samples", "4", "--k", "1", "3", "4", "9", "--out", tmp_path / "run")
    result = cli(*words)
    assert result.code == 0, result.err
    assert "pass@k" in result.out
    assert "succeeded" not in result.err  # one success rate, in the table
    (found,) = json.loads((tmp_path / "run" / "evaluations.json").read_text())["evaluations"]
    assert [row["k"] for row in found["at_k"]] == [1, 3, 4]
    assert found["at_k"][0]["pass"]["value"] == pytest.approx(found["success"])
    solved = [any(o) for o in found["outcomes"].values()]
    assert found["at_k"][2]["pass"]["value"] == pytest.approx(sum(solved) / len(solved))
    assert "pass@k" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    again = cli("evaluate", "--config", tmp_path / "run" / "config.json", "--out", tmp_path / "again")
    assert again.code == 0, again.err
    (same,) = json.loads((tmp_path / "again" / "evaluations.json").read_text())["evaluations"]
    assert same["at_k"] == found["at_k"]


def test_numbers_that_cannot_be_are_refused_first(cli, tmp_path):
    for extra, hint in (
        (("--k", "0"), "--k takes"),
        (("--monte-carlo", "0"), "--monte-carlo must be"),
        (("--monte-carlo", "2", "--prefixes", "0"), "--prefixes must be"),
        (("--monte-carlo", "2"), "no value function"),
    ):
        result = cli(*WORDS, "--episodes", "4", "--out", tmp_path / "run", *extra)
        assert result.code == 2
        assert hint in result.err
        assert not (tmp_path / "run").exists()


def test_a_killed_evaluation_goes_on(tmp_path, cli):
    words = (*WORDS, "--episodes", "3000", "--samples", "3", "--concurrency", "4", "--out", tmp_path / "run")
    log = tmp_path / "run" / "episodes" / "random-sampled" / "episodes.jsonl"
    stop_when(start(*words, cwd=tmp_path), lambda: log.exists() and log.stat().st_size > 50_000, signal.SIGKILL)
    finished = len(EpisodeLog(log.parent))
    assert 0 < finished < 3000
    result = cli(*words, "--resume")
    assert result.code == 0, result.err
    assert f"{finished} were there already" in result.err
    (found,) = json.loads((tmp_path / "run" / "evaluations.json").read_text())["evaluations"]
    assert (found["samples"], len(EpisodeLog(log.parent))) == (3000, 3000)
    assert len({e.id for e in EpisodeLog(log.parent)}) == 3000
    whole = cli(*words[:-1], tmp_path / "whole")
    assert whole.code == 0
    (other,) = json.loads((tmp_path / "whole" / "evaluations.json").read_text())["evaluations"]
    assert {t: sorted(o) for t, o in other["outcomes"].items()} == {t: sorted(o) for t, o in found["outcomes"].items()}
    refused = cli(*words, "--resume", "--env-arg", "modulus=5")
    assert refused.code == 2
    assert "begun with env_arg" in refused.err


def test_the_cost_of_a_resumed_evaluation_adds_up(tmp_path):
    file = tmp_path / "spent.json"
    first = Spent(file, lambda: 70)
    first.save()
    kept = json.loads(file.read_text())
    assert kept["tokens"] == 70
    file.write_text(json.dumps({"seconds": 100.0, "tokens": 70}))
    second = Spent(file, lambda: 5)
    assert second.tokens == 75
    assert second.seconds is not None
    assert 100 <= second.seconds < 101
    (tmp_path / "episodes.jsonl").write_text("x")
    file.unlink()
    unknown = Spent(file, lambda: 5)
    assert unknown.tokens is unknown.seconds is None
    assert Spent(None).seconds is not None
    assert Spent(None).tokens is None


def test_a_preset_is_evaluated_by_kind_of_game(cli, tmp_path):
    words = ("evaluate", "stepgym/ALFWorld-v0", "--preset", "oreo", "--env-arg", "difficulty=easy")
    words = (*words, "--policy", "alfworld-expert", "--episodes", "12", "--out", tmp_path / "run")
    result = cli(*words)
    assert result.code == 0, result.err
    (found,) = json.loads((tmp_path / "run" / "evaluations.json").read_text())["evaluations"]
    assert found["success"] == 1.0
    assert {g["by"] for g in found["groups"]} == {"type"}
    assert sum(g["tasks"] for g in found["groups"]) == found["tasks"]
    assert "pick_" in result.out
    log = next((tmp_path / "run" / "episodes").iterdir())
    assert all(e.steps[0].action.startswith("Action: ") for e in EpisodeLog(log))
    assert "sets preset=oreo" in cli(*words, "--overwrite", "--env-arg", "preset=react").err


def test_a_preset_is_played_in_the_terminal(cli):
    words = ("play", "stepgym/ALFWorld-v0", "--preset", "oreo", "--env-arg", "difficulty=easy")
    result = cli(*words, "--policy", "alfworld-expert")
    assert result.code == 0, result.err
    assert "> Action: " in result.out


def test_searches_are_of_the_tasks_that_were_sampled(cli, tmp_path):
    words = (*WORDS, "--episodes", "30", "--samples", "3", "--search", "majority", "--width", "3")
    result = cli(*words, "--out", tmp_path / "run")
    assert result.code == 0, result.err
    plain, searched = json.loads((tmp_path / "run" / "evaluations.json").read_text())["evaluations"]
    assert plain["outcomes"].keys() == searched["outcomes"].keys()
    assert (plain["samples"], searched["samples"]) == (30, 10)


def test_the_value_is_compared_with_roll_outs_and_those_are_resumed(quickstart, cli, tmp_path):
    words = ("evaluate", ENV, "--env-arg", "operands=4", "--env-arg", "modulus=5", "--policy", quickstart / "oreo")
    words = (*words, "--episodes", "24", "--samples", "2", "--monte-carlo", "3", "--prefixes", "15")
    result = cli(*words, "--out", tmp_path / "run")
    assert result.code == 0, result.err
    assert "V against roll-outs: AUC" in result.out
    found = json.loads((tmp_path / "run" / "calibration.json").read_text())
    store = next((tmp_path / "run" / "monte_carlo").iterdir())
    played = len(McValue(store, mode="r"))
    assert 20 < played <= 3 * 15
    assert found["episodes"] + round((found["truncated"] + found["undecided"]) * played) == played
    assert sum(b["states"] for b in found["bins"]) == found["states"] <= 15
    assert "The value against roll-outs" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    (store / "rollouts.jsonl").write_bytes(b"".join((store / "rollouts.jsonl").read_bytes().splitlines(True)[:20]))
    again = cli(*words, "--out", tmp_path / "run", "--resume")
    assert again.code == 0, again.err
    assert f"{played - 20} roll-outs from {played // 3} prefixes" in again.err
    assert "20 were there already" in again.err
    assert len(McValue(store, mode="r")) == played


def test_a_value_that_cannot_be_checked_leaves_the_evaluation(quickstart, cli, tmp_path):
    words = ("evaluate", ENV, "--env-arg", "operands=4", "--env-arg", "modulus=5", "--policy", quickstart / "oreo")
    result = cli(*words, "--episodes", "2", "--max-tokens", "1", "--monte-carlo", "1", "--out", tmp_path / "run")
    assert result.code == 0, result.err
    assert "V was not compared with roll-outs" in result.err
    assert "of judged" in result.out
    assert "not compared" in json.loads((tmp_path / "run" / "run.json").read_text())["notes"][-1]


def test_a_search_keeps_its_budget_and_says_so(quickstart, cli):
    words = ("evaluate", ENV, "--policy", quickstart / "oreo", "--episodes", "5", "--search", "step-beam")
    result = cli(*words, "--budget", "24")
    assert result.code == 0
    assert "step beam 3, at most 24 tokens" in result.out
    assert cli(*words, "--budget", "0").code == 2
    assert "server running there" in cli(*words, "--value", "http://127.0.0.1:9/v1").err


def test_a_folder_with_the_policy_alone_is_evaluated_and_is_no_value_function(quickstart, cli, tmp_path):
    policy = quickstart / "oreo" / "policy"
    words = ("evaluate", ENV, "--env-arg", "operands=4", "--env-arg", "modulus=5", "--policy", policy)
    words = (*words, "--episodes", "6", "--out", tmp_path / "run")
    for extra in (("--search", "step-beam"), ("--monte-carlo", "2"), ("--value", policy)):
        refused = cli(*words, *extra)
        assert refused.code == 2
        assert f"{policy} holds no value function" in refused.err
        assert "search" not in refused.err
        assert not (tmp_path / "run").exists()
    result = cli(*words)
    assert result.code == 0, result.err
    assert "95 % interval" in result.out
    shown = [json.loads(line) for line in (tmp_path / "run" / "value_traces.jsonl").read_text().splitlines()]
    assert 1 <= len(shown) <= 6
    assert all(line["values"] == [] and line["text"] and line["prompt"] for line in shown)
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Episodes side by side" in page or "Where it went wrong" in page
    assert "earned value" not in page
    assert cli(*words, "--overwrite", "--value", quickstart / "oreo" / "value").code == 0


def test_a_value_that_cannot_be_read_leaves_the_evaluation_without_traces(quickstart, cli, tmp_path):
    shutil.copytree(quickstart / "oreo", tmp_path / "oreo")
    (tmp_path / "oreo" / "value" / "model.safetensors").write_bytes(b"cut")
    words = ("evaluate", ENV, "--env-arg", "operands=4", "--env-arg", "modulus=5", "--policy", tmp_path / "oreo")
    result = cli(*words, "--episodes", "6", "--out", tmp_path / "run")
    assert result.code == 0, result.err
    assert "95 % interval" in result.out
    assert "V is not shown along episodes" in result.err
    assert "not shown" in json.loads((tmp_path / "run" / "run.json").read_text())["notes"][-1]


def test_resuming_with_other_settings_is_refused_before_anything_is_played(cli, tmp_path):
    words = (*WORDS, "--episodes", "12", "--samples", "2", "--search", "majority", "--width", "2")
    words = (*words, "--out", tmp_path / "run")
    assert cli(*words).code == 0
    kept = {file: file.read_bytes() for file in (tmp_path / "run").rglob("*") if file.is_file()}
    (tmp_path / "tasks.txt").write_text("1\n")
    for name, extra in (
        ("samples", ("--samples", "3")),
        ("seed", ("--seed", "1")),
        ("compare", ("--compare", "random")),
        ("choice", ("--choice", "answer 0")),
        ("width", ("--width", "3")),
        ("budget", ("--budget", "50")),
        ("delimiter", ("--delimiter", "period")),
        ("temperature", ("--temperature", "0.5")),
        ("max_tokens", ("--max-tokens", "7")),
        ("history", ("--history", "last:1")),
        ("prompt", ("--prompt", "plain")),
        ("episodes", ("--episodes", "8")),
    ):
        result = cli(*words, "--resume", *extra)
        assert result.code == 2, (name, result.err)
        assert f"begun with {name} = " in result.err
        assert {file: file.read_bytes() for file in kept} == kept
    policy = [word if word != "random" else "scripted:os.path:basename" for word in words]
    assert "begun with policy = " in cli(*policy, "--resume").err
    more = cli(*words, "--resume", "--episodes", "20", "--k", "1", "--concurrency", "3")
    assert more.code == 0, more.err
    plain, searched = json.loads((tmp_path / "run" / "evaluations.json").read_text())["evaluations"]
    assert (plain["samples"], searched["samples"]) == (20, 10)


def test_a_search_without_size_is_refused_first(cli, tmp_path):
    for extra in (("--width", "0"), ("--width", "-3"), ("--budget", "0")):
        result = cli(*WORDS, "--episodes", "4", "--search", "majority", "--out", tmp_path / "run", *extra)
        assert result.code == 2
        assert f"{extra[0]} must be 1 or more, got {extra[1]}" in result.err
        assert not (tmp_path / "run").exists()


def test_a_policy_that_always_fails_is_an_error_after_the_table(cli, tmp_path, monkeypatch):
    (tmp_path / "broken_answers.py").write_text("def answer(observation):\n    raise RuntimeError('no engine')\n")
    monkeypatch.chdir(tmp_path)
    words = ("evaluate", ENV, "--policy", "scripted:broken_answers:answer", "--episodes", "5")
    for extra in ((), ("--out", tmp_path / "run")):
        result = cli(*words, *extra)
        assert result.code == 1
        assert "of judged" in result.out
        assert "all 5 episodes ended in an error, 5 of them in: " in result.err
        assert "no engine" in result.err
    assert (tmp_path / "run" / "report.html").exists()
    half = cli(*WORDS, "--episodes", "5", "--compare", "scripted:broken_answers:answer")
    assert half.code == 1
    assert "scripted:broken_answers:answer, greedy: all 5 episodes" in half.err


def test_the_k_that_were_left_out_are_named(cli):
    result = cli(*WORDS, "--episodes", "12", "--samples", "3", "--k", "2", "5", "9")
    assert result.code == 0
    assert "--k 5 9 left out: some tasks have 3 samples only" in result.err
    assert "left out" not in cli(*WORDS, "--episodes", "12", "--samples", "3").err

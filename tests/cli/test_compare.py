from __future__ import annotations

import importlib.util
import json
import signal
from pathlib import Path

import pytest

from stepgym.agents import EpisodeLog
from stepgym.cli.compare import METHODS, own_settings
from stepgym.errors import InvalidInputError, UnknownNameError

from .conftest import start, stop_when

pytest.importorskip("transformers")

QUICK = ("--max-steps", "4", "--per-device-train-batch-size", "8", "--learning-rate", "1e-3", "--set", "use_cpu=true")
HAS_TRL = importlib.util.find_spec("trl") is not None


def words(quickstart: Path, *more: object) -> tuple[object, ...]:
    return ("compare", quickstart / "episodes", "--model", quickstart / "oreo", "--samples", "2", *QUICK, *more)


def test_all_methods_in_one_table(quickstart, cli, tmp_path):
    run = tmp_path / "run"
    result = cli(*words(quickstart, "--seeds", "2", "--eval-fraction", "0.2", "--out", run))
    assert result.code == 0, result.err
    found = json.loads((run / "comparison.json").read_text())
    expected = {"as it is", "sft", "rejection-sampling", "oreo-token", "oreo-step", "oreo-response"}
    if HAS_TRL:
        expected |= {"dpo", "kto"}
        assert found["not_run"] == {}
    else:
        assert found["not_run"].keys() == {"dpo", "kto"}
        assert "pip install 'stepgym[baselines]'" in found["not_run"]["dpo"]
        assert "dpo was not run: 'trl' is not installed" in result.out
    assert found["methods"].keys() == expected
    assert (found["tasks"], found["train_episodes"]) == (12, 192)
    for name, row in found["methods"].items():
        assert row["updates"] == (0 if name == "as it is" else 4)
        assert row["episodes"] == (0 if name == "as it is" else 32), "every method reads as many episodes"
        assert row["greedy"]["low"] <= row["greedy"]["value"] <= row["greedy"]["high"]
        assert name in result.out
    assert "greedy_minus_rejection-sampling" in found["methods"]["oreo-token"]
    held_back = set((run / "held_back_tasks.txt").read_text().split())
    cell = json.loads((run / "cells" / "oreo-token-1.json").read_text())
    assert set(cell["greedy"]["outcomes"]) == held_back
    assert all(len(outcomes) == 2 for outcomes in cell["sampled"]["outcomes"].values())
    assert cli("report", run).code == 0
    page = (run / "report.html").read_text()
    assert "rejection-sampling" in page
    assert "bootstrap over seeds and tasks" in page


def test_finished_cells_are_kept(quickstart, cli, tmp_path):
    run = tmp_path / "run"
    asked = words(quickstart, "--out", run, "--method", "sft")
    assert cli(*asked, "--seeds", "1").code == 0
    cells = run / "cells"
    before = {path: path.stat().st_mtime_ns for path in cells.iterdir()}
    assert {path.name for path in before} == {"as-it-is-0.json", "sft-0.json"}
    again = words(quickstart, "--out", run, "--method", "rejection-sampling", "--seeds", "2", "--resume")
    assert cli(*again).code == 0
    assert all(path.stat().st_mtime_ns == then for path, then in before.items())
    names = [f"{method}-{seed}.json" for method in ("as-it-is", "rejection-sampling", "sft") for seed in (0, 1)]
    assert sorted(path.name for path in cells.iterdir()) == names
    other = cli(*again, "--samples", "3")
    assert other.code == 2
    assert "was begun with samples = 2, now it is 3" in other.err
    (cells / "sft-0.json").write_text("{")
    broken = cli(*again)
    assert broken.code == 2
    assert "sft-0.json is no finished cell" in broken.err


def test_equal_time_gives_the_cheap_method_more_updates(quickstart, cli, tmp_path):
    run = tmp_path / "run"
    asked = words(quickstart, "--seeds", "1", "--method", "sft", "--method", "oreo-token", "--equal", "time")
    assert cli(*asked, "--out", run).code == 0
    costs = json.loads((run / "update_seconds.json").read_text())
    made = {m: json.loads((run / "cells" / f"{m}-0.json").read_text())["updates"] for m in ("sft", "oreo-token")}
    dearest = max(costs.values())
    assert made == {method: round(4 * dearest / cost) for method, cost in costs.items()}


def test_adapters_are_what_is_evaluated(quickstart, cli, tmp_path):
    methods = ["sft", "oreo-token", *(["dpo", "kto"] if HAS_TRL else [])]
    asked = [word for method in methods for word in ("--method", method)]
    more = ("--seeds", "1", "--lora", "4", "--set", "learning_rate=0.3", "--out", tmp_path / "run")
    result = cli(*words(quickstart, *asked, *more))
    assert result.code == 0, result.err
    found = json.loads((tmp_path / "run" / "comparison.json").read_text())["methods"]
    assert set(found) == {"as it is", *methods}
    played = {m: json.loads((tmp_path / "run" / "cells" / f"{m}-0.json").read_text())["sampled"] for m in methods}
    start = json.loads((tmp_path / "run" / "cells" / "as-it-is-0.json").read_text())["sampled"]
    # So high a rate ruins a policy; the untouched model would play as before.
    assert all((p["outcomes"], p["tokens"]) != (start["outcomes"], start["tokens"]) for p in played.values())


@pytest.mark.slow
def test_an_interrupted_comparison_says_how_to_go_on(quickstart, cli, tmp_path):
    run = tmp_path / "run"
    asked = words(quickstart, "--seeds", "50", "--method", "sft", "--out", run)
    process = start(*asked, cwd=tmp_path)
    result = stop_when(process, lambda: (run / "cells" / "sft-0.json").is_file(), signal.SIGINT)
    assert result.code == 130
    assert "finished cells are kept in" in result.err
    assert "--resume" in result.err
    assert cli(*words(quickstart, "--seeds", "1", "--method", "sft", "--out", run, "--resume")).code == 0


def test_settings_of_one_method_win_over_those_of_all():
    given = {"dpo.beta": 0.3, "beta": 0.1, "oreo-step.alpha": 3, "oreo.alpha": 2, "alpha": 1}
    assert own_settings(given, "dpo") == {"beta": 0.3, "alpha": 1}
    assert own_settings(given, "oreo-step") == {"beta": 0.1, "alpha": 3}
    assert own_settings(given, "oreo-token") == {"beta": 0.1, "alpha": 2}
    with pytest.raises(UnknownNameError, match="method"):
        own_settings({"ppo.beta": 1}, "sft")
    with pytest.raises(InvalidInputError, match="the comparison sets max_steps itself"):
        own_settings({"sft.max_steps": 1}, "sft")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--seeds", "0"), "--seeds must be 1 or more"),
        (("--eval-fraction", "0"), "--eval-fraction must be in (0, 1)"),
        (("--method", "ppo"), "No value of --method is called 'ppo'"),
        (("--learning-rate", "-1"), "--learning-rate must be a positive number"),
        (("--set", "sft.betta=1", "--method", "sft"), "No setting of sft is called 'betta'"),
        (("--set", "ppo.beta=1"), "No method is called 'ppo'"),
    ],
)
def test_what_cannot_be_compared_is_refused(quickstart, cli, tmp_path, more, message):
    result = cli(*words(quickstart, "--out", tmp_path / "run", *more))
    assert result.code == 2
    assert message in result.err
    assert not (tmp_path / "run").exists() or not list((tmp_path / "run").glob("cells/*"))


def test_the_model_must_be_the_one_that_wrote_the_log(quickstart, cli, tmp_path):
    from dataclasses import replace

    log = EpisodeLog(tmp_path / "log", mode="a")
    for episode in EpisodeLog(quickstart / "episodes"):
        steps = [
            replace(s, completion=replace(s.completion, token_ids=(3,) * 4)) for s in episode.steps if s.completion
        ]
        log.append(replace(episode, steps=tuple(steps)))
    log.close()
    result = cli("compare", tmp_path / "log", "--model", quickstart / "oreo", "--out", tmp_path / "run")
    assert result.code == 2
    assert "are not those of this model's tokenizer" in result.err


def test_the_methods_are_those_of_the_train_room():
    from stepgym.train import baselines

    assert METHODS == baselines.METHODS

"""The quickstart, made small: every phase runs, every file is there, and the code of the README works on them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from stepgym.agents import EpisodeLog
from stepgym.errors import InvalidInputError
from stepgym.quickstart import QuickstartSettings, run_quickstart
from stepgym.quickstart.tasks import demonstrations, draw_tasks
from stepgym.report import read_run, write_report

ROOT = Path(__file__).parents[1]
SMALL = QuickstartSettings(
    demonstrations=400, train_tasks=40, samples=4, test_tasks=20, sft_updates=40, updates=12, hidden=32, batch=32
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("project") / "runs" / "quickstart"
    run_quickstart(folder, SMALL, command="stepgym quickstart")
    return folder


def test_training_and_test_tasks_are_disjoint() -> None:
    settings = QuickstartSettings(demonstrations=5_000)
    tasks = draw_tasks(settings)
    test = {t.id for t in tasks.test}
    assert len(test) == 400
    assert len({t.id for t in tasks.train}) == 1_500
    assert not test & {t.id for t in tasks.train}
    assert not test & {e.task_id for e in demonstrations(settings, tasks)}


def test_demonstrations_are_of_mixed_quality() -> None:
    settings = QuickstartSettings(demonstrations=2_000)
    episodes = list(demonstrations(settings, draw_tasks(settings)))
    worked = [e for e in episodes if "\n" in e.steps[0].action]
    guessed = [e for e in episodes if "\n" not in e.steps[0].action]
    assert 0.08 < len(worked) / len(episodes) < 0.12
    assert all(e.success for e in worked)
    assert 0.1 < sum(bool(e.success) for e in guessed) / len(guessed) < 0.19


def test_slips_spoil_worked_demonstrations() -> None:
    settings = QuickstartSettings(demonstrations=1_000, habit=0.0, slip=0.2)
    episodes = list(demonstrations(settings, draw_tasks(settings)))
    assert 0.3 < sum(bool(e.success) for e in episodes) / len(episodes) < 0.55


def test_summary_holds_the_figures_of_the_run(finished) -> None:
    summary = json.loads((finished / "summary.json").read_text())
    assert set(summary) == {
        "sft",
        "rejection_sampling",
        "oreo",
        "best_of_8_by_value",
        "majority_of_8",
        "seconds",
        "seeds",
    }
    run = read_run(finished)
    by_name = {(e.policy, e.method): e.success for e in run.evaluations}
    assert summary["oreo"] == {"greedy": by_name["oreo", "greedy"], "sampled": by_name["oreo", "sampled"]}
    assert summary["seeds"] == [0]
    assert sum(summary["seconds"].values()) > 0
    assert {c.name for c in run.curves} == {"sft", "rejection_sampling", "oreo"}
    assert len(EpisodeLog(finished / "episodes")) == 160
    assert "shaped to show a bad habit" in write_report(finished).read_text()


def test_same_seed_same_run(finished, tmp_path) -> None:
    run_quickstart(tmp_path / "again", SMALL)
    first = EpisodeLog(finished / "episodes")
    second = EpisodeLog(tmp_path / "again" / "episodes")
    assert {e.id: e.steps[0].action for e in first} == {e.id: e.steps[0].action for e in second}
    one, two = (json.loads((f / "summary.json").read_text()) for f in (finished, tmp_path / "again"))
    assert one["oreo"] == two["oreo"]


def test_too_many_tasks_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="distinct tasks were asked for"):
        QuickstartSettings(operands=2)


def test_code_of_the_readme_runs_as_pasted(finished) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    project = finished.parents[1]
    for block in blocks:
        done = subprocess.run(
            [sys.executable, "-c", block], cwd=project, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
        assert "wrong:" in done.stdout

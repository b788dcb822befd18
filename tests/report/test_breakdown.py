"""Several samples, kinds of tasks and the value against roll-outs, on the page."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stepgym.agents import AtK, Evaluation, GroupSuccess, McEstimate, calibration
from stepgym.agents.statistics import Interval
from stepgym.errors import InvalidInputError
from stepgym.report import read_run, terminal_report, write_report

MakeRun = Callable[[dict[str, Any]], Path]
ATTACK = "<script>alert(1)</script>\x1b[31m"

EVALUATION = Evaluation(
    "mine",
    "sampled",
    "env",
    0.5,
    0.4,
    0.6,
    {"a": (1.0, 0.0), "b": (0.0, 1.0)},
    truncated=0.25,
    at_k=(AtK(2, Interval(0.875, 0.75, 0.95), Interval(0.625, 0.5, 0.7)), AtK(4, Interval(0.9, 0.8, 0.99))),
    groups=(GroupSuccess("level", "Level 5", 3, 6, 0.25, 0.1, 0.4), GroupSuccess("type", ATTACK, 1, 2, 1.0, 0.2, 1.0)),
)
CALIBRATION = calibration([0.2, 0.7, 0.72], [McEstimate(8, 1), McEstimate(4, 3), McEstimate(4, 4)], ["a", "b", "c"])


def files() -> dict[str, Any]:
    return {
        "run.json": {"title": "t"},
        "evaluations.json": {"evaluations": [EVALUATION.to_dict()]},
        "calibration.json": {"policy": "mine", "env_id": "env", "each": 8, **CALIBRATION.to_dict()},
    }


def test_what_an_evaluation_writes_is_read_and_shown(make_run: MakeRun) -> None:
    folder = make_run(files())
    run = read_run(folder)
    (row,) = run.evaluations
    assert [(x.k, x.solved_by_any.value, x.majority is None) for x in row.at_k] == [(2, 0.875, False), (4, 0.9, True)]
    assert [(x.by, x.tasks) for x in row.groups] == [("level", 3), ("type", 1)]
    assert row.of_judged == pytest.approx(2 / 3)
    assert run.calibration is not None
    assert [b.states for b in run.calibration.bins] == [1, 2]
    page = write_report(folder).read_text(encoding="utf-8")
    for words in ("87.5\xa0%", "62.5\xa0%", "By level of the task", "Level 5", "25.0\xa0%", "66.7\xa0%"):
        assert words in page
    assert "The value against roll-outs" in page
    assert "value 0.71: 87.5\xa0% of the roll-outs succeed" in page
    assert "<script>alert" not in page
    assert "\x1b" not in page
    assert "mine" in terminal_report(folder)


def test_a_run_without_them_has_no_such_parts(make_run: MakeRun) -> None:
    plain = files()
    del plain["calibration.json"]
    plain["evaluations.json"]["evaluations"][0] |= {"at_k": [], "groups": []}
    page = write_report(make_run(plain)).read_text(encoding="utf-8")
    assert "pass@k" not in page
    assert "of the task" not in page
    assert "roll-outs" not in page


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        (lambda f: f["evaluations.json"]["evaluations"][0]["at_k"][0].update(k=0), "at least 1"),
        (lambda f: f["evaluations.json"]["evaluations"][0]["at_k"][0]["pass"].update(value=2), "in \\[0, 1\\]"),
        (lambda f: f["evaluations.json"]["evaluations"][0]["groups"][0].pop("group"), "'group'"),
        (lambda f: f["calibration.json"]["bins"][0].pop("success"), "bin 0: success"),
        (lambda f: f["calibration.json"].update(bins=3), "'bins'"),
    ],
)
def test_a_malformed_part_is_named(make_run: MakeRun, change: Callable[[dict[str, Any]], Any], hint: str) -> None:
    broken = copy.deepcopy(files())
    change(broken)
    with pytest.raises(InvalidInputError, match=hint):
        read_run(make_run(broken))

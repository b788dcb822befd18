"""Reading a run folder: what is skipped and counted, what is refused with a clear error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stepgym.errors import InvalidInputError
from stepgym.report import read_run, terminal_report, write_report

MakeRun = Callable[[dict[str, Any]], Path]


def test_everything_in_the_folder_is_read(run_dir: Path) -> None:
    run = read_run(run_dir)
    assert [curves.name for curves in run.curves] == ["oreo", "sft"]
    assert len(run.curves[0].series["kl"]) == 300
    assert run.curves[0].series["success"][0][0] == 50
    assert len(run.evaluations) == 6
    assert run.comparisons[0].difference == 0.6
    assert len(run.traces) == 5
    assert run.missing == run.problems == ()


def test_a_folder_that_is_no_run_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"run\.json"):
        read_run(tmp_path)
    with pytest.raises(InvalidInputError, match="not a run folder"):
        write_report(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("run.json", b'{"title": "cut o', "not valid JSON"),
        ("run.json", b"\xff\xfe", "UTF-8"),
        ("run.json", b"[" * 100_000, "not valid JSON"),
        ("run.json", [1], "JSON object"),
        ("run.json", {"kind": "train"}, "'title'"),
        ("run.json", {"title": "t", "seconds": {"a": "long"}}, "'a' to be a number"),
        ("evaluations.json", {"evaluations": [{"policy": "p", "method": "m"}]}, r"evaluation 0: expected 'success'"),
        ("evaluations.json", {"evaluations": [{"policy": "p", "method": "m", "success": 97}]}, r"\[0, 1\], got 97"),
        ("evaluations.json", {"evaluations": {}}, "a list"),
        ("evaluations.json", {"comparisons": [{"a": "x", "b": 3, "difference": 0}]}, "comparison 0: expected 'b'"),
        ("doctor.json", {"rows": ["a"]}, "row 0"),
        ("metrics/a.jsonl", b"no\njson\n", "none of its 2 lines"),
        ("value_traces.jsonl", b'{"tokens": ["a"], "values": []}\n', "as many values"),
    ],
)
def test_a_malformed_file_is_named(
    make_run: MakeRun, files: dict[str, Any], name: str, content: object, message: str
) -> None:
    # A list stands for JSON lines in the other files; here it is one document.
    written = b"[1]" if content == [1] else content
    folder = make_run({**files, name: written})
    with pytest.raises(InvalidInputError, match=message) as caught:
        read_run(folder)
    assert str(folder / name) in str(caught.value)


def test_single_malformed_lines_are_skipped_counted_and_mentioned(make_run: MakeRun, files: dict[str, Any]) -> None:
    metrics = b'{"step": 1, "loss": 2.0}\n{"step": 2, "lo\n\n\xff\n[3]\n{"loss": 1}\n{"step": 3, "loss": 1.5}\n'
    folder = make_run({**files, "metrics/sft.jsonl": metrics})
    run = read_run(folder)
    assert run.curves[1].series == {"loss": ((1.0, 2.0), (3.0, 1.5))}
    (problem,) = run.problems
    assert "metrics/sft.jsonl: 4 malformed lines were skipped, 2 used" in problem
    assert "line 2" in problem
    assert "4 malformed lines were skipped" in write_report(folder).read_text(encoding="utf-8")
    assert "4 malformed lines were" in terminal_report(folder)


def test_values_that_are_not_finite_are_counted(make_run: MakeRun, files: dict[str, Any]) -> None:
    metrics = b'{"step": 1, "loss": 2.0}\n{"step": 2, "loss": NaN}\n{"step": 3, "loss": 1e999, "kl": Infinity}\n'
    run = read_run(make_run({**files, "metrics/sft.jsonl": metrics}))
    assert run.curves[1].series == {"loss": ((1.0, 2.0),)}
    assert any("2 values of loss left out, not finite" in problem for problem in run.problems)


def test_other_types_in_metrics_are_not_curves(make_run: MakeRun, files: dict[str, Any]) -> None:
    lines = [{"step": 1, "loss": 1, "phase": "warm-up", "best": True, "parts": [1, 2], "none": None}]
    run = read_run(make_run({**files, "metrics/sft.jsonl": lines}))
    assert set(run.curves[1].series) == {"loss"}


def test_a_resumed_run_repeats_steps_and_the_last_line_counts(make_run: MakeRun, files: dict[str, Any]) -> None:
    lines = [{"step": s, "loss": v} for s, v in ((1, 5.0), (2, 4.0), (3, 3.0), (2, 2.5), (3, 2.0))]
    run = read_run(make_run({**files, "metrics/sft.jsonl": lines}))
    assert run.curves[1].series["loss"] == ((1.0, 5.0), (2.0, 2.5), (3.0, 2.0))


def test_a_trace_with_a_bad_finding_is_skipped(make_run: MakeRun, files: dict[str, Any]) -> None:
    good = files["value_traces.jsonl"][1]
    bad = [
        {"start": 1.5, "end": 2, "kind": "a"},
        {"start": 3, "end": 2},
        {"end": 2},
        {"start": 0, "end": 1, "severity": "x"},
    ]
    lines = [good, *({**good, "findings": [finding]} for finding in bad)]
    run = read_run(make_run({**files, "value_traces.jsonl": lines}))
    assert len(run.traces) == 1
    assert "4 malformed lines were skipped" in run.problems[0]


def test_only_so_many_traces_are_kept(make_run: MakeRun, files: dict[str, Any]) -> None:
    run = read_run(make_run({**files, "value_traces.jsonl": files["value_traces.jsonl"] * 50}))
    assert len(run.traces) == 200
    assert "50 episodes" in run.problems[0]

"""The summary for the terminal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stepgym.report import terminal_report


def test_the_summary_has_the_figures_of_the_files(run_dir: Path) -> None:
    words = terminal_report(run_dir)
    lines = words.splitlines()
    assert lines[0] == "Quickstart: a habit unlearned (synthetic example)"
    (oreo,) = [line for line in lines if line.startswith("  OREO greedy  ")]
    assert oreo.split()[2:] == ["97.0", "%", "94.8", "to", "98.3", "400", "█" * 19]
    joined = " ".join(words.split())
    assert (
        "OREO greedy solves 60.0 points more than rejection sampling greedy (55.2 to 64.8), 400 paired tasks." in joined
    )
    assert "SFT greedy: 1.3 % of the answers were cut off" in joined
    assert "In all 2 min 35 s" in joined


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
def test_lines_are_no_longer_than_asked(run_dir: Path, width: int) -> None:
    assert max(map(len, terminal_report(run_dir, width=width).splitlines())) <= max(width, 40)


def test_long_names_do_not_break_the_table(make_run: Callable[[dict[str, Any]], Path], files: dict[str, Any]) -> None:
    files["evaluations.json"]["evaluations"][0]["policy"] = "a_very_long_name_" * 20
    lines = terminal_report(make_run(files)).splitlines()
    assert max(map(len, lines)) <= 80
    assert any("…" in line and "17.3 %" in line for line in lines)


def test_a_run_of_one_file(make_run: Callable[[dict[str, Any]], Path]) -> None:
    assert terminal_report(make_run({"run.json": {"title": "Only this"}})) == "Only this\n"

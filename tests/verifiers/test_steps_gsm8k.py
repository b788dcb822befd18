"""The step checker on GSM8K and MATH: sound on the reference solutions, and planted errors found.

A tenth of the solutions, measured as `benchmarks/math_steps.py` measures all of them.
"""

from __future__ import annotations

import importlib.util
import os
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FOLDER = Path(os.environ.get("STEPGYM_SHARED", "../shared")) / "data" / "math"
RUNNER = Path(__file__).parents[2] / "benchmarks" / "math_steps.py"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no {FOLDER}; set STEPGYM_SHARED"),
]


@pytest.fixture(scope="module")
def runner() -> ModuleType:
    spec = importlib.util.spec_from_file_location("math_steps", RUNNER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def solutions(runner: ModuleType) -> list[Any]:
    return list(islice(runner.gsm8k(), 0, None, 10))


def test_reference_solutions_are_hardly_ever_refuted_while_most_is_decided(
    runner: ModuleType, solutions: list[Any]
) -> None:
    counts = runner.coverage(solutions)
    assert counts["annotations"] > 2000
    assert counts["plain"] > 800
    assert counts["decided_annotations"] >= 0.98 * counts["annotations"]
    assert counts["decided_plain"] >= 0.9 * counts["plain"], counts
    assert counts["refuted"] <= 0.002 * counts["decided"], counts
    assert counts["failed_rechecks"] == 0


@pytest.mark.slow
def test_references_in_latex_are_hardly_ever_refuted(runner: ModuleType) -> None:
    counts = runner.coverage(islice(runner.math(), 0, None, 10))
    assert counts["decided"] > 400
    # Three slips of the writers stand in this tenth, two of them in one chain.
    assert counts["refuted"] <= 3, counts
    assert counts["failed_rechecks"] == 0


@pytest.mark.parametrize("place", ["in_annotations", "in_sentences"])
def test_planted_errors_are_refuted_where_they_are(runner: ModuleType, solutions: list[Any], place: str) -> None:
    counts = runner.planted(solutions, getattr(runner, place))
    assert counts["planted"] > 300
    assert counts["found"] >= 0.99 * counts["planted"], counts

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `constraint_puzzles` beside it


@pytest.fixture
def z3() -> None:
    """Skips where z3 is not installed."""
    if importlib.util.find_spec("z3") is None:
        pytest.skip("needs z3-solver, the extra smt")

"""A short run of the fuzzer in benchmarks/: no crash, no slow call."""

from __future__ import annotations

import importlib.util
from pathlib import Path

FUZZER = Path(__file__).parents[3] / "benchmarks" / "verifier_fuzz.py"


def test_mutated_strings_never_crash_or_hang() -> None:
    spec = importlib.util.spec_from_file_location("verifier_fuzz", FUZZER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    result = module.fuzz(3_000, seed=11, report=False)
    assert result["crashes"] == 0, result["crash_examples"]
    assert result["slower_than_1s"] <= 1, result["slowest"]  # The first symbolic proof starts the workers.

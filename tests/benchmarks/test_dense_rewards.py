"""The benchmark of dense rewards runs from end to end at tiny sizes, and does not do again what is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "dense_rewards.py"


@pytest.mark.slow
@pytest.mark.parametrize("part", ["hurry", "search"])
def test_a_small_run_prints_its_table_and_is_kept(part: str, tmp_path: Path) -> None:
    command = [sys.executable, str(BENCHMARK), part, "--small", "--seeds", "0", "--out", str(tmp_path)]
    found = []
    for _ in range(2):
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment)
        assert done.returncode == 0, done.stderr[-2000:]
        found.append(json.loads(done.stdout.splitlines()[-1]))
    assert found[0]["found"] == found[1]["found"]
    assert found[1]["cpu_seconds"] <= found[0]["cpu_seconds"]

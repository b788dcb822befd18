"""The built wheel, installed into a clean virtual environment outside the repository."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_PACKAGES = 9

CHECK = """
import importlib.metadata as metadata, json, pathlib, stepgym, gymnasium
env = gymnasium.make("stepgym:stepgym/ArithmeticChain-v0")
question, _ = env.reset(seed=7)
_, reward, *_ , info = env.step("answer 0")
print(json.dumps({
    "file": stepgym.__file__,
    "typed": (pathlib.Path(stepgym.__file__).parent / "py.typed").exists(),
    "packages": sorted(d.name for d in metadata.distributions() if d.name not in ("pip", "setuptools", "wheel")),
    "verdict": info["verdict"].status,
}))
"""


@pytest.mark.slow
def test_wheel_works_alone(tmp_path: Path) -> None:
    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT))
    (wheel,) = tmp_path.glob("stepgym-*.whl")
    venv.create(tmp_path / "venv", with_pip=True)
    bin_folder = tmp_path / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    python = str(bin_folder / "python")
    constraints = str(ROOT / "constraints.txt")
    run(python, "-m", "pip", "install", "--quiet", "--constraint", constraints, str(wheel))

    found = json.loads(run(python, "-c", CHECK))
    assert found["file"].startswith(str(tmp_path.resolve())) or found["file"].startswith(str(tmp_path))
    assert found["typed"]
    assert found["verdict"] == "wrong"
    assert len(found["packages"]) <= MOST_PACKAGES, found["packages"]
    assert "ArithmeticChain" in run(str(bin_folder / "stepgym"), "list")

    # What the README promises of a core install: no torch, and a clear word about the extra.
    missing = subprocess.run(
        [python, "-c", "from stepgym.train import OREOTrainer"], capture_output=True, text=True, check=False
    )
    assert "stepgym[train]" in missing.stderr

    def seconds(module: str) -> float:
        code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
        return statistics.median(float(run(python, "-c", code)) for _ in range(5))

    assert seconds("stepgym") <= 1.5 * seconds("gymnasium")

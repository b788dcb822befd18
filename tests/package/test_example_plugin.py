from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import stepgym

EXAMPLE = Path(__file__).parents[2] / "examples" / "units"
SOURCE = Path(stepgym.__file__).parents[1]

pytestmark = pytest.mark.slow


def run(*command: str, path: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(path), str(SOURCE)])}
    done = subprocess.run(command, env=environment, cwd=path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example installed in it, built from a copy so that the repository stays clean."""
    pytest.importorskip("setuptools")
    folder = tmp_path_factory.mktemp("plugin")
    shutil.copytree(EXAMPLE, folder / "units", ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    target = folder / "site"
    target.mkdir()
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    run(sys.executable, *install, "--target", str(target), str(folder / "units"), path=target)
    return target


def test_it_is_found_through_its_entry_points_and_played(site: Path) -> None:
    code = """
        import sys, warnings
        warnings.simplefilter("error")
        import stepgym
        assert "stepgym_units" not in sys.modules
        env = stepgym.envs.make("units/Quantities-v0")
        question, info = env.reset(options={"task": "units-0001"})
        assert "3 seconds" in question
        _, reward, terminated, truncated, info = env.step("so it falls \\\\boxed{3 s}")
        assert (reward, terminated, truncated) == (0.0, True, False)
        print(info["verdict"])
        print(info["verdict"].explain("so it falls \\\\boxed{3 s}"))
        env.reset(options={"task": "units-0001"})
        assert env.step("\\\\boxed{45 m}")[1] == 1.0
        plugin = {p.name: p for p in stepgym.envs.list_envs()}["units/Quantities-v0"]
        print(plugin.distribution)
        print(type(stepgym.verifiers.get_verifier("units")).__name__)
        print(env.unwrapped.tasks.name)
    """
    lines = run(sys.executable, "-c", textwrap.dedent(code), path=site).splitlines()
    assert lines[0] == "wrong: the unit is s where m was asked"
    assert lines[2:4] == ["  so it falls \\boxed{3 s}", "                     ^^^ the unit is s where m was asked"]
    assert lines[4:6] == ["stepgym-units", "UnitVerifier"]
    assert Path(lines[6]) == site / "stepgym_units" / "units.jsonl"


def test_it_works_in_worker_processes(site: Path) -> None:
    (site / "workers.py").write_text(
        textwrap.dedent("""
            import stepgym

            if __name__ == "__main__":
                envs = stepgym.envs.make_vec(
                    "units/Quantities-v0", 2, vectorization_mode="async", context="spawn"
                )
                envs.reset(seed=1, options={"task": "units-0004"})
                print(envs.step(("\\\\boxed{20 m/s}", "\\\\boxed{20 km/h}"))[1].tolist())
                envs.close()
        """)
    )
    assert run(sys.executable, "workers.py", path=site).strip() == "[1.0, 0.0]"


def test_its_own_tests_pass(site: Path) -> None:
    test = str(site.parent / "units" / "tests" / "test_units.py")
    out = run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, test, path=site)
    assert re.search(r"\b5 passed\b", out)


def test_its_readme_runs_as_pasted(site: Path) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", (EXAMPLE / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert run(sys.executable, "-c", block, path=site).strip() == "wrong: the unit is s where m was asked"

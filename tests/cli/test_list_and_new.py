from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest


def test_everything_built_in_is_listed(cli):
    result = cli("list")
    assert result.code == 0
    for name in ("stepgym/ArithmeticChain-v0", "stepgym/GSM8K-v0", "math-answer", "transformers", "human"):
        assert f"\n  {name} " in result.out
    only = cli("list", "verifiers").out
    assert "math-answer" in only
    assert "stepgym/GSM8K-v0" not in only


def install(site: Path, name: str, entry_points: str) -> None:
    """What pip leaves of an installed distribution, as far as entry points go."""
    info = site / f"{name.replace('-', '_')}-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (info / "entry_points.txt").write_text(entry_points)


def run(*words: str, site: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run(
        [sys.executable, "-m", "stepgym.cli", *words], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_broken_plugins_are_named_and_break_nothing(tmp_path):
    install(tmp_path, "broken-env", "[stepgym.envs]\nbad = no_such_module\n")
    install(tmp_path, "broken-verifier", "[stepgym.verifiers]\nworse = nowhere.at_all:Verifier\n")
    listed = run("list", site=tmp_path)
    assert "stepgym/ArithmeticChain-v0" in listed
    assert "no_such_module" in listed
    assert "broken-env" in listed
    assert "[broken-verifier]" in listed
    checked = run("list", "verifiers", "--check", site=tmp_path)
    assert "Plug-in 'worse' (nowhere.at_all:Verifier, from broken-verifier) cannot be loaded" in checked


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "name", "package"), [("env", "River Crossing", "river"), ("verifier", "Units2", "units")]
)
def test_a_new_package_installs_and_passes_its_own_tests(cli, tmp_path, kind, name, package):
    pytest.importorskip("setuptools")
    folder, site = tmp_path / "new", tmp_path / "site"
    result = cli("new", kind, name, "--out", folder)
    assert result.code == 0
    assert cli("new", kind, name, "--out", folder).code == 2, "nothing is written over"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", str(site), str(folder)], check=True, timeout=300, capture_output=True)
    environment = {**os.environ, "PYTHONPATH": str(site)}
    test = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, str(folder / "tests")]
    done = subprocess.run(test, env=environment, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert f"[stepgym-{package}" in run("list", "--check", site=site)


def test_the_files_of_a_new_package_are_filled_in(cli, tmp_path):
    for kind in ("env", "verifier"):
        assert cli("new", kind, "myTask", "--out", tmp_path / kind).code == 0
        files = [path for path in (tmp_path / kind).rglob("*") if path.is_file()]
        assert len(files) >= 5
        for path in files:
            assert not re.search(r"@\w+@", path.read_text() + str(path.relative_to(tmp_path)))
            if path.suffix == ".py":
                compile(path.read_text(), str(path), "exec")

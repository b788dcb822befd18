"""`--overwrite` and `--resume` while another process writes to the folder."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from stepgym.agents import EpisodeLog
from stepgym.agents.log.lock import RUN_LOCK, FolderLock
from stepgym.errors import InvalidInputError
from stepgym.report.recorder import claim_folder

from .conftest import ENV, start, stop_when

SLOW = """
import time

def answer(observation):
    time.sleep(0.02)
    return "answer 1"
"""
OTHER = ("collect", ENV, "--policy", "random", "--choice", "answer 2", "--episodes", "2", "--out", "log")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_collection_is_not_overwritten_while_it_runs(cli: Any, here: Path) -> None:
    (here / "slow_script.py").write_text(SLOW)
    words = ("collect", ENV, "--policy", "scripted:slow_script:answer", "--concurrency", "1", "--episodes", "2000")
    first = start(*words, "--out", "log", cwd=here)
    log = here / "log" / "episodes.jsonl"
    refused: list[Any] = []

    def ready() -> bool:
        if not log.exists() or log.read_bytes().count(b"\n") < 3:
            return False
        before = log.read_bytes().count(b"\n")
        refused.extend(cli(*OTHER, flag) for flag in ("--overwrite", "--resume"))
        assert log.read_bytes().count(b"\n") >= before
        return True

    stop_when(first, ready, signal.SIGINT)
    for result in refused:
        assert result.code == 2
        assert f"being written by process {first.pid} on" in result.err
    assert len(EpisodeLog(here / "log")) >= 3
    assert cli(*OTHER, "--overwrite").code == 0
    assert len(EpisodeLog(here / "log")) == 2
    assert not (here / "log" / RUN_LOCK).exists()


@pytest.mark.parametrize("inner", ["episodes", "episodes/sft"])
def test_a_log_inside_a_run_protects_the_run(tmp_path: Path, inner: str) -> None:
    (tmp_path / "run.json").write_text("{}")
    with (
        EpisodeLog(tmp_path / inner, mode="a"),
        pytest.raises(InvalidInputError, match=rf"{inner} is being written by process"),
    ):
        claim_folder(tmp_path, overwrite=True)
    assert (tmp_path / "run.json").exists()
    assert (tmp_path / inner).is_dir()
    claim_folder(tmp_path, overwrite=True)
    assert list(tmp_path.iterdir()) == []


def test_a_run_without_a_log_is_protected_too(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    run = FolderLock(tmp_path, name=RUN_LOCK)
    with pytest.raises(InvalidInputError, match="being written by process"):
        claim_folder(tmp_path, overwrite=True)
    run.remove()
    claim_folder(tmp_path, overwrite=True)
    assert list(tmp_path.iterdir()) == []


def test_the_lock_on_a_file_that_was_removed_is_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")
    real = fcntl.flock
    removed: list[bool] = []

    def removed_before(descriptor: int, operation: int) -> None:
        if not removed:
            removed.append(True)
            (tmp_path / ".lock").unlink()
        real(descriptor, operation)

    monkeypatch.setattr("stepgym.agents.log.lock.fcntl.flock", removed_before)
    first = FolderLock(tmp_path)
    with pytest.raises(InvalidInputError, match="being written by process"):
        FolderLock(tmp_path)
    first.release()

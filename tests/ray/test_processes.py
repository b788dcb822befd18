"""Whole programs that use a cluster: the command line, one that starts its own, one that is interrupted."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from stepgym.agents import EpisodeLog
from stepgym.cli import main

pytest.importorskip("ray", reason="needs the extra ray (`make test-ray`)")
pytestmark = pytest.mark.slow

COLLECT = ["collect", "stepgym/Game24-v0", "--policy", "puzzle-expert:noise=0.3", "--seed", "3", "--episodes"]

OWN_CLUSTER = """
import os
from stepgym.agents import Completion, collect
from stepgym.agents.rollout import RayWorkers

class Here:
    name = "here"
    async def generate(self, request):
        return [Completion(str(os.getpid()))] * request.n

for workers in (RayWorkers(), RayWorkers(actors=2)):
    done = collect("stepgym/Game24-v0", Here(), episodes=8, concurrency=2, workers=workers, progress=False)
    print(done.finished, str(os.getpid()) in {e.steps[0].action for e in done.episodes})
"""

SLOW_RUN = """
import asyncio, sys
from stepgym.agents import PuzzleExpertPolicy, collect
from stepgym.agents.rollout import RayWorkers

class Slow(PuzzleExpertPolicy):
    async def generate(self, request):
        await asyncio.sleep(float(sys.argv[3]))
        return await super().generate(request)

collect(
    "stepgym/Game24-v0", Slow(), episodes=80, concurrency=8, out=sys.argv[2],
    workers=RayWorkers(address=sys.argv[1], actors=2), progress=False,
)
"""


def python(code: str, *words: str, environment: dict[str, str] | None = None) -> Any:
    return subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )


def test_a_cluster_of_its_own_ends_with_the_call_and_says_nothing() -> None:
    run = python(OWN_CLUSTER, environment={"RAY_ADDRESS": ""})
    out, err = run.communicate(timeout=120)
    assert (run.returncode, err) == (0, "")
    assert out == "8 False\n8 False\n"


def test_the_command_line_writes_the_log_of_a_local_run(cluster: Any, tmp_path: Path, capsys: Any) -> None:
    assert main([*COLLECT, "40", "--out", str(tmp_path / "local")]) == 0
    words = ["--out", str(tmp_path / "ray"), "--ray", cluster.address, "--actors", "2"]
    assert main([*COLLECT, "40", *words]) == 0
    assert "40 episodes in" in capsys.readouterr().err
    local, played = (sorted(EpisodeLog(tmp_path / name), key=lambda e: e.id) for name in ("local", "ray"))
    assert len(local) == 40
    assert played == local


def test_the_command_line_tells_an_address_where_nobody_answers(tmp_path: Path, capsys: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert main([*COLLECT, "2", "--out", str(tmp_path / "log"), "--ray", address]) == 2
    error = capsys.readouterr().err
    assert f"no Ray cluster answers at {address}" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "log").exists()
    assert main([*COLLECT, "2", "--out", str(tmp_path / "log"), "--actors", "2"]) == 2
    assert "--actors goes with --ray" in capsys.readouterr().err


def test_an_interrupted_run_keeps_what_is_finished_and_goes_on(cluster: Any, tmp_path: Path) -> None:
    log = tmp_path / "log"
    run = python(SLOW_RUN, cluster.address, str(log), "0.3")
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and run.poll() is None:
        time.sleep(0.2)
        if log.exists() and len(EpisodeLog(log)) >= 20:
            break
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=60)
    assert run.returncode != 0
    assert "CollectionInterrupted" in err
    kept = [episode.id for episode in EpisodeLog(log)]
    assert 20 <= len(kept) < 80
    run = python(SLOW_RUN, cluster.address, str(log), "0")
    out, err = run.communicate(timeout=120)
    assert (run.returncode, out) == (0, ""), err
    ids = [episode.id for episode in EpisodeLog(log)]
    assert ids[: len(kept)] == kept
    assert len(ids) == len(set(ids)) == 80

"""Collectors that are killed at any moment, and disks that are full: what was finished stays, the rest is resumed."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from stepgym.agents import EpisodeLog, ScriptedPolicy, collect
from stepgym.agents.log import sync as log_sync
from stepgym.agents.log.sync import Syncer

# Imports once and forks a collector for each kill, because importing takes longer than collecting.
KILLED = """
import json, os, random, select, signal, sys, time
import gymnasium
from stepgym.agents import Completion, EpisodeLog, collect

EPISODES, out = int(sys.argv[1]), sys.argv[2]

class Env(gymnasium.Env):
    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.turns = 1 + seed % 3
        return str(seed), {"task": str(seed)}
    def step(self, action):
        self.turns -= 1
        return "next", 1.0, self.turns == 0, False, {"task": "t"}

class Waits:
    name = "waits"
    async def generate(self, request):
        import asyncio
        await asyncio.sleep(0.001 * (request.seed % 4))
        return [Completion("x" * (request.seed % 3000), token_ids=(1,), prompt_token_ids=(2,))]

def run(report):
    tell = lambda episode: os.write(report, (episode.id + "\\n").encode())
    return collect(Env, Waits(), episodes=EPISODES, out=out, concurrency=16, progress=False, on_episode=tell)

draw, told, kills = random.Random(0), [], 0
while kills < 20:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        run(write)
        os._exit(0)
    os.close(write)
    time.sleep(draw.uniform(0.0, 0.12))
    os.kill(child, signal.SIGKILL)
    kills += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    reported = b""
    while part := os.read(read, 1 << 16):
        reported += part
    os.close(read)
    told += reported.decode().split("\\n")[:-1]
read, write = os.pipe()
done = run(os.open(os.devnull, os.O_WRONLY)) if len(EpisodeLog(out)) < EPISODES else None
print(json.dumps({"told": told, "kills": kills, "missing": done.missing if done else 0}))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_collector_killed_twenty_times_loses_and_repeats_nothing(tmp_path: Path) -> None:
    out = tmp_path / "log"
    script = subprocess.run(
        [sys.executable, "-c", KILLED, "6000", str(out)], capture_output=True, text=True, timeout=120, check=True
    )
    report = json.loads(script.stdout)
    assert (report["kills"], report["missing"]) == (20, 0)
    assert len(report["told"]) > 20  # some episodes were finished between the kills
    counts = Counter(episode.id for episode in EpisodeLog(out, on_error="raise"))
    assert set(report["told"]) <= set(counts)
    assert set(counts.values()) == {1}
    assert len(counts) == 6000
    for line in (out / "episodes.jsonl").read_bytes().splitlines():
        json.loads(line)


FULL = """
import resource, signal, sys
from stepgym.agents import EpisodeLog, ScriptedPolicy, collect
from stepgym.errors import StepgymError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
try:
    collect("stepgym/ArithmeticChain-v0", ScriptedPolicy(lambda o: "answer 1"), episodes=500, out=sys.argv[1],
            progress=False)
except StepgymError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs file size limits")
def test_a_full_disk_stops_the_collection_and_it_can_go_on(tmp_path: Path) -> None:
    out = tmp_path / "log"
    script = [sys.executable, "-c", FULL, str(out)]
    printed = subprocess.run(script, capture_output=True, text=True, timeout=60, check=True).stdout
    kept = len(list(EpisodeLog(out, on_error="raise")))
    assert f"All {kept} episodes before are kept; the same command resumes there." in printed
    assert 10 < kept < 500
    policy = ScriptedPolicy(lambda observation: "answer 1")
    done = collect("stepgym/ArithmeticChain-v0", policy, episodes=500, out=out, progress=False)
    assert (done.skipped, done.finished) == (kept, 500 - kept)
    assert len(list(EpisodeLog(out, on_error="raise"))) == 500


@pytest.mark.skipif(sys.platform == "win32", reason="needs file size limits")
def test_a_sync_that_fails_is_not_swallowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []

    def fails(descriptor: int) -> None:
        synced.append(descriptor)
        raise OSError(errno.EIO, "broken disk")

    with (tmp_path / "file").open("wb") as file:
        monkeypatch.setattr(log_sync, "_SECONDS", 0.02)
        monkeypatch.setattr(log_sync.os, "fsync", fails)
        syncer = Syncer(file.fileno())
        syncer.written()
        deadline = time.monotonic() + 10
        while not synced and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)
        with pytest.raises(OSError, match="broken disk"):
            syncer.written()
        with pytest.raises(OSError, match="broken disk"):
            syncer.close()


def test_what_is_written_is_synced_once_a_second_without_further_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[float] = []
    monkeypatch.setattr(log_sync, "_SECONDS", 0.1)
    monkeypatch.setattr(log_sync.os, "fsync", lambda descriptor: synced.append(time.monotonic()))
    with (tmp_path / "file").open("wb") as file:
        syncer = Syncer(file.fileno())
        began = time.monotonic()
        for _ in range(50):
            syncer.written()
            time.sleep(0.01)
        assert 1 <= len(synced) <= (time.monotonic() - began) / 0.1 + 1
        deadline = time.monotonic() + 10
        while _syncing() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not _syncing()  # nothing was written for a while
        so_far = len(synced)
        syncer.written()
        syncer.close()
        assert len(synced) > so_far


def _syncing() -> bool:
    return any(thread.name == "stepgym-log-sync" for thread in threading.enumerate())

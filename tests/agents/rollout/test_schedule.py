"""Budgets, enough samples of a task, retries of a policy that cannot be reached, and live progress."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from stepgym.agents import (
    CollectBudget,
    Collected,
    Completion,
    EpisodeLog,
    RandomPolicy,
    Request,
    Sampling,
    ScriptedPolicy,
    collect,
)
from stepgym.errors import InvalidInputError

ECHO = ScriptedPolicy(lambda observation: observation, name="echo")


class Coin:
    """Right with the probability that the task names, in percent; waits for different times."""

    name = "coin"

    def __init__(self, wait: bool = True) -> None:
        self.wait = wait

    async def generate(self, request: Request) -> list[Completion]:
        task = request.messages[-1]["content"]
        if self.wait:
            await asyncio.sleep((request.seed or 0) % 7 / 2000)
        right = (request.seed or 0) % 100 < int(task)
        return [Completion(task if right else "no", token_ids=(1, 2, 3), prompt_token_ids=(0,))]


def by_id(episodes: Any) -> dict[str, Any]:
    return {episode.id: episode.to_dict() for episode in episodes}


def outcomes(episodes: Any) -> dict[str, Counter[bool | None]]:
    counts: dict[str, Counter[bool | None]] = {}
    for episode in episodes:
        counts.setdefault(episode.task_id, Counter())[episode.success] += 1
    return counts


TASKS = ["0", "3", "20", "50", "80", "97", "100"]


def in_order(echo_env: Any, samples: int) -> dict[str, Any]:
    """What has to be played when every task stops at 4 successes and 4 failures: one sample after the other."""
    whole = collect(echo_env, Coin(False), tasks=TASKS, samples_per_task=samples, progress=False)
    episodes = {tuple(e.id.split("/")[1:]): e for e in whole.episodes}
    needed = {}
    for task in TASKS:
        successes = failures = 0
        for sample in range(samples):
            if successes >= 4 and failures >= 4:
                break
            episode = episodes[task, str(sample)]
            needed[episode.id] = episode.to_dict()
            successes += episode.success is True
            failures += episode.success is False
    return needed


@pytest.mark.parametrize("concurrency", [1, 8, 64])
def test_enough_plays_the_same_samples_at_any_concurrency(echo_env: Any, concurrency: int) -> None:
    needed = in_order(echo_env, 40)
    done = collect(
        echo_env,
        Coin(),
        tasks=TASKS,
        samples_per_task=40,
        enough=(4, 4),
        concurrency=concurrency,
        progress=False,
    )
    assert by_id(done.episodes) == needed
    counts = outcomes(done.episodes)
    assert counts["0"] == {False: 40}
    assert counts["50"][True] >= 4 <= counts["50"][False]
    assert (done.spared, done.missing) == (280 - len(needed), 0)
    assert done.spared > 50
    assert f"{done.spared} not needed" in str(done)


def test_enough_is_counted_from_the_log(echo_env: Any, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"tasks": TASKS, "samples_per_task": 40, "enough": (4, 4), "progress": False}
    needed = in_order(echo_env, 40)
    played = 0
    for _ in range(100):
        done = collect(echo_env, Coin(), out=tmp_path / "log", budget=CollectBudget(episodes=17), **settings)
        assert done.finished <= 17
        assert done.skipped == played
        played += done.finished
        if not done.stopped:
            break
        assert done.missing > 0
    assert by_id(EpisodeLog(tmp_path / "log", on_error="raise")) == needed
    assert (done.missing, done.spared) == (0, 280 - len(needed))
    again = collect(echo_env, Coin(), out=tmp_path / "log", **settings)
    assert (again.finished, again.skipped, again.spared) == (0, len(needed), 280 - len(needed))


def test_enough_for_seeds_and_one_sided(echo_env: Any) -> None:
    done = collect(echo_env, ECHO, episodes=50, samples_per_task=10, enough=(2, 0), concurrency=3, progress=False)
    assert sorted(Counter(e.task_id for e in done.episodes).values()) == [2] * 5
    assert (done.finished, done.spared) == (10, 40)
    for wrong in ((0, 0), (-1, 2), (1, 2, 3)):
        with pytest.raises(InvalidInputError, match="enough"):
            collect(echo_env, ECHO, episodes=1, enough=wrong, progress=False)


def test_a_budget_of_episodes_is_kept_and_resumed(echo_env: Any, tmp_path: Path) -> None:
    out = tmp_path / "log"
    first = collect(echo_env, ECHO, episodes=30, out=out, budget=CollectBudget(episodes=12), progress=False)
    assert (first.finished, first.missing, first.stopped) == (12, 18, "the budget of 12 episodes")
    assert "stopped by the budget of 12 episodes with 18 still to be played" in str(first)
    second = collect(echo_env, ECHO, episodes=30, out=out, budget=CollectBudget(episodes=12), progress=False)
    assert (second.finished, second.skipped, second.missing) == (12, 12, 6)
    third = collect(echo_env, ECHO, episodes=30, out=out, budget=CollectBudget(episodes=12), progress=False)
    assert (third.finished, third.skipped, third.missing, third.stopped) == (6, 24, 0, "")
    assert by_id(EpisodeLog(out)) == by_id(collect(echo_env, ECHO, episodes=30, progress=False).episodes)
    # What the log holds beyond the last one begun is no longer missing.
    ahead = collect(echo_env, ECHO, episodes=40, out=out, budget=CollectBudget(episodes=1), progress=False)
    assert (ahead.finished, ahead.skipped, ahead.missing) == (1, 30, 9)


def test_a_budget_of_tokens_cuts_no_episode(echo_env: Any) -> None:
    done = collect(
        echo_env,
        Coin(),
        tasks=["50"],
        samples_per_task=1000,
        budget=CollectBudget(tokens=300),
        concurrency=8,
        progress=False,
    )
    assert 300 <= done.tokens < 300 + 3 * 8
    assert set(done.ends) == {"terminated"}
    assert done.stopped == "the budget of 300 tokens"


def test_a_budget_of_minutes(echo_env: Any) -> None:
    done = collect(echo_env, Coin(), episodes=10**9, budget=CollectBudget(minutes=0.3 / 60), progress=False)
    assert 0.3 <= done.seconds < 5
    assert done.finished > 10
    assert done.stopped == "the budget of 0.005 minutes"


def test_a_budget_is_positive() -> None:
    for wrong in ({"episodes": 0}, {"tokens": -5}, {"minutes": float("nan")}):
        with pytest.raises(InvalidInputError, match="above 0"):
            CollectBudget(**wrong)


class Outage:
    """Cannot be reached at the first `times` calls for each conversation."""

    name = "outage"

    def __init__(self, times: int, error: Exception) -> None:
        self.times, self.error, self.seen = times, error, Counter[Any]()

    async def generate(self, request: Request) -> list[Completion]:
        self.seen[request.seed] += 1
        if self.seen[request.seed] <= self.times:
            raise self.error
        return [Completion(request.messages[-1]["content"])]


def test_a_policy_that_cannot_be_reached_is_asked_again(echo_env: Any) -> None:
    outage = ConnectionResetError("gone")
    done = collect(echo_env, Outage(2, outage), episodes=10, retries=2, progress=False)
    assert (done.successes, done.failures_by_kind, done.errors) == (10, {"policy": 20}, {})
    assert "20 failed attempts (policy)" in str(done)
    done = collect(echo_env, Outage(2, outage), episodes=10, retries=1, progress=False)
    assert (done.ends, done.failures_by_kind) == ({"error": 10}, {"policy": 20})
    assert done.errors == {"outage: ConnectionResetError: gone": 10}


def test_what_will_not_pass_is_not_tried_again(echo_env: Any) -> None:
    class RefusedError(ConnectionError):
        transient = False

    class BusyError(RuntimeError):
        transient = True

    for error, times in ((ValueError("bad"), 1), (RefusedError("no such model"), 1), (BusyError("later"), 3)):
        policy = Outage(100, error)
        done = collect(echo_env, policy, episodes=1, retries=2, progress=False)
        assert done.ends == {"error": 1}
        assert sum(policy.seen.values()) == times


def test_progress_is_told_what_was_done(echo_env: Any) -> None:
    seen: list[Collected] = []
    done = collect(echo_env, Coin(), tasks=["50"], samples_per_task=3000, concurrency=8, progress=seen.append)
    assert len(seen) >= 2
    assert 0 < seen[0].finished < 3000
    assert seen[0].episodes == ()
    assert (seen[-1].finished, seen[-1].successes) == (3000, done.successes)
    assert [now.finished for now in seen] == sorted(now.finished for now in seen)


def test_an_error_while_showing_progress_is_not_swallowed(echo_env: Any) -> None:
    def broken(now: Collected) -> None:
        raise ZeroDivisionError("in the display")

    with pytest.raises(ZeroDivisionError, match="in the display"):
        collect(echo_env, ECHO, episodes=3, progress=broken)


def test_a_sampling_for_each_run(echo_env: Any, tmp_path: Path) -> None:
    """The counts of another policy's samples do not make a task have enough."""
    settings: dict[str, Any] = {"tasks": ["1"], "samples_per_task": 6, "enough": (2, 0), "progress": False}
    collect(echo_env, ECHO, out=tmp_path / "log", **settings)
    other = collect(echo_env, RandomPolicy(["1"]), out=tmp_path / "log", sampling=Sampling(top_k=1), **settings)
    assert (other.finished, other.skipped) == (2, 0)


BARRED = """
from stepgym.agents import ScriptedPolicy, collect
collect("stepgym/ArithmeticChain-v0", ScriptedPolicy(lambda o: "answer 1"), episodes=40)
"""


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_a_terminal_sees_a_bar_and_a_file_sees_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", BARRED]
    assert subprocess.run(command, capture_output=True, timeout=60, check=True).stderr == b""
    termios = pytest.importorskip("termios")
    terminal, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, 120))
    with subprocess.Popen(command, stderr=theirs) as process:
        os.close(theirs)
        seen = b""
        with contextlib.suppress(OSError):  # Linux says so when the other side is closed
            while part := os.read(terminal, 1 << 16):
                seen += part
        os.close(terminal)
    assert process.returncode == 0
    assert b"40/40" in seen
    assert b"success" in seen

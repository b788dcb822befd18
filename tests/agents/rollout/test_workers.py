"""Environments in worker processes: the same episodes, and workers that die."""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from stepgym.agents import Agent, EpisodeLog, PolicyError, RandomPolicy, Sampling, ScriptedPolicy, collect
from stepgym.errors import InvalidInputError, StepgymError

CHOICES = RandomPolicy([str(i) for i in range(3)])
TASKS = [str(i) for i in range(1, 41)]  # four of them end in 7


def by_id(episodes: Any) -> dict[str, Any]:
    return {episode.id: episode.to_dict() for episode in episodes}


def play(make: Any, **settings: Any) -> Any:
    return collect(make, CHOICES, **{"tasks": TASKS, "progress": False, **settings})


@pytest.mark.parametrize("concurrency", [1, 8, 64])
def test_workers_play_the_same_episodes(worlds: Any, concurrency: int) -> None:
    here = play(worlds.numbers, concurrency=1)
    there = play(worlds.numbers, concurrency=concurrency, workers=2)
    assert by_id(here.episodes) == by_id(there.episodes)
    assert here.failures > 0 < here.successes


def test_an_id_travels_with_its_spec() -> None:
    import gymnasium

    # Registered in this process alone, not by importing anything.
    gymnasium.register("stepgym-test/Chain-v0", entry_point="stepgym.envs.arithmetic:ArithmeticChainEnv")
    try:
        answer = ScriptedPolicy(lambda observation: "answer 1")
        kwargs = {"env_kwargs": {"operands": 3}, "episodes": 12, "progress": False}
        here = collect("stepgym-test/Chain-v0", answer, **kwargs)
        there = collect("stepgym-test/Chain-v0", answer, workers=1, **kwargs)
    finally:
        del gymnasium.registry["stepgym-test/Chain-v0"]
    assert by_id(here.episodes) == by_id(there.episodes)
    assert here.episodes[0].env_kwargs == {"operands": 3}


def test_a_model_plays_the_same_with_workers(worlds: Any, char_policy: Any) -> None:
    agent = Agent(char_policy, sampling=Sampling(max_tokens=6, temperature=0.0))
    runs = [
        collect(worlds.numbers, agent, tasks=TASKS[:20], progress=False, concurrency=concurrency, workers=workers)
        for concurrency, workers in ((1, 0), (8, 0), (64, 0), (8, 2))
    ]
    texts = [{e.id: [(s.observation, s.action, s.reward) for s in e.steps] for e in run.episodes} for run in runs]
    assert texts[0] == texts[1] == texts[2] == texts[3]
    assert runs[0].tokens == runs[3].tokens > 0


def test_a_worker_that_dies_loses_no_episode(worlds: Any, tmp_path: Path) -> None:
    make = functools.partial(worlds.Numbers, "die once", str(tmp_path))
    done = play(make, tasks=TASKS[:20], workers=2, concurrency=16)
    assert done.ends == {"terminated": 20}
    assert done.failures_by_kind["worker"] >= 2
    expected = play(worlds.numbers, tasks=TASKS[:20])
    strip = [{k: v for k, v in e.items() if k != "id"} for e in by_id(done.episodes).values()]
    assert sorted(map(str, strip)) == sorted(
        str({k: v for k, v in e.items() if k != "id"}) for e in by_id(expected.episodes).values()
    )


def test_what_always_kills_its_worker_is_marked_and_nothing_else(worlds: Any) -> None:
    done = play(functools.partial(worlds.Numbers, "die"), tasks=TASKS[:20], workers=2, concurrency=16, retries=1)
    assert done.ends == {"terminated": 18, "error": 2}
    marked = [e for e in done.episodes if e.end == "error"]
    assert sorted(e.task_id for e in marked) == ["17", "7"]
    assert "worker: the worker process died: killed by SIGKILL" in marked[0].steps[-1].verdicts[-1].reason
    assert done.errors == {"worker: the worker process died: killed by SIGKILL": 2}
    with pytest.raises(PolicyError, match="2 episodes in a row"):
        play(functools.partial(worlds.Numbers, "die"), tasks=["7", "17"], workers=1, retries=0, max_errors=2)


def test_workers_killed_from_outside(worlds: Any, tmp_path: Path) -> None:
    """A SIGKILL from time to time: every episode is played, as if nothing had happened."""
    finished = 0

    def kill_sometimes(_: Any) -> None:
        nonlocal finished
        finished += 1
        workers = [p for p in multiprocessing.active_children() if p.name == "stepgym-environments"]
        if finished % 80 == 0 and workers[0].pid is not None:
            os.kill(workers[0].pid, signal.SIGKILL)

    out = tmp_path / "log"
    done = play(worlds.numbers, samples_per_task=8, workers=3, out=out, on_episode=kill_sometimes, retries=10)
    assert done.failures_by_kind["worker"] >= 3
    assert done.ends == {"terminated": 320}
    calm = play(worlds.numbers, samples_per_task=8)
    assert by_id(EpisodeLog(out, on_error="raise")) == by_id(calm.episodes)


def test_errors_of_the_environment_arrive_as_themselves(worlds: Any) -> None:
    broken = functools.partial(worlds.Numbers, "break")
    with pytest.raises(ZeroDivisionError, match="a defect") as caught:
        play(broken, workers=1)
    assert "in act" in "".join(caught.value.__notes__)
    done = play(broken, workers=2, env_errors="record")
    assert done.ends == {"terminated": 36, "error": 4}
    assert done.failures_by_kind == {"environment": 4}
    assert done.errors == {"environment: ZeroDivisionError: a defect": 4}


def test_what_cannot_be_sent_is_said(worlds: Any) -> None:
    with pytest.raises(InvalidInputError, match="cannot be sent there"):
        play(lambda: worlds.numbers(), workers=1)
    with pytest.raises(StepgymError, match="Use workers=0"):
        play(functools.partial(worlds.Numbers, "unsendable"), workers=1)
    with pytest.raises(InvalidInputError, match="workers must be"):
        play(worlds.numbers, workers=-1)


def test_a_worker_that_cannot_start_is_said(worlds: Any, tmp_path: Path) -> None:
    make = functools.partial(worlds.Numbers)
    (tmp_path / "modules" / "stepgym_test_worlds.py").write_text("raise RuntimeError('half a module')")
    with pytest.raises(StepgymError, match="could not start: RuntimeError: half a module"):
        play(make, workers=2)

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import gymnasium
import pytest

from stepgym.agents import (
    Agent,
    CollectionInterrupted,
    Completion,
    Episode,
    EpisodeLog,
    PolicyError,
    RandomPolicy,
    Request,
    Sampling,
    ScriptedPolicy,
    TransformersPolicy,
    collect,
    collect_async,
)
from stepgym.errors import InvalidInputError, UnknownNameError
from stepgym.verifiers import Verdict

ECHO = ScriptedPolicy(lambda observation: observation, name="echo")


def by_id(episodes: Any) -> dict[str, Any]:
    return {episode.id: episode.to_dict() for episode in episodes}


class Flaky:
    """Answers after a wait that differs from call to call, and fails on chosen observations."""

    name = "flaky"

    def __init__(self, *, fails: Any = lambda observation: False, reason: str = "stop") -> None:
        self.fails, self.reason, self.calls, self.most, self.open = fails, reason, 0, 0, 0

    async def generate(self, request: Request) -> list[Completion]:
        observation = request.messages[-1]["content"]
        self.calls += 1
        self.open += 1
        self.most = max(self.most, self.open)
        await asyncio.sleep((hash(observation) % 5) / 1000)
        self.open -= 1
        if self.fails(observation):
            raise ConnectionError("server gone")
        return [Completion(observation, finish_reason=self.reason)]  # type: ignore[arg-type]


def test_episodes_are_played_and_returned(echo_env: Any) -> None:
    done = collect(echo_env, ECHO, episodes=20, seed=3, progress=False)
    assert (done.finished, done.successes, done.missing) == (20, 20, 0)
    episode = done.episodes[0]
    assert (episode.end, episode.outcome, episode.success, episode.policy) == ("terminated", 1.0, True, "echo")
    assert episode.task_id == episode.steps[0].observation == episode.steps[0].action
    assert len({e.id for e in done.episodes}) == 20
    assert len({e.seed for e in done.episodes}) == 20
    env = echo_env()
    assert env.reset(seed=episode.seed)[0] == episode.steps[0].observation
    assert Episode.from_dict(json.loads(json.dumps(episode.to_dict()))) == episode


@pytest.mark.parametrize("concurrency", [1, 3, 8, 64])
def test_the_same_episodes_at_any_concurrency(echo_env: Any, concurrency: int) -> None:
    make = lambda: echo_env(turns=3)  # noqa: E731
    policy = RandomPolicy([str(i) for i in range(500)])
    alone = collect(make, policy, episodes=30, seed=1, concurrency=1, progress=False)
    crowd = collect(make, policy, episodes=30, seed=1, concurrency=concurrency, progress=False)
    assert by_id(alone.episodes) == by_id(crowd.episodes)
    other = collect(make, policy, episodes=30, seed=2, progress=False)
    assert not set(by_id(other.episodes)) & set(by_id(alone.episodes))


def test_concurrency_is_used_and_bounded(echo_env: Any) -> None:
    policy = Flaky()
    collect(echo_env, policy, episodes=50, concurrency=7, progress=False)
    assert policy.most == 7
    assert policy.calls == 50


def test_tasks_and_samples(echo_env: Any) -> None:
    policy = RandomPolicy(["1", "2", "3"])
    done = collect(echo_env, policy, tasks=["1", "2"], samples_per_task=16, progress=False)
    assert [e.task_id for e in sorted(done.episodes, key=lambda e: e.id)] == ["1"] * 16 + ["2"] * 16
    assert len({e.seed for e in done.episodes}) == 32
    assert len({e.steps[0].action for e in done.episodes if e.task_id == "1"}) == 3
    # A task's episodes do not depend on which other tasks are played.
    later = collect(echo_env, policy, tasks=["3", "2"], samples_per_task=16, progress=False)
    assert {k: v for k, v in by_id(later.episodes).items() if v["task_id"] == "2"} == {
        k: v for k, v in by_id(done.episodes).items() if v["task_id"] == "2"
    }


def test_samples_of_a_start_share_the_task(echo_env: Any) -> None:
    policy = RandomPolicy([str(i) for i in range(50)])
    done = collect(echo_env, policy, episodes=12, samples_per_task=4, progress=False)
    tasks = [e.task_id for e in sorted(done.episodes, key=lambda e: [int(x) for x in e.id.split("/")[1:]])]
    assert tasks == [tasks[i - i % 4] for i in range(12)]
    assert len(set(tasks)) == 3
    assert len({e.steps[0].action for e in done.episodes}) > 6


def test_what_to_play_must_be_said_once(echo_env: Any) -> None:
    for wrong in ({}, {"episodes": 2, "tasks": ["1"]}, {"episodes": -1}, {"tasks": ["1", "1"]}):
        with pytest.raises(InvalidInputError):
            collect(echo_env, ECHO, progress=False, **wrong)
    with pytest.raises(InvalidInputError, match="concurrency"):
        collect(echo_env, ECHO, episodes=1, concurrency=0, progress=False)
    assert collect(echo_env, ECHO, episodes=0, progress=False).finished == 0


def test_a_log_is_written_and_resumed_without_duplicates(echo_env: Any, tmp_path: Path) -> None:
    out = tmp_path / "log"
    first = collect(echo_env, ECHO, episodes=10, out=out, progress=False)
    assert (first.finished, first.skipped, first.episodes) == (10, 0, ())
    second = collect(echo_env, ECHO, episodes=25, out=out, progress=False)
    assert (second.finished, second.skipped) == (15, 10)
    whole = collect(echo_env, ECHO, episodes=25, progress=False)
    assert by_id(EpisodeLog(out)) == by_id(whole.episodes)
    with pytest.raises(InvalidInputError, match="resume"):
        collect(echo_env, ECHO, episodes=25, out=out, resume=False, progress=False)
    # Another seed, policy or sampling adds episodes.
    collect(echo_env, ECHO, episodes=5, out=out, seed=9, progress=False)
    collect(echo_env, ECHO, episodes=5, out=out, sampling=Sampling(temperature=0.5), progress=False)
    with EpisodeLog(out, mode="a") as log:
        collect(echo_env, RandomPolicy(["1"]), episodes=5, out=log, progress=False)
    assert len(EpisodeLog(out)) == 40


def test_a_cut_generation_is_no_action(echo_env: Any) -> None:
    done = collect(echo_env, Flaky(reason="length"), episodes=3, progress=False)
    for episode in done.episodes:
        assert (episode.end, episode.outcome, episode.success) == ("context", None, None)
        assert episode.steps[-1].reward == 0  # the right answer, but never given to the environment
        assert not episode.steps[-1].terminated
    assert done.undecided == 3


def test_policy_errors_are_recorded_and_counted(echo_env: Any) -> None:
    policy = Flaky(fails=lambda observation: int(observation) % 2 == 0)
    done = collect(echo_env, policy, tasks=[str(i) for i in range(20)], progress=False)
    assert done.ends == {"terminated": 10, "error": 10}
    assert done.errors == {"flaky: ConnectionError: server gone": 10}
    failed = next(e for e in done.episodes if e.end == "error")
    assert failed.outcome is None
    assert "server gone" in failed.steps[-1].verdicts[-1].reason
    with pytest.raises(PolicyError, match="server gone"):
        collect(echo_env, Flaky(fails=lambda o: True), episodes=50, max_errors=5, progress=False)


def test_a_policy_with_too_few_samples_is_an_error(echo_env: Any) -> None:
    class Mute:
        async def generate(self, request: Request) -> list[Completion]:
            return []

    done = collect(echo_env, Mute(), episodes=2, progress=False)
    assert done.errors == {"Mute: expected 1 completion, got 0": 2}


def test_environment_errors_propagate_unless_recorded(echo_env: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        collect(lambda: echo_env(broken=True), ECHO, episodes=5, progress=False)
    done = collect(lambda: echo_env(broken=True), ECHO, episodes=5, env_errors="record", progress=False)
    assert done.ends == {"error": 5}
    assert done.errors == {"environment: ZeroDivisionError: a defect": 5}


def test_an_empty_answer_is_given_to_the_environment(echo_env: Any) -> None:
    done = collect(lambda: echo_env(turns=2), ScriptedPolicy(["", ""]), episodes=1, progress=False)
    assert [s.action for s in done.episodes[0].steps] == ["", ""]
    assert done.episodes[0].outcome == 0.0


def test_step_limit_and_verdicts() -> None:
    class Judge(gymnasium.Env[str, str]):
        def reset(self, *, seed: Any = None, options: Any = None) -> Any:
            super().reset(seed=seed)
            return "?", {"task": "t", "verdict": Verdict.undecided("no answer yet")}

        def step(self, action: str) -> Any:
            verdict = {"yes": Verdict.correct(), "no": Verdict.wrong()}.get(action, Verdict.undecided("unclear"))
            over = action in ("yes", "maybe")
            return "?", float(action == "yes"), over, False, {"task": "t", "verdict": verdict}

    limited = lambda: gymnasium.wrappers.TimeLimit(Judge(), 2)  # noqa: E731
    ends = {}
    for script in (["no", "no"], ["no", "yes"], ["maybe"], ["yes"]):
        (episode,) = collect(limited, ScriptedPolicy(script), episodes=1, progress=False).episodes
        ends[script[-1], len(script)] = (episode.end, episode.outcome, episode.steps[-1].verdicts[0].status)
    assert ends == {
        ("no", 2): ("step_limit", 0.0, "wrong"),
        ("yes", 2): ("terminated", 1.0, "correct"),
        ("maybe", 1): ("terminated", None, "undecided"),
        ("yes", 1): ("terminated", 1.0, "correct"),
    }


def test_environments_are_reused_and_closed(echo_env: Any) -> None:
    made: list[Any] = []

    def make() -> Any:
        made.append(echo_env())
        return made[-1]

    collect(make, Flaky(), episodes=40, concurrency=4, progress=False)
    assert len(made) <= 6
    assert all(env.closed for env in made)


def test_ids_of_environments(tmp_path: Path) -> None:
    solver = ScriptedPolicy(lambda observation: "answer 0")
    done = collect(
        "stepgym/ArithmeticChain-v0", solver, env_kwargs={"operands": 3, "modulus": 5}, episodes=8, progress=False
    )
    episode = done.episodes[0]
    assert (episode.env_id, episode.env_kwargs) == ("stepgym/ArithmeticChain-v0", {"operands": 3, "modulus": 5})
    again = gymnasium.make(episode.env_id, **episode.env_kwargs)
    assert again.reset(seed=episode.seed)[1]["task"] == episode.task_id
    assert again.reset(options={"task": episode.task_id})[0] == episode.steps[0].observation
    assert collect(again, solver, episodes=8, progress=False).episodes[0].env_kwargs["operands"] == 3
    with pytest.raises(UnknownNameError, match="ArithmeticChain"):
        collect("stepgym/ArithmeticChains-v0", solver, episodes=1, progress=False)


def test_a_model_collects_with_the_ids_it_read(char_policy: TransformersPolicy, echo_env: Any) -> None:
    agent = Agent(char_policy, sampling=Sampling(max_tokens=8, temperature=2.0))
    done = collect(lambda: echo_env(turns=2), agent, episodes=40, concurrency=16, progress=False)
    again = collect(lambda: echo_env(turns=2), agent, episodes=40, concurrency=5, progress=False)
    assert done.tokens > 0
    texts = {e.id: [s.action for s in e.steps] for e in done.episodes}
    assert texts == {e.id: [s.action for s in e.steps] for e in again.episodes}
    both = [e for e in done.episodes if len(e.steps) == 2]
    assert both
    for episode in both:
        assert episode.template_hash
        first, second = (s.completion for s in episode.steps)
        assert char_policy.tokenizer.decode(first.prompt_token_ids) == episode.steps[0].observation
        assert not second.new_segment
        assert char_policy.tokenizer.decode(second.prompt_token_ids) == "\n" + episode.steps[1].observation


def test_inside_a_running_loop(echo_env: Any) -> None:
    async def main() -> Any:
        blocking = collect(echo_env, ECHO, episodes=5, progress=False)
        return blocking, await collect_async(echo_env, ECHO, episodes=5, progress=False)

    one, two = asyncio.run(main())
    assert by_id(one.episodes) == by_id(two.episodes)


def test_cancelling_keeps_what_is_finished(echo_env: Any, tmp_path: Path) -> None:
    async def main() -> None:
        task = asyncio.create_task(
            collect_async(echo_env, Flaky(), episodes=10_000, concurrency=4, out=tmp_path / "log", progress=False)
        )
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    kept = len(EpisodeLog(tmp_path / "log"))
    assert 0 < kept < 10_000
    EpisodeLog(tmp_path / "log", mode="a").close()  # the lock was released


INTERRUPTED = """
import signal, sys, gymnasium
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job begins with SIGINT ignored
from stepgym.agents import ScriptedPolicy, collect, CollectionInterrupted
class Env(gymnasium.Env):
    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed); return str(seed), {"task": str(seed)}
    def step(self, action):
        return "", 1.0, True, False, {}
try:
    collect(Env, ScriptedPolicy(lambda o: o), episodes=10**9, out=sys.argv[1], progress=False)
except CollectionInterrupted as error:
    print(error.summary.finished, str(error))
    sys.exit(7)
"""


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_ctrl_c_with_a_policy_that_never_waits(tmp_path: Path) -> None:
    out = tmp_path / "log"
    process = subprocess.Popen([sys.executable, "-c", INTERRUPTED, str(out)], stdout=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not ((out / "episodes.jsonl").exists()):
            time.sleep(0.05)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 7
    finished, _, message = printed.partition(" ")
    assert int(finished) == len(EpisodeLog(out)) > 0
    assert "same call again" in message


def test_interruption_is_a_keyboard_interrupt() -> None:
    assert issubclass(CollectionInterrupted, KeyboardInterrupt)

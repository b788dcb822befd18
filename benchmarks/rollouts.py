"""What collecting costs beside the policy: latency, throughput, memory, and what a killed collector loses.

    python benchmarks/rollouts.py                                 # all parts, a table
    python benchmarks/rollouts.py --part latency throughput

* `latency`: a policy that answers after 50 ms to each of 64 episodes at once, in ALFWorld (generated games, native
  engine) and in math questions. The floor is 50 ms for each call in a row. `overhead` is what comes on top when the
  process has a core for itself: the clock of the event loop counts processor time and the waiting for the policy, so
  that other programs on the machine do not disturb it. `overhead_wall` is by the clock on the wall.
* `throughput`: 10,000 math questions answered by a scripted policy, end to end with the log written. `per_cpu_second`
  is the rate by the processor time of the process, which a busy machine does not change much.
* `memory`: resident memory while 100,000 episodes are collected into a log, and of another process that reads them.
* `kill`: a collector is killed (SIGKILL) 20 times at random moments and started again; every episode that it reported
  as finished must be in the log once.

Needs no data: questions and games are generated; `--games DIR` adds official ones to `latency`. The last line is one
JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import resource
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium

from stepgym.agents import Completion, EpisodeLog, Request, ScriptedPolicy, collect, collect_async
from stepgym.agents.text_table import text_table
from stepgym.envs import QuestionEnv, Task, load_tasks

LATENCY = 0.05
AT_ONCE = 64
Figures = dict[str, Any]


# Worlds -------------------------------------------------------------------------------------------------------------


def questions(number: int, seed: int = 0) -> tuple[list[Task], dict[str, str]]:
    """Word problems, and what a policy answers that is right two times out of three."""
    draw = random.Random(seed)
    tasks, answers = [], {}
    for i in range(number):
        a, b, c = (draw.randrange(2, 99) for _ in range(3))
        question = f"Ann has {a} boxes of {b} pens and {c} single pens. How many pens does she have? ({i})"
        worked = f"{a} * {b} = <<{a}*{b}={a * b}>>{a * b}\n{a * b} + {c} = <<{a * b}+{c}={a * b + c}>>{a * b + c}\n"
        tasks.append(Task(f"pens/{i}", question, str(a * b + c)))
        answers[question] = f"{worked}#### {a * b + c + (i % 3 == 0)}"
    return tasks, answers


def math_worlds(number: int) -> tuple[Callable[[], gymnasium.Env[str, str]], Callable[[str], str]]:
    tasks, answers = questions(number)
    shared = load_tasks(tasks)  # as environments over one file share its tasks
    return lambda: QuestionEnv(shared, "math-answer"), answers.__getitem__


class Steps(gymnasium.Env[str, str]):
    """Three short turns; costs nothing, so that only the collector is measured."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        self.left = 3
        return f"Start {seed}.", {"task": f"task-{seed}"}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        self.left -= 1
        return f"{self.left} left", float(self.left == 0), self.left == 0, False, {"task": "task"}


class Waiting:
    """Answers after a fixed time, as a server does that is never the bottleneck."""

    name = "waiting"

    def __init__(self, answer: Callable[[Request], str], seconds: float = LATENCY) -> None:
        self.answer, self.seconds, self.calls = answer, seconds, 0

    async def generate(self, request: Request) -> list[Completion]:
        self.calls += 1
        text = self.answer(request)
        await asyncio.sleep(self.seconds)
        return [Completion(text)]


def wander(request: Request) -> str:
    """Goes from place to place and looks, through the receptacles of the first observation."""
    turn = sum(message["role"] == "assistant" for message in request.messages)
    first = next(message["content"] for message in request.messages if message["role"] == "user")
    places = re.findall(r"an? ([a-z]+ \d+)", first) or ["desk 1"]
    return f"go to {places[turn // 2 % len(places)]}" if turn % 2 == 0 else "look"


# Parts --------------------------------------------------------------------------------------------------------------


class OwnCoreLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock shows the processor time of this process and the time slept, and which never sleeps."""

    def __init__(self) -> None:
        self.slept = 0.0
        selector = selectors.DefaultSelector()
        select = selector.select

        def skip(timeout: float | None = None) -> Any:
            found = select(0 if timeout is not None else None)
            if not found and timeout is not None and timeout > 0:
                self.slept += timeout
            return found

        selector.select = skip  # type: ignore[method-assign, assignment]
        super().__init__(selector)

    def time(self) -> float:
        return time.process_time() + self.slept


def latency(args: argparse.Namespace) -> Iterator[tuple[str, Figures]]:
    make, answer = math_worlds(1000)
    official = partial(gymnasium.make, "stepgym/ALFWorld-v0", path=args.games, disable_env_checker=True)
    worlds: dict[str, tuple[Any, Any, int]] = {
        "alfworld": ("stepgym/ALFWorld-v0", wander, 4 * AT_ONCE),
        **({} if args.games is None else {"alfworld, official games": (official, wander, 4 * AT_ONCE)}),
        "math": (make, lambda request: answer(request.messages[-1]["content"]), 100 * AT_ONCE),
    }

    async def play(env: Any, policy: Waiting, episodes: int, seed: int = 0) -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        with tempfile.TemporaryDirectory() as folder:
            began, busy = loop.time(), time.process_time()
            await collect_async(
                env, policy, episodes=episodes, concurrency=AT_ONCE, seed=seed, out=f"{folder}/log", progress=False
            )
            return loop.time() - began, time.process_time() - busy

    for name, (env, script, episodes) in worlds.items():
        runs = []
        for _ in range(args.repeats):
            policy = Waiting(script)
            with asyncio.Runner(loop_factory=OwnCoreLoop) as runner:
                runner.run(play(env, Waiting(script, 0.0), 2, seed=1))  # imports and first uses
                seconds, busy = runner.run(play(env, policy, episodes))
            runs.append((seconds / (policy.calls / AT_ONCE * LATENCY) - 1, busy, policy.calls))
        overhead, busy, calls = min(runs)
        wall, _ = asyncio.run(play(env, Waiting(script), episodes))
        yield (
            f"latency {name}",
            {
                "episodes": episodes,
                "calls": calls,
                "floor_seconds": round(calls / AT_ONCE * LATENCY, 2),
                "overhead": round(overhead, 4),
                "overhead_wall": round(wall / (calls / AT_ONCE * LATENCY) - 1, 4),
                "cpu_ms_per_call": round(1000 * busy / calls, 3),
            },
        )


def throughput(args: argparse.Namespace) -> Iterator[tuple[str, Figures]]:
    make, answer = math_worlds(10_000)
    best: Figures = {}
    for _ in range(args.repeats):
        with tempfile.TemporaryDirectory() as folder:
            busy = time.process_time()
            done = collect(make, ScriptedPolicy(answer), episodes=10_000, out=Path(folder) / "log", progress=False)
            busy = time.process_time() - busy
            size = (Path(folder) / "log" / "episodes.jsonl").stat().st_size
        found = {
            "episodes": done.finished,
            "per_second": round(done.finished / done.seconds),
            "per_cpu_second": round(done.finished / busy),
            "bytes_per_episode": size // done.finished,
        }
        if not best or found["per_cpu_second"] > best["per_cpu_second"]:
            best = found
    yield "throughput math", best


def memory(args: argparse.Namespace) -> Iterator[tuple[str, Figures]]:
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "log")
        yield "memory writing", _child("write", out, str(args.episodes))
        yield "memory reading", _child("read", out)


def write(out: str, episodes: str) -> None:
    policy = ScriptedPolicy(["first\n" * 50, "second\n" * 50, "third\n" * 50])
    every = int(episodes) // 10
    seen: list[float] = []

    def watch(_: Any) -> None:
        nonlocal finished
        finished += 1
        if finished % every == 0:
            seen.append(_resident())

    finished = 0
    done = collect(Steps, policy, episodes=int(episodes), out=out, progress=False, on_episode=watch)
    size = (Path(out) / "episodes.jsonl").stat().st_size
    report = {"mb_after_tenths": seen, "growth_mb": round(seen[-1] - seen[0], 1), "log_mb": round(size / 1e6)}
    print(json.dumps({"episodes": done.finished, **report, "per_second": round(done.finished / done.seconds)}))


def read(out: str) -> None:
    before, began = _resident(), time.perf_counter()
    number = sum(1 for _ in EpisodeLog(out, on_error="raise"))
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1024)
    report = {"mb_before": before, "peak_mb": round(peak, 1)}
    print(json.dumps({"episodes": number, **report, "per_second": round(number / seconds)}))


def kill(args: argparse.Namespace) -> Iterator[tuple[str, Figures]]:
    draw = random.Random(0)
    told: list[str] = []
    kills = 0
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "log")
        while kills < args.kills:
            process = _start("report", out, str(args.kill_episodes))
            assert process.stdout is not None
            told.append(process.stdout.readline().strip())  # so that each run gets somewhere
            time.sleep(draw.uniform(0.0, 0.3))
            process.send_signal(signal.SIGKILL)
            told += process.stdout.read().split("\n")[:-1]
            kills += process.wait() == -signal.SIGKILL
        log = EpisodeLog(out)
        counts = Counter(episode.id for episode in log)
        yield (
            "kill",
            {
                "kills": kills,
                "told": len(told),
                "logged": sum(counts.values()),
                "lost": len(set(told) - set(counts)),
                "duplicates": sum(counts.values()) - len(counts),
                "corrupt_lines": sum("cut off" not in problem.reason for problem in log.problems),
            },
        )


def report(out: str, episodes: str) -> None:
    def tell(episode: Any) -> None:
        os.write(1, (episode.id + "\n").encode())

    policy = Waiting(lambda request: "x" * ((request.seed or 0) % 3000), 0.002)
    collect(Steps, policy, episodes=int(episodes), out=out, progress=False, on_episode=tell)
    os.write(1, b"finished: use more --kill-episodes\n")
    time.sleep(60)


def _resident() -> float:
    """Resident memory of this process in MB."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return round(pages * resource.getpagesize() / (1 << 20), 1)
    except OSError:
        listed = subprocess.run(["ps", "-o", "rss=", "-p", str(os.getpid())], capture_output=True, text=True)
        return round(int(listed.stdout) / 1024, 1)


def _start(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, __file__, "--child", *words], stdout=subprocess.PIPE, text=True)


def _child(*words: str) -> Figures:
    printed, _ = _start(*words).communicate()
    found: Figures = json.loads(printed.splitlines()[-1])
    return found


PARTS: dict[str, Callable[[argparse.Namespace], Iterator[tuple[str, Figures]]]] = {
    "latency": latency,
    "throughput": throughput,
    "memory": memory,
    "kill": kill,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--repeats", type=int, default=3, help="runs of latency and throughput; the best counts")
    parser.add_argument("--games", help="official ALFWorld games, for `latency`")
    parser.add_argument("--episodes", type=int, default=100_000, help="of memory")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--kill-episodes", type=int, default=200_000)
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        {"write": write, "read": read, "report": report}[args.child[0]](*args.child[1:])
        return
    results: dict[str, Figures] = {}
    for part in args.part:
        for name, figures in PARTS[part](args):
            results[name] = figures
            print(text_table((name, ""), [(key, str(value)) for key, value in figures.items()]) + "\n")
    print(json.dumps(results))


if __name__ == "__main__":
    main()

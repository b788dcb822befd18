"""ALFWorld: speed, parity and experts, both engines in one run.

    python benchmarks/alfworld.py --data FOLDER                      the native engine
    python benchmarks/alfworld.py --data FOLDER --oracle PYTHON      and the original one, run by another interpreter
                                                                     (one where `stepgym[alfworld]` is installed)
    python benchmarks/alfworld.py --install                          from an empty environment to the first observation

FOLDER holds `json_2.1.1`. Times are CPU times of one process, medians. `--games` says how many games are compared
between the engines; `--quick` plays a hundredth. `--install` goes with the others; it downloads the few packages that
the core needs.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
# In place of the folder of this file, which would hide the package `alfworld`.
sys.path[:1] = [str(ROOT / "src"), str(ROOT / "tests" / "envs" / "alfworld")]

import gymnasium as gym  # noqa: E402

from stepgym.envs.alfworld import (  # noqa: E402
    SPLITS,
    TASK_TYPES,
    Engine,
    Explorer,
    OfficialGames,
    generate,
    generated_id,
    official_file,
    solve,
)

ID = "stepgym:stepgym/ALFWorld-v0"
Row = tuple[str, str, str]  # what, bar, figure

_STOCK = "original engine as it is"
_RATIOS = (
    ("native step", "900 x", "native step against the original", f"{_STOCK}: step"),
    ("native reset, warm store", "-", "native reset against the original", f"{_STOCK}: reset"),
    ("textworld backend: step", "-", "textworld backend's step against the original", f"{_STOCK}: step"),
    ("textworld backend: reset of a known game", "-", "textworld backend's reset against it", f"{_STOCK}: reset"),
)


def milliseconds(action: Callable[[], Any]) -> float:
    """CPU time of one call."""
    begin = time.process_time_ns()
    action()
    return (time.process_time_ns() - begin) / 1e6


def native_rows(data: Path, share: float) -> Iterator[Row]:
    """What the native engine does."""
    games = OfficialGames(data)
    splits = [split for split in SPLITS if (games.root / split).is_dir()]
    names = [name for split in splits for name in games.ids(split)]
    some = names[:: max(1, len(names) // max(10, int(400 * share)))]
    yield from _times(games, some)
    yield "random steps per second, 1 core, gymnasium.make", "10,000 (aim 20,000)", f"{_random_steps(data, share):,.0f}"
    won = [_walkthrough_wins(games, name) for name in names[:: max(1, round(1 / share))]]
    yield "walkthroughs that win", "all", f"{sum(won):,} of {len(won):,}"
    for split in splits:
        if split != "train" or share == 1:
            yield f"exploring expert on {split}, 50 steps", "95 % (aim 99 %)", _explorer(games, games.ids(split))
    seeds = max(1, int(1000 * share))
    solved = [_solved(generated_id(kind, seed)) for kind in TASK_TYPES for seed in range(seeds)]
    yield "generated games solved by the planner", "all", f"{sum(solved):,} of {len(solved):,}"
    yield "memory growth, episode 2,000 to 10,000", "<= 5 MB (aim 0)", _memory(data, share)


def _times(games: OfficialGames, names: list[str]) -> Iterator[Row]:
    rng, steps, resets = random.Random(0), list[float](), list[float]()
    for name in names:
        begin = time.process_time_ns()
        engine = Engine(games.read(name))
        possible = (engine.intro, engine.admissible())[1]
        resets.append((time.process_time_ns() - begin) / 1e3)
        for _ in range(40):
            command = possible[int(rng.random() * len(possible))]
            begin = time.process_time_ns()
            engine.step(command)
            possible = engine.admissible()
            steps.append((time.process_time_ns() - begin) / 1e3)
    yield "native step", "60 us (aim 25)", f"{statistics.median(steps):.1f} us"
    yield "native reset, warm store", "3 ms (aim 0.5)", f"{statistics.median(resets) / 1e3:.2f} ms"


def _random_steps(data: Path, share: float) -> float:
    env = gym.make(ID, path=str(data), split="valid_seen")
    rng, steps, spent = random.Random(0), 0, 0
    for seed in range(max(20, int(600 * share))):
        _, info = env.reset(seed=seed)
        ended, begin = False, time.process_time_ns()
        while not ended:
            possible = info["admissible_commands"]
            _, _, terminated, truncated, info = env.step(possible[int(rng.random() * len(possible))])
            ended = terminated or truncated
            steps += 1
        spent += time.process_time_ns() - begin
    return steps / (spent / 1e9)


def _walkthrough_wins(games: OfficialGames, name: str) -> bool:
    game = games.read(name)
    engine = Engine(game)
    return all(engine.step(command) and engine.valid for command in game.walkthrough) and engine.won


def _explorer(games: OfficialGames, names: tuple[str, ...]) -> str:
    lengths = []
    for name in names:
        engine, expert = Engine(games.read(name)), Explorer(seed=0)
        command = expert.start(engine.intro, engine.admissible())
        for step in range(50):
            answer = engine.step(command)
            if engine.won:
                lengths.append(step + 1)
                break
            command = expert.act(answer, engine.admissible())
    return f"{len(lengths):,} of {len(names):,} ({len(lengths) / len(names):.1%}), {statistics.mean(lengths):.1f} steps"


def _solved(name: str) -> bool:
    engine = Engine(generate(name))
    solve(engine)
    return engine.won


def _memory(data: Path, share: float) -> str:
    env: Any = gym.make(ID, path=str(data), split="valid_seen")
    names = [*env.unwrapped.ids, *OfficialGames(data).ids("valid_train")]
    if (Path(data) / "json_2.1.1" / "train").is_dir():
        names += OfficialGames(data).ids("train")
    names, rng, before = names[:1000], random.Random(0), 0
    first, last = int(2000 * share), int(10_000 * share)
    for episode in range(last):
        if episode == first:
            before = _resident()
        _, info = env.reset(options={"task": names[episode % len(names)]})
        for _ in range(5):
            possible = info["admissible_commands"]
            _, _, terminated, _, info = env.step(possible[int(rng.random() * len(possible))])
            if terminated:
                break
    return f"{(_resident() - before) / 1024:+.1f} MB ({last:,} episodes, {len(names):,} games)"


def _resident() -> int:
    """Resident memory in kB."""
    done = subprocess.run(["ps", "-o", "rss=", "-p", str(os.getpid())], capture_output=True, text=True, check=True)
    return int(done.stdout)


def oracle_rows(data: Path, count: int, share: float) -> Iterator[Row]:
    """What the original engine does: as it is, with this project's caching, and against the native engine."""
    games = OfficialGames(data)
    names = [name for split in ("valid_seen", "valid_train") for name in games.ids(split)]
    timed = names[:: max(1, len(names) // max(2, int(12 * share)))]
    yield from _stock(games, timed[:6])
    yield from _cached(games, timed)
    if count:
        yield _parity(games, [*games.ids("train"), *names] if (games.root / "train").is_dir() else names, count)
    yield _generated_parity(max(1, int(10 * share)))


def _stock(games: OfficialGames, names: list[str]) -> Iterator[Row]:
    import textworld
    from alfworld.agents.environment.alfred_tw_env import AlfredDemangler
    from textworld.envs.pddl import PddlEnv

    loads, resets, steps = list[float](), list[float](), list[float]()
    env = AlfredDemangler(PddlEnv(textworld.EnvInfos(won=True, admissible_commands=True)))
    arguments = sys.argv
    for name in names:
        file = str(games.file(name))
        loads.append(milliseconds(lambda file=file: env.load(file)))
        resets.append(milliseconds(env.reset))
        for command in games.read(name).walkthrough:
            steps.append(milliseconds(lambda command=command: env.step(command)))
    sys.argv = arguments
    yield f"{_STOCK}: load", "-", f"{statistics.median(loads):.0f} ms"
    yield f"{_STOCK}: reset", "-", f"{statistics.median(resets):.0f} ms"
    yield f"{_STOCK}: step", "-", f"{statistics.median(steps):.1f} ms"


def _cached(games: OfficialGames, names: list[str]) -> Iterator[Row]:
    env: Any = gym.make(ID, path=str(games.root.parent), split="valid_seen", backend="textworld").unwrapped
    first, again, steps = list[float](), list[float](), list[float]()
    for name in names:
        first.append(milliseconds(lambda name=name: env.reset(options={"task": name})))
        again.append(milliseconds(lambda name=name: env.reset(options={"task": name})))
        rng = random.Random(name)
        for _ in range(30):
            command = rng.choice(env.engine.admissible())
            steps.append(milliseconds(lambda command=command: env.step(command)))
            if env.engine.won:
                break
    env.close()
    yield "textworld backend: first reset of a game", "-", f"{statistics.median(first):.0f} ms"
    yield "textworld backend: reset of a known game", "60 ms (aim 25)", f"{statistics.median(again):.1f} ms"
    yield "textworld backend: step", "3 ms (aim 1)", f"{statistics.median(steps):.2f} ms"


def _parity(games: OfficialGames, names: list[str], count: int) -> Row:
    from alfworld_parity import differences

    chosen = names[:: max(1, len(names) // count)][:count]
    different = []
    for name in chosen:
        data = json.loads(games.file(name).read_text(encoding="utf-8"))
        if found := differences(data, data["walkthrough"], seed=name):
            different.append(name)
            print(f"{name}: {found[0]}", file=sys.stderr)
    return "official games that differ between the engines", "0", f"{len(different):,} of {len(chosen):,}"


def _generated_parity(seeds: int) -> Row:
    from alfworld_parity import differences

    different, count = 0, 0
    for kind in TASK_TYPES:
        for seed in range(seeds):
            name = generated_id(kind, seed)
            walkthrough = solve(Engine(generate(name)))
            different += bool(differences(official_file(name), walkthrough, seed=name))
            count += 1
    return "generated games that differ, or are not won there", "0", f"{different:,} of {count:,}"


def install_rows() -> Iterator[Row]:
    """From nothing: a virtual environment, pip without its cache, the first observation."""
    play = f"import gymnasium; print(gymnasium.make({ID!r}).reset(seed=0)[0])"
    times = []
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / part, folder)
        shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        python = str(folder / "venv" / "bin" / "python")
        for command in (
            [sys.executable, "-m", "venv", str(folder / "venv")],
            [python, "-m", "pip", "install", "--quiet", "--no-cache-dir", str(folder)],
            [python, "-c", play],
        ):
            begin = time.perf_counter()
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
            if done.returncode:
                raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
            times.append(time.perf_counter() - begin)
        if "Your task is to: " not in done.stdout:
            raise SystemExit(f"expected the first observation, got {done.stdout!r:.500}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    venv, install, play_it = times
    figure = f"{sum(times):.0f} s (venv {venv:.0f}, install {install:.0f}, play {play_it:.0f}); {cpu:.0f} s of CPU"
    yield "from nothing to the first observation, wall time", "60 s (aim 20)", figure


def versions() -> str:
    """What was measured."""
    found = [f"Python {platform.python_version()}"]
    for name in ("gymnasium", "alfworld", "textworld", "fast-downward-textworld"):
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"no {name}")
    return ", ".join(found)


def main() -> None:
    """Run the parts, each in a process of its own, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--oracle", metavar="PYTHON", help="interpreter with the extra `alfworld`")
    parser.add_argument("--games", type=int, default=200, help="games compared between the engines")
    parser.add_argument("--install", action="store_true", help="measure the way from nothing, too")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--part", choices=["install", "native", "oracle"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.data is None and not arguments.install:
        parser.error("give --data FOLDER, or --install, or both")
    share = 0.01 if arguments.quick else 1.0
    if arguments.part:
        if arguments.part == "install":
            rows = install_rows()
        elif arguments.part == "native":
            rows = native_rows(arguments.data, share)
        else:
            rows = oracle_rows(arguments.data, arguments.games, share)
        print(f"# {arguments.part}: {versions()}", flush=True)
        for what, bar, figure in rows:
            print(f"| {what} | {bar} | {figure} |", flush=True)
        return
    print("| | bar | measured |\n| --- | --- | --- |", flush=True)
    figures: dict[str, str] = {}
    for part, python in (
        ("install", sys.executable if arguments.install else None),
        ("native", sys.executable if arguments.data else None),
        ("oracle", arguments.oracle),
    ):
        if python:
            figures |= _run_part([python, __file__, "--part", part, *sys.argv[1:]])
    for ours, bar, what, theirs in _RATIOS:
        if ours in figures and theirs in figures:
            ratio = _seconds(figures[theirs]) / _seconds(figures[ours])
            print(f"| {what} | {bar} | {ratio:,.0f} x |")


def _run_part(command: list[str]) -> dict[str, str]:
    """The figures of one part, which are printed as they come."""
    figures = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            if line.startswith("| "):
                what, _, figure = line.strip("| \n").split(" | ")
                figures[what] = figure
    if process.returncode:
        raise SystemExit(process.returncode)
    return figures


def _seconds(figure: str) -> float:
    number, unit = figure.split()
    return float(number) * {"us": 1e-6, "ms": 1e-3}[unit]


if __name__ == "__main__":
    main()

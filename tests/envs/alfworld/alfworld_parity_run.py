"""All official games at hand, in the native and in the original engine; `make parity-alfworld` runs it.

    python tests/envs/alfworld/alfworld_parity_run.py --log FILE --jobs 2 --minutes 20

Every game is played through its walkthrough and through a random walk with impossible commands in it; observations,
admissible commands and outcomes are compared. Each result is a line of the log, and a run goes on where the one before
stopped; results of other versions of the engines do not count. Games come in a scrambled order, so that any number of
them is spread over all splits and task types. Exits with 1 if a game differs.
"""

# ruff: noqa: T201 (a command)
from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import re
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from alfworld_archive import unpacked
from alfworld_parity import STEPS, differences

import stepgym.envs.alfworld
from stepgym.envs.alfworld import SPLITS, OfficialGames

_ENGINES = ("engine", "problems", "textworld_backend")
_IMPORT = re.compile(r"from stepgym\.envs\.alfworld(?:\.| import )(\w+)")
_PACKAGES = ("alfworld", "textworld", "fast-downward-textworld")


def fingerprint(data: Path) -> str:
    """Identifies what is compared: both engines, the walks and the games."""
    digest = hashlib.sha256(str(data.resolve()).encode())
    for file in (*_modules_of_the_engines(), Path(__file__).with_name("alfworld_parity.py")):
        digest.update(file.read_bytes())
    for name in _PACKAGES:
        digest.update(importlib.metadata.version(name).encode())
    return digest.hexdigest()[:16]


def _modules_of_the_engines() -> list[Path]:
    """The files of the engines and of what they import from their package."""
    folder, found, waiting = Path(stepgym.envs.alfworld.__file__).parent, set[str](), list(_ENGINES)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _IMPORT.findall((folder / f"{name}.py").read_text(encoding="utf-8"))
    return [folder / f"{name}.py" for name in sorted(found)]


def compare(name: str, file: Path) -> dict[str, Any]:
    """The result of one game."""
    data = json.loads(file.read_text(encoding="utf-8"))
    found = differences(data, data["walkthrough"], seed=name)
    return {"game": name, "answers": 2 + len(data["walkthrough"]) + STEPS, "differences": found[:3]}


def results(log: Path, version: str) -> dict[str, dict[str, Any]]:
    """What the log says about this version; a line that was cut off counts for nothing."""
    found = {}
    for line in log.read_text(encoding="utf-8").splitlines() if log.is_file() else ():
        try:
            result = json.loads(line)
        except json.JSONDecodeError:
            continue
        if result["version"] == version:
            found[result["game"]] = result
    return found


def played(games: OfficialGames, names: Sequence[str], jobs: int, deadline: float) -> Iterator[dict[str, Any]]:
    """The results, as they come, until the time is over."""
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(compare, name, games.file(name)) for name in names]
        try:
            for future in as_completed(waiting):
                yield future.result()
                if time.monotonic() > deadline:
                    break
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def main() -> None:
    """Compare what is left to compare, and say what came out so far."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="holds json_2.1.1; by default the archive in $STEPGYM_SHARED")
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after so long, to go on later")
    parser.add_argument("--games", type=int, help="only so many games")
    arguments = parser.parse_args()
    deadline = time.monotonic() + 60 * arguments.minutes
    try:
        data = arguments.data or unpacked()
    except FileNotFoundError as error:
        raise SystemExit(f"{error}; or give --data FOLDER") from error
    games = OfficialGames(data)
    names = [name for split in SPLITS if (games.root / split).is_dir() for name in games.ids(split)]
    names = sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())[: arguments.games]
    version = fingerprint(data)
    done = {name: result for name, result in results(arguments.log, version).items() if name in set(names)}
    left = [name for name in names if name not in done]
    print(f"{len(names):,} games, {len(done):,} of them compared before", flush=True)
    arguments.log.parent.mkdir(parents=True, exist_ok=True)
    with arguments.log.open("a", encoding="utf-8") as log:
        for result in played(games, left, arguments.jobs, deadline) if left else ():
            done[result["game"]] = result
            log.write(json.dumps({**result, "version": version}) + "\n")
            log.flush()
            if result["differences"]:
                print(f"{result['game']}: {result['differences'][0]}", flush=True)
            if len(done) % 200 == 0:
                print(f"{len(done):,} compared", flush=True)
    different = [name for name, result in done.items() if result["differences"]]
    answers = sum(result["answers"] for result in done.values())
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES)
    print(f"{len(different):,} of {len(done):,} games differ ({answers:,} answers compared; {versions})")
    if len(done) < len(names):
        print(f"{len(names) - len(done):,} games are left; the same command goes on")
    if different:
        sys.exit(1)


if __name__ == "__main__":
    main()

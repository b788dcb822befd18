"""Playing the native and the original engine side by side."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from stepgym.envs.alfworld.engine import Engine
from stepgym.envs.alfworld.problems import read_game

STEPS = 35
"""Length of the random walks."""

_NONSENSE = ("", " ", "go to nowhere 9", "look around", "help me", "take", "go to", "xyzzy", "examine")
_APPLIANCES = ("microwave", "fridge", "sinkbasin", "desk", "lamp", "sidetable")


def differences(
    data: Mapping[str, Any], commands: Sequence[str], *, seed: str, steps: int = STEPS, wrong: int = 8
) -> list[str]:
    """Where the engines differ on `commands`, and then on a random walk with some impossible commands in it."""
    from stepgym.envs.alfworld.textworld_backend import TextWorldEngine

    game, real, rng = read_game(data, seed), TextWorldEngine(data), random.Random(seed)
    beginning, found, seen = real.snapshot(), list[str](), set[str]()
    try:
        for walk in (list(commands), [None] * steps):
            real.restore(beginning)
            native = Engine(game)
            _compare(found, "reset", real.intro, native.intro, real, native)
            mistakes = set(rng.sample(range(steps), wrong))
            for number, command in enumerate(walk):
                possible = real.admissible()
                seen.update(possible)
                if command is None:
                    command = _impossible(rng, possible, seen) if number in mistakes else _possible(rng, possible)
                _compare(found, command, real.step(command), native.step(command), real, native)
                if found:
                    return found
    finally:
        real.close()
    return found


def _compare(found: list[str], command: str, real_text: str, native_text: str, real: Any, native: Engine) -> None:
    if real_text != native_text:
        found.append(f"{command!r}: {native_text!r} instead of {real_text!r}")
    if real.admissible() != native.admissible():
        odd = sorted(set(real.admissible()) ^ set(native.admissible()))
        found.append(f"{command!r}: admissible commands differ in {odd[:8]} or in order")
    if (real.won, real.valid) != (native.won, native.valid):
        found.append(f"{command!r}: won, valid is {native.won, native.valid} instead of {real.won, real.valid}")


def _possible(rng: random.Random, possible: Sequence[str]) -> str:
    """One that does something, more often than chance would."""
    by_verb: dict[str, list[str]] = {}
    for command in possible:
        by_verb.setdefault(command.split()[0], []).append(command)
    verbs = [verb for verb in by_verb if verb not in ("help", "inventory", "look") or rng.random() < 0.15]
    command = rng.choice(by_verb[rng.choice(sorted(verbs) or sorted(by_verb))])
    useful = [c for c in by_verb.get("go", ()) if any(word in c for word in _APPLIANCES)]
    return rng.choice(useful) if command.startswith("go") and useful and rng.random() < 0.5 else command


def _impossible(rng: random.Random, possible: Sequence[str], seen: set[str]) -> str:
    elsewhere = sorted(seen - set(possible))
    if elsewhere and rng.random() < 0.7:
        return rng.choice(elsewhere)
    some = rng.choice(possible)
    return rng.choice([*_NONSENSE, some.upper(), f"{some} now", f" {some}\n", some.replace(" ", "  "), some[:-1]])

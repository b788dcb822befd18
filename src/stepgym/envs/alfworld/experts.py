"""`Explorer`: a scripted expert for all six task types, and weaker players for logs of mixed quality.

It decides by rules, from what it believes, so that it goes on sensibly after any accident: noise, a fork of the
episode, a mistake made on purpose. `Planner` has the same rules and knows everything.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal, get_args

from stepgym.envs.alfworld.beliefs import Beliefs, kind_of
from stepgym.envs.alfworld.habits import likelihood
from stepgym.envs.alfworld.world import TASK_TYPES
from stepgym.errors import InvalidInputError

Strategy = Literal["careful", "skips the change", "wrong object", "never opens", "wanders"]

_CHANGE = {
    TASK_TYPES[2]: ("clean", "sinkbasin"),
    TASK_TYPES[3]: ("heat", "microwave"),
    TASK_TYPES[4]: ("cool", "fridge"),
}


class Explorer:
    """Plays from the observations alone, looking first where things usually are.

    Args:
        seed: Fixes the noise; None draws one from the system.
        noise: Chance, at each step, of a random admissible command instead.
        strategy: "careful" plays well. "skips the change" does not clean, heat or cool. "wrong object" takes another
            type of object. "never opens" leaves closed what is closed. "wanders" ignores the task.
    """

    def __init__(self, *, seed: int | None = None, noise: float = 0.0, strategy: Strategy = "careful") -> None:
        if not 0 <= noise <= 1:
            raise InvalidInputError(f"noise must be a probability from 0 to 1, got {noise!r}")
        if strategy not in get_args(Strategy):
            raise InvalidInputError(f"strategy must be one of {get_args(Strategy)}, got {strategy!r}")
        self.noise = noise
        self.strategy = strategy
        self._rng = random.Random(seed)
        self._beliefs: Beliefs | None = None
        self._goal_place: str | None = None
        self._last = ""

    @property
    def name(self) -> str:
        """Name for logs."""
        extra = "" if self.strategy == "careful" else f", {self.strategy}"
        return f"{type(self).__name__.lower()}(noise={self.noise:g}{extra})"

    def start(self, observation: str, admissible: Sequence[str] | None = None) -> str:
        """The first command of an episode.

        Args:
            observation: The first observation.
            admissible: The commands that are possible; None if they are not shown.
        """
        self._beliefs, self._goal_place, self._last = Beliefs.from_intro(observation), None, ""
        return self.act(observation, admissible)

    def act(self, observation: str, admissible: Sequence[str] | None = None, *, done: str | None = None) -> str:
        """The next command, after `observation` was the answer to `done` (by default what this expert said last)."""
        if self._beliefs is None:
            raise InvalidInputError("call start() with the first observation before act()")
        self._beliefs.see(observation, admissible, command=self._last if done is None else done)
        self._last = self._choose(self._beliefs, self._beliefs.possible() if admissible is None else admissible)
        return self._last

    def _choose(self, beliefs: Beliefs, admissible: Sequence[str]) -> str:
        if self.strategy == "wanders" or (self.noise and self._rng.random() < self.noise):
            moves = [command for command in admissible if command != "help"]
            return moves[int(self._rng.random() * len(moves))]
        command = self._decide(beliefs, frozenset(admissible))
        return command if command in admissible else "look"

    def _decide(self, beliefs: Beliefs, admissible: frozenset[str]) -> str:
        held = beliefs.held
        if held is not None and not self._is_wanted(held, beliefs):
            return self._put_away(beliefs, admissible)
        if beliefs.task_type == TASK_TYPES[1]:
            return self._find(beliefs, admissible) if held is None else self._use_lamp(beliefs, admissible)
        if held is None:
            return self._find(beliefs, admissible)
        verb, appliance = _CHANGE.get(beliefs.task_type, ("", ""))
        if verb and (verb, held) not in beliefs.changed and self.strategy != "skips the change":
            places = beliefs.of_kind(appliance)
            ready = [place for place in places if f"{verb} {held} with {place}" in admissible]
            return f"{verb} {held} with {ready[0]}" if ready else self._travel(places, beliefs, admissible)
        return self._deliver(held, beliefs, admissible)

    def _is_wanted(self, thing: str, beliefs: Beliefs) -> bool:
        return (kind_of(thing) == beliefs.wanted) != (self.strategy == "wrong object")

    def _find(self, beliefs: Beliefs, admissible: frozenset[str]) -> str:
        """A step towards holding an object of the wanted type."""
        target = self._target(beliefs)
        if self.strategy == "wrong object":
            kinds = {kind_of(t) for things in beliefs.contents.values() for t in things} - {beliefs.wanted}
        else:
            kinds = {beliefs.wanted}
        for kind in sorted(kinds):
            for thing, place in beliefs.places_of(kind):
                if thing in beliefs.useless or (place == target and self._stays(thing, beliefs)):
                    continue
                if place not in beliefs.here:
                    if f"go to {place}" in admissible:
                        return f"go to {place}"
                    continue
                if place in beliefs.closed:
                    return f"open {place}"
                if f"take {thing} from {place}" in admissible:
                    return f"take {thing} from {place}"
                beliefs.useless.add(thing)
        return self._explore(beliefs.wanted, beliefs, admissible)

    def _stays(self, thing: str, beliefs: Beliefs) -> bool:
        verb, _ = _CHANGE.get(beliefs.task_type, ("", ""))
        return not verb or (verb, thing) in beliefs.changed or self.strategy == "skips the change"

    def _target(self, beliefs: Beliefs) -> str | None:
        """Where the object is to go: one place, and the same for both of two objects."""
        if beliefs.task_type == TASK_TYPES[1]:
            return None
        places = beliefs.of_kind(beliefs.target)
        if self._goal_place not in places:
            self._goal_place = None

        def value(place: str) -> tuple[int, bool, bool]:
            inside = {t for t in beliefs.contents.get(place, ()) if kind_of(t) == beliefs.wanted}
            two = beliefs.task_type == TASK_TYPES[5]
            return (len(inside) if two else 0, place == self._goal_place, place in beliefs.here)

        self._goal_place = max(places, key=value, default=None)
        return self._goal_place

    def _deliver(self, held: str, beliefs: Beliefs, admissible: frozenset[str]) -> str:
        place = self._target(beliefs)
        if place is None or place not in beliefs.here:
            return self._travel([place] if place else [], beliefs, admissible)
        if f"open {place}" in admissible:
            return f"open {place}"
        return _put_command(held, place, admissible) or self._put_away(beliefs, admissible)

    def _use_lamp(self, beliefs: Beliefs, admissible: frozenset[str]) -> str:
        usable = sorted(c for c in admissible if c.startswith(f"use {beliefs.target} "))
        if usable:
            return usable[0]
        for _, place in beliefs.places_of(beliefs.target):
            if f"go to {place}" in admissible:
                return f"go to {place}"
        return self._explore(beliefs.target, beliefs, admissible)

    def _put_away(self, beliefs: Beliefs, admissible: frozenset[str]) -> str:
        """A step towards an empty hand, without undoing what was achieved."""
        held = beliefs.held or ""
        for place in sorted(beliefs.here):
            if command := _put_command(held, place, admissible):
                return command
        for place in sorted(beliefs.here & beliefs.closed):
            if f"open {place}" in admissible and self.strategy != "never opens":
                return f"open {place}"
        open_places = [p for p in beliefs.receptacles if p not in beliefs.here and p not in beliefs.closed]
        open_places.sort(key=lambda p: -likelihood(kind_of(held), kind_of(p)))
        return self._travel(open_places, beliefs, admissible)

    def _explore(self, kind: str, beliefs: Beliefs, admissible: frozenset[str]) -> str:
        """A step towards seeing the inside of one more receptacle, the most likely one first."""
        unseen = [place for place in beliefs.receptacles if place not in beliefs.contents]
        if self.strategy == "never opens":
            unseen = [place for place in unseen if place not in beliefs.closed]
        unseen.sort(key=lambda p: (-likelihood(kind, kind_of(p)), p not in beliefs.here))
        for place in unseen:
            if place in beliefs.here:
                return f"open {place}" if place in beliefs.closed else f"examine {place}"
            if f"go to {place}" in admissible:
                return f"go to {place}"
        moves = sorted(command for command in admissible if command.startswith("go to "))
        return moves[int(self._rng.random() * len(moves))] if moves else "look"

    def _travel(self, places: Sequence[str], beliefs: Beliefs, admissible: frozenset[str]) -> str:
        for place in places:
            if f"go to {place}" in admissible:
                return f"go to {place}"
        return "look"


def next_command(
    observations: Sequence[str],
    commands: Sequence[str],
    *,
    seed: int | None = 0,
    noise: float = 0.0,
    strategy: Strategy = "careful",
) -> str:
    """What an `Explorer` says next in a conversation, from its texts alone; for policies that keep no state.

    Args:
        observations: All observations so far, the first one with the task.
        commands: What was said after each but the last one, by whomever.
        seed: See `Explorer`, as for `noise` and `strategy`.
        noise: Chance of a random command.
        strategy: How to play.
    """
    if len(observations) != len(commands) + 1:
        raise InvalidInputError(
            f"expected one observation more than commands, got {len(observations)} and {len(commands)}"
        )
    expert = Explorer(seed=seed, noise=noise, strategy=strategy)
    command = expert.start(observations[0])
    for done, observation in zip(commands, observations[1:], strict=True):
        command = expert.act(observation, done=done)
    return command


def _put_command(held: str, place: str, admissible: frozenset[str]) -> str | None:
    return next((c for c in (f"move {held} to {place}", f"put {held} in/on {place}") if c in admissible), None)

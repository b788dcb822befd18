"""`Room`: one room furnished at random, with a task that can be done in it."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from stepgym.envs.alfworld.ontology import ABLE, FITS, LAMP_PLACES, LAMPS, OPENABLE, ROOMS
from stepgym.envs.alfworld.pddl import Fact
from stepgym.envs.alfworld.phrases import TASK
from stepgym.envs.alfworld.world import TASK_TYPES, Goal


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of a room's span of receptacles is used, how many objects there are, how things are hidden."""

    span: tuple[float, float]
    objects: tuple[int, int]
    hidden: float  # chance that the wanted objects start in a closed receptacle, if one fits
    shared: float  # chance that a receptacle is reached from the spot of the one before


SCALES: dict[str, Scale] = {
    "easy": Scale((0.0, 0.25), (6, 12), 0.0, 0.0),
    "normal": Scale((0.2, 0.8), (16, 34), 0.4, 0.15),
    "hard": Scale((0.8, 1.0), (36, 56), 0.8, 0.3),
}
"""The scale of each difficulty."""

_TEMPLATES = {
    TASK_TYPES[0]: ("put a {o} in {r}", "put some {o} on {r}"),
    TASK_TYPES[1]: ("look at {o} under the {r}", "examine the {o} with the {r}"),
    TASK_TYPES[2]: ("put a clean {o} in {r}", "clean some {o} and put it in {r}"),
    TASK_TYPES[3]: ("put a hot {o} in {r}", "heat some {o} and put it in {r}"),
    TASK_TYPES[4]: ("put a cool {o} in {r}", "cool some {o} and put it in {r}"),
    TASK_TYPES[5]: ("put two {o} in {r}", "find two {o} and put them in {r}"),
}
_ROOMS_OF = {
    TASK_TYPES[0]: tuple(ROOMS),
    TASK_TYPES[1]: ("living", "bedroom"),
    TASK_TYPES[2]: ("kitchen", "bath"),
    TASK_TYPES[3]: ("kitchen",),
    TASK_TYPES[4]: ("kitchen",),
    TASK_TYPES[5]: tuple(ROOMS),
}
_CHANGE = {
    TASK_TYPES[2]: ("cleanable", "isclean"),
    TASK_TYPES[3]: ("heatable", "ishot"),
    TASK_TYPES[4]: ("coolable", "iscool"),
}


class Room:
    """One room being furnished; the draws depend on `random.random` alone, which Python keeps stable."""

    def __init__(self, rng: random.Random, task_type: str, scale: Scale) -> None:
        self._rng, self._scale = rng, scale
        self._receptacles: list[tuple[str, str, str]] = []  # id, type, location
        self._things: list[tuple[str, str, int]] = []  # id, type, receptacle
        self._taken: set[str] = set()
        room = self._pick(_ROOMS_OF[task_type])
        self._furnish(room)
        self.goal = self._choose_goal(task_type, room)
        self._place_wanted()
        self._fill(room)
        sentence = self._pick(_TEMPLATES[task_type]).format(o=self.goal.object, r=self.goal.target)
        self.task = f"{TASK}{sentence}."

    def facts(self) -> list[Fact]:
        """The beginning as PDDL facts."""
        facts: list[Fact] = [("atlocation", ("agent1", "loc_bar_0_bar_0_bar_0_bar_30"))]
        spots = [spot for _, _, spot in self._receptacles]
        for name, kind, spot in self._receptacles:
            facts += [("receptacletype", (name, f"{kind}type")), ("receptacleatlocation", (name, spot))]
            if kind in OPENABLE:
                facts.append(("openable", (name,)))
        for name, kind, place in self._things:
            facts += [
                ("objecttype", (name, f"{kind}type")),
                ("inreceptacle", (name, self._receptacles[place][0])),
                ("objectatlocation", (name, spots[place])),
            ]
            if kind not in LAMPS:
                facts.append(("pickupable", (name,)))
            facts += [(ability, (name,)) for ability, kinds in ABLE.items() if kind in kinds]
        present = {kind for _, kind, _ in self._things}
        for outer in sorted({kind for _, kind, _ in self._receptacles}):
            facts += [("cancontain", (f"{outer}type", f"{inner}type")) for inner in sorted(FITS[outer] & present)]
        return facts

    def _furnish(self, room: str) -> None:
        low, high = self._scale.span
        for kind, (fewest, most) in ROOMS[room][0].items():
            share = low + (high - low) * self._rng.random()
            for _ in range(fewest + int(share * (most - fewest) + 0.5)):
                spot = self._receptacles[-1][2] if self._receptacles else ""
                if not spot or self._rng.random() >= self._scale.shared:
                    spot = self._new("loc", plain=True)
                self._receptacles.append((self._new(kind), kind, spot))

    def _choose_goal(self, task_type: str, room: str) -> Goal:
        present = sorted({kind for _, kind, _ in self._receptacles})
        kinds = sorted(set(ROOMS[room][1].split()))
        if task_type == TASK_TYPES[1]:
            return Goal(
                "light", self._pick([k for k in kinds if k in FITS["sidetable"] | FITS["sofa"]]), self._pick(LAMPS)
            )
        ability, condition = _CHANGE.get(task_type, ("", ""))
        targets = [kind for kind in present if self._others(kind)]
        if ability:
            kinds = [kind for kind in kinds if kind in ABLE[ability]]
            targets = [
                t
                for t in targets
                if t not in ("sinkbasin", "bathtubbasin", {"ishot": "microwave", "iscool": "fridge"}.get(condition))
            ]
        pairs = [(o, t) for t in targets for o in kinds if o in FITS[t] and self._sources(o, t)]
        wanted = self._pick(sorted({o for o, _ in pairs}))
        target = self._pick([t for o, t in pairs if o == wanted])
        if task_type == TASK_TYPES[5]:
            return Goal("two", wanted, target)
        return Goal("place", wanted, target, (ability,) if ability else (), (condition,) if condition else ())

    def _others(self, target: str) -> bool:
        return any(kind != target for _, kind, _ in self._receptacles)

    def _sources(self, thing: str, target: str) -> list[int]:
        """Where an object can start so that the goal is not reached already."""
        return [n for n, (_, kind, _) in enumerate(self._receptacles) if kind != target and thing in FITS[kind]]

    def _place_wanted(self) -> None:
        goal = self.goal
        if goal.form == "light":
            tables = [n for n, (_, kind, _) in enumerate(self._receptacles) if kind in LAMP_PLACES]
            self._put(goal.target, self._pick(tables))
        fewest = 2 if goal.form == "two" else 1
        for _ in range(fewest + int(self._rng.random() * 2)):
            sources = self._sources(goal.object, goal.target)
            closed = [n for n in sources if self._receptacles[n][1] in OPENABLE]
            surfaces = [n for n in sources if self._receptacles[n][1] not in OPENABLE]
            hide = self._rng.random() < self._scale.hidden
            self._put(goal.object, self._pick((closed if hide else surfaces) or sources))

    def _fill(self, room: str) -> None:
        """Other objects, anywhere they fit."""
        fewest, most = self._scale.objects
        kinds = [kind for kind in sorted(set(ROOMS[room][1].split())) if kind != self.goal.object]
        for _ in range(fewest + int(self._rng.random() * (most - fewest + 1))):
            kind = self._pick(kinds)
            places = [n for n, (_, outer, _) in enumerate(self._receptacles) if kind in FITS[outer]]
            if places:
                self._put(kind, self._pick(places))

    def _put(self, kind: str, place: int) -> None:
        self._things.append((self._new(kind), kind, place))

    def _new(self, kind: str, *, plain: bool = False) -> str:
        """A new id of the form that ALFWorld's have, with coordinates."""
        while True:
            if plain:
                numbers = [
                    f"{'minus_' if self._rng.random() < 0.5 else ''}{int(self._rng.random() * 40)}" for _ in range(2)
                ]
                name = f"loc_bar_{numbers[0]}_bar_{numbers[1]}_bar_{int(self._rng.random() * 4)}_bar_60"
            else:
                numbers = [
                    f"_{'minus' if self._rng.random() < 0.5 else 'plus'}_{int(x * 5):02d}_dot_{int(x * 5e7) % 100:02d}"
                    for x in (self._rng.random() for _ in range(3))
                ]
                stem = kind.removesuffix("basin")
                name = "_bar_".join((stem, *numbers, *((kind,) if stem != kind else ())))
            if name not in self._taken:
                self._taken.add(name)
                return name

    def _pick(self, items: Sequence[Any] | Iterable[Any]) -> Any:
        items = tuple(items)
        return items[int(self._rng.random() * len(items))]

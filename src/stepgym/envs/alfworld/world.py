"""`Game`, what is fixed about one ALFWorld game, and `World`, its state while it is played.

Objects and receptacles are numbers: their positions in the order of the sorted PDDL ids, which is the order the texts
list them in.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

TASK_TYPES = (
    "pick_and_place_simple",
    "look_at_obj_in_light",
    "pick_clean_then_place_in_recep",
    "pick_heat_then_place_in_recep",
    "pick_cool_then_place_in_recep",
    "pick_two_obj_and_place",
)
"""The six task types, numbered 1 to 6 by ALFWorld."""

ABILITIES = ("pickupable", "cleanable", "heatable", "coolable", "sliceable", "toggleable", "isreceptacleobject")
"""What may be true of an object for good."""

CONDITIONS = ("isclean", "ishot", "iscool", "issliced", "istoggled")
"""What may become true of an object."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How commands are written; the official games of different years differ in this alone.

    Attributes:
        put: The command that puts something down, with {o} and {r}: "move {o} to {r}" or "put {o} in/on {r}".
        put_feedback: What it answers.
        arrive_at_location: "You arrive at loc 7." instead of naming the receptacle.
        help: The answer to `help`; None if there is no such command.
    """

    put: str
    put_feedback: str
    arrive_at_location: bool
    help: str | None


@dataclass(frozen=True, slots=True)
class Receptacle:
    """A place that holds objects; `location` is the number of the spot it is reached from."""

    name: str
    kind: str
    location: int
    openable: bool


@dataclass(frozen=True, slots=True)
class Thing:
    """An object and what can be done with it (some of `ABILITIES`)."""

    name: str
    kind: str
    abilities: frozenset[str]


@dataclass(frozen=True, slots=True)
class Goal:
    """What has to be true in the end.

    Attributes:
        form: "place" one object, place "two", or look at one in "light".
        object: Type of the object, "apple".
        target: Type of the receptacle, or of the lamp.
        abilities: What the object must be able to become, for "place".
        conditions: What the object must have become, for "place".
    """

    form: Literal["place", "two", "light"]
    object: str
    target: str
    abilities: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()

    @property
    def task_type(self) -> str:
        """One of `TASK_TYPES`."""
        if self.form == "two":
            return TASK_TYPES[5]
        if self.form == "light":
            return TASK_TYPES[1]
        by_condition = {"isclean": TASK_TYPES[2], "ishot": TASK_TYPES[3], "iscool": TASK_TYPES[4]}
        return next((by_condition[c] for c in self.conditions if c in by_condition), TASK_TYPES[0])


@dataclass(frozen=True)
class Game:
    """Everything that is fixed about one game, and how it begins.

    Attributes:
        id: "valid_seen/DIR/TRIAL" for official games, "generated/TYPE/SEED" for generated ones.
        task: The sentence that ends the first observation.
        goal: What wins.
        dialect: How commands are written.
        locations: Names of the spots ("loc 12"); the agent starts at `start`.
        receptacles: In the order of the sorted ids.
        things: The objects, in the order of the sorted ids.
        contents: For each receptacle, the objects in it at the start, ascending.
        places: For each object, the locations it is recorded at, ascending.
        fits: For each type of receptacle, the types of object that may be put there.
        opened: Receptacles that are open at the start.
        conditions: For each of `CONDITIONS`, the objects it holds for at the start.
        inside: For each container object, the objects inside it.
        walkthrough: A solution that came with the game, perhaps empty.
    """

    id: str
    task: str
    goal: Goal
    dialect: Dialect
    locations: tuple[str, ...]
    start: int
    receptacles: tuple[Receptacle, ...]
    things: tuple[Thing, ...]
    contents: tuple[tuple[int, ...], ...]
    places: tuple[tuple[int, ...], ...]
    fits: dict[str, frozenset[str]]
    opened: tuple[int, ...] = ()
    conditions: tuple[tuple[int, ...], ...] = ((),) * len(CONDITIONS)
    inside: tuple[tuple[int, tuple[int, ...]], ...] = ()
    walkthrough: tuple[str, ...] = ()

    @cached_property
    def receptacle_numbers(self) -> dict[str, int]:
        """The number of each receptacle by its name."""
        return {receptacle.name: number for number, receptacle in enumerate(self.receptacles)}

    @cached_property
    def thing_numbers(self) -> dict[str, int]:
        """The number of each object by its name."""
        return {thing.name: number for number, thing in enumerate(self.things)}

    @cached_property
    def receptacles_at(self) -> tuple[tuple[int, ...], ...]:
        """The receptacles that are reached from each location."""
        found: list[list[int]] = [[] for _ in self.locations]
        for number, receptacle in enumerate(self.receptacles):
            found[receptacle.location].append(number)
        return tuple(map(tuple, found))

    @cached_property
    def able(self) -> dict[str, frozenset[int]]:
        """The objects that have each of `ABILITIES`."""
        return {
            ability: frozenset(number for number, thing in enumerate(self.things) if ability in thing.abilities)
            for ability in ABILITIES
        }


class World:
    """What changes while a game is played.

    Attributes:
        location: Where the agent is.
        held: The object in its hand, or -1.
        opened: The receptacles that are open.
        contents: For each receptacle, the objects in it, ascending.
        places: For each object, the locations it is recorded at.
        taken_from: Pairs (object, receptacle): was taken out and not put back.
        clean, hot, cool, sliced, toggled: The objects of which that is true.
    """

    __slots__ = (
        "clean",
        "contents",
        "cool",
        "held",
        "hot",
        "location",
        "opened",
        "places",
        "sliced",
        "taken_from",
        "toggled",
    )

    def __init__(self, game: Game) -> None:
        self.location = game.start
        self.held = -1
        self.opened = set(game.opened)
        self.contents = [list(inside) for inside in game.contents]
        self.places = [set(where) for where in game.places]
        self.taken_from: set[tuple[int, int]] = set()
        self.clean, self.hot, self.cool, self.sliced, self.toggled = map(set, game.conditions)

    def snapshot(self) -> dict[str, Any]:
        """The state as plain values of its own."""
        return {
            "location": self.location,
            "held": self.held,
            "contents": [list(inside) for inside in self.contents],
            "places": [sorted(where) for where in self.places],
            "taken_from": sorted(self.taken_from),
            **{name: sorted(getattr(self, name)) for name in _SETS},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `snapshot`."""
        self.location, self.held = state["location"], state["held"]
        self.contents = [list(inside) for inside in state["contents"]]
        self.places = [set(where) for where in state["places"]]
        self.taken_from = {(thing, receptacle) for thing, receptacle in state["taken_from"]}
        for name in _SETS:
            setattr(self, name, set(state[name]))


_SETS = ("opened", "clean", "hot", "cool", "sliced", "toggled")

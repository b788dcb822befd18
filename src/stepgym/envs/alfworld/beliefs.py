"""`Beliefs`: what an agent knows about the room it is in, read from the texts it was shown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from stepgym.envs.alfworld.engine import Engine
from stepgym.envs.alfworld.ontology import LAMPS
from stepgym.envs.alfworld.phrases import NOTHING_HAPPENS
from stepgym.envs.alfworld.world import TASK_TYPES
from stepgym.errors import InvalidInputError

_SEEN = re.compile(r"(?:On the|The) (?P<place>[a-z]+ \d+)(?: is open\. In it)?, you see (?P<things>[^.]*)\.")
_CLOSED = re.compile(r"The (?P<place>[a-z]+ \d+) is closed\.|You close the (?P<shut>[a-z]+ \d+)\.")
_NAME = re.compile(r"\ba ([a-z]+ \d+)")
_TAKEN = re.compile(r"You pick up the ([a-z]+ \d+) from the ([a-z]+ \d+)\.")
_PUT = re.compile(r"You (?:move|put) the ([a-z]+ \d+) (?:to|in/on) the ([a-z]+ \d+)\.")
_CHANGED = re.compile(r"You (clean|heat|cool) the ([a-z]+ \d+) using")
_SWITCHED = re.compile(r"You turn on the ([a-z]+ \d+)\.")

_APPLIANCES = (("clean", "sinkbasin"), ("cool", "fridge"), ("heat", "microwave"))
_SENTENCES = (
    (TASK_TYPES[1], re.compile(r"(?:look at|examine the) (?P<o>\w+) (?:under|with) the (?P<r>\w+)")),
    (TASK_TYPES[5], re.compile(r"(?:put|find) two (?P<o>\w+) (?:in|and put them in) (?P<r>\w+)")),
    (TASK_TYPES[2], re.compile(r"(?:put a clean (?P<o>\w+) in|clean some (?P<o2>\w+) and put it in) (?P<r>\w+)")),
    (TASK_TYPES[3], re.compile(r"(?:put a hot (?P<o>\w+) in|heat some (?P<o2>\w+) and put it in) (?P<r>\w+)")),
    (TASK_TYPES[4], re.compile(r"(?:put a cool (?P<o>\w+) in|cool some (?P<o2>\w+) and put it in) (?P<r>\w+)")),
    (TASK_TYPES[0], re.compile(r"put (?:a|some) (?P<o>\w+) (?:in|on) (?P<r>\w+)")),
)


@dataclass
class Beliefs:
    """What is known; only what was seen, unless it was read from the engine.

    Attributes:
        task_type, wanted, target: The task: its type, the type of object, the type of receptacle or lamp.
        receptacles: All receptacles of the room.
        contents: What is in the receptacles whose inside was seen.
        closed: Receptacles known to be closed.
        here: The receptacles that can be reached from here.
        held: The object in the hand.
        changed: Pairs (verb, object): was cleaned, heated, cooled.
        lit: Lamps that were switched on.
        useless: Objects that cannot be taken, whatever they look like.
        impossible: Commands that turned out to be impossible; filled only where the possible ones are not shown.
    """

    task_type: str
    wanted: str
    target: str
    receptacles: tuple[str, ...] = ()
    contents: dict[str, list[str]] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    here: set[str] = field(default_factory=set)
    held: str | None = None
    changed: set[tuple[str, str]] = field(default_factory=set)
    lit: set[str] = field(default_factory=set)
    useless: set[str] = field(default_factory=set)
    impossible: set[str] = field(default_factory=set)

    @classmethod
    def from_intro(cls, intro: str) -> Beliefs:
        """What the first observation tells."""
        room, _, task = intro.rpartition("Your task is to:")
        room = room.rpartition("Looking quickly around you, you see")[2]  # whatever prompt stands before it
        for task_type, sentence in _SENTENCES:
            if match := sentence.search(task):
                found = match.groupdict()
                wanted = found["o"] or found["o2"]
                return cls(task_type, str(wanted), found["r"], tuple(_NAME.findall(room)))
        raise InvalidInputError(
            f"expected the first observation of an ALFWorld game, with its task, got {intro!r:.200}"
        )

    def see(self, observation: str, admissible: Iterable[str] | None, *, command: str = "") -> None:
        """Learn from the answer to `command` and, where they are shown, from the commands that are possible now."""
        self._read(observation)
        places = set(self.receptacles)
        if admissible is not None:
            self.here = {c[8:] for c in admissible if c.startswith("examine ") and c[8:] in places}
        elif NOTHING_HAPPENS in observation:
            if command.startswith("go to ") and command[6:] in places:
                self.here.add(command[6:])  # it shares the spot
            else:
                self.impossible.add(command)
        elif command.startswith("go to ") and command[6:] in places:
            self.here = {command[6:]}

    def possible(self) -> list[str]:
        """The commands that are believed to be possible, where they are not shown."""
        commands = ["help", "inventory", "look"]
        commands += [f"go to {place}" for place in self.receptacles if place not in self.here]
        for place in self.here:
            commands.append(f"examine {place}")
            if place in self.closed:
                commands.append(f"open {place}")
            elif self.held is None:
                commands += [f"take {thing} from {place}" for thing in self.contents.get(place, ())]
            else:
                commands += [f"move {self.held} to {place}", f"put {self.held} in/on {place}"]
            if self.held is not None:
                commands += [f"{verb} {self.held} with {place}" for verb, kind in _APPLIANCES if kind_of(place) == kind]
            commands += [f"use {thing}" for thing in self.contents.get(place, ()) if kind_of(thing) in LAMPS]
        return sorted(command for command in commands if command not in self.impossible)

    def _read(self, observation: str) -> None:
        if match := _TAKEN.search(observation):
            self.held = match[1]
            self._forget(match[1], match[2])
        elif match := _PUT.search(observation):
            self.held = None
            self.contents.setdefault(match[2], []).append(match[1])
        elif match := _CHANGED.search(observation):
            self.changed.add((match[1], match[2]))
            self.changed -= {({"heat": "cool", "cool": "heat"}.get(match[1], ""), match[2])}
        elif match := _SWITCHED.search(observation):
            self.lit.add(match[1])
        for match in _SEEN.finditer(observation):
            self.contents[match["place"]] = _NAME.findall(match["things"])
            self.closed.discard(match["place"])
        for match in _CLOSED.finditer(observation):
            self.closed.add(match["place"] or match["shut"])

    def know_all(self, engine: Engine) -> None:
        """Learn everything there is to know from the engine itself."""
        game, world = engine.game, engine.world
        names, places = [thing.name for thing in game.things], [r.name for r in game.receptacles]
        self.receptacles = tuple(places)
        self.contents = {place: [names[t] for t in world.contents[n]] for n, place in enumerate(places)}
        self.closed = {r.name for n, r in enumerate(game.receptacles) if r.openable and n not in world.opened}
        self.here = {places[n] for n in game.receptacles_at[world.location]}
        self.held = names[world.held] if world.held >= 0 else None
        self.changed = {
            (verb, names[t])
            for verb, those in (("clean", world.clean), ("heat", world.hot), ("cool", world.cool))
            for t in those
        }
        self.lit = {names[t] for t in world.toggled}
        self.useless = {thing.name for thing in game.things if "pickupable" not in thing.abilities}

    def places_of(self, kind: str) -> list[tuple[str, str]]:
        """Pairs (object, receptacle) of the objects of a type whose place is known, the nearest first."""
        found = [(t, place) for place, things in self.contents.items() for t in things if kind_of(t) == kind]
        return sorted(found, key=lambda pair: (pair[1] not in self.here, pair[1] in self.closed))

    def of_kind(self, kind: str) -> list[str]:
        """The receptacles of a type."""
        return [place for place in self.receptacles if kind_of(place) == kind]

    def _forget(self, thing: str, place: str) -> None:
        if thing in self.contents.get(place, ()):
            self.contents[place].remove(thing)


def kind_of(name: str) -> str:
    """The type in a name: "apple" of "apple 2"."""
    return name.partition(" ")[0]

"""`Menu`: the list of commands that are possible now."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from stepgym.envs.alfworld.world import Game, World

KNIVES = frozenset({"knife", "butterknife"})
"""The types of object that slice."""

TREATMENTS: Mapping[str, tuple[str, frozenset[str]]] = MappingProxyType(
    {
        "clean": ("cleanable", frozenset({"sinkbasin", "sink"})),
        "heat": ("heatable", frozenset({"microwave"})),
        "cool": ("coolable", frozenset({"fridge"})),
    }
)
"""For each verb, the ability that the object needs and the types of receptacle that do it."""


class Menu:
    """Lists the possible commands of a game in play.

    The list is put together verb by verb, in their alphabetical order, so that it need not be sorted as a whole; what
    changes rarely is kept between calls.

    Args:
        game: The game.
        world: Its state, which may change at any time; `changed` must be told when the contents of a receptacle do.
    """

    def __init__(self, game: Game, world: World) -> None:
        self._game, self._world = game, world
        self._names = [thing.name for thing in game.things]
        self.put_verb, self.put_link = _put_words(game.dialect.put)
        self._plain = ["help", "inventory", "look"] if game.dialect.help is not None else ["inventory", "look"]
        self._takes: list[list[str] | None] = [None] * len(game.receptacles)
        self._goes: dict[int, list[str]] = {}

    def changed(self, receptacle: int) -> None:
        """The contents of a receptacle are others now."""
        self._takes[receptacle] = None

    def forget(self) -> None:
        """Everything may have changed."""
        self._takes = [None] * len(self._takes)

    def commands(self) -> list[str]:
        """The commands that are possible now, sorted by code points."""
        game, world = self._game, self._world
        here, held = game.receptacles_at[world.location], world.held
        found: dict[str, list[str]] = {"examine": [f"examine {game.receptacles[n].name}" for n in here]}
        if held >= 0:
            found["examine"].append(f"examine {self._names[held]}")
            if game.things[held].kind in KNIVES:
                found["slice"] = self._slices(held)
        for number in here:
            receptacle = game.receptacles[number]
            accessible = not receptacle.openable or number in world.opened
            if receptacle.openable:
                verb = "close" if accessible else "open"
                found.setdefault(verb, []).append(f"{verb} {receptacle.name}")
            if held >= 0:
                self._add_uses_of(held, number, accessible, found)
            elif accessible:
                found.setdefault("take", []).extend(self._takes_from(number))
        for lamp in game.able["toggleable"]:
            if any(lamp in world.contents[number] for number in here):
                found.setdefault("use", []).append(f"use {self._names[lamp]}")
        for several in found.values():
            several.sort()
        get = found.get
        commands = get("clean", [])
        commands += get("close", ())
        commands += get("cool", ())
        commands += found["examine"]
        commands += self._goes_from(world.location)
        commands += get("heat", ())
        commands += self._plain
        if self.put_verb < "open":
            commands += get("put", ())
        commands += get("open", ())
        if self.put_verb > "open":
            commands += get("put", ())
        for verb in ("slice", "take", "use"):
            commands += get(verb, ())
        return commands

    def _add_uses_of(self, held: int, number: int, accessible: bool, found: dict[str, list[str]]) -> None:
        """What can be done with the object in the hand at one receptacle."""
        game, name, receptacle = self._game, self._names[held], self._game.receptacles[number]
        if accessible and game.things[held].kind in game.fits.get(receptacle.kind, ()):
            found.setdefault("put", []).append(f"{self.put_verb} {name}{self.put_link}{receptacle.name}")
        for verb, (ability, kinds) in TREATMENTS.items():
            if receptacle.kind in kinds and held in game.able[ability]:
                found.setdefault(verb, []).append(f"{verb} {name} with {receptacle.name}")

    def _takes_from(self, number: int) -> list[str]:
        commands = self._takes[number]
        if commands is None:
            able, place = self._game.able["pickupable"], self._game.receptacles[number].name
            commands = [f"take {self._names[t]} from {place}" for t in self._world.contents[number] if t in able]
            commands.sort()
            self._takes[number] = commands
        return commands

    def _goes_from(self, location: int) -> list[str]:
        commands = self._goes.get(location)
        if commands is None:
            commands = sorted(f"go to {r.name}" for r in self._game.receptacles if r.location != location)
            self._goes[location] = commands
        return commands

    def _slices(self, knife: int) -> list[str]:
        world, name = self._world, self._names[knife]
        found = [thing for thing in self._game.able["sliceable"] if world.location in world.places[thing]]
        return [f"slice {self._names[thing]} with {name}" for thing in found if thing != knife]


def _put_words(template: str) -> tuple[str, str]:
    """The verb of a put command, and what stands between object and receptacle."""
    verb, _, rest = template.partition(" ")
    return verb, rest.removeprefix("{o}").removesuffix("{r}")

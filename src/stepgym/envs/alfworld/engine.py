"""`Engine`: the rules of ALFWorld's text world, with the texts and quirks of the original.

The original is a PDDL domain run by Fast Downward and a grammar run by TextWorld. What follows from them and is easily
taken for a mistake here:

* Numbers run backwards: of the sorted ids of one type, the first has the highest number.
* `go to` a receptacle that is reached from where the agent stands changes nothing, so it is no action at all. Several
  receptacles can share a spot.
* `examine OBJECT` is possible in the hand only (a comma in the domain disables its other half).
* `use LAMP` works in a closed receptacle too, and always turns it "on".
* heat, cool and clean need the object in the hand; the appliance may be closed.
* `slice` reaches what is in closed receptacles, and everything recorded at the spot.
* What was taken from one receptacle and put into another at the same spot lies "next to it".
* An object can be in two receptacles at once, and stays in the other one when it is taken from one.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from typing import Any

from stepgym.envs.alfworld.goals import GoalCheck
from stepgym.envs.alfworld.menu import KNIVES, TREATMENTS, Menu
from stepgym.envs.alfworld.phrases import NOTHING_HAPPENS
from stepgym.envs.alfworld.sight import Sight
from stepgym.envs.alfworld.world import Game, World


class Engine:
    """One game in play.

    `intro` is the first observation; `step` answers commands; `admissible` lists the commands that do something.
    After `step`, `won` says whether the goal is reached and `valid` whether the command was possible.
    """

    def __init__(self, game: Game) -> None:
        self.game = game
        self.world = World(game)
        self.goal = GoalCheck(game, self.world)
        self.won = self.goal.won()
        self.valid = True
        self._names = [thing.name for thing in game.things]
        self._menu = Menu(game, self.world)
        self._put_link = self._menu.put_link
        self._sight = Sight(game, self.world)
        self._verbs: dict[str, Callable[[str], str | None]] = {
            "look": self._look,
            "inventory": self._inventory,
            "help": self._help,
            "go": self._go,
            "open": self._open,
            "close": self._close,
            "take": self._take,
            self._menu.put_verb: self._put,
            "examine": self._examine,
            "use": self._use,
            "clean": self._clean,
            "heat": self._heat,
            "cool": self._cool,
            "slice": self._slice,
        }

    @property
    def intro(self) -> str:
        """The first observation of the game."""
        return self._sight.intro()

    def step(self, command: str) -> str:
        """What happens; anything but an admissible command (around which white space may stand) does nothing."""
        verb, _, rest = command.strip().partition(" ")
        act = self._verbs.get(verb)
        answer = None if act is None else act(rest)
        if answer is None:
            self.valid = False
            return NOTHING_HAPPENS
        self.valid = True
        return answer

    def admissible(self) -> list[str]:
        """The commands that are possible now, sorted by code points."""
        return self._menu.commands()

    def snapshot(self) -> dict[str, Any]:
        """The state as plain values; `restore` goes back to it."""
        return {**self.world.snapshot(), "won": self.won, "valid": self.valid}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a `snapshot` of the same game."""
        self.world.restore(state)
        self.won, self.valid = state["won"], state["valid"]
        self._sight.forget()
        self._menu.forget()

    # What each command does: the answer, or None if it is not possible.

    def _look(self, rest: str) -> str | None:
        return None if rest else self._sight.around()

    def _inventory(self, rest: str) -> str | None:
        return None if rest else self._sight.inventory()

    def _help(self, rest: str) -> str | None:
        return None if rest else self.game.dialect.help

    def _go(self, rest: str) -> str | None:
        game, world = self.game, self.world
        number = game.receptacle_numbers.get(rest[3:]) if rest.startswith("to ") else None
        if number is None:
            return None
        receptacle = game.receptacles[number]
        if receptacle.location == world.location:
            return None
        world.location = receptacle.location
        if game.goal.form == "light":
            self.won = self.goal.won()
        place = game.locations[receptacle.location] if game.dialect.arrive_at_location else receptacle.name
        return f"You arrive at {place}. {self._sight.receptacle(number)}"

    def _open(self, rest: str) -> str | None:
        number = self._here(rest)
        if number is None or not self.game.receptacles[number].openable or number in self.world.opened:
            return None
        self.world.opened.add(number)
        self._sight.changed(number)
        return f"You open the {rest}. {self._sight.receptacle(number)}"

    def _close(self, rest: str) -> str | None:
        number = self._here(rest)
        if number is None or not self.game.receptacles[number].openable or number not in self.world.opened:
            return None
        self.world.opened.remove(number)
        self._sight.changed(number)
        return f"You close the {rest}."

    def _take(self, rest: str) -> str | None:
        game, world = self.game, self.world
        name, _, place = rest.partition(" from ")
        thing, number = game.thing_numbers.get(name), self._here(place)
        if thing is None or number is None or world.held >= 0 or not self._reachable(number):
            return None
        if thing not in world.contents[number] or thing not in game.able["pickupable"]:
            return None
        world.contents[number].remove(thing)
        world.taken_from.add((thing, number))
        world.held = thing
        world.places[thing].discard(world.location)
        self._changed(number)
        self.won = self.goal.won()
        return f"You pick up the {name} from the {place}."

    def _put(self, rest: str) -> str | None:
        game, world = self.game, self.world
        name, _, place = rest.partition(self._put_link)
        thing, number = game.thing_numbers.get(name), self._here(place)
        if thing is None or thing != world.held or number is None or not self._reachable(number):
            return None
        if game.things[thing].kind not in game.fits.get(game.receptacles[number].kind, ()):
            return None
        if thing not in world.contents[number]:
            insort(world.contents[number], thing)
        world.taken_from.discard((thing, number))
        world.places[thing].add(world.location)
        world.held = -1
        self._changed(number)
        self.won = self.goal.won()
        return game.dialect.put_feedback.format(o=name, r=place)

    def _examine(self, rest: str) -> str | None:
        number = self._here(rest)
        if number is not None:
            return self._sight.receptacle(number)
        held = self.world.held
        return self._sight.thing(held) if held >= 0 and self._names[held] == rest else None

    def _use(self, rest: str) -> str | None:
        game, world = self.game, self.world
        thing = game.thing_numbers.get(rest)
        if thing is None or thing not in game.able["toggleable"]:
            return None
        if not any(thing in world.contents[number] for number in game.receptacles_at[world.location]):
            return None
        world.toggled.add(thing)
        self.won = self.goal.won()
        return f"You turn on the {rest}."

    def _clean(self, rest: str) -> str | None:
        thing = self._treat("clean", rest)
        if thing is None:
            return None
        self.world.clean.add(thing)
        return self._treated("clean", rest)

    def _heat(self, rest: str) -> str | None:
        thing = self._treat("heat", rest)
        if thing is None:
            return None
        self.world.hot.add(thing)
        self.world.cool.discard(thing)
        return self._treated("heat", rest)

    def _cool(self, rest: str) -> str | None:
        thing = self._treat("cool", rest)
        if thing is None:
            return None
        self.world.cool.add(thing)
        self.world.hot.discard(thing)
        return self._treated("cool", rest)

    def _slice(self, rest: str) -> str | None:
        game, world, held = self.game, self.world, self.world.held
        name, _, knife = rest.partition(" with ")
        thing = game.thing_numbers.get(name)
        if thing is None or held < 0 or self._names[held] != knife or game.things[held].kind not in KNIVES:
            return None
        if thing not in game.able["sliceable"] or world.location not in world.places[thing] or thing == held:
            return None
        world.sliced.add(thing)
        self.won = self.goal.won()
        return f"You sliced the {name} with the {knife}."

    # What they share.

    def _here(self, name: str) -> int | None:
        number = self.game.receptacle_numbers.get(name)
        if number is None or self.game.receptacles[number].location != self.world.location:
            return None
        return number

    def _reachable(self, number: int) -> bool:
        return not self.game.receptacles[number].openable or number in self.world.opened

    def _changed(self, number: int) -> None:
        self._sight.changed(number)
        self._menu.changed(number)

    def _treat(self, verb: str, rest: str) -> int | None:
        """The object in "OBJECT with RECEPTACLE" if it is in the hand, can be treated, and the receptacle does so."""
        game, held = self.game, self.world.held
        ability, kinds = TREATMENTS[verb]
        name, _, place = rest.partition(" with ")
        number = self._here(place)
        if number is None or held < 0 or self._names[held] != name:
            return None
        return held if held in game.able[ability] and game.receptacles[number].kind in kinds else None

    def _treated(self, verb: str, rest: str) -> str:
        self.won = self.goal.won()
        name, _, place = rest.partition(" with ")
        return f"You {verb} the {name} using the {place}."

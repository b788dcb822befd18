"""Whether a goal is reached, and how much of it."""

from __future__ import annotations

from collections.abc import Callable

from stepgym.envs.alfworld.world import Game, World

_HOLDS = {"isclean": "clean", "ishot": "hot", "iscool": "cool", "issliced": "sliced", "istoggled": "toggled"}


class GoalCheck:
    """The goal of one game, ready to be asked.

    Args:
        game: The game; the answers are about `world`.
        world: Its state.
    """

    __slots__ = ("_game", "_lamps", "_needs", "_objects", "_receptacles", "_world", "won")

    def __init__(self, game: Game, world: World) -> None:
        goal = game.goal
        able = [game.able[ability] for ability in goal.abilities]
        self._game, self._world = game, world
        self._objects = frozenset(
            number
            for number, thing in enumerate(game.things)
            if thing.kind == goal.object and all(number in those for those in able)
        )
        self._receptacles = tuple(n for n, receptacle in enumerate(game.receptacles) if receptacle.kind == goal.target)
        self._needs = tuple(_HOLDS[condition] for condition in goal.conditions)
        self._lamps = tuple(
            number
            for number, thing in enumerate(game.things)
            if thing.kind == goal.target and "toggleable" in thing.abilities
        )
        check: dict[str, Callable[[], bool]] = {"place": self._placed, "two": self._two_placed, "light": self._lit}
        self.won = check[goal.form]
        """Whether the goal is reached."""

    def progress(self) -> tuple[int, int]:
        """How many of the goal's conditions hold, and how many there are.

        Counted as ALFRED counts goal conditions: an object of the right type in the right place is one, each change
        it needs is one, and for a change also both at once on one object.
        """
        objects = self._objects
        inside = [objects.intersection(self._world.contents[r]) for r in self._receptacles]
        form = self._game.goal.form
        if form == "light":
            holding = self._world.held in objects
            return int(holding) + int(self._lit()), 2
        if form == "two":
            return min(2, max(map(len, inside), default=0)), 2
        placed = set().union(*inside)
        changed = [objects & getattr(self._world, need) for need in self._needs]
        done = int(bool(placed)) + sum(map(bool, changed)) + (int(self._placed()) if changed else 0)
        return done, 1 + len(changed) + int(bool(changed))

    def _placed(self) -> bool:
        for number in self._receptacles:
            found = self._objects.intersection(self._world.contents[number])
            for need in self._needs:
                found = found & getattr(self._world, need)
            if found:
                return True
        return False

    def _two_placed(self) -> bool:
        return any(len(self._objects.intersection(self._world.contents[r])) > 1 for r in self._receptacles)

    def _lit(self) -> bool:
        world = self._world
        if world.held not in self._objects:
            return False
        here = self._game.receptacles_at[world.location]
        return any(lamp in world.toggled and any(lamp in world.contents[r] for r in here) for lamp in self._lamps)

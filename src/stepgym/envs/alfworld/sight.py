"""`Sight`: what the agent is told about the room and the things in it."""

from __future__ import annotations

from stepgym.envs.alfworld import phrases
from stepgym.envs.alfworld.world import Game, World


class Sight:
    """Describes the state of a game in play; the texts of receptacles are kept until they change.

    Args:
        game: The game.
        world: Its state, which may change at any time; `changed` must be told when a receptacle does.
    """

    def __init__(self, game: Game, world: World) -> None:
        self._game, self._world = game, world
        self._names = [thing.name for thing in game.things]
        self._receptacles: list[str | None] = [None] * len(game.receptacles)

    def changed(self, receptacle: int) -> None:
        """A receptacle was opened or closed, or holds something else now."""
        self._receptacles[receptacle] = None

    def forget(self) -> None:
        """Everything may have changed."""
        self._receptacles = [None] * len(self._receptacles)

    def intro(self) -> str:
        """The first observation of the game."""
        game = self._game
        here = game.receptacles_at[self._world.location]
        seen = self.around() if here else phrases.room([receptacle.name for receptacle in game.receptacles])
        return f"{phrases.BANNER}{seen}\n\n{game.task}"

    def around(self) -> str:
        """What is seen from where the agent stands."""
        game, world = self._game, self._world
        here = game.receptacles_at[world.location]
        if not here:
            return phrases.room([])
        beside = []
        if world.taken_from:
            for thing, receptacle in sorted(world.taken_from):
                if receptacle in here and world.location in world.places[thing]:
                    beside.append(self._names[thing])
        return phrases.facing([game.receptacles[number].name for number in here], beside)

    def inventory(self) -> str:
        """What the agent carries."""
        held = self._world.held
        return phrases.inventory(self._names[held] if held >= 0 else None)

    def receptacle(self, number: int) -> str:
        """What is seen of a receptacle."""
        text = self._receptacles[number]
        if text is None:
            receptacle, names = self._game.receptacles[number], self._names
            inside = [names[thing] for thing in self._world.contents[number]]
            opened = number in self._world.opened
            text = phrases.receptacle(receptacle.name, inside, openable=receptacle.openable, opened=opened)
            self._receptacles[number] = text
        return text

    def thing(self, number: int) -> str:
        """What is seen of an object in the hand."""
        game, world, name = self._game, self._world, self._names[number]
        if number in game.able["isreceptacleobject"]:
            inside = next((those for outer, those in game.inside if outer == number), ())
            return phrases.container(name, [self._names[thing] for thing in inside])
        return phrases.thing(
            name,
            clean=number in world.clean,
            hot=number in world.hot,
            cool=number in world.cool,
            sliced=number in world.sliced,
            switched_on=number in world.toggled,
        )

"""`Planner`: the expert that sees everything, and `solve`, which plays a game with it."""

from __future__ import annotations

from collections.abc import Sequence

from stepgym.envs.alfworld.beliefs import Beliefs
from stepgym.envs.alfworld.engine import Engine
from stepgym.envs.alfworld.experts import Explorer, Strategy
from stepgym.errors import InvalidInputError


class Planner(Explorer):
    """Knows where everything is: reads the engine before every decision.

    Args:
        engine: The game in play; follows it when its state changes.
        seed: See `Explorer`, as for `noise` and `strategy`.
        noise: Chance of a random admissible command.
        strategy: How to play.
    """

    def __init__(
        self, engine: Engine, *, seed: int | None = None, noise: float = 0.0, strategy: Strategy = "careful"
    ) -> None:
        super().__init__(seed=seed, noise=noise, strategy=strategy)
        self.engine = engine

    def _choose(self, beliefs: Beliefs, admissible: Sequence[str]) -> str:
        beliefs.know_all(self.engine)
        return super()._choose(beliefs, admissible)


def solve(engine: Engine, *, limit: int = 100) -> list[str]:
    """The planner's commands from the present state of `engine` to the goal, which it plays there.

    Raises:
        InvalidInputError: The goal was not reached within `limit` commands.
    """
    planner, commands = Planner(engine), list[str]()
    command = planner.start(engine.intro, engine.admissible()) if not engine.won else ""
    while not engine.won:
        if len(commands) >= limit:
            raise InvalidInputError(f"{engine.game.id}: not solved within {limit} commands")
        commands.append(command)
        command = planner.act(engine.step(command), engine.admissible())
    return commands

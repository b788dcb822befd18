"""`GamePlayer`: the game that a logged conversation is of, by name or by how it begins, and what is played there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from stepgym.errors import InvalidInputError, UnknownNameError, unknown_name

if TYPE_CHECKING:
    from stepgym.envs.alfworld import GameFinder, OfficialGames, Replay
    from stepgym.envs.alfworld.conversations import Turn


class GamePlayer:
    """Plays conversations in the games they are of; looks for official ones only when one is asked for.

    Args:
        games: The official games, or where they are; None if all are generated.
        splits: Where to look for games that are not named; None for all splits that are there.
    """

    def __init__(self, games: OfficialGames | str | os.PathLike[str] | None, splits: Iterable[str] | None) -> None:
        from stepgym.envs.alfworld import SPLITS, OfficialGames

        self._games = OfficialGames(games) if isinstance(games, str | os.PathLike) else games
        self._splits = None if splits is None else tuple(splits)
        if self._splits and self._games is None:
            raise InvalidInputError("splits say where to look among official games: name their folder, path=DIR")
        for split in self._splits or ():
            if split not in SPLITS:
                raise unknown_name("split", split, SPLITS)
        if self._splits is None and self._games is not None:
            self._splits = tuple(split for split in SPLITS if _has(self._games, split))
        self._finder: GameFinder | None = None

    def play(self, turns: Sequence[Turn], name: str | None) -> Replay:
        """The replay in the game called `name`, or in the one that begins as the conversation does."""
        from stepgym.envs.alfworld import GameFinder, generate, replay

        if name is not None:
            try:
                if name.startswith("generated/"):
                    return replay(turns, generate(name))
                if self._games is not None:
                    return replay(turns, self._games.read(name))
            except UnknownNameError as error:
                raise InvalidInputError(f"the game that is named is not there; there is {error}") from error
            raise InvalidInputError(
                f"an official game is named, and no folder of official games; there is {name!r:.80}"
            )
        if self._games is None:
            raise InvalidInputError("no game is named, and there is no folder of official games to look in")
        if self._finder is None:
            self._finder = GameFinder(self._games, self._splits or ())
        found = self._finder.find(turns)
        if found is None:
            raise InvalidInputError("no game begins as the conversation does")
        return found

    def place(self, task_id: str) -> dict[str, str]:
        """The arguments that make the environment with this game."""
        if self._games is None or task_id.startswith("generated/"):
            return {}
        return {"path": str(self._games.root), "split": task_id.partition("/")[0]}


def _has(games: OfficialGames, split: str) -> bool:
    try:
        return bool(games.ids(split))
    except InvalidInputError:
        return False

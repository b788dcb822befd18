"""Playing logged conversations again, command by command, and saying where the log and the engine differ.

Three forms are read: a list of `{"from": "human" | "gpt", "value": text}`, and an object that holds such a list, or one
of `{"role": "user" | "assistant", "content": text}`, under "conversations" or "messages".
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stepgym.envs.alfworld.engine import Engine
from stepgym.envs.alfworld.games import OfficialGames
from stepgym.envs.alfworld.phrases import TASK
from stepgym.envs.alfworld.world import Game
from stepgym.errors import InvalidInputError

_ROLES = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "system": "system"}
_TEXTS = (("from", "value"), ("role", "content"))
_ROOM = "You are in the middle of a room."
_PUT = re.compile(
    r"(?:put (?P<o>\w+ \d+) (?:in/on|in|on|into|onto) (?P<r>\w+ \d+)|move (?P<o2>\w+ \d+) to (?P<r2>\w+ \d+))"
)
_PUT_ANSWER = re.compile(r"You (?:put the (\w+ \d+) (?:in/on|in|on)|move the (\w+ \d+) to) the (\w+ \d+)\.")
_ARRIVAL = re.compile(r"^You arrive at \w+ \d+\. ")


@dataclass(frozen=True, slots=True)
class Turn:
    """One logged turn: the observation before it, the command, the answer (None if the log ends there), all written."""

    observation: str
    action: str
    answer: str | None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """A place where log and engine disagree.

    Attributes:
        turn: Position of the command in the log, from 0; -1 is the first observation.
        command: The command, "" for the first observation.
        logged: What the log says.
        engine: What the engine says.
    """

    turn: int
    command: str
    logged: str
    engine: str


@dataclass(frozen=True, slots=True)
class Replay:
    """A conversation as the engine played it.

    Attributes:
        task_id: The game.
        observations: What the engine said: the first observation and the answer to each command.
        commands: The commands, in the syntax of the game.
        won: Whether the goal was reached at the end.
        differences: Where log and engine differ, apart from syntax and shortened arrivals.
    """

    task_id: str
    observations: tuple[str, ...]
    commands: tuple[str, ...]
    won: bool
    differences: tuple[Difference, ...]


def read_conversation(record: Any) -> list[Turn]:
    """The turns of one game out of a logged conversation, from the message that tells the task on.

    Raises:
        InvalidInputError: It has none of the known forms, or tells no task.
    """
    messages = _messages(record)
    begin = next((n for n, (role, text) in enumerate(messages) if role == "user" and TASK in text), None)
    if begin is None:
        raise InvalidInputError(f"no message of the user tells a task ('{TASK.strip()} ...')")
    observation, pending, turns = messages[begin][1], None, list[Turn]()
    for role, text in messages[begin + 1 :]:
        if role == "assistant":
            if pending is not None:
                turns.append(Turn(observation, _command(pending), None, pending))
            pending = text
        elif role == "user":
            if pending is not None:
                turns.append(Turn(observation, _command(pending), text, pending))
                pending = None
            observation = text
    if pending is not None:
        turns.append(Turn(observation, _command(pending), None, pending))
    return turns


def replay(turns: Sequence[Turn], game: Game) -> Replay:
    """Play the commands of `turns` in `game`; after the goal is reached the rest is left out."""
    engine = Engine(game)
    observations, commands, differences = [engine.intro], list[str](), list[Difference]()
    if turns and _beginning(turns[0].observation) != _beginning(engine.intro):
        differences.append(Difference(-1, "", turns[0].observation, engine.intro))
    for number, turn in enumerate(turns):
        command = _in_dialect(turn.action, game)
        answer = engine.step(command)
        commands.append(command)
        observations.append(answer)
        if (
            turn.answer is not None
            and _plain(turn.answer) != _plain(answer)
            and not (engine.won and _is_praise(turn.answer))
        ):
            differences.append(Difference(number, command, turn.answer, answer))
        if engine.won:
            break
    return Replay(game.id, tuple(observations), tuple(commands), engine.won, tuple(differences))


class GameFinder:
    """Finds the official game that a logged conversation was played in, by its first observation.

    Args:
        games: The games.
        splits: Where to look.
    """

    def __init__(self, games: OfficialGames, splits: Iterable[str] = ("train",)) -> None:
        self._games = games
        self._ids: dict[str, list[str]] = defaultdict(list)
        for split in splits:
            for game_id in games.ids(split):
                self._ids[_beginning(Engine(games.read(game_id)).intro)].append(game_id)

    def find(self, turns: Sequence[Turn]) -> Replay | None:
        """The replay with the fewest differences among the games that begin as the conversation does; None if none."""
        if not turns:
            return None
        candidates = [
            replay(turns, self._games.read(name)) for name in self._ids.get(_beginning(turns[0].observation), ())
        ]
        return min(candidates, key=lambda played: (len(played.differences), not played.won), default=None)


def _messages(record: Any) -> list[tuple[str, str]]:
    if isinstance(record, Mapping):
        record = record.get("conversations", record.get("messages"))
    if not isinstance(record, list):
        raise InvalidInputError(
            "expected a list of messages, or an object with one under 'conversations' or 'messages'"
        )
    found = []
    for number, message in enumerate(record):
        for role_key, text_key in _TEXTS:
            if (
                isinstance(message, Mapping)
                and isinstance(message.get(text_key), str)
                and message.get(role_key) in _ROLES
            ):
                found.append((_ROLES[message[role_key]], message[text_key]))
                break
        else:
            raise InvalidInputError(
                f"message {number}: expected 'from' and 'value', or 'role' and 'content', got {message!r:.120}"
            )
    return found


def _command(text: str) -> str:
    """The command in what was written: after the first "Action:", inside <action> tags, or the whole text."""
    if "<action>" in text:
        text = text.rpartition("<action>")[2].partition("</action>")[0]
    elif "Action:" in text:
        text = text.partition("Action:")[2]
    lines = text.strip().removeprefix(">").strip().splitlines()
    return lines[0].strip() if lines else ""


def _in_dialect(command: str, game: Game) -> str:
    match = _PUT.fullmatch(command)
    if match is None:
        return command
    return game.dialect.put.format(o=match["o"] or match["o2"], r=match["r"] or match["r2"])


def _plain(observation: str) -> str:
    """An answer without what differs between the years and harnesses."""
    text = _ARRIVAL.sub("", " ".join(observation.removeprefix("Observation:").split()))
    return _PUT_ANSWER.sub(lambda match: f"You move the {match[1] or match[2]} to the {match[3]}.", text).rstrip(".")


def _beginning(observation: str) -> str:
    """Room and task of a first observation, whatever prompt stands before them."""
    room = observation.rpartition(_ROOM)[2] if _ROOM in observation else observation
    return " ".join(room.split())


def _is_praise(text: str) -> bool:
    """Some logs end with a word of their own ("Task completed") in place of the last observation."""
    return not re.search(r"You |The |On |Nothing", text)

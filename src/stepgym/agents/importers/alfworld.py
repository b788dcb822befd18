"""Logged ALFWorld conversations become episodes by being played again, so that what they say is true."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stepgym.agents.episodes import End, Episode, Step
from stepgym.agents.importers.chats import ASSISTANT, OTHERS
from stepgym.agents.importers.columns import content_of, outcome_of, value_at
from stepgym.agents.importers.game_player import GamePlayer
from stepgym.agents.importers.importing import write_log
from stepgym.agents.importers.records import read_records
from stepgym.agents.importers.replays import ReplayReport
from stepgym.agents.importers.rows import OnError, Source, episodes_of
from stepgym.agents.importers.thoughts import joined, thought_of, written
from stepgym.agents.policy import Completion
from stepgym.envs.actions import ActionFormat, action_format
from stepgym.errors import InvalidInputError, unknown_name

if TYPE_CHECKING:
    from stepgym.envs.alfworld import OfficialGames, Preset, Replay
    from stepgym.envs.alfworld.conversations import Turn

ENV_ID = "stepgym/ALFWorld-v0"
FORMAT = "alfworld-conversations"

_STEP_LIMIT = 50  # of the id as it is registered
_THINK = "think:"

_COLUMNS = ("messages", "task", "reward")
_TASKS = ("task", "task_id", "game", "gamefile", "game_file", "id")
_OFFICIAL = re.compile(r"(?:^|/)((?:train|valid_train|valid_seen|valid_unseen)/[^/\s]+/[^/\s]+)")


def replay_episode(
    turns: Iterable[Turn],
    played: Replay,
    *,
    id: str,
    env_kwargs: Mapping[str, Any] | None = None,
    policy: str = "",
    outcome: float | None = None,
) -> Episode:
    """The episode that a logged conversation is when it is played again.

    Observations, rewards and the outcome are the engine's. Actions are what was written, with its thoughts, where the
    environment reads the command out of it; else thoughts and command written so that it does; the preset "react" takes
    thoughts as turns of their own. Where the environment has no place for thoughts, the action is the command alone and
    the text of the completion keeps what was written.

    What follows the goal is left out. An episode that did not reach it failed at the step limit ("step_limit") if it is
    as long as the environment lets it be, or if the log says that it failed; else it was cut by whoever logged it
    ("context", without an outcome): it is not trained on.

    Args:
        turns: From `stepgym.envs.alfworld.read_conversation`.
        played: Their replay, from `replay` or `GameFinder.find`.
        id: The episode's id.
        env_kwargs: Arguments of the environment it is of; "preset" and "actions" say how actions are read.
        policy: Who wrote it.
        outcome: What the log says came of it; None if it does not say.

    Raises:
        InvalidInputError: There was nothing to play.
    """
    from stepgym.envs.alfworld import PRESETS

    kwargs = dict(env_kwargs or {})
    preset = kwargs.get("preset", "plain")
    if preset not in PRESETS:
        raise unknown_name("preset", str(preset), PRESETS)
    rules = PRESETS[preset]
    if not played.commands:
        raise InvalidInputError("the conversation has no command")
    format = None if kwargs.get("actions") is None else action_format(kwargs["actions"])
    steps: list[Step] = []
    for n, (turn, command) in enumerate(zip(turns, played.commands, strict=False)):
        steps += _steps(turn, command, rules.show(played.observations[n]), rules, format)
    limit = rules.max_steps or _STEP_LIMIT
    if played.won:
        steps[-1] = replace(steps[-1], reward=rules.reward, terminated=True)
    elif len(steps) >= limit or (outcome is not None and outcome <= 0):
        steps = steps[:limit]
        steps[-1] = replace(steps[-1], truncated=True)
    end: End = "terminated" if played.won else "step_limit" if steps[-1].truncated else "context"
    return Episode(
        id,
        ENV_ID,
        played.task_id,
        tuple(steps),
        rules.reward if played.won else None if end == "context" else 0.0,
        end=end,
        env_kwargs=kwargs,
        policy=policy,
    )


def read_alfworld(
    source: Source,
    games: OfficialGames | str | os.PathLike[str] | None = None,
    *,
    splits: Iterable[str] | None = None,
    columns: Mapping[str, str] | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
    report: ReplayReport | None = None,
    on_error: OnError = "skip",
    policy: str = "",
) -> Iterator[Episode]:
    """Episodes of logged conversations, each played again in its game.

    A conversation is a list of `{"from": "human" | "gpt", "value"}` or `{"role", "content"}`, alone or under
    "conversations" or "messages". The game is the one that the row names under "task", "task_id", "game", "gamefile" or
    "id" (an id, or the path of an official game file); else the official game that begins as the conversation does.
    Turns that are thoughts alone ("think: ...") are counted and go with the command that follows.

    Args:
        source: `.jsonl`, `.ndjson`, `.json` (each also with `.gz`) or `.parquet`; or a folder of such files.
        games: The official games, or where they are; not needed by rows that name generated games.
        splits: Where to look for games that are not named; finding them begins every game of these splits once. None
            looks in all that are there.
        columns: Dotted paths of "messages", "task" and "reward", if they have other names; a logged reward is compared
            with what the engine says.
        env_kwargs: See `replay_episode`; "path" and "split" are added for official games.
        report: Is filled while the stream is read, differences included.
        on_error: "skip" counts conversations without a game in the report, "raise" stops at the first.
        policy: Who wrote them.
    """
    paths = dict(columns or {})
    for name in paths:
        if name not in _COLUMNS:
            raise unknown_name("field of a conversation", name, _COLUMNS)
    counted = ReplayReport() if report is None else report
    player = GamePlayer(games, splits)

    def parse(row: Mapping[str, Any], row_id: str) -> Iterator[Episode]:
        turns = _spoken(row, paths.get("messages"), counted)
        name = _game_named(row, paths.get("task"))
        played = player.play(turns, name)
        kwargs = {**(env_kwargs or {}), **player.place(played.task_id)}
        outcome = _logged_outcome(row, paths.get("reward"))
        episode = replay_episode(turns, played, id=row_id, env_kwargs=kwargs, policy=policy, outcome=outcome)
        counted.compare(row_id, played, turns=turns, outcome=outcome)
        counted.cut += episode.end == "context"
        yield episode

    return episodes_of(source, parse, counted, on_error, read=read_records, folders=True)


def import_alfworld(
    source: Source,
    out: str | os.PathLike[str],
    *,
    path: str | os.PathLike[str] | None = None,
    splits: Iterable[str] | None = None,
    preset: str = "plain",
    columns: Mapping[str, str] | None = None,
    on_error: OnError = "skip",
    policy: str = "",
) -> ReplayReport:
    """Write the episodes of logged ALFWorld conversations into the log `out`; see `read_alfworld`.

    Run again with the same arguments, it adds what is missing.

    Args:
        source: File or folder.
        out: Folder of the log.
        path: Where the official games are: a folder, a packed file, or "env"; None for generated games.
        splits: Where to look for games that are not named.
        preset: The environment's preset that the actions are written for.
        columns: Dotted paths of "messages", "task" and "reward".
        on_error: "skip" counts bad conversations, "raise" stops at the first.
        policy: Who wrote them.

    Raises:
        InvalidInputError: The file or the games cannot be read, no conversation could be played, or one is bad and
            refused.
    """
    from stepgym.envs.alfworld import PRESETS

    if preset not in PRESETS:
        raise unknown_name("preset", str(preset), PRESETS)
    report = ReplayReport()
    episodes = read_alfworld(
        source,
        path,
        splits=splits,
        columns=columns,
        env_kwargs={"preset": preset},
        report=report,
        on_error=on_error,
        policy=policy,
    )
    write_log(episodes, out, report, source=source, format=FORMAT, columns=columns)
    return report


def _spoken(row: Mapping[str, Any], path: str | None, report: ReplayReport) -> list[Turn]:
    """The turns with a command."""
    from stepgym.envs.alfworld import read_conversation

    found = row.get("conversations", row.get("messages")) if path is None else value_at(row, path)
    if not isinstance(found, list):
        raise InvalidInputError("no list of messages, under 'conversations' or 'messages' or alone")
    turns = read_conversation([_message(number, message) for number, message in enumerate(found)])
    spoken, alone = joined(turns)
    report.thoughts += alone
    return spoken


def _message(number: int, message: Any) -> dict[str, str]:
    role = message.get("role", message.get("from")) if isinstance(message, Mapping) else None
    if role not in ASSISTANT and role not in OTHERS:
        raise InvalidInputError(
            f"a message is not one of user or assistant; there is message {number}, {message!r:.80}"
        )
    kind = "assistant" if role in ASSISTANT else "system" if role in ("system", "developer") else "user"
    return {"role": kind, "content": content_of(message)}


def _game_named(row: Mapping[str, Any], path: str | None) -> str | None:
    """The id of the game that a row names; None if it names none."""
    names = [row.get(key) for key in _TASKS] if path is None else [value_at(row, path)]
    for name in names:
        if isinstance(name, str) and name.startswith("generated/"):
            return name
        if isinstance(name, str) and (official := _OFFICIAL.search(name.replace("\\", "/"))):
            return official[1]
        if path is not None and name is not None:
            raise InvalidInputError(f"{path!r} names no game; there is {name!r:.80}")
    return None  # what else stands there is a number of the harness, or a task type


def _logged_outcome(row: Mapping[str, Any], path: str | None) -> float | None:
    if path is not None:
        return outcome_of(value_at(row, path), path)
    found = row.get("reward")
    return float(found) if isinstance(found, bool | int | float) else None


def _steps(turn: Turn, command: str, observation: str, rules: Preset, format: ActionFormat | None) -> list[Step]:
    """The steps of a turn: one, or a thought and the command where thoughts are turns."""
    thought = " ".join(thought_of(turn).split())
    aloud = f"{_THINK} {thought}"
    if thought and format is None and (answer := rules.parse(aloud).answer) is not None:
        return [Step(observation, aloud), Step(answer, rules.write(command))]
    action = written(turn, command, rules, format)
    kept = not thought or thought.partition("\n")[0] in action
    return [Step(observation, action, None if kept else Completion(turn.text))]

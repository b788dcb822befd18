"""Logged ALFWorld conversations become episodes by being played again, so that what they say is true."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stepgym.agents.episodes import Episode, Step
from stepgym.agents.importers.report import ImportReport
from stepgym.agents.importers.rows import OnError, Source, episodes_of
from stepgym.errors import InvalidInputError, unknown_name
from stepgym.verifiers.verdict import printable

if TYPE_CHECKING:
    from stepgym.envs.alfworld import OfficialGames, Preset, Replay
    from stepgym.envs.alfworld.conversations import Turn

ENV_ID = "stepgym/ALFWorld-v0"
_EXAMPLES = 5


@dataclass(slots=True)
class ReplayReport(ImportReport):
    """What became of the conversations, and where they and the engine differ.

    Attributes:
        differing: Conversations with at least one difference.
        differences: Differences in all of them; see `stepgym.envs.alfworld.Replay`.
        different: The first few, each with its place.
    """

    differing: int = 0
    differences: int = 0
    different: list[str] = field(default_factory=list)

    def compare(self, episode_id: str, played: Replay) -> None:
        """Count the differences of one conversation."""
        self.differing += bool(played.differences)
        self.differences += len(played.differences)
        for found in played.differences[: _EXAMPLES - len(self.different)]:
            self.different.append(
                f"{episode_id}, turn {found.turn} ({found.command!r:.60}): "
                f"logged {found.logged[-120:]!r}, played {found.engine[-120:]!r}"
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return ImportReport.to_dict(self) | {
            "differing": self.differing,
            "differences": self.differences,
            "different": list(self.different),
        }

    def __str__(self) -> str:
        if not self.differing:
            return ImportReport.__str__(self)
        lines = [f"{self.differing:,} differ from the game, at {self.differences:,} places, for example:"]
        return "\n".join([ImportReport.__str__(self), *lines, *(f"  {printable(one)}" for one in self.different)])


def replay_episode(
    turns: Iterable[Turn],
    played: Replay,
    *,
    id: str,
    env_kwargs: Mapping[str, Any] | None = None,
    policy: str = "",
) -> Episode:
    """The episode that a logged conversation is when it is played again.

    Observations, rewards and the outcome are the engine's. Actions are what was written, with its thoughts, where the
    environment's preset reads the command out of it; else the command alone, written as the preset reads it. What
    follows the goal is left out; an episode that did not reach it was cut ("step_limit").

    Args:
        turns: From `stepgym.envs.alfworld.read_conversation`.
        played: Their replay, from `replay` or `GameFinder.find`.
        id: The episode's id.
        env_kwargs: Arguments of the environment it is of; "preset" says how actions are read and rewards given.
        policy: Who wrote it.

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
    actions = [_action(turn, command, rules) for turn, command in zip(turns, played.commands, strict=False)]
    last = len(actions) - 1
    steps = tuple(
        Step(
            rules.show(played.observations[n]),
            action,
            reward=rules.reward if played.won and n == last else 0.0,
            terminated=played.won and n == last,
            truncated=not played.won and n == last,
        )
        for n, action in enumerate(actions)
    )
    return Episode(
        id,
        ENV_ID,
        played.task_id,
        steps,
        rules.reward if played.won else 0.0,
        end="terminated" if played.won else "step_limit",
        env_kwargs=kwargs,
        policy=policy,
    )


def read_alfworld(
    source: Source,
    games: OfficialGames,
    *,
    splits: Iterable[str] = ("train",),
    env_kwargs: Mapping[str, Any] | None = None,
    report: ReplayReport | None = None,
    on_error: OnError = "skip",
    policy: str = "",
) -> Iterator[Episode]:
    """Episodes of the logged conversations of a file, each found among official games and played again there.

    Args:
        source: `.jsonl`, `.ndjson`, `.json` (each also with `.gz`) or `.parquet`, with "conversations" or "messages".
        games: The official games.
        splits: Where to look for the games; finding them begins every game of these splits once.
        env_kwargs: See `replay_episode`; "path" and "split" are added.
        report: Is filled while the stream is read, differences included.
        on_error: "skip" counts conversations without a game in the report, "raise" stops at the first.
        policy: Who wrote them.
    """
    from stepgym.envs.alfworld import GameFinder, read_conversation

    finder = GameFinder(games, splits)
    counted = ReplayReport() if report is None else report

    def parse(row: Mapping[str, Any], row_id: str) -> Iterator[Episode]:
        turns = read_conversation(row)
        played = finder.find(turns)
        if played is None:
            raise InvalidInputError("no game begins as the conversation does")
        place = {"path": str(games.root), "split": played.task_id.partition("/")[0]}
        episode = replay_episode(turns, played, id=row_id, env_kwargs={**(env_kwargs or {}), **place}, policy=policy)
        counted.compare(row_id, played)
        yield episode

    return episodes_of(source, parse, counted, on_error)


def _action(turn: Turn, command: str, rules: Preset) -> str:
    """What was written, in the syntax of the game, if that reads as the command."""
    head, _, tail = turn.text.rpartition(turn.action or turn.text or " ")
    text = head + command + tail
    move = rules.parse(text)
    return text if move.command == command and not move.malformed else rules.write(command)

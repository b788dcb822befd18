"""Episodes as the lines of a log."""

from __future__ import annotations

from stepgym.agents.episodes import Episode
from stepgym.agents.log import jsonlines
from stepgym.errors import InvalidInputError

_HUGE = 1e300


def decode(line: bytes) -> Episode:
    """The episode of a line; raises `ValueError` (of which `InvalidInputError` is one) where it is none."""
    episode = Episode.from_dict(jsonlines.decode(line))
    _check_types(episode)
    return episode


def _check_types(episode: Episode) -> None:
    for name in ("id", "env_id", "task_id", "policy"):
        if not isinstance(getattr(episode, name), str):
            raise InvalidInputError(f"{name} must be a string, got {getattr(episode, name)!r:.40}")
    if not episode.id:
        raise InvalidInputError("id must not be empty")
    if not (episode.outcome is None or _is_number(episode.outcome)):
        raise InvalidInputError(f"outcome must be a number or null, got {episode.outcome!r:.40}")
    for step in episode.steps:
        if not (isinstance(step.observation, str) and isinstance(step.action, str) and _is_number(step.reward)):
            raise InvalidInputError("a step needs observation and action as strings and reward as a number")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _HUGE


def try_decode(line: bytes, *, otherwise: str) -> tuple[Episode | None, str]:
    """The episode of a line and ""; or None and the reason `otherwise`."""
    try:
        return decode(line), ""
    except (ValueError, RecursionError):
        return None, otherwise


def is_episode(line: bytes) -> bool:
    """Whether a line holds a whole episode."""
    return try_decode(line, otherwise="")[0] is not None


def encode(episode: Episode) -> bytes:
    """The line of an episode; raises `InvalidInputError` where JSON cannot hold it."""
    try:
        return jsonlines.encode(episode.to_dict())
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInputError(f"episode {episode.id!r} cannot be written as JSON: {error}") from error

"""Thoughts of logged ALFWorld turns: found in what was written, and written as the environment reads actions."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from stepgym.envs.actions import ActionFormat, ReAct, Tagged, read_action

if TYPE_CHECKING:
    from stepgym.envs.alfworld import Preset
    from stepgym.envs.alfworld.conversations import Turn

_MARKS = re.compile(
    r"</?(?:think|action)>|^[ \t]*(?:>[ \t]*)?(?:thought|think|action)(?: ?\d{1,4})?:|\baction:[ \t]*\Z",
    re.IGNORECASE | re.MULTILINE,
)
_ALONE = "think:"


def thought_of(turn: Turn) -> str:
    """What was written besides the command, without the labels and tags of its format."""
    before, _, after = turn.text.rpartition(turn.action) if turn.action else (turn.text, "", "")
    parts = (_MARKS.sub("", part).strip().removeprefix(">").strip() for part in (before, after))
    return "\n".join(part for part in parts if part)


def joined(turns: list[Turn]) -> tuple[list[Turn], int]:
    """The turns with a command, each with the thoughts alone ("think: ...") before it; and how many those were.

    Thoughts that no command follows are left out.
    """
    spoken: list[Turn] = []
    waiting: list[Turn] = []
    alone = 0
    for turn in turns:
        if turn.action.startswith(_ALONE):
            alone += 1
            waiting.append(turn)
            continue
        if waiting:
            text = "\n".join([*(thought.text for thought in waiting), turn.text])
            turn = replace(turn, observation=waiting[0].observation, text=text)
            waiting = []
        spoken.append(turn)
    return spoken, alone


def written(turn: Turn, command: str, rules: Preset, format: ActionFormat | None) -> str:
    """The first of these texts that reads as the command: what was written, command and thoughts, the command alone."""
    head, _, tail = turn.text.rpartition(turn.action or turn.text or " ")
    thought, alone = thought_of(turn), rules.write(command)
    texts = [head + command + tail]
    if format is not None:
        texts += [format.write(alone, thought), format.write(alone)]
    elif thought:
        texts.append(ReAct().write(command, thought))
        texts.append(f"<think>{thought}</think>{Tagged().write(command)}")
    reads = _reader(rules, format)
    return next((text for text in texts if reads(text) == command), alone)


def _reader(rules: Preset, format: ActionFormat | None) -> Callable[[str], str | None]:
    """The command that the environment reads in a text; None if it has none or is malformed."""

    def read(text: str) -> str | None:
        if format is not None:
            reading = read_action(format, text)
            if reading.problem:
                return None
            text = reading.text
        move = rules.parse(text)
        return None if move.malformed else move.command

    return read

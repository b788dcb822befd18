"""Puzzles of your own, from a file of JSON lines."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike, fspath
from typing import Any

from stepgym.envs.puzzles.drawing import written
from stepgym.envs.sources import OnError, find_file, load_file
from stepgym.envs.tasks import Task, TaskList
from stepgym.errors import InvalidInputError
from stepgym.verifiers.constraints.solving import solutions_of

_PUZZLE = ("variables", "rules", "clues", "answer", "aliases")


def load_puzzles(path: str | PathLike[str], *, on_error: OnError = "raise") -> TaskList:
    """The puzzles of a file (.jsonl, .json, each also with .gz, or .parquet), each one checked to have a solution.

    A row has the keys of a reference (see `stepgym.verifiers.constraints.Puzzle`), or "reference" with all of them;
    and "prompt", or "intro", to which the clues are added with their numbers. "id" is optional; other columns and
    "unique", whether there is only one solution, become `task.meta`.
    """
    return load_file(find_file(fspath(path)), _task, on_error=on_error)


def _task(row: Mapping[str, Any], position: int, source: str) -> Task:
    reference = row.get("reference", {key: row[key] for key in _PUZZLE if key in row})
    found = solutions_of(reference)
    if not found:
        raise InvalidInputError("the puzzle has no solution: its rules and clues contradict each other")
    prompt, intro = row.get("prompt"), row.get("intro")
    if prompt is None and not isinstance(intro, str):
        raise InvalidInputError('a puzzle has a "prompt", or an "intro" to which its clues are added')
    known = {"id", "prompt", "intro", "reference", *_PUZZLE}
    meta = {**{name: value for name, value in row.items() if name not in known}, "unique": len(found) == 1}
    name = row.get("id", f"{source}/{position}")
    return Task(
        str(name) if type(name) is int else name,
        written(str(intro), reference["clues"]) if prompt is None else prompt,
        reference,
        meta,
    )

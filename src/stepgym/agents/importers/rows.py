"""The loop that all readers share: rows in, episodes out, bad rows counted or refused."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Literal, get_args

from stepgym.agents.episodes import Episode, Step
from stepgym.agents.importers.report import ImportReport
from stepgym.envs.rows import Row, file_stem, is_table, read_rows
from stepgym.errors import InvalidInputError

OnError = Literal["skip", "raise"]
Source = str | os.PathLike[str]
Parse = Callable[[Mapping[str, Any], str], Iterable[Episode | InvalidInputError]]
"""Makes the episodes of a row and of the id of the row; a bad response inside a good row is an error in the stream."""


def episodes_of(
    source: Source,
    parse: Parse,
    report: ImportReport | None,
    on_error: OnError,
    *,
    read: Callable[[Path], Iterator[Row]] = read_rows,
    folders: bool = False,
) -> Iterator[Episode]:
    """The episodes that `parse` makes of the rows of a file, as a stream.

    Args:
        source: The file.
        parse: Makes the episodes of a row.
        report: Is filled while the stream is read.
        on_error: "skip" or "raise".
        read: Reads the rows.
        folders: Whether `source` may be a folder, which `read` then reads.
    """
    if on_error not in get_args(OnError):
        raise InvalidInputError(f"on_error must be one of {get_args(OnError)}, got {on_error!r}")
    path = _file(source, folders=folders)
    report = ImportReport() if report is None else report
    report.source = path.name
    return _stream(path, parse, report, on_error, read)


def single_step(observation: str, action: str, outcome: float | None) -> tuple[Step, ...]:
    """An episode of one turn."""
    return (Step(observation, action, reward=outcome or 0.0, terminated=True),)


def _stream(
    path: Path, parse: Parse, report: ImportReport, on_error: OnError, read: Callable[[Path], Iterator[Row]]
) -> Iterator[Episode]:
    for place, row, problem in read(path):
        report.rows += 1
        for episode in _attempt(row, _row_id(path, place), parse, problem):
            if isinstance(episode, Episode):
                report.add(episode)
                yield episode
            elif on_error == "raise":
                raise InvalidInputError(f"{path}, {place}: {episode} (on_error='skip' leaves such rows out)")
            else:
                report.skip(place, str(episode))


def _attempt(
    row: Mapping[str, Any] | None, row_id: str, parse: Parse, problem: str
) -> Iterator[Episode | InvalidInputError]:
    if row is None:
        yield InvalidInputError(problem)
        return
    try:
        yield from parse(row, row_id)
    except InvalidInputError as error:
        yield error


def _file(source: Source, *, folders: bool) -> Path:
    path = Path(source).expanduser()
    if path.is_dir():
        if folders:
            return path
        raise InvalidInputError(f"{path} is a folder; name the file to import")
    if not path.is_file():
        raise InvalidInputError(f"There is no file {path} to import.")
    if not is_table(path):
        raise InvalidInputError(f"{path}: expected .jsonl, .ndjson, .json (each also with .gz) or .parquet")
    return path


def _row_id(path: Path, place: str) -> str:
    """File and number of a row; for a row of a folder, whose place begins with the file, the path below it."""
    file, comma, where = place.rpartition(", ")
    if not comma:
        return f"{file_stem(path)}:{_number(place)}"
    name = PurePosixPath(file)
    return f"{name.with_name(file_stem(Path(name.name)))}:{_number(where)}"


def _number(place: str) -> str:
    found = re.search(r"\d+", place)
    return found.group() if found else place

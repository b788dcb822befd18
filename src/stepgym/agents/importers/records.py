"""Logged conversations out of files of several shapes: objects or bare lists of messages, in lines, files, folders."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stepgym.envs.rows import Row, is_table, read_rows
from stepgym.errors import InvalidInputError

MESSAGES = "messages"
_DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile, OSError, UnicodeDecodeError)


def read_records(path: Path) -> Iterator[Row]:
    """The conversations of a file, or of all files below a folder, as rows; a bare list stands under "messages".

    `.jsonl` and `.ndjson` hold one record a line; `.json` holds one record, a list of records, lists of messages by the
    name of their game, or lines; each also with `.gz`; `.parquet` holds rows. A bad record is a row with a problem, as
    in `read_rows`. In a folder, places begin with the file, and a file that cannot be read is a bad record.
    """
    if not path.is_dir():
        yield from _file_records(path)
        return
    for file in sorted(path.rglob("*")):
        if file.is_file() and is_table(file):
            name = file.relative_to(path).as_posix()
            try:
                yield from ((f"{name}, {place}", row, problem) for place, row, problem in _file_records(file))
            except InvalidInputError as error:
                yield f"{name}, row 0", None, str(error).removeprefix(f"{file}").lstrip(": ")


def _file_records(path: Path) -> Iterator[Row]:
    name = path.name.removesuffix(".gz")
    if name.endswith(".parquet"):
        yield from read_rows(path)
    elif name.endswith(".json"):
        yield from _whole(path)
    else:
        yield from _lines(path)


def _whole(path: Path) -> Iterator[Row]:
    try:
        with _open(path) as file:
            value = json.loads(file.read().decode().removeprefix("\ufeff"))
    except _DAMAGED as error:
        raise InvalidInputError(f"{path} cannot be read: {error}") from error
    except (ValueError, RecursionError):
        yield from _lines(path)  # or, if that is what it is, each bad line with what is wrong
        return
    if isinstance(value, list) and not _is_conversation(value):
        for number, item in enumerate(value):
            yield _record(f"row {number}", item)
    elif _is_named(value):
        for number, (name, item) in enumerate(value.items()):
            yield f"row {number}", {MESSAGES: item, "task": name}, ""
    else:
        yield _record("row 0", value)


def _lines(path: Path) -> Iterator[Row]:
    number = 0
    try:
        with _open(path) as file:
            for number, line in enumerate(file, start=1):
                if not line.isspace():
                    yield _decoded(f"line {number}", line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        yield f"after line {number}", None, f"the gzip file is damaged or cut off: {error}"
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error}") from error


def _decoded(place: str, line: bytes) -> Row:
    try:
        return _record(place, json.loads(line.decode()))
    except json.JSONDecodeError as error:
        return place, None, f"not valid JSON at column {error.colno}: {error.msg}"
    except UnicodeDecodeError as error:
        return place, None, f"not UTF-8 at byte {error.start}"
    except (ValueError, RecursionError):
        return place, None, "no JSON value that can be read"


def _record(place: str, value: Any) -> Row:
    if isinstance(value, list):
        return place, {MESSAGES: value}, ""
    if isinstance(value, Mapping):
        return place, value, ""
    return place, None, f"expected a conversation, got {type(value).__name__}"


def _is_conversation(value: list[Any]) -> bool:
    first = value[0] if value else None
    return isinstance(first, Mapping) and ("from" in first or "role" in first)


def _is_named(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and not {MESSAGES, "conversations"} & value.keys()
        and any(isinstance(item, list) and _is_conversation(item) for item in value.values())
    )


def _open(path: Path) -> Any:
    return gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb")

"""The files of an episode log: which one to read, its metadata, and mending what a killed process left."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from stepgym.agents.episodes import SCHEMA
from stepgym.errors import InvalidInputError

EPISODES = "episodes.jsonl"
METADATA = "log.json"
_FORMAT = "stepgym-episode-log"


def stamp(file: Path) -> tuple[int, int]:
    """Size and time of change: equal as long as nobody wrote."""
    try:
        state = file.stat()
    except FileNotFoundError:
        return 0, 0
    return state.st_size, state.st_mtime_ns


def file_to_read(path: Path) -> Path:
    """The file with the episode lines of the log at `path`, or an `InvalidInputError` that says why it is none."""
    if path.is_file():
        if path.name.endswith((".jsonl", ".jsonl.gz", ".json", ".ndjson")):
            return path
        raise InvalidInputError(f"{path} is not an episode log: expected a folder, a .jsonl or a .jsonl.gz file")
    if not path.is_dir():
        raise InvalidInputError(f"There is no episode log at {path}: no such file or folder.")
    if not (path / EPISODES).exists() and not (path / METADATA).exists():
        raise InvalidInputError(
            f"{path} is not an episode log: it holds no {EPISODES}. "
            f"Make one with `stepgym collect` or `stepgym import`."
        )
    return path / EPISODES


def read_metadata(file: Path) -> dict[str, Any]:
    """The `meta` kept beside the episode file; empty where there is none."""
    path = file.parent / METADATA
    if file.name != EPISODES or not path.exists():
        return {}
    try:
        record = json.loads(path.read_bytes())
        if not isinstance(record, dict) or record.get("format") != _FORMAT:
            raise InvalidInputError(f"format is not {_FORMAT!r}")
        if not isinstance(record.get("schema"), int) or record["schema"] > SCHEMA:
            raise InvalidInputError(f"schema {record.get('schema')!r} is not one this version reads (up to {SCHEMA})")
        return dict(record.get("meta") or {})
    except (OSError, ValueError, TypeError) as error:
        raise InvalidInputError(f"{path} is not the metadata of an episode log: {error}") from error


def write_metadata(folder: Path, meta: Mapping[str, Any]) -> None:
    """Write `log.json` whole or not at all."""
    from stepgym import __version__

    record = {
        "format": _FORMAT,
        "schema": SCHEMA,
        "stepgym": __version__,
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "meta": dict(meta),
    }
    try:
        text = json.dumps(record, indent=2, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"meta must hold JSON values: {error}") from error
    # Written aside and renamed, so that a killed process never leaves half a file.
    temporary = folder / f".{METADATA}.tmp"
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(folder / METADATA)


def mend_tail(descriptor: int, is_whole: Callable[[bytes], bool]) -> None:
    """Give a whole last line its missing end, cut a torn one away."""
    size = os.fstat(descriptor).st_size
    if size == 0 or os.pread(descriptor, 1, size - 1) == b"\n":
        return
    start = _last_line_start(descriptor, size)
    if is_whole(os.pread(descriptor, size - start, start)):
        os.write(descriptor, b"\n")
    else:
        os.ftruncate(descriptor, start)
    os.fsync(descriptor)


def _last_line_start(descriptor: int, size: int) -> int:
    end = size
    while end > 0:
        begin = max(0, end - 65536)
        found = os.pread(descriptor, end - begin, begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return 0


def sync_folder(folder: Path) -> None:
    """Make sure that a new file in `folder` is found again after a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

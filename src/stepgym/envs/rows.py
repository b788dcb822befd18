"""Rows of files: JSON lines (also gzipped), a JSON array, Parquet; each with its place, or with what is wrong there."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, cast

from stepgym.errors import InvalidInputError, require

Row = tuple[str, Mapping[str, Any] | None, str]
"""Place ("line 17"), the row or None, and the problem if it is None."""

_JSON_LINES = (".jsonl", ".ndjson", ".json")


def is_table(path: Path) -> bool:
    """Whether `read_rows` knows this kind of file, by its name."""
    name = path.name.removesuffix(".gz")
    return name.endswith(_JSON_LINES) or path.name.endswith(".parquet")


def file_stem(path: Path) -> str:
    """The file's name without ".jsonl.gz" and the like."""
    return path.name.removesuffix(".gz").rsplit(".", 1)[0]


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of `path`; a bad line is a row with a problem, a file that cannot be read raises `InvalidInputError`."""
    if path.name.endswith(".parquet"):
        yield from _parquet_rows(path)
        return
    try:
        with _open(path) as file:
            if path.name.removesuffix(".gz").endswith(".json") and _begins_with_bracket(file):
                yield from _array_rows(file, path)
            else:
                yield from _line_rows(file)
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error}") from error


def _open(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path, "rb")) if path.name.endswith(".gz") else path.open("rb")


def _line_rows(file: BinaryIO) -> Iterator[Row]:
    number = 0
    lines = iter(file)
    while True:
        try:
            line = next(lines, None)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            yield f"after line {number}", None, f"the gzip file is damaged or cut off: {error}"
            return
        if line is None:
            return
        number += 1
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if line.isspace():
            continue
        try:
            row = _decode(line.decode())
        except (ValueError, RecursionError) as error:
            yield f"line {number}", None, _reason(error)
            continue
        if isinstance(row, dict):
            yield f"line {number}", row, ""
        else:
            yield f"line {number}", None, f"expected a JSON object, got {type(row).__name__}"


def _array_rows(file: BinaryIO, path: Path) -> Iterator[Row]:
    try:
        rows = _decode(file.read().decode())
    except (ValueError, RecursionError, EOFError, zlib.error) as error:
        raise InvalidInputError(f"{path}: {_reason(error)}") from error
    for number, row in enumerate(cast("list[Any]", rows)):
        if isinstance(row, dict):
            yield f"row {number}", row, ""
        else:
            yield f"row {number}", None, f"expected a JSON object, got {type(row).__name__}"


def _parquet_rows(path: Path) -> Iterator[Row]:
    parquet = require("pyarrow.parquet", extra="data")
    arrow = require("pyarrow", extra="data")
    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches():
                for row in batch.to_pylist():
                    yield f"row {number}", row, ""
                    number += 1
    except (arrow.ArrowException, OSError) as error:
        raise InvalidInputError(f"{path} is not a Parquet file that can be read: {error}") from error


def _begins_with_bracket(file: BinaryIO) -> bool:
    beginning = file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    file.seek(0)
    return beginning.startswith(b"[")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


_decoder = json.JSONDecoder(parse_constant=_no_constant)


def _decode(text: str) -> Any:
    return _decoder.decode(text.removeprefix("\ufeff"))


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"not valid JSON at column {error.colno}: {error.msg}"
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 at byte {error.start}"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return str(error)

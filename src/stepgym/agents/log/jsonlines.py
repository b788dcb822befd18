"""JSON lines as bytes on disk: reading with line numbers and a reason for every bad line, and strict writing."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, cast

from stepgym.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class Problem:
    """A line of a log that is not an episode.

    Attributes:
        line: Its number, from 1.
        reason: What is wrong with it, in one sentence.
    """

    line: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))  # made once: that is slow


def encode(record: Mapping[str, Any]) -> bytes:
    """`record` as one line with its end; raises `ValueError`, `TypeError` or `RecursionError` if JSON cannot hold it.

    NaN and infinities are refused: other programs could not read the line.
    """
    try:
        return _encoder.encode(record).encode() + b"\n"
    except UnicodeEncodeError:
        # Half a surrogate pair cannot be UTF-8; as an escape it survives.
        return json.dumps(record, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


_decoder = json.JSONDecoder(parse_constant=_no_constant)


def decode(line: bytes) -> dict[str, Any]:
    """The object of a line; raises `ValueError` or `RecursionError`, for which `reason` has the words."""
    record = _decoder.decode(line.decode().strip())
    if not isinstance(record, dict):
        raise InvalidInputError(f"expected a JSON object, got {type(record).__name__}")
    return record


def reason(error: Exception) -> str:
    """One sentence about an error of `decode`."""
    if isinstance(error, json.JSONDecodeError):
        return f"not valid JSON at column {error.colno}: {error.msg}"
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 at byte {error.start}"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return str(error)


def lines(file: Path) -> Iterator[tuple[int, bytes, str | None]]:
    """Number, bytes and, for a last line without an end, the reason it may be cut off; blank lines are left out.

    Reads `.gz` files unpacked. A file that does not exist has no lines; one that cannot be read raises
    `InvalidInputError`.
    """
    if not file.exists():
        return
    number = 0
    try:
        with _open(file) as stream:
            for number, line in enumerate(stream, start=1):
                if not line.endswith(b"\n"):
                    yield number, line, "cut off: the line has no end"
                elif not line.isspace():
                    yield number, line, None
    except EOFError:
        yield number + 1, b"", "cut off: the compressed file has no end"
    except (OSError, zlib.error) as error:
        raise InvalidInputError(f"cannot read {file}: {getattr(error, 'strerror', None) or error}") from error


def _open(file: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(file) if file.suffix == ".gz" else file.open("rb"))

"""`GameStore`: many games in one file, found by id and read one at a time.

Layout: a line of magic, the position and length of the index (two unsigned 64-bit numbers, big endian), the games
(compressed JSON each), the index (compressed JSON). Nothing in it is executed when read.
"""

from __future__ import annotations

import json
import os
import struct
import tempfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from stepgym.envs.alfworld.codec import decode, decode_dialect, encode, encode_dialect
from stepgym.envs.alfworld.world import Dialect, Game
from stepgym.errors import InvalidInputError

MAGIC = b"stepgym alfworld games 1\n"
_PLACE = struct.Struct(">QQ")
_LARGEST_INDEX = 64 << 20


class GameStore:
    """The games of one file.

    Args:
        path: A file written by `write_store`.

    Attributes:
        task_types: The ids, in order, with the task type of each.
        skipped: Files that were left out when it was written, each with the reason.
        broken: Those of them that were damaged or missing: path, time of change and size.

    Raises:
        InvalidInputError: The file cannot be read or is no such file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        try:
            self._file: BinaryIO = self.path.open("rb")
            index = _read_index(self._file)
        except OSError as error:
            raise InvalidInputError(f"{self.path}: cannot be read: {error}") from error
        except (zlib.error, struct.error, ValueError, OverflowError) as error:
            raise InvalidInputError(
                f"{self.path}: not a store of ALFWorld games, or cut off ({error}); write it again"
            ) from error
        try:
            self._dialects: Sequence[Dialect] = [decode_dialect(value) for value in index["dialects"]]
            self._places = {str(name): (int(at), int(length)) for name, _, at, length in index["games"]}
            self.task_types: Mapping[str, str] = {str(name): str(kind) for name, kind, _, _ in index["games"]}
            self.skipped: tuple[str, ...] = tuple(map(str, index["skipped"]))
            self.broken = tuple((Path(name), int(time), int(size)) for name, time, size in index["broken"])
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInputError(
                f"{self.path}: the index of the store is damaged: {error}; write it again"
            ) from error

    def read(self, game_id: str) -> Game:
        """The game with this id, which must be one of `task_types`."""
        at, length = self._places[game_id]
        try:
            # Not seek and read: threads and forked workers share the position of the file.
            data = os.pread(self._file.fileno(), length, at)
        except (OSError, ValueError, OverflowError) as error:
            raise InvalidInputError(f"{self.path}: {game_id} cannot be read: {error}") from error
        return decode(data, game_id, self._dialects)

    def __deepcopy__(self, memo: dict[int, Any]) -> GameStore:
        return self  # read-only

    def __reduce__(self) -> tuple[type[GameStore], tuple[Path]]:
        return GameStore, (self.path,)

    def __del__(self) -> None:
        if "_file" in self.__dict__:
            self._file.close()

    def __repr__(self) -> str:
        return f"GameStore({str(self.path)!r}, games={len(self.task_types)}, skipped={len(self.skipped)})"


def write_store(
    path: str | os.PathLike[str],
    games: Iterable[Game],
    *,
    skipped: Sequence[str] = (),
    broken: Sequence[tuple[str, int, int]] = (),
) -> None:
    """Write `games` into one file, which appears whole or not at all.

    Args:
        path: Where; an existing file is replaced.
        games: The games, with different ids.
        skipped: What was left out, with reasons. Read after `games` is used up, so it may grow meanwhile.
        broken: The damaged and missing files among them; see `GameStore`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    dialects: list[Dialect] = []
    index: list[tuple[str, str, int, int]] = []
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(MAGIC + _PLACE.pack(0, 0))
            for game in games:
                data = encode(game, dialects)
                index.append((game.id, game.goal.task_type, file.tell(), len(data)))
                file.write(data)
            if len({game_id for game_id, *_ in index}) < len(index):
                raise InvalidInputError("two games have the same id; ids must be unique")
            value = {
                "dialects": list(map(encode_dialect, dialects)),
                "games": index,
                "skipped": list(skipped),
                "broken": list(broken),
            }
            data, at = zlib.compress(json.dumps(value).encode()), file.tell()
            file.write(data)
            file.seek(len(MAGIC))
            file.write(_PLACE.pack(at, len(data)))
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def is_store(path: Path) -> bool:
    """Whether the file begins as a store does."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def _read_index(file: BinaryIO) -> dict[str, Any]:
    if file.read(len(MAGIC)) != MAGIC:
        raise ValueError("it does not begin as one")
    at, length = _PLACE.unpack(file.read(_PLACE.size))
    file.seek(at)
    unpacker = zlib.decompressobj()
    text = unpacker.decompress(file.read(min(length, _LARGEST_INDEX)), _LARGEST_INDEX)
    if not unpacker.eof:
        raise ValueError("its index is incomplete")
    index = json.loads(text)
    if not isinstance(index, dict):
        raise ValueError("its index is no object")
    return index

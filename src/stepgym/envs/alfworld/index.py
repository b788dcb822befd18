"""Reading a folder of official games once, into a store in the cache folder."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from stepgym.envs.alfworld.problems import GAME_FILE, UnsolvableError, read_game_file
from stepgym.envs.alfworld.store import GameStore, is_store, write_store
from stepgym.envs.alfworld.world import Game
from stepgym.errors import InvalidInputError

_open: WeakValueDictionary[tuple[Any, ...], GameStore] = WeakValueDictionary()


def cache_folder() -> Path:
    """Where derived files are kept: `$STEPGYM_CACHE`, or the user's cache folder."""
    if chosen := os.environ.get("STEPGYM_CACHE"):
        return Path(chosen).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "stepgym"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "stepgym"


class GameFolder:
    """The games of one split in a folder, and what was left out while they were read."""

    def __init__(self, folder: Path, split: str) -> None:
        self._folder, self._split = folder, split
        self.skipped: list[str] = []
        self.broken: list[tuple[str, int, int]] = []

    def games(self) -> Iterator[Game]:
        """The games, in the order of their ids; afterwards warns of damaged files."""
        for task in _folders(self._folder):
            if "movable" in task or "Sliced" in task:
                self.skipped.append(
                    f"{self._folder / task}: tasks with movable receptacles or slices are not part of the text games"
                )
                continue
            for trial in _folders(self._folder / task):
                file = self._folder / task / trial / GAME_FILE
                if not file.is_file():
                    self.skipped.append(f"{file}: there is no such file, perhaps unpacked only in part")
                    continue
                try:
                    yield read_game_file(file, f"{self._split}/{task}/{trial}")
                except InvalidInputError as error:
                    self.skipped.append(str(error))
                    if not isinstance(error, UnsolvableError):
                        self.broken.append((str(file), *_stamp(file)))
        if self.broken:
            reason = next(reason for reason in self.skipped if reason.startswith(self.broken[0][0]))
            warnings.warn(
                f"{len(self.broken)} damaged or foreign game files are left out, the first: {reason:.400}",
                RuntimeWarning,
                stacklevel=2,
            )


def _folders(folder: Path) -> list[str]:
    return sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())


def cached_store(folder: Path, split: str) -> GameStore:
    """The store of one split, from the cache if the folder is as it was."""
    stamp = hashlib.sha256(repr(("2", str(folder), *_stamps(folder))).encode()).hexdigest()[:20]
    path = cache_folder() / "alfworld" / f"{split}-{stamp}.games"
    if is_store(path):
        try:
            store = open_store(path)
            if all(_stamp(file) == (time, size) for file, time, size in store.broken):
                return store
        except InvalidInputError:
            pass  # a cache: whatever is wrong with it, it is made again
    content = GameFolder(folder, split)
    try:
        write_store(path, content.games(), skipped=content.skipped, broken=content.broken)
    except OSError:
        content = GameFolder(folder, split)
        path = Path(tempfile.mkdtemp(prefix="stepgym-")) / path.name
        write_store(path, content.games(), skipped=content.skipped, broken=content.broken)
    return open_store(path)


def _stamp(file: Path) -> tuple[int, int]:
    """Time of change and size, (0, 0) if there is no such file."""
    try:
        stat = file.stat()
    except OSError:
        return 0, 0
    return stat.st_mtime_ns, stat.st_size


def _stamps(folder: Path) -> Iterator[tuple[str, int]]:
    yield "", folder.stat().st_mtime_ns
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        yield entry.name, entry.stat().st_mtime_ns


def open_store(path: Path) -> GameStore:
    """The store in a file, opened once while anyone holds it and the file does not change."""
    stat = path.stat()
    key = (path, stat.st_mtime_ns, stat.st_size)
    store = _open.get(key)
    if store is None:
        store = _open[key] = GameStore(path)
    return store

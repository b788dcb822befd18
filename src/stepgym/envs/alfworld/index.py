"""Reading a folder of official games once, into a store in the cache folder."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from stepgym.envs.alfworld.problems import GAME_FILE, UnsolvableError, read_game_file
from stepgym.envs.alfworld.store import GameStore, is_store, write_store
from stepgym.envs.alfworld.world import Game
from stepgym.errors import InvalidInputError

# With this many games a split is whole, and what else is in its folder was never meant to be played.
_WHOLE = {"train": 3553, "valid_train": 200, "valid_seen": 140, "valid_unseen": 134}

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
    """The games of one split in a folder.

    Attributes:
        count: How many were read so far.
        skipped: What was left out, each with the reason.
        broken: The damaged and the missing files among it: path, time of change and size (0, 0 for missing ones).
    """

    def __init__(self, folder: Path, split: str) -> None:
        self._folder, self._split = folder, split
        self.count = 0
        self.skipped: list[str] = []
        self.broken: list[tuple[str, int, int]] = []

    def games(self) -> Iterator[Game]:
        """The games, in the order of their ids."""
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
                    self.broken.append((str(file), 0, 0))
                    continue
                try:
                    game = read_game_file(file, f"{self._split}/{task}/{trial}")
                except InvalidInputError as error:
                    self.skipped.append(str(error))
                    if not isinstance(error, UnsolvableError):
                        self.broken.append((str(file), *_stamp(file)))
                else:
                    self.count += 1
                    yield game


def warn_of_gaps(split: str, count: int, skipped: Sequence[str], broken: Sequence[tuple[str | Path, int, int]]) -> None:
    """Warn of damaged files, and of missing ones if the `count` games that are there are not the whole split."""
    damaged = [str(file) for file, time, _ in broken if time]
    missing = [str(file) for file, time, _ in broken if not time] if count < _WHOLE[split] else []
    if damaged or missing:
        first = (damaged + missing)[0]
        reason = next((reason for reason in skipped if reason.startswith(first)), first)
        counts = ((len(damaged), "damaged or foreign"), (len(missing), "missing"))
        found = " and ".join(f"{number:,} {what} game file{'s' * (number > 1)}" for number, what in counts if number)
        warnings.warn(
            f"{split} is left without {found} (games that can be played: {count:,}); the first: {reason:.400}",
            RuntimeWarning,
            stacklevel=3,
        )


def _folders(folder: Path) -> list[str]:
    return sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())


def cached_store(folder: Path, split: str) -> GameStore:
    """The store of one split, from the cache if the folder is as it was."""
    stamp = hashlib.sha256(repr(("3", str(folder), *_stamps(folder))).encode()).hexdigest()[:20]
    path = cache_folder() / "alfworld" / f"{split}-{stamp}.games"
    if is_store(path):
        try:
            store = open_store(path)
            if _is_current(store, split):
                warn_of_gaps(split, len(store.task_types), store.skipped, store.broken)
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
    warn_of_gaps(split, content.count, content.skipped, content.broken)
    return open_store(path)


def _is_current(store: GameStore, split: str) -> bool:
    """Whether the files that could not be read are as they were; missing ones matter while the split is not whole."""
    whole = len(store.task_types) >= _WHOLE[split]
    return all(_stamp(file) == (time, size) for file, time, size in store.broken if time or not whole)


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

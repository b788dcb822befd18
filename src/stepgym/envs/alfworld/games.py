"""Finding official games: folders and packed stores, splits, stable ids.

An id is `split/DIR/TRIAL`, the place of the game below `json_2.1.1`. A folder is read once: its games go into a store
in the cache folder (`STEPGYM_CACHE`, or the user's), which later processes open at once.
"""

from __future__ import annotations

import bisect
import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from stepgym.envs.alfworld.index import GameFolder, cached_store, open_store, warn_of_gaps
from stepgym.envs.alfworld.problems import GAME_FILE
from stepgym.envs.alfworld.store import GameStore, is_store, write_store
from stepgym.envs.alfworld.world import TASK_TYPES, Game
from stepgym.errors import InvalidInputError, UnknownNameError, unknown_name

SPLITS = ("train", "valid_train", "valid_seen", "valid_unseen")
DATA_VARIABLE = "ALFWORLD_DATA"

_FOLDER = "json_2.1.1"


class OfficialGames:
    """The official games below a folder, or in one packed file.

    Args:
        path: The folder that holds `json_2.1.1`, or a file written by `pack`, or "env" for `$ALFWORLD_DATA`.

    Raises:
        InvalidInputError: There are no games at `path`.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.root = find_data(path)
        self._stores: dict[str, GameStore] = {}
        if self.root.is_file():
            packed = open_store(self.root)
            self._stores = dict.fromkeys(SPLITS, packed)

    def ids(self, split: str, task_types: Iterable[str | int] | None = None) -> tuple[str, ...]:
        """The ids of a split, sorted; only those of some task types (names, or ALFWorld's numbers 1 to 6)."""
        kinds = task_type_names(task_types)
        known = self._store(split).task_types.items()
        found = tuple(name for name, kind in known if kind in kinds and name.startswith(f"{split}/"))
        if not found:
            skipped = self._store(split).skipped
            raise InvalidInputError(
                f"{self.root} has no games in the split {split!r} of the task types {', '.join(kinds)}"
                + (f"; left out: {len(skipped):,}, the first: {skipped[0]:.400}" if skipped else "")
            )
        return found

    def read(self, game_id: str) -> Game:
        """The game with this id, of any split; raises `UnknownNameError`, which suggests near ids."""
        return self._find(game_id).read(game_id)

    def file(self, game_id: str) -> Path:
        """The file of the game with this id."""
        self._find(game_id)
        if self.root.is_file():
            raise InvalidInputError(
                f"{self.root} is packed and holds no original files, which backend='textworld' needs; "
                "give the folder with the game files"
            )
        return self.root / game_id / GAME_FILE

    def skipped(self, split: str) -> tuple[str, ...]:
        """The files of a split that cannot be played, each with the reason."""
        return self._store(split).skipped

    def _find(self, game_id: str) -> GameStore:
        split = game_id.partition("/")[0]
        store = self._store(split) if split in SPLITS and self._has(split) else None
        if store is None or game_id not in store.task_types:
            raise self._unknown(game_id, split)
        return store

    def _unknown(self, game_id: str, split: str) -> UnknownNameError:
        """The error for an id that no game has; compares with those of similar ids only, as there are thousands."""
        ids = sorted({name for store in self._stores.values() for name in store.task_types})
        place = bisect.bisect(ids, game_id)
        near = ids[max(0, place - 300) : place + 300]
        wanted = game_id[:200].removeprefix(f"{split}/").lower()
        near += [name for name in ids if wanted and wanted in name.lower()][:300]
        lacking = f"; there is no folder {split!r}" if split in SPLITS and not self._has(split) else ""
        return unknown_name("game", game_id[:200], set(near), hint=f"(Games of {self.root}{lacking}.)")

    def _has(self, split: str) -> bool:
        return split in self._stores or (self.root / split).is_dir()

    def _store(self, split: str) -> GameStore:
        if split not in SPLITS:
            raise unknown_name("split", split, SPLITS)
        store = self._stores.get(split)
        if store is None:
            folder = self.root / split
            if not folder.is_dir():
                there = ", ".join(one for one in SPLITS if (self.root / one).is_dir())
                raise InvalidInputError(f"{self.root} has no folder {split!r}; there are: {there}")
            store = self._stores[split] = cached_store(folder, split)
        return store

    def __deepcopy__(self, memo: dict[int, Any]) -> OfficialGames:
        return self  # read-only; Gymnasium copies the arguments of every environment it makes


def game_ids(
    path: str | os.PathLike[str], split: str = "train", *, task_types: Iterable[str | int] | None = None
) -> tuple[str, ...]:
    """The ids of the official games at `path`, sorted.

    Args:
        path: See `OfficialGames`.
        split: One of `SPLITS`.
        task_types: Only these, by name or by ALFWorld's number (1 to 6).
    """
    if path is None:
        raise InvalidInputError(
            "generated games are endless, so there is no list of them; path= names a folder of official games"
        )
    return OfficialGames(path).ids(split, task_types)


def pack(path: str | os.PathLike[str], out: str | os.PathLike[str], *, splits: Collection[str] = SPLITS) -> GameStore:
    """Write the games of a folder into one file, which `path=` then takes; a folder of 350 MB becomes a few MB.

    Args:
        path: See `OfficialGames`.
        out: The file to write.
        splits: Which splits; those that the folder does not have are left out.
    """
    root = find_data(path)
    if root.is_file():
        raise InvalidInputError(f"{root} is packed already")
    for split in splits:
        if split not in SPLITS:
            raise unknown_name("split", split, SPLITS)
    parts = {split: GameFolder(root / split, split) for split in splits if (root / split).is_dir()}
    skipped: list[str] = []

    def games() -> Iterator[Game]:
        for split, part in parts.items():
            yield from part.games()
            skipped.extend(part.skipped)
            warn_of_gaps(split, part.count, part.skipped, part.broken)

    write_store(out, games(), skipped=skipped)
    return GameStore(out)


def find_data(path: str | os.PathLike[str]) -> Path:
    """The folder that holds the splits, or the packed file, that `path` names."""
    if path == "env":
        value = os.environ.get(DATA_VARIABLE)
        if not value:
            raise InvalidInputError(f"path='env' reads the folder from ${DATA_VARIABLE}, which is not set")
        path = value
    if not isinstance(path, str | os.PathLike) or not str(path):
        raise InvalidInputError(f"path must name a folder or a packed file, got {path!r:.80}")
    root = Path(path).expanduser().absolute()
    if root.is_file():
        if not is_store(root):
            raise InvalidInputError(f"{root}: expected a folder, or a file written by `stepgym alfworld pack`")
        return root
    for candidate in (root / _FOLDER, root):
        if any((candidate / split).is_dir() for split in SPLITS):
            return candidate
    what = "there is no such folder" if not root.is_dir() else f"it holds neither {_FOLDER} nor one of its splits"
    raise InvalidInputError(
        f"no ALFWorld games at {root}: {what}. Give the folder that holds {_FOLDER}/train and so on "
        "(`alfworld-download` makes it), or path=None for generated games."
    )


def task_type_names(task_types: Iterable[str | int] | None) -> tuple[str, ...]:
    """Task types by name, given by name or ALFWorld's number; None is all six."""
    if task_types is None:
        return TASK_TYPES
    if not isinstance(task_types, Iterable) or isinstance(task_types, str):
        task_types = (task_types,)
    names = []
    for kind in task_types:
        if isinstance(kind, int) and not isinstance(kind, bool) and 1 <= kind <= len(TASK_TYPES):
            names.append(TASK_TYPES[kind - 1])
        elif kind in TASK_TYPES:
            names.append(str(kind))
        else:
            raise unknown_name("task type", str(kind)[:80], TASK_TYPES, hint="(Or their numbers, 1 to 6.)")
    if not names:
        raise InvalidInputError("task_types must name at least one task type, or be None for all")
    return tuple(dict.fromkeys(names))

"""Folders that are written whole or not at all, whatever kills the process.

Files go to a hidden staging folder and are synced to disk; then renames put them in place. Checkpoints and caches are
sealed besides: a manifest of sizes and checksums tells later whether they are still what was written.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
STAGING = ".saving"
_READY = ".saved"
_OLD = ".replaced"
_CHUNK = 1 << 20


@contextlib.contextmanager
def whole_folder(folder: Path | str) -> Iterator[Path]:
    """A staging folder whose files replace those of `folder` when the block ends, all of them or none.

    Files of `folder` that the block does not write stay. After an exception `folder` is as before.
    """
    target = Path(folder)
    settle(target)
    staging = target / STAGING
    staging.mkdir(parents=True)
    try:
        yield staging
        sync_tree(staging)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    # From here on the new files win, also if the process dies now: the next `settle` goes on.
    staging.rename(target / _READY)
    _sync(target)
    settle(target)


def settle(folder: Path | str) -> None:
    """Finish in `folder` what a killed `whole_folder` had written whole, and remove what it had not."""
    target = Path(folder)
    if (target / _READY).is_dir():
        _move_in(target / _READY, target)
    for leftover in (STAGING, _READY, _OLD):
        _delete(target / leftover)


def seal(folder: Path, **facts: Any) -> None:
    """Write the manifest of `folder`, with `facts` (JSON values) beside the files, and sync everything to disk."""
    files = {
        path.relative_to(folder).as_posix(): [path.stat().st_size, _checksum(path)]
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    (folder / MANIFEST).write_text(json.dumps({"files": files, **facts}, indent=1) + "\n", encoding="utf-8")
    sync_tree(folder)


def sync_tree(folder: Path) -> None:
    """Make sure that all of `folder` is found again after a power cut."""
    for path in (*folder.rglob("*"), folder):
        if path.is_file() or path.is_dir():
            _sync(path)


def facts_of(folder: Path) -> dict[str, Any] | None:
    """What `seal` wrote, with the files' sizes and checksums under "files"; None without a readable manifest."""
    try:
        facts = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return facts if isinstance(facts, dict) and isinstance(facts.get("files"), dict) else None


def defect(folder: Path, *, contents: bool = True) -> str:
    """What differs between `folder` and its manifest, or "" if it is whole.

    Args:
        folder: A folder that was sealed.
        contents: Also read the files and compare checksums, not only sizes.
    """
    facts = facts_of(folder)
    if facts is None:
        return f"it has no readable {MANIFEST}"
    for name, entry in facts["files"].items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        size, checksum = entry
        if path.stat().st_size != size:
            return f"{name} has {path.stat().st_size:,} bytes instead of {size:,}"
        if contents and _checksum(path) != checksum:
            return f"{name} is not what was written"
    return ""


def publish(staging: Path, target: Path) -> None:
    """Rename the sealed folder `staging` to `target`; what was there is removed."""
    remove(target)
    staging.rename(target)
    _sync(target.parent)


def remove(folder: Path) -> None:
    """Remove `folder`; killed meanwhile, it is gone under its name all the same, and `sweep` deletes the rest."""
    # A name of its own: several processes may remove what they find under one name, one after the other.
    aside = folder.parent / f".{folder.name}{_OLD}-{uuid.uuid4().hex[:8]}"
    with contextlib.suppress(FileNotFoundError):
        folder.rename(aside)
        _delete(aside)


def sweep(parent: Path) -> None:
    """Delete what a killed `remove` left in `parent`."""
    for leftover in parent.glob(f".*{_OLD}*"):
        _delete(leftover)


def write_whole(path: Path, text: str) -> None:
    """Write `text` to `path`, all of it or nothing."""
    aside = path.with_name(f".{path.name}.tmp")
    aside.write_text(text, encoding="utf-8")
    _sync(aside)
    aside.replace(path)


def _move_in(ready: Path, target: Path) -> None:
    """Put each entry of `ready` in its place; repeatable, if it was interrupted."""
    old = target / _OLD
    old.mkdir(exist_ok=True)
    for entry in sorted(ready.iterdir()):
        place = target / entry.name
        if place.is_dir() or (entry.is_dir() and place.exists()):
            # A folder cannot be renamed over another that holds files.
            _delete(old / entry.name)
            place.rename(old / entry.name)
        entry.rename(place)
    _sync(target)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _checksum(path: Path) -> int:
    value = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            value = zlib.crc32(chunk, value)
    return value


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

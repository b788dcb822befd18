"""The folder of one user where precompiled headers and programs under test lie."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

from stepgym.errors import InvalidInputError

_PREFIX = "run-"


def open_cache(folder: str | os.PathLike[str] | None) -> Path:
    """The cache folder, made when it is not there: ours alone, or nothing in it could be trusted.

    Without a `folder` it is `stepgym/cpp` in the user's cache folder, or a new temporary one where that cannot be
    made or belongs to somebody else.
    """
    if folder is not None:
        place = Path(folder).expanduser().absolute()
        if not _make_private(place):
            raise InvalidInputError(
                f"{place} must be a folder that belongs to you and that nobody else can write to (chmod 700)"
            )
        return place
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    place = Path(home) / "stepgym" / "cpp"
    if place.is_absolute() and _make_private(place):
        return place
    return Path(tempfile.mkdtemp(prefix="stepgym-cpp-"))


def new_run_folder(cache: Path, *, passable: bool = False) -> Path:
    """A new folder for programs, named after this process; those of ended processes are removed.

    Args:
        cache: The cache folder, below which it lies, so that precompiled headers can be linked into it.
        passable: Make one in the folder for temporary files that other users may pass through: a sandbox that gives up
            the rights of root cannot reach a private one.
    """
    parent = Path(tempfile.gettempdir()) if passable else cache
    prefix = f"stepgym-cpp-{_PREFIX}" if passable else _PREFIX
    for left in parent.glob(f"{prefix}*"):
        process = left.name.removeprefix(prefix).partition("-")[0]
        if process.isdigit() and int(process) != os.getpid() and not _alive(int(process)):
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{prefix}{os.getpid()}-", dir=parent))
    if passable:
        folder.chmod(0o711)
    return folder


def _make_private(place: Path) -> bool:
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = place.lstat()
    except OSError:
        return False
    if not stat.S_ISDIR(found.st_mode):
        return False
    if found.st_uid != os.geteuid():
        return False
    if found.st_mode & 0o022:
        with contextlib.suppress(OSError):
            place.chmod(0o700)
        return not place.lstat().st_mode & 0o022
    return os.access(place, os.W_OK | os.X_OK)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True

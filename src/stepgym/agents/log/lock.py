"""`FolderLock`: one writer per folder, given up by the operating system when the process dies."""

from __future__ import annotations

import contextlib
import os
import socket
import weakref
from pathlib import Path

from stepgym.errors import InvalidInputError

try:
    import fcntl
except ImportError:  # pragma: no cover - platforms without POSIX locks use the file that names its owner
    fcntl = None  # type: ignore[assignment]

LOG_LOCK = ".lock"
RUN_LOCK = ".run-lock"  # of a whole run, which may write logs into its folder that have locks of their own
_held: weakref.WeakSet[FolderLock] = weakref.WeakSet()
_fork_hook_installed = False


class FolderLock:
    """An exclusive lock on `folder`, held from construction until `release` or the death of the process.

    The lock is `flock` on the file `name` inside the folder. Where the file system has no such locks, the file itself
    is the lock: it names host and process, and is taken over when that process no longer lives.

    Raises:
        InvalidInputError: another writer holds the lock; the message names it.
    """

    def __init__(self, folder: Path, *, name: str = LOG_LOCK) -> None:
        self._path = folder / name
        self._owns_file = False
        self._descriptor = -1
        if fcntl is None or not self._flock():
            self._own_file()
        _held.add(self)
        _install_fork_hook()

    def remove(self) -> None:
        """Give the lock up and leave no file behind."""
        if self._descriptor >= 0:
            # While it is held: afterwards the file may be that of the next writer.
            self._path.unlink(missing_ok=True)
        self.release()

    def release(self) -> None:
        """Give the lock up; a second call does nothing."""
        _held.discard(self)
        if self._owns_file:
            self._owns_file = False
            self._path.unlink(missing_ok=True)
        self._close()

    def _flock(self) -> bool:
        """True if locked, False if this file system has no locks."""
        while True:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            locked = self._flock_file(descriptor)
            if not locked or _is_at(self._path, descriptor):
                return locked
            # Whoever held the lock removed the file in the meantime: nobody else would see a lock on it.
            self._close()

    def _flock_file(self, descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(descriptor, 200).decode("utf-8", "replace").strip()
            os.close(descriptor)
            raise _refusal(self._path, owner) from None
        except OSError:
            os.close(descriptor)
            self._path.unlink(missing_ok=True)
            return False
        os.ftruncate(descriptor, 0)
        os.write(descriptor, _me().encode())
        self._descriptor = descriptor
        return True

    def _own_file(self) -> None:
        for _ in range(3):
            try:
                descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
            except FileExistsError:
                owner = _read(self._path)
                if not _is_dead(owner):
                    raise _refusal(self._path, owner) from None
                self._path.unlink(missing_ok=True)
                continue
            os.write(descriptor, _me().encode())
            os.close(descriptor)
            self._owns_file = True
            return
        raise _refusal(self._path, _read(self._path))

    def _close(self) -> None:
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)


def _install_fork_hook() -> None:
    """Let forked children drop their copies, so that a surviving worker never keeps a dead writer's lock."""
    global _fork_hook_installed
    if not _fork_hook_installed and hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_forget_in_child)
    _fork_hook_installed = True


def _forget_in_child() -> None:
    for lock in list(_held):
        lock._owns_file = False
        lock._close()
    _held.clear()


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _me() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"


def _read(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text("utf-8", "replace").strip()[:200]
    return ""


def _is_dead(owner: str) -> bool:
    words = owner.split()
    if len(words) != 4 or not words[1].isdigit() or words[3] != socket.gethostname():
        return False
    try:
        os.kill(int(words[1]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _refusal(path: Path, owner: str) -> InvalidInputError:
    return InvalidInputError(
        f"{path.parent} is being written by {owner or 'another process'}. "
        f"Wait until it is done, or choose another folder."
        + ("" if fcntl is not None else f" If no such process lives, delete {path}.")
    )

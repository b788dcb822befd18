"""`AppendFile`: lines added to a file one by one, none of which a killed process or a full disk can spoil."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

from stepgym.agents.log.folder import mend_tail, sync_folder
from stepgym.agents.log.lock import FolderLock
from stepgym.agents.log.sync import Syncer
from stepgym.errors import InvalidInputError, StepgymError


class AppendFile:
    """One file of a folder, open for appending; the folder is made where needed and locked.

    Each line is a single write: what was appended survives the death of the process. It is synced to disk within about
    a second and at `close`. A last line that was cut off is removed when the file is opened.

    Args:
        file: The file.
        is_whole: Whether a last line without its end is complete all the same.

    Raises:
        InvalidInputError: The folder cannot be written to, or another writer is at work.
    """

    def __init__(self, file: Path, is_whole: Callable[[bytes], bool]) -> None:
        self.file = file
        self._descriptor = -1
        self._lock: FolderLock | None = None
        self._guard = threading.Lock()
        self._owner = os.getpid()
        self._syncer: Syncer | None = None
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._lock = FolderLock(file.parent)
            fresh = not file.exists()
            self._descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
            mend_tail(self._descriptor, is_whole)
            self._syncer = Syncer(self._descriptor)
            if fresh:
                sync_folder(file.parent)
        except OSError as error:
            self.close()
            raise InvalidInputError(f"cannot write to {file}: {error.strerror or error}") from error
        except BaseException:
            self.close()
            raise

    def append(self, line: bytes) -> None:
        """Write `line`, which has its end, at once."""
        with self._guard:
            if self._syncer is None or self._owner != os.getpid():
                raise InvalidInputError(f"{self.file} is not open for writing here: it was closed, or opened elsewhere")
            size = os.fstat(self._descriptor).st_size
            rest = memoryview(line)
            try:
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
            except BaseException as error:
                # Half a line (full disk, Ctrl-C) would spoil the next one.
                os.ftruncate(self._descriptor, size)
                if isinstance(error, OSError):
                    raise self._broken(error) from error
                raise
            try:
                self._syncer.written()
            except OSError as error:
                raise self._broken(error) from error

    def close(self) -> None:
        """Sync to disk and let the next writer in; a second call does nothing."""
        with self._guard:
            syncer, self._syncer = self._syncer, None
            try:
                if syncer is not None and self._owner == os.getpid():
                    syncer.close()
            finally:
                if self._descriptor >= 0:
                    os.close(self._descriptor)
                    self._descriptor = -1
                if self._lock is not None:
                    self._lock.release()
                    self._lock = None

    def _broken(self, error: OSError) -> StepgymError:
        return StepgymError(
            f"cannot write to {self.file}: {error.strerror}. All lines before are kept; the same command resumes there."
        )

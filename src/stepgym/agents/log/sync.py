"""`Syncer`: what was written to a file reaches the disk within about a second, without keeping the writer waiting."""

from __future__ import annotations

import os
import threading

_SECONDS = 1.0


class Syncer:
    """Syncs the file behind `descriptor` once a second while it is written to, in a thread of its own.

    The thread ends when nothing was written for a second, so that a file which is never closed leaves none behind.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._guard = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._dirty = False
        self._error: OSError | None = None

    def written(self) -> None:
        """To be told of each write; raises the `OSError` of a sync that failed since the last call."""
        with self._guard:
            self._raise()
            self._dirty = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="stepgym-log-sync", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Syncs once more; nothing touches the descriptor afterwards."""
        self._stop.set()
        thread = self._thread
        if thread is not None:
            thread.join()
        self._raise()
        os.fsync(self._descriptor)

    def _run(self) -> None:
        while True:
            stopped = self._stop.wait(_SECONDS)
            with self._guard:
                if stopped or not self._dirty:
                    self._thread = None
                    return
                self._dirty = False
            try:
                os.fsync(self._descriptor)
            except OSError as error:
                with self._guard:
                    self._error, self._thread = error, None
                return

    def _raise(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error

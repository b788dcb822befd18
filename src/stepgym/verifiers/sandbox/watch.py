"""Feeds a running program, reads what it writes, and stops it at its limits."""

from __future__ import annotations

import contextlib
import math
import os
import selectors
import stat
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from stepgym.verifiers.sandbox.limits import Limits, SandboxFailedError, Stopped

_FIRST_LOOK, _LOOK, _FOLDER_LOOK = 0.005, 0.02, 0.05
_CHUNK = 65536
_MOST_FILES = 2000
_BLOCKS_PER_MB = 2048


class Gauge(Protocol):
    """Reads what a run uses."""

    cpu_seconds: float
    peak_memory_mb: float

    def look(self, limits: Limits) -> Stopped:
        """Read it now; the limit that is passed, or ""."""
        ...

    def hidden_mb(self) -> float:
        """MiB in files without a name that the run holds open."""
        ...


@dataclass(frozen=True, slots=True)
class Watched:
    """What was seen of a run.

    Attributes:
        stopped: The limit it was killed for, "" for none.
        stdout: What it wrote, cut at the limit.
        stderr: The same for standard error.
    """

    stopped: Stopped
    stdout: bytes
    stderr: bytes


def watch(
    process: subprocess.Popen[bytes],
    *,
    started: float,
    stdin: bytes,
    limits: Limits,
    gauge: Gauge,
    kill: Callable[[], None],
    folder: Path | None,
) -> Watched:
    """Serve `process` until it and whoever holds its output have ended, or until it passes a limit and is killed.

    Args:
        process: With pipes for its output, and for its input where there is any.
        started: When it was started, by `time.monotonic()`.
        stdin: What it shall read.
        limits: What it may use.
        gauge: Reads what it uses.
        kill: Kills it with everything it started, and returns when that is done.
        folder: Whose files are limited; None where it cannot write.
    """
    streams = _Streams(process, stdin, int(limits.output_kb * 1024))
    files = None if folder is None else _FolderGauge(folder)
    stopped: Stopped = ""
    pause, next_folder = _FIRST_LOOK, started + _FOLDER_LOOK
    try:
        while not _has_ended(process) and not stopped:
            streams.serve(pause)
            pause = _FIRST_LOOK if time.monotonic() - started < 0.2 else _LOOK
            now = time.monotonic()
            if streams.overflow:
                stopped = "output"
            elif now - started > limits.wall_seconds:
                stopped = "wall"
            else:
                stopped = gauge.look(limits)
            if files is not None and not stopped and now >= next_folder:
                stopped = files.look(limits, hidden=gauge.hidden_mb())
                next_folder = time.monotonic() + max(_FOLDER_LOOK, 5 * (time.monotonic() - now))
        if not stopped:
            stopped = gauge.look(limits)
        kill()
        streams.drain()
        if streams.overflow and not stopped:
            stopped = "output"
        if files is not None and not stopped:
            stopped = files.look(limits, hidden=0.0)
        return Watched(stopped, bytes(streams.written[0]), bytes(streams.written[1]))
    finally:
        streams.close()


class _Streams:
    """The three pipes, none of which ever blocks."""

    def __init__(self, process: subprocess.Popen[bytes], stdin: bytes, most: int) -> None:
        self.written = (bytearray(), bytearray())
        self.overflow = False
        self._most = most
        self._rest = memoryview(stdin)
        self._input = process.stdin
        self._outputs = [pipe for pipe in (process.stdout, process.stderr) if pipe is not None]
        self._selector = selectors.DefaultSelector()
        for number, pipe in enumerate(self._outputs):
            os.set_blocking(pipe.fileno(), False)
            self._selector.register(pipe, selectors.EVENT_READ, number)
        if self._input is not None:
            os.set_blocking(self._input.fileno(), False)
            self._selector.register(self._input, selectors.EVENT_WRITE, None)
        self._handle = -1
        if hasattr(os, "pidfd_open"):
            self._handle = os.pidfd_open(process.pid)
            self._selector.register(self._handle, selectors.EVENT_READ, None)

    def serve(self, seconds: float) -> None:
        """Move bytes until `seconds` are over or the process has ended."""
        until = time.monotonic() + seconds
        while not self.overflow:
            ready = self._selector.select(max(0.0, until - time.monotonic()))
            for key, _ in ready:
                if key.fileobj is self._input:
                    self._feed()
                elif key.data is not None:
                    self._read(key.fileobj, key.data)
            if not ready or time.monotonic() >= until or any(key.fileobj == self._handle for key, _ in ready):
                return

    def drain(self) -> None:
        """Read what is left, without waiting for a writer that is still there."""
        for number, pipe in enumerate(self._outputs):
            while not pipe.closed and not self.overflow and self._read(pipe, number):
                pass

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
        self._selector.close()
        for pipe in (self._input, *self._outputs):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _feed(self) -> None:
        assert self._input is not None
        try:
            self._rest = self._rest[os.write(self._input.fileno(), self._rest[:_CHUNK]) :]
        except BlockingIOError:
            return
        except OSError:  # It does not read on.
            self._rest = self._rest[:0]
        if not self._rest:
            self._selector.unregister(self._input)
            with contextlib.suppress(OSError):
                self._input.close()

    def _read(self, pipe: IO[bytes] | int | object, number: int) -> bool:
        """Whether there was something."""
        assert not isinstance(pipe, int)
        try:
            piece = os.read(pipe.fileno(), _CHUNK)  # type: ignore[attr-defined]
        except BlockingIOError:
            return False
        if not piece:
            self._selector.unregister(pipe)  # type: ignore[arg-type]
            pipe.close()  # type: ignore[attr-defined]
            return False
        text = self.written[number]
        text += piece
        if len(text) > self._most:
            del text[self._most :]
            self.overflow = True
        return True


class _FolderGauge:
    """How much the files of a folder have grown."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._blocks, self._count = _folder_use(folder)

    def look(self, limits: Limits, *, hidden: float) -> Stopped:
        most = self._blocks + (limits.disk_mb - hidden) * _BLOCKS_PER_MB
        blocks, count = _folder_use(self._folder, most=most, most_files=self._count + _MOST_FILES)
        return "disk" if blocks > most or count > self._count + _MOST_FILES else ""


def _folder_use(folder: Path, *, most: float = math.inf, most_files: float = math.inf) -> tuple[int, int]:
    """Blocks and number of the entries below a folder, read until either is passed; what cannot be read is left out."""
    blocks, count = 0, 0
    waiting = [os.fspath(folder)]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                count += 1
                with contextlib.suppress(OSError):
                    about = entry.stat(follow_symlinks=False)
                    blocks += about.st_blocks
                    if stat.S_ISDIR(about.st_mode):
                        waiting.append(entry.path)
                if blocks > most or count > most_files:
                    return blocks, count
    return blocks, count


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has, without taking its status away."""
    if not hasattr(os, "waitid"):
        return process.poll() is not None
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def wait_gone(handle: int, *, patience: float = 10.0) -> None:
    """Wait until the process of a pidfd has ended; of the first process of a namespace: until all of it has.

    Raises:
        SandboxFailedError: It is still there after `patience` seconds.
    """
    with selectors.DefaultSelector() as selector:
        selector.register(handle, selectors.EVENT_READ)
        if not selector.select(patience):
            raise SandboxFailedError(f"a killed program is still there after {patience} s: the machine is overloaded")

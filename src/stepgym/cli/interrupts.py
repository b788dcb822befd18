"""Ctrl-C and SIGTERM: what was kept, and the command that goes on."""

from __future__ import annotations

import os
import shlex
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_terminated = False


class Interrupted(KeyboardInterrupt):
    """A long command was stopped; the message says what was kept and how to go on."""

    def __init__(self, kept: str, again: str = "") -> None:
        super().__init__(f"{kept} Go on with: {again}" if again else kept)


def resume_command() -> str:
    """The command that was typed, with `--resume`."""
    words = [word for word in _typed if word not in ("--resume", "--overwrite")]
    return shlex.join(["stepgym", *words, "--resume"])


def restart_command() -> str:
    """The command that was typed, with `--overwrite`."""
    words = [word for word in _typed if word not in ("--resume", "--overwrite")]
    return shlex.join(["stepgym", *words, "--overwrite"])


def typed_command() -> str:
    """The command that was typed."""
    return shlex.join(["stepgym", *_typed])


def exit_code() -> int:
    """130 after Ctrl-C, 143 after SIGTERM, as shells have it."""
    return 143 if _terminated else 130


_typed: list[str] = []


@contextmanager
def interruptible(argv: list[str]) -> Iterator[None]:
    """Treat SIGTERM as Ctrl-C, and remember what was typed."""
    global _terminated
    _typed[:] = argv
    _terminated = False
    before = _set(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        _set(signal.SIGTERM, before)


class Stop:
    """Whether the user asked to stop; a second Ctrl-C stops at once."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """The signal handler."""
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        # Not through sys.stderr: the handler may have interrupted a write to it.
        os.write(2, b"\nstepgym: stopping after this update (Ctrl-C again: at once)\n")


@contextmanager
def stop_softly() -> Iterator[Stop]:
    """Within it the first Ctrl-C only sets `asked`, so that a loop can finish its step and save."""
    stop = Stop()
    before = _set(signal.SIGINT, stop)
    try:
        yield stop
    finally:
        _set(signal.SIGINT, before)


def _terminate(number: int, frame: FrameType | None) -> None:
    global _terminated
    _terminated = True
    if signal.getsignal(signal.SIGINT) in (signal.SIG_IGN, signal.SIG_DFL, None):
        raise KeyboardInterrupt  # started in the background, where shells let Ctrl-C be ignored
    signal.raise_signal(signal.SIGINT)


def _set(number: signal.Signals, handler: Any) -> Any:
    """Set a handler and return the one before; signals belong to the main thread."""
    if handler is None or threading.current_thread() is not threading.main_thread():
        return None
    return signal.signal(number, handler)

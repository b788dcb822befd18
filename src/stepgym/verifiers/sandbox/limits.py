"""What a foreign program may use, what came of it, and what a sandbox is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, Protocol

from stepgym.errors import InvalidInputError, StepgymError

Stopped = Literal["", "cpu", "wall", "memory", "output", "processes", "disk"]


class SandboxMissingError(StepgymError, RuntimeError):
    """No sandbox works on this machine; the message names the reason and the package to install."""


class SandboxFailedError(StepgymError, RuntimeError):
    """The sandbox itself failed, or its command cannot be executed: this says nothing about the program's answer."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use; a run that wants more is killed with everything it started.

    Attributes:
        cpu_seconds: CPU time of all its processes together.
        wall_seconds: Time by the clock; the start of the sandbox is not counted.
        memory_mb: Resident memory of all its processes together in MiB, at least 16. With a control group this counts
            everything the kernel holds for them, files in /tmp included.
        processes: Processes and threads alive at once.
        file_mb: Size of the largest file in MiB.
        disk_mb: What all files of the folder may grow by in MiB, and the size of the private /tmp.
        output_kb: Standard output and standard error, each, in KiB.
    """

    cpu_seconds: float = 2.0
    wall_seconds: float = 6.0
    memory_mb: int = 256
    processes: int = 32
    file_mb: int = 16
    disk_mb: int = 64
    output_kb: int = 1024

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
                raise InvalidInputError(f"{field.name} must be a positive number, got {value!r}")
        if self.memory_mb < 16:
            raise InvalidInputError(f"memory_mb must be at least 16, got {self.memory_mb!r}")


@dataclass(frozen=True, slots=True)
class Finished:
    """How a run ended.

    Attributes:
        exit_code: What the program returned; None where a signal ended it.
        signal: The signal that ended it, for example 11; None where it returned. Inside a sandbox an exit code of
            128 + n cannot be told from signal n, and is read as the signal.
        stopped: The limit it ran into, "" for none. A program over its limit is killed, so that `signal` is 9, or the
            kernel's own signal (24 for CPU time, 25 for the size of a file).
        stdout: What it wrote, cut at the limit.
        stderr: The same for standard error.
        cpu_seconds: CPU time of all its processes. Without a control group a lower bound, because it is sampled.
        wall_seconds: Time by the clock.
        peak_memory_mb: The most memory all its processes had at once, in MiB, in the same sense as `cpu_seconds`.
    """

    exit_code: int | None
    signal: int | None
    stopped: Stopped
    stdout: bytes
    stderr: bytes
    cpu_seconds: float
    wall_seconds: float
    peak_memory_mb: float


class Sandbox(Protocol):
    """Runs one command on foreign input and gives everything back; usable from several threads at once."""

    @property
    def name(self) -> str:
        """What holds the program, for people."""
        ...

    def run(
        self, command: Sequence[str], *, folder: Path, writable: bool, stdin: bytes = b"", limits: Limits = ...
    ) -> Finished:
        """Run `command` to its end or to its limit; nothing of it is alive afterwards.

        Args:
            command: Program and arguments; relative paths start at `folder`.
            folder: What the program sees as its working directory.
            writable: Whether it may write there. A program can leave links to anywhere: read its files without
                following links.
            stdin: Its whole standard input.
            limits: What it may use.

        Raises:
            SandboxFailedError: The sandbox could not be set up, or the command could not be executed.
        """
        ...

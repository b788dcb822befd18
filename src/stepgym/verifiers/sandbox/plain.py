"""A program without a sandbox, under resource limits alone: for machines without bubblewrap, at the user's own risk."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from stepgym.verifiers.sandbox.gauges import TreeGauge
from stepgym.verifiers.sandbox.limits import Finished, Limits, Stopped
from stepgym.verifiers.sandbox.process_tree import tree_use
from stepgym.verifiers.sandbox.shell_limits import limited
from stepgym.verifiers.sandbox.visible import ENVIRONMENT, check_command
from stepgym.verifiers.sandbox.watch import watch


class PlainSandbox:
    """Runs programs as the user who runs stepgym.

    It does not hold a program that wants to do harm: it can read and write every file of the user, use the network,
    signal other processes, and leave a process behind. Endless programs and programs that use too much by mistake are
    stopped; on systems without /proc, memory and processes are not limited.
    """

    name = "none: resource limits alone"

    def run(
        self,
        command: Sequence[str],
        *,
        folder: Path,
        writable: bool,
        stdin: bytes = b"",
        limits: Limits = Limits(),  # noqa: B008 (immutable)
    ) -> Finished:
        """As `Sandbox.run`; `writable` only says whether the folder is measured."""
        check_command(command, Path(folder))
        started = time.monotonic()
        process = subprocess.Popen(
            limited(command, limits),
            env=ENVIRONMENT,
            cwd=folder,
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        gauge = TreeGauge(process.pid, own=0)
        try:
            seen = watch(
                process,
                started=started,
                stdin=stdin,
                limits=limits,
                gauge=gauge,
                kill=lambda: _kill(process),
                folder=Path(folder) if writable else None,
            )
        finally:
            _kill(process)
            code = process.wait()
        ended_by = -code if code < 0 else None
        stopped: Stopped = seen.stopped
        if not stopped and ended_by is not None:
            stopped = "cpu" if ended_by == signal.SIGXCPU else "disk" if ended_by == signal.SIGXFSZ else ""
        return Finished(
            code if code >= 0 else None,
            ended_by,
            stopped,
            seen.stdout,
            seen.stderr,
            gauge.cpu_seconds,
            time.monotonic() - started,
            gauge.peak_memory_mb,
        )


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill its group, and its descendants in other groups as far as they can be found."""
    if process.returncode is not None:
        return
    for pid in tree_use(process.pid).pids[1:]:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)

"""The sandbox: bubblewrap's namespaces, a control group or a user id of no rights, and a watcher."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stepgym.verifiers.sandbox.control_groups import ControlGroup, GroupParents
from stepgym.verifiers.sandbox.gauges import GroupGauge, TreeGauge
from stepgym.verifiers.sandbox.limits import Finished, Limits, SandboxFailedError, Stopped
from stepgym.verifiers.sandbox.process_tree import parent_of
from stepgym.verifiers.sandbox.shell_limits import limited, waiting
from stepgym.verifiers.sandbox.system_calls import filter_program
from stepgym.verifiers.sandbox.visible import ENVIRONMENT, check_command, mounts
from stepgym.verifiers.sandbox.watch import wait_gone, watch

_NOBODY = 65534
_START_SECONDS = 30.0
_SLACK = 8  # The kernel refuses only a little above the limit, so that passing it is seen.


@dataclass(frozen=True, slots=True)
class BubblewrapSandbox:
    """Runs programs under bubblewrap.

    Attributes:
        program: The path of bwrap.
        groups: Where control groups can be made; None where nowhere. Then memory and processes are sampled, the kernel
            refuses processes by the user id, and a caller with the user id 0 gives that up: the program runs as user
            65534, who becomes the owner of the folder.
        closed: Whether bwrap knows and may use --disable-userns.
    """

    program: str
    groups: GroupParents | None = None
    closed: bool = True

    @property
    def name(self) -> str:
        """What holds the program, for people."""
        return "bubblewrap, " + ("sampled" if self.groups is None else f"control groups v{self.groups.version}")

    def run(
        self,
        command: Sequence[str],
        *,
        folder: Path,
        writable: bool,
        stdin: bytes = b"",
        limits: Limits = Limits(),  # noqa: B008 (immutable)
    ) -> Finished:
        """As `Sandbox.run`; safe with threads."""
        folder = Path(folder).resolve()
        check_command(command, folder)
        with contextlib.ExitStack() as stack:
            run = _Run(self, limits, stack)
            return run.run(command, folder, writable=writable, stdin=stdin)


class _Run:
    """One run; `stack` gives everything back."""

    def __init__(self, sandbox: BubblewrapSandbox, limits: Limits, stack: contextlib.ExitStack) -> None:
        self._sandbox = sandbox
        self._limits = limits
        self._stack = stack
        self._group = None if sandbox.groups is None else ControlGroup(sandbox.groups, limits)
        if self._group is not None:
            stack.callback(self._group.close)
        # A file in memory: writing to a pipe would kill bwrap halfway where its owner has just been killed.
        self._status = os.memfd_create("status")
        stack.callback(os.close, self._status)
        self._passed: list[int] = []
        stack.callback(self._close_passed)
        self._first = -1  # A handle of the namespace's first process.
        stack.callback(self._close_first)

    def run(self, command: Sequence[str], folder: Path, *, writable: bool, stdin: bytes) -> Finished:
        user = _NOBODY if self._group is None and os.geteuid() == 0 else None
        if user is not None:
            _give_to(user, folder)
        process = subprocess.Popen(
            self._arguments(command, str(folder), writable=writable),
            env=ENVIRONMENT,
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(self._status, *self._passed),
            start_new_session=True,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )
        self._stack.callback(self._end, process)
        self._close_passed()
        _wait_ready(process)
        self._find_first(process)
        started = time.monotonic()  # What came before is not the program's fault.
        gauge = TreeGauge(process.pid, own=2) if self._group is None else GroupGauge(self._group, process.pid)
        seen = watch(
            process,
            started=started,
            stdin=b"\n" + stdin,
            limits=self._limits,
            gauge=gauge,
            kill=lambda: self._kill(process),
            folder=folder if writable else None,
        )
        process.wait()
        wall = time.monotonic() - started
        late = gauge.look(self._limits) if self._group is not None else ""
        code, ended_by = self._ending(seen.stopped or late, seen.stderr)
        return Finished(
            code,
            ended_by,
            seen.stopped or late or _by_signal(ended_by),
            seen.stdout,
            seen.stderr,
            gauge.cpu_seconds,
            wall,
            gauge.peak_memory_mb,
        )

    def _arguments(self, command: Sequence[str], folder: str, *, writable: bool) -> list[str]:
        limits = self._limits
        arguments = [self._sandbox.program, "--unshare-all", "--unshare-user", "--uid", "1000", "--gid", "1000"]
        arguments += ["--hostname", "sandbox", "--new-session", "--die-with-parent", "--cap-drop", "ALL"]
        arguments += ["--disable-userns"] if self._sandbox.closed else []
        arguments += mounts(folder, writable=writable, disk_mb=limits.disk_mb)
        arguments += ["--json-status-fd", str(self._status)]
        program = filter_program()
        if program is not None:
            reading, writing = os.pipe()
            os.write(writing, program)  # Far less than a pipe holds.
            os.close(writing)
            self._passed.append(reading)
            arguments += ["--seccomp", str(reading)]
        join = [] if self._group is None else self._group.join_files()
        processes = int(limits.processes) + _SLACK + _counted_elsewhere() if self._group is None else None
        return limited([*arguments, "--", *waiting(command, processes=processes)], limits, join=join)

    def _close_passed(self) -> None:
        while self._passed:
            os.close(self._passed.pop())

    def _close_first(self) -> None:
        if self._first >= 0:
            os.close(self._first)

    def _find_first(self, process: subprocess.Popen[bytes]) -> None:
        found = re.search(r'"child-pid": ([0-9]+)', self._status_text())
        if found:
            with contextlib.suppress(OSError):
                handle = os.pidfd_open(int(found[1]))
                if parent_of(int(found[1])) == process.pid:  # Else it has ended, and the id may be another's.
                    self._first = handle
                else:
                    os.close(handle)

    def _status_text(self) -> str:
        return os.pread(self._status, 4096, 0).decode("ascii", "replace")

    def _ending(self, stopped: Stopped, stderr: bytes) -> tuple[int | None, int | None]:
        found = re.search(r'"exit-code": ([0-9]+)', self._status_text())
        if found is None and not stopped:  # The command was never reached.
            said = stderr.decode("utf-8", "replace").strip()
            raise SandboxFailedError(f"the sandbox did not start the command: {said[-300:] or 'no message'}")
        code = int(found[1]) if found else 128 + signal.SIGKILL
        return (None, code - 128) if 128 < code <= 128 + 64 else (code, None)

    def _kill(self, process: subprocess.Popen[bytes]) -> None:
        """Kill the namespace's first process, with which the kernel kills all others, and wait for it."""
        if self._first >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._first, signal.SIGKILL)
            wait_gone(self._first)
        else:
            process.kill()

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        try:
            self._kill(process)
        finally:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()


def _wait_ready(process: subprocess.Popen[bytes]) -> None:
    """Wait for the line that says that all is set up, or for the end."""
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        if not selector.select(_START_SECONDS):
            raise SandboxFailedError(f"the sandbox did not start its command within {_START_SECONDS} s")
    os.read(process.stdout.fileno(), 1)


def _by_signal(number: int | None) -> Stopped:
    if number is None:
        return ""
    return {signal.SIGXCPU: "cpu", signal.SIGXFSZ: "disk"}.get(signal.Signals(number), "")  # type: ignore[return-value]


def _give_to(user: int, folder: Path) -> None:
    """Make `user` the owner of a folder and of all in it, links themselves and not what they point to.

    Raises:
        SandboxFailedError: He cannot get there.
    """
    for parent in folder.parents:
        if not parent.stat().st_mode & 0o001:
            raise SandboxFailedError(
                f"without control groups, root runs programs as user {user}, who may not pass {str(parent)!r} "
                f"on the way to {str(folder)!r}: use a folder right in the directory of temporary files"
            )
    for _, directories, files, handle in os.fwalk(folder, follow_symlinks=False):
        os.chown(handle, user, user)
        for name in (*directories, *files):
            with contextlib.suppress(FileNotFoundError):
                os.chown(name, user, user, dir_fd=handle, follow_symlinks=False)


def _counted_elsewhere() -> int:
    """Processes that count for the same user id: since Linux 5.14 only those of the namespace."""
    version = tuple(int(part) for part in re.findall(r"[0-9]+", platform.release())[:2])
    if version >= (5, 14):
        return 0
    owner, count = os.geteuid() or _NOBODY, 0
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with contextlib.suppress(OSError):
                if os.stat(f"/proc/{name}").st_uid == owner:
                    count += len(os.listdir(f"/proc/{name}/task"))
    return count

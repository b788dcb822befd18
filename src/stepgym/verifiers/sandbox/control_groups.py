"""Control groups (Linux cgroups, both versions) made for one run: a firm limit of memory and processes, exact CPU time.

A group is made below the highest ancestor of this process's own group that leaves no limit set for this process
behind, and is named after the process that made it, so that a later start can give back what a killed one left.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from stepgym.verifiers.sandbox.limits import Limits, SandboxFailedError, Stopped
from stepgym.verifiers.sandbox.process_tree import started_at

_COUNTER = itertools.count()
_NO_LIMIT = 2**60
_LIMIT_FILES = ("memory.limit_in_bytes", "memory.max", "memory.high", "pids.max", "cpu.max", "cpu.cfs_quota_us")


@dataclass(frozen=True, slots=True)
class GroupParents:
    """The directories below which groups can be made.

    Attributes:
        memory: For memory.
        pids: For processes; the same directory in version 2.
        cpu: For CPU time; None where it is not counted.
        version: 1 or 2.
    """

    memory: Path
    pids: Path
    cpu: Path | None
    version: int

    def directories(self) -> list[Path]:
        """Each directory once."""
        return list(dict.fromkeys(path for path in (self.memory, self.pids, self.cpu) if path is not None))


def find_parents(mounts: str = "/proc/self/mountinfo", own: str = "/proc/self/cgroup") -> GroupParents | None:
    """Where groups for memory and processes can be made, None when nowhere."""
    try:
        mounted, groups = Path(mounts).read_text(), Path(own).read_text()
    except OSError:
        return None
    paths: dict[str, str] = {}
    for line in groups.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):  # "" stands for version 2.
            paths[controller] = path
    found: dict[str, Path] = {}
    for line in mounted.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = [*after.split(" ", 2), "", ""][:3]
        root, point = before.split(" ")[3:5]
        names = [""] if kind == "cgroup2" else options.split(",") if kind == "cgroup" else []
        for name in names:
            if name in paths and name not in found:
                inner = os.path.relpath(paths[name], root)
                if not inner.startswith(".."):
                    parent = _highest(Path(point, inner), Path(point), version=2 if kind == "cgroup2" else 1)
                    if parent is not None:
                        found[name] = parent
    if "memory" in found and "pids" in found:
        return GroupParents(found["memory"], found["pids"], found.get("cpuacct"), 1)
    return GroupParents(found[""], found[""], found[""], 2) if "" in found else None


def _highest(own: Path, top: Path, *, version: int) -> Path | None:
    best = None
    for path in (own, *own.parents):
        if _can_hold(path, version):
            best = path
        if path == top or _is_limited(path):
            break
    return best


def _can_hold(path: Path, version: int) -> bool:
    if not os.access(path, os.W_OK) or not os.access(path / "cgroup.procs", os.W_OK):
        return False
    return version == 1 or {"memory", "pids"} <= set(_read(path / "cgroup.subtree_control").split())


def _is_limited(path: Path) -> bool:
    for name in _LIMIT_FILES:
        value = (_read(path / name).split() or ["max"])[0]
        if value not in ("max", "-1") and int(value) < _NO_LIMIT:
            return True
    return False


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _prefix(pid: int) -> str:
    namespace = os.stat("/proc/self/ns/pid").st_ino  # The same id can be alive in another container.
    return f"stepgym-{namespace}-{pid}-"


class ControlGroup:
    """One group for one run: make it, let the program's first process join, read what is used, close it.

    Raises:
        SandboxFailedError: The group cannot be made.
    """

    def __init__(self, parents: GroupParents, limits: Limits) -> None:
        pid = os.getpid()
        name = f"{_prefix(pid)}{started_at(pid)}-{next(_COUNTER)}"
        self._parents = parents
        self._memory, self._pids = parents.memory / name, parents.pids / name
        self._cpu = None if parents.cpu is None else parents.cpu / name
        self._directories = [parent / name for parent in parents.directories()]
        memory, tasks = int(limits.memory_mb * 2**20), str(int(limits.processes) + 2)  # The sandbox itself has two.
        try:
            for directory in self._directories:
                directory.mkdir()
            if parents.version == 1:
                (self._memory / "memory.limit_in_bytes").write_text(str(memory))
                with contextlib.suppress(OSError):  # Not every kernel counts swap.
                    (self._memory / "memory.memsw.limit_in_bytes").write_text(str(memory))
            else:
                (self._memory / "memory.max").write_text(str(memory))
                for file, value in (("memory.swap.max", "0"), ("memory.oom.group", "1")):
                    with contextlib.suppress(OSError):
                        (self._memory / file).write_text(value)
            (self._pids / "pids.max").write_text(tasks)
        except OSError as problem:
            self.close()
            raise SandboxFailedError(f"no control group can be made in {parents.memory}: {problem}") from problem

    def join_files(self) -> list[Path]:
        """Where a process writes 0 to join."""
        return [directory / "cgroup.procs" for directory in self._directories]

    def over(self) -> Stopped:
        """The limit the kernel has enforced, "" for none."""
        events = _read(self._memory / ("memory.oom_control" if self._parents.version == 1 else "memory.events"))
        if re.search(r"^(oom_kill|oom_group_kill) [1-9]", events, re.MULTILINE):
            return "memory"
        return "processes" if re.search(r"^max [1-9]", _read(self._pids / "pids.events"), re.MULTILINE) else ""

    def cpu_seconds(self) -> float | None:
        """CPU time of all that ever ran in the group, None where it is not counted."""
        if self._cpu is None:
            return None
        if self._parents.version == 1:
            text = _read(self._cpu / "cpuacct.usage")
            return int(text) / 1e9 if text else None
        found = re.search(r"^usage_usec ([0-9]+)", _read(self._cpu / "cpu.stat"), re.MULTILINE)
        return int(found[1]) / 1e6 if found else None

    def peak_memory_mb(self) -> float | None:
        """The most memory the group had, None where it is not counted."""
        text = _read(self._memory / ("memory.max_usage_in_bytes" if self._parents.version == 1 else "memory.peak"))
        return int(text) / 2**20 if text else None

    def close(self) -> None:
        """Kill what is left in the group and remove it."""
        for directory in self._directories:
            _remove(directory)


def remove_leftovers(parents: GroupParents) -> int:
    """Kill and remove the groups of processes that have ended without closing theirs; their number."""
    ours = re.compile(re.escape(_prefix(0).removesuffix("0-")) + r"([0-9]+)-([0-9]*)-[0-9]+")
    count = 0
    for parent in parents.directories():
        with contextlib.suppress(OSError):
            for name in os.listdir(parent):
                found = ours.fullmatch(name)
                if found and started_at(int(found[1])) != found[2]:
                    _remove(parent / name)
                    count += 1
    return count


def _remove(directory: Path, *, patience: float = 5.0) -> None:
    deadline = time.monotonic() + patience
    pause = 0.0005
    while True:
        try:
            directory.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError as problem:
            if time.monotonic() > deadline:
                raise SandboxFailedError(f"the control group {directory} cannot be removed: {problem}") from problem
        _kill_members(directory)
        time.sleep(pause)
        pause = min(2 * pause, 0.05)


def _kill_members(directory: Path) -> None:
    procs = directory / "cgroup.procs"
    for pid in _read(procs).split():
        with contextlib.suppress(OSError):
            handle = os.pidfd_open(int(pid))
            try:
                if pid in _read(procs).split():  # The id has not gone to somebody else before it was opened.
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
            finally:
                os.close(handle)

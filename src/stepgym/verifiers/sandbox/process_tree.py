"""What a process and its descendants use, read from /proc."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass

_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_PAGE_MB = (os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096) / 2**20
_MOST = 4096  # Processes looked at in one sweep: a fork bomb must not hold up the one who watches it.


@dataclass(frozen=True, slots=True)
class TreeUse:
    """What a process tree uses now.

    Attributes:
        pids: Its processes, the root first.
        tasks: Its processes and threads.
        cpu_seconds: CPU time of the living, and of those they have waited for.
        memory_mb: Resident memory in MiB; a page shared by several processes counts once for each.
    """

    pids: tuple[int, ...]
    tasks: int
    cpu_seconds: float
    memory_mb: float


def tree_use(root: int) -> TreeUse:
    """What process `root` and its descendants use; nothing where there is no such process, or no /proc."""
    pids: list[int] = []
    tasks, ticks, pages = 0, 0, 0
    waiting = [root]
    while waiting and len(pids) < _MOST:
        pid = waiting.pop()
        values = _stat(pid)
        if values is None:
            continue
        pids.append(pid)
        tasks += int(values[17])
        ticks += sum(int(value) for value in values[11:15])
        pages += int(values[21])
        waiting += _children(pid)
    return TreeUse(tuple(pids), tasks, ticks / _TICKS, pages * _PAGE_MB)


def proportional_mb(pids: tuple[int, ...]) -> float | None:
    """Resident memory of `pids` in MiB with shared pages counted once; None where the kernel does not tell."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
                found = re.search(rb"^Pss:\s+([0-9]+) kB", file.read(), re.MULTILINE)
        except (FileNotFoundError, ProcessLookupError):
            continue  # It has ended.
        except OSError:
            return None
        total += int(found[1]) if found else 0
    return total / 1024


def deleted_files_mb(pids: tuple[int, ...]) -> float:
    """Size in MiB of the files without a name that `pids` hold open; each file counts once."""
    seen: dict[tuple[int, int], int] = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            for name in os.listdir(f"/proc/{pid}/fd"):
                path = f"/proc/{pid}/fd/{name}"
                with contextlib.suppress(OSError):
                    if os.readlink(path).endswith(" (deleted)"):
                        about = os.stat(path)
                        seen[about.st_dev, about.st_ino] = about.st_blocks * 512
    return sum(seen.values()) / 2**20


def started_at(pid: int) -> str:
    """The start time of a process in the kernel's ticks, "" when there is none: tells two users of one id apart."""
    values = _stat(pid)
    return "" if values is None else values[19].decode()


def parent_of(pid: int) -> int | None:
    """The parent's id of process `pid`, None when there is no such process."""
    values = _stat(pid)
    return None if values is None else int(values[1])


def _stat(pid: int) -> list[bytes] | None:
    """The fields of /proc/PID/stat from the third on: the second, the name, may hold anything."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return None


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{task}/children", "rb") as file:
                found += map(int, file.read().split())
    return found

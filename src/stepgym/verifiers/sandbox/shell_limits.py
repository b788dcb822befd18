"""Limits that a process sets on itself before it becomes another: by the shell, which starts ten times faster than a
Python function between fork and exec, and is safe with threads.
"""

from __future__ import annotations

import math
import resource
import shlex
from collections.abc import Sequence
from pathlib import Path

from stepgym.verifiers.sandbox.limits import Limits

SHELL = "/bin/sh"
_OPEN_FILES = 64
_STACK_KB = 64 * 1024


def limited(command: Sequence[str], limits: Limits, *, join: Sequence[Path] = ()) -> list[str]:
    """`command`, run after joining the control groups of `join` and under resource limits for each process.

    Where one of them cannot be set, nothing is run. CPU time is the last resort here: whole seconds, for each process.
    """
    cpu = math.ceil(limits.cpu_seconds)
    wanted = [
        ("-t", cpu + 1, resource.RLIMIT_CPU, 1),
        ("-f", math.ceil(limits.file_mb * 2048), resource.RLIMIT_FSIZE, 512),
        ("-n", _OPEN_FILES, resource.RLIMIT_NOFILE, 1),
        ("-s", _STACK_KB, resource.RLIMIT_STACK, 1024),
        ("-c", 0, resource.RLIMIT_CORE, 512),
    ]
    steps = [f"echo 0 >{shlex.quote(str(path))}" for path in join]
    for option, value, kind, unit in wanted:
        _, hard = resource.getrlimit(kind)  # A limit that is already lower cannot be raised, and is as good.
        steps.append(f"ulimit {option} {value if hard == resource.RLIM_INFINITY else min(value, hard // unit)}")
    steps.append(f"ulimit -S -t {cpu}")
    return [SHELL, "-c", " && ".join([*steps, 'exec "$@"']), "sh", *command]


def waiting(command: Sequence[str], *, processes: int | None = None) -> list[str]:
    """`command`, run after an empty line was written to standard output and one was read from standard input.

    Between the two, whoever started it knows that all is set up so that it dies with him. Where `processes` is given,
    that many processes and threads are all that its user id may have: dash calls the option -p, bash -u.
    """
    steps = ["echo", "read -r go"]
    if processes is not None:
        steps.append(f"{{ ulimit -u {processes} || ulimit -p {processes}; }} 2>/dev/null")
    return [SHELL, "-c", " && ".join([*steps, 'exec "$@"']), "sh", *command]

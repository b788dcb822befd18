"""What a program sees of the machine: the system's programs and libraries, and nothing of its users."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from stepgym.errors import InvalidInputError
from stepgym.verifiers.sandbox.limits import SandboxFailedError

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store")
_SETTINGS = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives")

ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "TMPDIR": "/tmp"}
"""All there is of an environment."""

WORK = "/folder"
"""Where the folder is."""


def mounts(folder: str, *, writable: bool, disk_mb: float) -> list[str]:
    """Arguments of bwrap for the files of a run."""
    size = ["--size", str(int(disk_mb * 2**20)), "--perms", "1777", "--tmpfs"]
    arguments = []
    for name in (*_SYSTEM, *_SETTINGS):
        path = Path(name)
        if path.is_symlink() and name in _SYSTEM:
            arguments += ["--symlink", os.readlink(path), name]
        elif path.exists():
            arguments += ["--ro-bind", name, name]
    arguments += ["--proc", "/proc", "--dev", "/dev", *size, "/dev/shm", *size, "/tmp"]
    arguments += ["--bind" if writable else "--ro-bind", folder, WORK]
    # The two file systems in memory that bwrap makes itself have no limit of size.
    return [*arguments, "--remount-ro", "/proc", "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", WORK]


def check_command(command: Sequence[str], folder: Path) -> None:
    """Refuse what cannot be started, so that this is never taken for something a program did.

    Raises:
        InvalidInputError: There is no such folder, or no command.
        SandboxFailedError: The program is not there or not executable.
    """
    if not folder.is_dir():
        raise InvalidInputError(f"the folder of a sandbox must be a directory, got {str(folder)!r}")
    if not command or any("\0" in part for part in command):
        raise InvalidInputError("a command must have at least one word and no zero byte")
    program = command[0]
    if "/" not in program:
        found = shutil.which(program, path=ENVIRONMENT["PATH"]) is not None
    else:
        path = folder / program if not program.startswith(f"{WORK}/") else folder / program.removeprefix(f"{WORK}/")
        found = path.is_file() and path.stat().st_mode & 0o111 != 0
    if not found:
        raise SandboxFailedError(f"{program!r} is not there or not executable")

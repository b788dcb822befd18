"""Finding the sandbox that works on this machine."""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
import warnings
from pathlib import Path

from stepgym.verifiers.sandbox.bubblewrap import BubblewrapSandbox
from stepgym.verifiers.sandbox.control_groups import find_parents, remove_leftovers
from stepgym.verifiers.sandbox.limits import Limits, Sandbox, SandboxFailedError, SandboxMissingError
from stepgym.verifiers.sandbox.plain import PlainSandbox

_TRIAL = Limits(cpu_seconds=5, wall_seconds=20)
_ADVICE = "or pass unsafe=True to run programs without one, with your rights (only if you trust their authors)"

_lock = threading.Lock()
_found: list[Sandbox | str] = []


def find_sandbox(*, unsafe: bool = False) -> Sandbox:
    """The sandbox of this machine: bubblewrap, tried out once per process.

    Args:
        unsafe: Where there is none, run programs without one and warn, instead of refusing.

    Raises:
        SandboxMissingError: No sandbox works here and `unsafe` is not set; says why and what to install.
    """
    with _lock:
        if not _found:
            _found.append(_find())
        found = _found[0]
    if not isinstance(found, str):
        return found
    if not unsafe:
        raise SandboxMissingError(f"{found}, {_ADVICE}")
    warnings.warn(f"Programs run without a sandbox, with your rights. {found}.", UserWarning, stacklevel=2)
    return PlainSandbox()


def _find() -> Sandbox | str:
    """The sandbox, or why there is none and what to do."""
    if not sys.platform.startswith("linux"):
        return f"The sandbox needs bubblewrap, which exists for Linux alone (this is {sys.platform}). Use Linux"
    program = shutil.which("bwrap", path="/usr/local/bin:/usr/bin:/bin") or shutil.which("bwrap")
    if program is None:
        return "The sandbox needs bubblewrap. Install the package 'bubblewrap' of your distribution"
    groups = find_parents()
    if groups is not None:
        remove_leftovers(groups)
    reason = ""
    for parents in [groups, None] if groups is not None else [None]:
        for closed in (True, False):
            sandbox = BubblewrapSandbox(program, parents, closed)
            problem = _try(sandbox)
            if not problem:
                return sandbox
            reason = reason or problem
    return (
        f"bubblewrap does not work here: {reason}. Use bubblewrap 0.7 or newer and allow user namespaces "
        "(sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, "
        "kernel.apparmor_restrict_unprivileged_userns; in a container also its seccomp profile)"
    )


def _try(sandbox: Sandbox) -> str:
    """Why it does not work, "" when it does."""
    with tempfile.TemporaryDirectory(prefix="stepgym-") as folder:
        try:
            finished = sandbox.run(["/bin/sh", "-c", "echo works"], folder=Path(folder), writable=False, limits=_TRIAL)
        except (SandboxFailedError, OSError) as problem:
            return str(problem)
    return "" if finished.stdout == b"works\n" else f"a trial run ended with {finished}"

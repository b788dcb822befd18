"""A sandbox for programs that somebody else wrote: nothing of the machine but its compilers, and firm limits."""

from stepgym.verifiers.sandbox.find import find_sandbox
from stepgym.verifiers.sandbox.limits import (
    Finished,
    Limits,
    Sandbox,
    SandboxFailedError,
    SandboxMissingError,
)

__all__ = ["Finished", "Limits", "Sandbox", "SandboxFailedError", "SandboxMissingError", "find_sandbox"]

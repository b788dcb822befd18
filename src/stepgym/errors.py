"""The errors stepgym raises on purpose; each message says what was expected, what came, and what to do.

Everything here derives from `StepgymError`. The command line prints such an error as one line and exits with code 2.
Any other exception is a defect of stepgym or of a plug-in and is never turned into a reward.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from types import ModuleType


class StepgymError(Exception):
    """Base of all errors that a user can act on."""


class InvalidInputError(StepgymError, ValueError):
    """A file, record, option or argument is not what was asked for."""


class UnknownNameError(StepgymError, LookupError):
    """No environment, verifier, policy, task or command has this name."""


class MissingExtraError(StepgymError, ImportError):
    """An optional dependency is not installed; the message names the extra that brings it."""


class PluginError(StepgymError):
    """An installed plug-in cannot be loaded; the message names it and its distribution."""


class ConformanceError(StepgymError, AssertionError):
    """A plug-in breaks a promise of its protocol."""


def unknown_name(kind: str, name: str, known: Iterable[str], *, hint: str = "") -> UnknownNameError:
    """An `UnknownNameError` for `name` that suggests the nearest of the `known` names."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if near:
        advice = "Did you mean " + " or ".join(repr(n) for n in near) + "?"
    elif len(names) <= 12:
        advice = "Known: " + (", ".join(names) or "none") + "."
    else:
        advice = f"{len(names)} are known, among them {', '.join(names[:5])}."
    return UnknownNameError(" ".join(part for part in (f"No {kind} is called {name!r}.", advice, hint) if part))


def require(module: str, *, extra: str) -> ModuleType:
    """The imported optional `module`, or a `MissingExtraError` that names the `extra` to install."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing = (error.name or module).partition(".")[0]
        raise MissingExtraError(
            f"{missing!r} is not installed. Install the extra {extra!r}: pip install 'stepgym[{extra}]'"
        ) from error

"""One run of a program: its input, its output, and the bounds within which its meaning is certain."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

LARGEST = 10**9
"""No value, on the way or in the end, is beyond this: well within 32 bits."""

MOST_TURNS = 600
"""Turns of loops, all together, and texts printed."""

DEEPEST_CALL = 40
"""Calls within calls."""


class UndefinedError(Exception):
    """The program leaves the bounds within which its meaning is certain."""


class EndlessError(Exception):
    """The program does not come to an end within the steps that generated programs need."""


class BreakSignal(Exception):  # noqa: N818 - no error
    """A `break` on its way to its loop."""


class ReturnSignal(Exception):  # noqa: N818 - no error
    """A `return` on its way to the call."""

    def __init__(self, value: Any) -> None:
        self.value = value


class Run:
    """One run: what is read, what is printed, which branches were taken and how often loops turned (0, 1, more)."""

    __slots__ = ("covered", "depth", "functions", "out", "position", "tokens", "turns")

    def __init__(self, tokens: Sequence[str], functions: Mapping[str, tuple[tuple[str, ...], Execute]]) -> None:
        self.tokens = tokens
        self.position = 0
        self.out: list[str] = []
        self.turns = MOST_TURNS
        self.depth = 0
        self.functions = functions
        self.covered: set[tuple[int, int]] = set()


Variables: TypeAlias = dict[str, Any]
Evaluate: TypeAlias = Callable[[Variables, Run], Any]
Execute: TypeAlias = Callable[[Variables, Run], None]

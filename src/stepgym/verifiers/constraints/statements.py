"""What an answer says: assignments, and what stands where one belongs, with their places."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from stepgym.verifiers.constraints.cores import Given

_MOST_TIMES = 4
_MOST_MISFITS = 100


@dataclass(frozen=True, slots=True)
class Statement:
    """One assignment that an answer makes, and the place of the part of it that can be wrong."""

    given: Given
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Misfit:
    """What stands where a name or value belongs and is none, a second value, or a line that almost is an answer's."""

    kind: Literal["unknown-name", "out-of-domain", "two-values", "unreadable"]
    row: str
    start: int
    end: int


@dataclass(slots=True)
class Reading:
    """What an answer says, in the order of the text."""

    statements: list[Statement] = field(default_factory=list)
    misfits: list[Misfit] = field(default_factory=list)
    lines: int = 0

    def add(self, other: Reading) -> None:
        """Append what a further line says."""
        self.statements += other.statements
        self.misfits += other.misfits
        self.lines += other.lines

    def few(self, response: str) -> Reading:
        """The same without endless repetition: of what is said again and again, the first few times."""
        times: Counter[object] = Counter()
        few = Reading(lines=self.lines)
        for statement in self.statements:
            times[statement.given] += 1
            if times[statement.given] <= _MOST_TIMES:
                few.statements.append(statement)
        for misfit in self.misfits:
            said = (misfit.kind, misfit.row, response[misfit.start : misfit.end])
            times[said] += 1
            if times[said] <= _MOST_TIMES and len(few.misfits) < _MOST_MISFITS:
                few.misfits.append(misfit)
        return few

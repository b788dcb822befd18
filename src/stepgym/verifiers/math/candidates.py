"""The places in a response where its answer may stand."""

from __future__ import annotations

import re
from dataclasses import dataclass

from stepgym.verifiers.math.read import stripped_span


@dataclass(frozen=True, slots=True)
class Candidate:
    """One place where the answer may stand.

    Attributes:
        start: First character in the response.
        end: One past the last.
        mark: "box", "mark", "phrase", "tag", "stated", "whole", "segment", "number".
    """

    start: int
    end: int
    mark: str


@dataclass(frozen=True, slots=True)
class Extraction:
    """Where the answer of a response may stand.

    Attributes:
        candidates: The places to read, best first.
        boxes: The outermost boxes that count, in order; more than one when the response boxes several values.
        window: Where `last_expressions` may look when no candidate reads as an answer; None when it must not.
        marked: Whether the response marks its answer.
    """

    candidates: tuple[Candidate, ...]
    boxes: tuple[Candidate, ...] = ()
    window: tuple[int, int] | None = None

    @property
    def marked(self) -> bool:
        """Whether the response marks its answer by a box, a mark or a phrase."""
        return bool(self.boxes) or any(c.mark in ("mark", "phrase", "tag") for c in self.candidates)


def trimmed(text: str, start: int, end: int, mark: str) -> Candidate:
    """The candidate without spaces, punctuation and delimiters at its edges."""
    if mark in ("mark", "phrase") and "**" not in text[start:end].strip("*"):
        while end > start and text[end - 1] in "* ":
            end -= 1
    return Candidate(*stripped_span(text, start, end), mark)


def last_match(pattern: re.Pattern[str], text: str, begin: int, end: int) -> re.Match[str] | None:
    """The last match of a pattern."""
    found = None
    for m in pattern.finditer(text, begin, end):
        found = m
    return found

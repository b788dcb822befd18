"""The program inside a response."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

_FENCE = re.compile(r"^[ ]{0,3}```([^\n`]*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Program:
    """A program and where it stands.

    Attributes:
        text: The program as it was written.
        start: Offset of its first character in the response.
    """

    text: str
    start: int


def read_program(response: str) -> Program:
    """The last fenced block of a response, also one that is never closed; without a fence the whole response."""
    fences = list(_FENCE.finditer(response))
    blocks: list[tuple[int, int]] = []
    opened: int | None = None
    for fence in fences:
        if opened is None:
            opened = min(fence.end() + 1, len(response))
        elif not fence[1].strip():
            blocks.append((opened, fence.start()))
            opened = None
        else:  # A fence with a language opens a block, whatever was left open before.
            opened = min(fence.end() + 1, len(response))
    if opened is not None:
        blocks.append((opened, len(response)))
    if not blocks:
        return Program(response, 0)
    filled = [(start, end) for start, end in blocks if response[start:end].strip()]
    start, end = (filled or blocks)[-1]
    return Program(response[start:end], start)


class Lines:
    """From the lines and byte columns of a compiler to characters of the program."""

    def __init__(self, program: str) -> None:
        self._lines = program.split("\n")
        self._starts = [0, *accumulate(len(line) + 1 for line in self._lines)]

    def place(self, line: int, byte_column: int) -> int | None:
        """The offset of a 1-based line and 1-based column in bytes of UTF-8; None if there is no such line."""
        if not 1 <= line <= len(self._lines):
            return None
        text = self._lines[line - 1]
        encoded = text.encode("utf-8", "replace")
        before = encoded[: max(0, byte_column - 1)].decode("utf-8", "ignore")
        return self._starts[line - 1] + min(len(before), len(text))

    def span(self, line: int) -> tuple[int, int] | None:
        """The characters of a 1-based line without the white space around them."""
        if not 1 <= line <= len(self._lines):
            return None
        text = self._lines[line - 1]
        start = self._starts[line - 1] + len(text) - len(text.lstrip())
        return start, max(start, self._starts[line - 1] + len(text.rstrip()))

    def line_of(self, place: int) -> int:
        """The 1-based line of a character."""
        return min(bisect_right(self._starts, place), len(self._lines))

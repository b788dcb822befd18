"""The program inside a response."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

from stepgym.verifiers.cpp.fences import read_blocks

_CPP = re.compile(r"#[ \t]*include\b|\bint\s+main\b")


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
    """The program of a response: its last fenced block tagged as C++ (cpp, c++, cc or cxx).

    Where none is tagged so, the last one that looks like C++, else the last one; without a fence the whole response.
    Blocks without content count only if there is no other.
    """
    blocks = read_blocks(response)
    if not blocks:
        return Program(response, 0)
    filled = [block for block in blocks if response[block.start : block.end].strip()] or blocks
    tagged = [block for block in filled if block.is_cpp]
    alike = [block for block in filled if _CPP.search(response, block.start, block.end)]
    chosen = (tagged or alike or filled)[-1]
    return Program(response[chosen.start : chosen.end], chosen.start)


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

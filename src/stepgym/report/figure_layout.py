"""The text of a picture in rows of equally wide columns, broken at the ends of steps where possible."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from textwrap import wrap

from stepgym.verifiers.verdict import printable

WIDTH = 880.0
LEFT = 44.0
COLUMN = 11.0
LARGEST_COLUMN = 26.0
COLUMNS = int((WIDTH - 2 * LEFT) // COLUMN)
MOST_ROWS = 7


@dataclass(frozen=True, slots=True)
class Row:
    """The characters [start, end) of a text; `shown[i]` stands for character `start + i`, each sign in a column.

    Attributes:
        column: Width of a column.
    """

    start: int
    end: int
    shown: tuple[str, ...]
    column: float

    def x(self, offset: int) -> float:
        """The left edge of the character at `offset`, the right edge of the last one for `end`."""
        return LEFT + self.column * sum(len(c) for c in self.shown[: offset - self.start])

    def words(self) -> Iterator[tuple[float, float, str]]:
        """Left edge, width and text of stretches short enough that the columns stay true in any font."""
        for first in range(0, len(self.shown), 4):
            part = "".join(self.shown[first : first + 4])
            yield self.x(self.start + first), self.column * len(part), part


def rows_of(text: str, *, focus: int) -> list[Row]:
    """At most `MOST_ROWS` rows of the text, among them the one with the character at `focus`."""
    # Far from the focus nothing will be shown; what is cut here keeps long texts cheap.
    start = max(0, focus - 2 * MOST_ROWS * COLUMNS)
    stop = min(len(text), focus + 2 * MOST_ROWS * COLUMNS)
    edges = [start, *_ends(text, start, stop)]
    column = _column(text, edges)
    rows = [Row(a, b, tuple(map(_shown, text[a:b])), column) for a, b in pairwise(edges)]
    here = min(bisect_left(rows, focus + 1, key=lambda row: row.end), max(0, len(rows) - 1))
    first = max(0, min(here - MOST_ROWS // 2, len(rows) - MOST_ROWS))
    return rows[first : first + MOST_ROWS]


def wrapped(words: str, width: int) -> list[str]:
    """The words in lines of at most `width` characters."""
    return wrap(words, width) if words else []


def _column(text: str, edges: list[int]) -> float:
    """The width of a column: short texts are written larger."""
    longest = max((_width(text[a:b]) for a, b in pairwise(edges)), default=0)
    return min(LARGEST_COLUMN, max(COLUMN, (WIDTH - 2 * LEFT) / max(1, longest)))


def _ends(text: str, start: int, stop: int) -> Iterator[int]:
    """Where the rows end: steps share a row where they fit, a long step is cut between its words."""
    used, cut = 0, False
    position = start
    while position < stop:
        newline = text.find("\n", position, stop)
        end = stop if newline < 0 else newline + 1
        width = _width(text[position:end])
        if used and (cut or used + width > COLUMNS):
            yield position
            used = 0
        cut = width > COLUMNS
        while width > COLUMNS:
            position = _cut(text, position, end)
            yield position
            width = _width(text[position:end])
        used += width
        position = end
    if used:
        yield stop


def _cut(text: str, start: int, end: int) -> int:
    """The last place between words at which a row from `start` can end, or the last character that fits."""
    width, fits, space = 0, start, 0
    while fits < end and width + _width(text[fits]) <= COLUMNS:
        width += _width(text[fits])
        fits += 1
        if fits < end and text[fits] == " ":
            space = fits
    return space if space > start + COLUMNS // 2 else max(fits, start + 1)


def _width(text: str) -> int:
    return sum(len(_shown(character)) for character in text)


def _shown(character: str) -> str:
    return "↵" if character == "\n" else printable(character)

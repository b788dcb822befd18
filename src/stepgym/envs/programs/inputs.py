"""Inputs of a program: what it reads, and candidates of tests drawn for it.

Candidates are drawn near what a program looks at: its own constants and their neighbours, ends of the range, ties
between values, empty and short lists; so that comparisons are met with equality and loops turn 0, 1 and many times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from stepgym.envs.programs.draw import Draw


@dataclass(frozen=True, slots=True)
class Numbers:
    """Integers on one line, one for each range (low, high)."""

    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Lists:
    """A count from `shortest` to `longest`, then `lists` lines of so many integers from `low` to `high`."""

    shortest: int
    longest: int
    low: int
    high: int
    lists: int = 1


@dataclass(frozen=True, slots=True)
class Words:
    """`words` strings on one line, of `shortest` to `longest` characters of `alphabet`."""

    alphabet: str
    shortest: int
    longest: int
    words: int = 1


Reads: TypeAlias = Numbers | Lists | Words


def draw_inputs(reads: Sequence[Reads], constants: Sequence[int], draw: Draw, count: int) -> list[str]:
    """`count` different input texts (fewer if hardly more exist), the first ones short and simple."""
    found: dict[str, None] = {}
    for attempt in range(3 * count):
        lines: list[str] = []
        for item in reads:
            lines += _lines(item, constants, draw, attempt)
        found["\n".join(lines) + "\n"] = None
        if len(found) == count:
            break
    return list(found)


def _lines(item: Reads, constants: Sequence[int], draw: Draw, attempt: int) -> list[str]:
    match item:
        case Numbers(ranges=ranges):
            values: list[int] = []
            for low, high in ranges:
                values.append(_value(low, high, constants, values, draw))
            return [" ".join(map(str, values))]
        case Lists(shortest=shortest, longest=longest, low=low, high=high, lists=lists):
            length = min(longest, shortest + attempt) if attempt < 2 else draw.between(shortest, longest)
            lines = [str(length)]
            for _ in range(lists):
                row: list[int] = []
                for _ in range(length):
                    row.append(_value(low, high, constants, row, draw))
                lines.append(" ".join(map(str, row)))
            return lines
        case Words(alphabet=alphabet, shortest=shortest, longest=longest, words=words):
            length = min(longest, shortest + attempt) if attempt < 2 else draw.between(shortest, longest)
            made = []
            for _ in range(words):
                # A few letters only, so that letters meet their equals.
                letters = alphabet if draw.chance(0.4) else "".join(draw.sample(alphabet, draw.between(2, 4)))
                word = "".join(draw.choice(letters) for _ in range(length))
                made.append(word[: (length + 1) // 2] + word[: length // 2][::-1] if draw.chance(0.2) else word)
                length = max(shortest, min(longest, length + draw.between(-1, 1)))
            return [" ".join(made)]


def _value(low: int, high: int, constants: Sequence[int], before: Sequence[int], draw: Draw) -> int:
    kind = draw.below(10)
    if kind < 4 and constants:
        value = draw.choice(constants) + draw.between(-1, 1)
    elif kind < 6 and before:
        value = draw.choice(before) + (draw.between(-1, 1) if draw.chance(0.4) else 0)
    elif kind == 6:
        value = draw.choice((low, low + 1, 0, 1, high))
    else:
        return draw.between(low, high)
    return value if low <= value <= high else draw.between(low, high)

"""Answers read off completions, so that completions can vote."""

from __future__ import annotations

import re
from collections.abc import Sequence

_TAIL = 4_000  # characters of a text that are searched for a number
_NUMBER = re.compile(r"(?<![\w.)])[-−]?\d[\d,]*(?:\.\d+)?(?:/\d+)?|\d[\d,]*(?:\.\d+)?(?:/\d+)?")


def last_number(text: str) -> str:
    """The last number in `text` without separators and needless zeros, or the whole text stripped if it has none."""
    found = _NUMBER.findall(text[-_TAIL:])
    if not found:
        return " ".join(text.split())
    number = found[-1].replace(",", "").replace("−", "-")
    sign, number = ("-", number[1:]) if number.startswith("-") else ("", number)
    if "." in number and "/" not in number:
        number = number.rstrip("0").rstrip(".")
    number = number.lstrip("0") or "0"
    number = "0" + number if number[0] in "./" else number
    return number if number == "0" else sign + number


def elect(answers: Sequence[str], weights: Sequence[float]) -> str:
    """The answer with the largest total weight; of equal ones the first."""
    totals: dict[str, float] = {}
    for answer, weight in zip(answers, weights, strict=True):
        totals[answer] = totals.get(answer, 0.0) + weight
    return max(totals, key=totals.__getitem__)

"""Units of measurement and counting words: what a unit text measures, and whether two of them go together."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

from stepgym.verifiers.math.unit_names import FILLERS, ONE_SPELLING, UNITS

Measure = tuple[tuple[tuple[str, int], ...], Fraction]
_WORD = re.compile(r"[^\W\d_]+|\^-?\d+")
_POWER_WORDS = {"square": 2, "sq": 2, "squared": 2, "cubic": 3, "cu": 3, "cubed": 3}
_OPEN = ("unit", Fraction(1))  # "units" names no unit, but "square units" are no "units".
_OPEN_NAMES = frozenset({"unit", "units"})
_PLURAL = re.compile(r"(?:(?<=s)|(?<=x)|(?<=ch)|(?<=sh)|(?<=z))es$|(?<![su])(?<!i)s$")


@lru_cache(maxsize=1024)
def measure(unit: str) -> Measure | None:
    """The dimensions of a unit text with their powers and the factor to base units; None when it is not known."""
    words = _WORD.findall(unit.replace("mph", "miles per hour"))
    dimensions: dict[str, int] = {}
    factor = Fraction(1)
    side, pending = 1, 1
    last: tuple[str, Fraction] | None = None
    for word in words:
        lower = word.lower()
        if word.startswith("^"):
            if last is None or abs(int(word[1:])) > 4:
                return None
            extra = int(word[1:]) - 1
            dimensions[last[0]] = dimensions.get(last[0], 0) + side * extra
            factor *= last[1] ** (side * extra)
        elif lower in ("squared", "cubed"):
            if last is None:
                return None
            extra = _POWER_WORDS[lower] - 1
            dimensions[last[0]] = dimensions.get(last[0], 0) + side * extra
            factor *= last[1] ** (side * extra)
        elif lower in _POWER_WORDS:
            pending = _POWER_WORDS[lower]
        elif lower in ("per", "an", "each"):
            side = -1
        elif lower in ("of", "the"):
            continue
        else:
            known = _OPEN if lower in _OPEN_NAMES else UNITS.get(word) or UNITS.get(lower)
            if known is None:
                return None
            dimensions[known[0]] = dimensions.get(known[0], 0) + side * pending
            factor *= known[1] ** (side * pending)
            last, pending = known, 1
    if not dimensions or pending != 1:
        return None
    return tuple(sorted((d, p) for d, p in dimensions.items() if p)), factor


def goes_with(unit: str, other: str, *, exactly: bool = False) -> bool:
    """Whether two unit texts, of which at least one is not a known measure, may name the same thing.

    They do when the words of one that carry meaning are among those of the other, in any spelling: "apples" and "red
    apples", "hrs" and "hours of work". Words that count nothing in particular ("in total") go with everything. With
    `exactly`, both must have the same words.
    """
    one, two = _meaning(unit), _meaning(other)
    if exactly:
        return one == two
    if not one or not two:
        return True
    powers = [w & {"power 2", "power 3"} for w in (one, two)]
    return powers[0] == powers[1] and (one <= two or two <= one)


def in_radians(unit: str | None) -> bool:
    """Whether a unit text means radians."""
    return unit is not None and _meaning(unit) == {"radian"}


@lru_cache(maxsize=1024)
def _meaning(unit: str) -> frozenset[str]:
    """The words of a unit text that carry meaning, each in one spelling."""
    words = set()
    for word in _WORD.findall(unit.replace("mph", "miles per hour")):
        lower = word.lower()
        power = _POWER_WORDS.get(lower) or (int(word[1:]) if word[0] == "^" and word[1:] in ("2", "3") else 0)
        known = UNITS.get(word) or UNITS.get(lower)
        if power:
            words.add(f"power {power}")
        elif known is not None and lower not in FILLERS:
            words.add(f"{known[0]} {known[1]}")
        elif lower not in FILLERS:
            words.add(_singular(lower))
    return frozenset(words)


def _singular(word: str) -> str:
    if word in ONE_SPELLING:
        return ONE_SPELLING[word]
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    return _PLURAL.sub("", word) if len(word) > 3 else word

"""Units of measurement: what a unit text measures, and the factor to its base unit."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

from stepgym.verifiers.math.vocabulary import UNITS

Measure = tuple[tuple[tuple[str, int], ...], Fraction]
_WORD = re.compile(r"[A-Za-z]+|\^-?\d+")
_POWER_WORDS = {"square": 2, "sq": 2, "squared": 2, "cubic": 3, "cu": 3, "cubed": 3}


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
            known = UNITS.get(word) or UNITS.get(lower)
            if known is None:
                return None
            dimensions[known[0]] = dimensions.get(known[0], 0) + side * pending
            factor *= known[1] ** (side * pending)
            last, pending = known, 1
    if not dimensions or pending != 1:
        return None
    return tuple(sorted((d, p) for d, p in dimensions.items() if p)), factor

"""Typed access to the fields of a JSON object, with errors that name the file and the field."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stepgym.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class Fields:
    """A JSON object and the place it came from."""

    data: Mapping[str, Any]
    where: str

    @classmethod
    def of(cls, data: object, where: str) -> Fields:
        """The fields of `data`; raises `InvalidInputError` unless it is an object."""
        if not isinstance(data, dict):
            raise InvalidInputError(f"{where}: expected a JSON object, got {type(data).__name__}")
        return cls(data, where)

    def text(self, key: str, default: str | None = None) -> str:
        """A string; without a default the field is required."""
        value = self.data.get(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str):
            raise self._error(key, "a string")
        return value

    def number(self, key: str, *, low: float = -math.inf, high: float = math.inf) -> float:
        """A required finite number in [low, high]."""
        value = self.maybe_number(key, low=low, high=high)
        if value is None:
            raise self._error(key, "a finite number")
        return value

    def maybe_number(self, key: str, *, low: float = -math.inf, high: float = math.inf) -> float | None:
        """A number in [low, high], or None where it is absent, null, NaN or infinite."""
        value = self.data.get(key)
        if value is None:
            return None
        number = as_number(value)
        if number is None:
            raise self._error(key, "a number")
        if not is_usable(number):
            return None
        if not low <= number <= high:
            raise self._error(key, f"a number in [{low:g}, {high:g}]")
        return number

    def maybe_count(self, key: str) -> int | None:
        """A whole number of at least 0, or None where it is absent or null."""
        value = self.maybe_number(key, low=0.0)
        if value is not None and value != int(value):
            raise self._error(key, "a whole number")
        return None if value is None else int(value)

    def mapping(self, key: str) -> Mapping[str, Any]:
        """An object; absent or null is an empty one."""
        value = self.data.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self._error(key, "an object")
        return value

    def items(self, key: str) -> list[Any]:
        """A list; absent or null is an empty one."""
        value = self.data.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self._error(key, "a list")
        return value

    def _error(self, key: str, expected: str) -> InvalidInputError:
        got = f"{self.data[key]!r:.80}" if key in self.data else "nothing"
        return InvalidInputError(f"{self.where}: expected {key!r} to be {expected}, got {got}")


def is_usable(number: float) -> bool:
    """Whether a number is finite, and small enough that differences of two such numbers are finite too."""
    return abs(number) <= 1e300


def as_number(value: object) -> float | None:
    """`value` as a float if it is a JSON number (not a boolean), infinite if too large, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf

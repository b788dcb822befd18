"""Axes of small charts: round tick values and the way from a number to a position."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

# Below this a difference is rounding dust of binary fractions.
_TINY = 1e-290


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis from `low` to `high` drawn between the positions `start` and `stop`.

    Attributes:
        ticks: Round numbers in [low, high].
        logarithmic: True where equal distances are equal factors; `low` is positive then.
    """

    low: float
    high: float
    start: float
    stop: float
    ticks: tuple[float, ...]
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """The position of a value; values outside the axis stand at its end."""
        low, high, here = self.low, self.high, min(self.high, max(self.low, value))
        if self.logarithmic:
            low, high, here = math.log(low), math.log(high), math.log(here)
        share = (here - low) / (high - low)
        return self.start + share * (self.stop - self.start)


def value_axis(values: Sequence[float], start: float, stop: float, *, ticks: int = 4) -> Axis:
    """An axis that holds all values between round ends; logarithmic where positive values span over three decades."""
    low, high = min(values), max(values)
    if low > _TINY and high / low > 1e3:
        exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        stride = max(1, math.ceil(len(exponents) / (ticks + 1)))
        decades = tuple(10.0**e for e in exponents[::stride])
        return Axis(10.0 ** exponents[0], 10.0 ** exponents[-1], start, stop, decades, logarithmic=True)
    if high - low <= max(_TINY, 1e-12 * max(abs(low), abs(high))):
        room = abs(low) * 0.1 or 1.0
        low, high = low - room, high + room
    step = _round_step((high - low) / ticks)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    marks = tuple(_tidy(index * step, step) for index in range(first, last + 1))
    return Axis(marks[0], marks[-1], start, stop, marks)


def step_axis(low: float, high: float, start: float, stop: float, *, ticks: int = 3) -> Axis:
    """An axis from exactly `low` to `high`, with round ticks inside."""
    if high - low <= max(_TINY, 1e-12 * abs(high)):
        room = max(0.5, abs(low) * 1e-3)
        return Axis(low - room, low + room, start, stop, (low,))
    step = _round_step((high - low) / ticks)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return Axis(low, high, start, stop, tuple(_tidy(index * step, step) for index in range(first, last + 1)))


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * (1 - 1e-9))


def _tidy(value: float, step: float) -> float:
    """`value` without the dust of binary fractions, so that ticks read 0.3 and not 0.30000000000000004."""
    return round(value, max(0, 2 - math.floor(math.log10(step))))

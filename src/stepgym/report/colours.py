"""The few colours of a report. Blue stands for high and right, orange for low and wrong; both survive colour blindness.

Colour is never the only sign: words, marks or figures say the same.
"""

from __future__ import annotations

VALUE_BINS = 11

# Red, green and blue of the two ends of the value scale on a light background (after Okabe and Ito).
LOW = (213, 94, 0)
HIGH = (0, 114, 178)
STRONGEST = 0.55

INK = "#1b2027"
MUTED = "#5b6673"
HAIRLINE = "#dfe3e8"
NEUTRAL = "#e9ecf0"
ORANGE = "#b84a00"
BLUE = "#0b62a0"


def value_bin(value: float) -> int:
    """Which of the `VALUE_BINS` shades a value has; 0 is at most 0, the last is at least 1."""
    return round(min(1.0, max(0.0, value)) * (VALUE_BINS - 1))


def bin_strength(index: int) -> tuple[bool, float]:
    """Whether a shade is on the high side, and its opacity over the background."""
    centre = (VALUE_BINS - 1) / 2
    return index > centre, abs(index - centre) / centre * STRONGEST


def on_white(value: float) -> str:
    """The shade of a value over a white background, as a hex colour; the middle is a light grey."""
    if value_bin(value) == VALUE_BINS // 2:
        return NEUTRAL
    high, strength = bin_strength(value_bin(value))
    red, green, blue = (round(255 + (c - 255) * strength) for c in (HIGH if high else LOW))
    return f"#{red:02x}{green:02x}{blue:02x}"

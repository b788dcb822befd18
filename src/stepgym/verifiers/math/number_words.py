"""Numbers in English words: cardinals, ordinals, fractions, dozens."""

from __future__ import annotations

import re
from fractions import Fraction

from stepgym.verifiers.math.vocabulary import MULTIPLIERS, NUMBER_WORDS, ORDINALS

_WORDS = re.compile(r"[A-Za-z]+")
_ONLY_WORDS = re.compile(r"[A-Za-z\s,-]{3,120}")
_TENS = {
    "twentieth": 20,
    "thirtieth": 30,
    "fortieth": 40,
    "fiftieth": 50,
    "sixtieth": 60,
    "seventieth": 70,
    "eightieth": 80,
    "ninetieth": 90,
}
_TEENS = ("eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth")
_LAST = {**ORDINALS, **_TENS, **dict(zip((*_TEENS, "nineteenth"), range(11, 20), strict=True)), "hundredth": 100}
_PARTS = {
    "half": 2,
    "halves": 2,
    "quarter": 4,
    "quarters": 4,
    **{word + plural: value for word, value in _LAST.items() if value > 2 for plural in ("", "s")},
}


def number_in_words(text: str) -> Fraction | int | None:
    """The number that a text of words spells, nothing else in it; None when it spells none."""
    if _ONLY_WORDS.fullmatch(text) is None:
        return None
    words = _WORDS.findall(text.lower())
    negative = bool(words) and words[0] in ("minus", "negative")
    if negative:
        words = words[1:]
    value = _value(words) if 1 <= len(words) <= 16 else None
    return -value if negative and value is not None else value


def _value(words: list[str]) -> Fraction | int | None:
    whole = _cardinal(words)
    if whole is not None:
        return whole
    last = words[-1]
    if last in _LAST and (len(words) == 1 or (words[-2] in NUMBER_WORDS and NUMBER_WORDS[words[-2]] >= 20)):
        before = _cardinal(words[:-1]) if len(words) > 1 else 0
        if before is not None and (len(words) == 1 or (_LAST[last] < 10 and not words[-2].endswith("s"))):
            return before + _LAST[last]
    if last in _PARTS and len(words) > 1:
        # "three quarters", "two and a half"
        joint = len(words) - 1 - words[::-1].index("and") if "and" in words else -1
        count = _cardinal(["one" if w in ("a", "an") else w for w in words[joint + 1 : -1]] or ["one"])
        rest = _cardinal(words[:joint]) if joint > 0 else 0
        if count is not None and rest is not None:
            return rest + Fraction(count, _PARTS[last])
    return None


def _cardinal(words: list[str]) -> int | None:
    """The value of "two hundred and five"; None when the words are not one number."""
    total = group = 0
    room = 1_000_000_000_000_000  # What comes next must be smaller than this.
    fresh = True
    for k, word in enumerate(words):
        if word in ("a", "an") and k == 0 and len(words) > 1 and words[1] in ("dozen", *MULTIPLIERS):
            group, fresh = 1, False
        elif word == "and" and k and words[k - 1] in MULTIPLIERS and k + 1 < len(words):
            continue
        elif word in NUMBER_WORDS:
            value = NUMBER_WORDS[word]
            free = group % 100 == 0 or (group % 10 == 0 and group % 100 >= 20 and 0 < value < 10)
            if not free or (group and not value):
                return None
            group, fresh = group + value, False
        elif word == "hundred" and 0 < group < 100 and not fresh:
            group *= 100
        elif word == "dozen" and k == len(words) - 1:
            return total + (group or 1) * 12
        elif word in MULTIPLIERS and word != "hundred" and group and MULTIPLIERS[word] < room:
            room = MULTIPLIERS[word]
            total, group, fresh = total + group * room, 0, True
        else:
            return None
    return total + group if words and (group or total or not fresh) else None

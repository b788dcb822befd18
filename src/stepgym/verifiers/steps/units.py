"""Words beside numbers: which may be units, and when the two sides of a calculation may be in different ones."""

from __future__ import annotations

import re
from fractions import Fraction

from stepgym.verifiers.steps.tokens import Token


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words behind a number that are no unit: with one of them between, two numbers do not belong together.
_NOT_UNITS = _words(
    "and or but so then since because if when while which that is are was were has have had than as to by with"
)
# Words that change the value of the number beside them.
SCALES = _words("hundred thousand million billion dozen half twice double triple am pm")
_WORDS = {
    "time": "second sec minute min hour hr day week month year decade century",
    "length": "inch inches foot feet yard mile millimeter mm centimeter cm meter metre km kilometer kilometre",
    "weight": "ounce oz pound lb lbs ton gram gm kilogram kg milligram mg",
    "volume": "cup pint quart gallon teaspoon tablespoon ml milliliter liter litre",
    "money": "cent penny pennies nickel dime quarter dollar $",
    "share": "percent",
}
_UNITS = {word: (dimension, word) for dimension, words in _WORDS.items() for word in words.split()}
_UNITS.update({word + "s": unit for word, unit in list(_UNITS.items()) if word.isalpha()})
_SYNONYMS = {
    "sec": "second",
    "min": "minute",
    "hr": "hour",
    "oz": "ounce",
    "lb": "pound",
    "lbs": "pound",
    "$": "dollar",
}
_SYNONYMS |= {"feet": "foot", "inches": "inch", "penny": "cent", "pennies": "cent", "gm": "gram", "kilogram": "kg"}
_SYNONYMS |= {"metre": "meter", "millimeter": "mm", "centimeter": "cm", "kilometer": "km", "kilometre": "km"}
_SYNONYMS |= {"milliliter": "ml", "litre": "liter", "milligram": "mg"}
_WORD = re.compile(r"[A-Za-z]+|\$")
# A rate: the unit behind "per" is not what is counted.
_PER = re.compile(r"(?:\bper|\ban?|\bevery|\beach|\bof the|\bin the|/)\s+[a-z]+")

# How many of one unit make another.
_FACTORS = frozenset(
    map(Fraction, (3, 4, 7, 12, 16, 24, 25, 28, 29, 30, 31, 36, 48, 52, 60, 100, 128, 144, 168, 365, 366))
) | frozenset(map(Fraction, (1000, 1440, 1760, 2000, 3600, 5280, 8760, 86400, 100_000, 1_000_000)))


def may_be_unit(token: Token) -> bool:
    """Whether a token may be a word of the unit behind a number."""
    return token.kind == "word" and token.text.lower() not in _NOT_UNITS and token.text.lower() not in SCALES


def mixes_units(text: str) -> bool:
    """Whether the words of `text` name two units of one dimension, for example dollars and cents."""
    seen: dict[str, set[str]] = {}
    for word in _WORD.findall(_PER.sub(" ", text.lower())):
        unit = _UNITS.get(word)
        if unit is not None:
            dimension, name = unit
            seen.setdefault(dimension, set()).add(_SYNONYMS.get(name, name))
    return any(len(names) > 1 for names in seen.values())


def is_conversion(left: Fraction, right: Fraction) -> bool:
    """Whether the two values differ by a factor that converts units."""
    if not left or not right:
        return False
    ratio = abs(left / right)
    return ratio in _FACTORS or 1 / ratio in _FACTORS


def is_scale(left: Fraction, right: Fraction) -> bool:
    """Whether "half", "dozen", "million", "pm" or the like may stand between two values."""
    if left == right or not left or not right:
        return False
    ratio = max(abs(left / right), abs(right / left))
    return ratio in (2, 3, 12, 100, 10**3, 10**6, 10**9) or (left - right) % 12 == 0

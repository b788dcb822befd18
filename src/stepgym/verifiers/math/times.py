"""Times of day and dates, in the forms people write."""

from __future__ import annotations

import re

from stepgym.verifiers.math.tree import Node

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<month>january|february|march|april|may|june|july|august|september|october|november|december|"
    r"jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\.?"
)
_DAY = r"(?:the\s+)?(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?:\s*,?\s*(?P<year>\d{4}))?"
_WEEKDAY = r"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day\s*,?\s*)?"
_DATES = (
    re.compile(_WEEKDAY + _MONTH + r"\s*" + _DAY + _YEAR, re.IGNORECASE),
    re.compile(_WEEKDAY + _DAY + r"\s+(?:of\s+)?" + _MONTH + _YEAR, re.IGNORECASE),
)
_HALF_OF_DAY = re.compile(r"(?<=\d)\s*(?:([ap])\.\s?m\b\.?|([AP])\.?\s?M\b\.?|(?<=:\d\d)\s*([ap])m\b)(?![\w{(^])")
_NAMED = re.compile(r"(?:12(?::00)?\s+)?(noon|midday|midnight)", re.IGNORECASE)
_TEXT = re.compile(r"\\(?:text|mbox|textbf|mathrm)\s*|[{}~]|\\[ ,!]")


def read_time(text: str) -> Node | None:
    """The node of a date, or of noon and midnight; None when the text is neither."""
    if len(text) > 60 or not any(c.isalpha() for c in text):
        return None
    plain = _TEXT.sub(" ", text).strip() if "\\" in text or "{" in text else text
    named = _NAMED.fullmatch(plain)
    if named is not None:
        return Node("clock", (), (12, 0, "am" if named.group(1).lower() == "midnight" else "pm"))
    if not any(c.isdigit() for c in plain):
        return None
    for pattern in _DATES:
        m = pattern.fullmatch(plain)
        if m is not None and 1 <= int(m["day"]) <= 31:
            month = _MONTHS.index(m["month"][:3].lower()) + 1
            return Node("text", (), f"{m['year'] or ''}month{month}day{int(m['day'])}")
    return None


def with_half_of_day_as_text(text: str) -> str:
    r"""The text with "p.m.", "PM" after a number and "pm" after a time written as `\text{pm}`."""
    return _HALF_OF_DAY.sub(lambda m: f"\\text{{ {(m[1] or m[2] or m[3]).lower()}m}}", text)

"""Other ways to write numbers, intervals and ratios, brought into the one that the parser reads."""

from __future__ import annotations

import re

from stepgym.verifiers.math.times import with_half_of_day_as_text

_BASES = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_NUMERAL = r"(?P<digits>-?[0-9A-Z]{1,300}(?:\.[0-9A-Z]{1,300})?)"
_BASE_IN_WORDS = re.compile(
    rf"\(?{_NUMERAL}\)?\s*"
    rf"(?:_\s*\{{?\s*(?:\\text\s*\{{)?\s*(?P<word>{'|'.join(_BASES)})|"
    rf"[({{,]?\s*(?:\\text\s*\{{)?\s*\(?(?:in\s+)?base[\s~-]*(?:(?P<name>{'|'.join(_BASES)})|(?P<number>\d{{1,2}})))"
    r"[\s)}]*"
)
_PREFIXED = re.compile(r"0(?:x(?P<x>[0-9A-Fa-f]{1,300})|b(?P<b>[01]{1,300})|o(?P<o>[0-7]{1,300}))")
_GROUPED = re.compile(r"-?\d{1,3}(?:(?:\.\d{3}){2,}|(?:['’]\d{3})+|(?:_\d{3})+)")
_REPEATING = re.compile(r"(?<=\.)\((\d{1,30})\)")
_TIMES_TEN = re.compile(r"(?<=\d)\s*[xX]\s*(?=10\s*(?:\^|\*\*))")
_RATIO = re.compile(r"(\d{1,30})\s*(?:\\text\s*\{\s*to\s*\}|to)\s*(\d{1,30})")
_MINUTES = re.compile(
    r"(?<=\d)\s*(?:\^\s*\{?\s*\\circ\s*\}?|\\degree|°)\s*(?:\\[,;: ]|~|\s)*(\d{1,2})\s*(?:'|’|′|\^\\prime)"
)
_OUTWARD = re.compile(r"(\\left\s*)?([\[\]])([^\[\]()]{0,200}?[,;][^\[\]()]{0,200}?)(\\right\s*)?([\[\]])")


def respelled(text: str) -> str:
    """The answer with unusual but unambiguous spellings replaced by common ones."""
    if "base" in text or "_" in text:
        text = _BASE_IN_WORDS.sub(_with_base, text, count=1) if _BASE_IN_WORDS.fullmatch(text) else text
    if text[:1] == "0" and _PREFIXED.fullmatch(text):
        digits, base = next((text[2:].upper(), b) for k, b in (("x", 16), ("b", 2), ("o", 8)) if text[1] == k)
        return f"{digits}_{{{base}}}"
    if _GROUPED.fullmatch(text):
        return re.sub(r"[^\d-]", "", text)
    if ".(" in text:
        text = _REPEATING.sub(r"\\overline{\1}", text)
    if "10" in text and ("x" in text or "X" in text):
        text = _TIMES_TEN.sub(r"\\times ", text)
    if "to" in text:
        m = _RATIO.fullmatch(text)
        text = text if m is None else f"{m[1]}:{m[2]}"
    if "+/-" in text:
        text = text.replace("+/-", "\\pm ")
    if "per cent" in text:
        text = text.replace("per cent", "percent")
    if "\\text{.}" in text:
        text = text.replace("\\text{.}", "")
    if "'" in text or "’" in text or "′" in text or "prime" in text:
        text = _MINUTES.sub(r"\\frac{\1}{60}^\\circ", text)
    if "m" in text or "M" in text:
        text = with_half_of_day_as_text(text)
    if ("]" in text or "[" in text) and (text.startswith(("]", "\\left]")) or text.endswith("[")):
        text = _OUTWARD.sub(_turned, text)
    return text


def _with_base(m: re.Match[str]) -> str:
    word = m["word"] or m["name"]
    return f"{m['digits']}_{{{_BASES.index(word) + 2 if word else m['number']}}}"


def _turned(m: re.Match[str]) -> str:
    """]1,2[ is (1,2): a bracket that opens outwards leaves its end out."""
    left = "(" if m[2] == "]" else "["
    return left + m[3] + (")" if m[5] == "[" else "]")

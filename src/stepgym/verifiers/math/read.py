"""From the text of one answer to its readings, cached: many responses share one reference and often one answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from stepgym.verifiers.math.build import read_number
from stepgym.verifiers.math.parse import parse
from stepgym.verifiers.math.shape import shaped
from stepgym.verifiers.math.spellings import respelled
from stepgym.verifiers.math.times import read_time
from stepgym.verifiers.math.tree import MAX_CHARACTERS, Node, OpaqueError, TooLargeError, UnreadableError, num
from stepgym.verifiers.math.words import behind_letter, choice, has_words, is_contracted, no_answer, text_answer

_SIMPLE = re.compile(r"-?\d{1,300}(?:\.\d{1,300})?")
_THOUSANDS = re.compile(r"\d,\d{3}(?!\d)")
_DECIMAL_COMMA = re.compile(r"\s*(-?\d+),(\d+)\s*")
_DOLLAR = re.compile(r"(?<!\\)\$")
_BASED = re.compile(
    r"(?:\\(?:text|mathrm|mbox)\s*)?[{(]?\s*(-?[0-9A-Z]{1,300}(?:\.[0-9A-Z]{1,300})?)\s*[})]?\s*_\s*\{?\s*(?:\\text\{)?(\d{1,2})\s*\}{0,2}"
)
_UNIT_FRACTION = re.compile(r"\\[dt]?frac\{\\(?:text|mathrm)\{\s*(\w+)\s*\}\}\{\\(?:text|mathrm)\{\s*(\w+)\s*\}\}")
_SYMPY_MATRIX = re.compile(r"(?:Mutable|Immutable)?(?:Dense)?Matrix\((\[.+\])\)", re.DOTALL)
_EDGE = " \t\r\n.,;:!?\"'“”"
_PLAIN = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ()")
_DELIMITERS = (
    ("$$", "$$"),
    ("$", "$"),
    ("\\(", "\\)"),
    ("\\[", "\\]"),
    ("**", "**"),
    ("*", "*"),
    ("`", "`"),
    ("__", "__"),
)


@dataclass(frozen=True, slots=True)
class Reading:
    """One answer as read.

    Attributes:
        text: The text without delimiters around it.
        readings: The trees it may stand for, the most likely first; empty when `problem` says why.
        problem: "" or the reason why nothing could be read.
        too_large: Whether a cap was the reason.
        choice: The letter, when it is a multiple-choice answer with or without the words behind it.
    """

    text: str
    readings: tuple[Node, ...]
    problem: str = ""
    too_large: bool = False
    choice: str | None = None

    @property
    def is_text(self) -> bool:
        """Whether the answer is words and not mathematics."""
        return bool(self.readings) and self.readings[0].op == "text"


def stripped_span(text: str, start: int, end: int) -> tuple[int, int]:
    """The part of `text[start:end]` without spaces, punctuation and matching math delimiters at its edges."""
    if start < end and text[start] in _PLAIN and text[end - 1] in _PLAIN:
        return start, end
    while True:
        before = start, end
        while start < end and (text[start] in _EDGE and not _leading_point(text, start, end)):
            start += 1
        while start < end and text[end - 1] in _EDGE and not _belongs(text, start, end):
            end -= 1
        if end - start > 1 and text[end - 1] == "\\" and text[end - 2] != "\\" and text[end : end + 1] in _EDGE:
            end -= 1
        for left, right in _DELIMITERS:
            if (
                end - start >= len(left) + len(right)
                and text.startswith(left, start)
                and text.endswith(right, start, end)
            ):
                inner = text[start + len(left) : end - len(right)]
                if left not in inner or left in ("\\(", "\\["):
                    start, end = start + len(left), end - len(right)
        if (start, end) == before:
            return start, end


def _belongs(text: str, start: int, end: int) -> bool:
    """Whether the last mark is part of the answer: a factorial, or the dots of a repeating decimal."""
    if text[end - 1] == "!":
        return text[end - 2 : end - 1].isalnum() or text[end - 2 : end - 1] in ("!", ")")
    if text[end - 1] in "'’":  # 30 minutes of arc
        return text[end - 2 : end - 1].isdigit() and any(d in text[start:end] for d in ("circ", "°", "degree"))
    return text.endswith("...", start, end) and text[max(start, end - 4) : end - 3].isdigit()


def _leading_point(text: str, start: int, end: int) -> bool:
    return text[start] == "." and start + 1 < end and text[start + 1].isdigit()


def _based(digits: str, base: int) -> Node | None:
    """A numeral with its base: `204_5`, `A5_{11}`, `0.0011_2`."""
    unsigned = digits.lstrip("-")
    if not 2 <= base <= 36 or any(int(d, 36) >= base for d in unsigned if d != "."):
        return None
    whole, _, places = unsigned.partition(".")
    value = Fraction(int(whole + places or "0", base), base ** len(places))
    return Node("based", (), (digits, base, -value if digits.startswith("-") else value))


def read_behind_letter(text: str) -> tuple[Node, ...]:
    """What stands behind the letter of a choice: the 12 of "(C) 12"."""
    behind = behind_letter(text)
    return read(behind).readings if behind and len(behind) < len(text) else ()


@lru_cache(maxsize=8192)
def read(text: str, *, decimal_comma: bool = False) -> Reading:
    """The readings of an answer; never raises."""
    if _SIMPLE.fullmatch(text):
        negative = text[0] == "-"
        node = read_number(text[1:] if negative else text)
        if not negative:
            return Reading(text, (node,))
        if node.op == "num":
            return Reading(text, (num(-node.value),))
        return Reading(text, (Node("dec", (), (-node.value[0], *node.value[1:])),))
    if len(text) > MAX_CHARACTERS:
        return Reading(text[:80], (), f"the answer is longer than {MAX_CHARACTERS} characters", too_large=True)
    start, end = stripped_span(text, 0, len(text))
    text = shown = text[start:end]
    m = _SYMPY_MATRIX.fullmatch(text)
    if m is not None:
        text = m.group(1)
    if "\\frac{\\" in text:
        text = _UNIT_FRACTION.sub(r"\\text{ \1/\2}", text)
    if "$" in text and len(_DOLLAR.findall(text)) % 2 == 0:
        text = _DOLLAR.sub(" ", text).strip()
    if no_answer(text) and not any(c in text for c in "()[]{}"):
        return Reading(shown, (), "there is no answer")
    text = respelled(text)
    time = read_time(text)
    if time is not None:
        return Reading(shown, (time,))
    readings: list[Node] = []
    problem, too_large = "", False
    based = _BASED.fullmatch(text)
    if based is not None:
        numeral = _based(based.group(1), int(based.group(2)))
        if numeral is not None:
            return Reading(shown, (numeral,))
    if is_contracted(text):
        return Reading(shown, (text_answer(text),), choice=choice(text))
    for commas in (True, False) if _THOUSANDS.search(text) else (True,):
        try:
            node = shaped(parse(text, commas=commas))
            if node not in readings:
                readings.append(node)
        except OpaqueError:
            return Reading(shown, (Node("opaque", (), "".join(text.split())),))
        except UnreadableError as error:
            problem = problem or str(error)
        except TooLargeError as error:
            problem, too_large = str(error), True
        except RecursionError:
            problem, too_large = "the answer is nested too deep", True
    m = _DECIMAL_COMMA.fullmatch(text)
    if m is not None and (decimal_comma or (m.group(1).strip("-") == "0" and len(m.group(2)) == 3)):
        value = Fraction(f"{m.group(1)}.{m.group(2)}")
        readings.append(Node("dec", (), (value, len(m.group(2)), len((m.group(1) + m.group(2)).lstrip("-0")))))
    letter = choice(text)
    if letter is not None:
        readings += read_behind_letter(text)
    if readings:
        return Reading(shown, tuple(readings), choice=letter)
    if not too_large and has_words(text):
        node = text_answer(text)
        if node.op != "text" or node.value:
            return Reading(shown, (node,), choice=letter)
    return Reading(shown, (), problem or "there is no answer", too_large)

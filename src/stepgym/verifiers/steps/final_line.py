"""The final line against the calculations before it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

from stepgym.verifiers.steps.calculations import Calculation, shown
from stepgym.verifiers.steps.expression import evaluate
from stepgym.verifiers.steps.reader import Expression, parse_expression
from stepgym.verifiers.steps.tokens import tokenize
from stepgym.verifiers.verdict import Finding

_MARKER = re.compile(
    r"####|^[ \t]*A:|\\boxed\{|\b(?:final answer|answer)\b(?:[ \t]+is\b|[ \t]*:)(?:[ \t]*:)?",
    re.IGNORECASE | re.MULTILINE,
)


def final_line(text: str, calculations: Sequence[Calculation]) -> Finding | None:
    """Whether the number behind the last answer marker is the last result; None without a marker or a calculation.

    "proved" when it is, a "warning" when it is another number than the last result: the last step may be missing, or
    the answer may be an earlier result.
    """
    markers = list(_MARKER.finditer(text))
    if not markers or not calculations:
        return None
    stated = _first_number(text, markers[-1].end())
    results = [
        (calculation, value)
        for calculation in calculations
        if calculation.finding.end <= markers[-1].start()
        for value in [evaluate(calculation.link.right.node)]
        if value is not None
    ]
    if stated is None or not results:
        return None
    value = evaluate(stated.node)
    if value is None:
        return None
    last = results[-1][1]
    evidence = {"stated": str(value), "last": str(last)}
    if _same(value, last):
        message = f"{shown(value)} is the last result"
        return Finding(stated.start, stated.end, "final-line", "proved", message, evidence)
    origin = "an earlier result" if any(_same(value, v) for _, v in results) else "no result of a calculation above"
    message = f"{shown(value)} is {origin}; the last result is {shown(last)}"
    return Finding(stated.start, stated.end, "final-line", "warning", message, evidence)


def _first_number(text: str, start: int) -> Expression | None:
    line_end = text.find("\n", start)
    tokens = tokenize(text, start, min(len(text), start + 200) if line_end < 0 else line_end)
    for index, token in enumerate(tokens):
        if token.kind in ("number", "frac") or (token.text == "-" and token.kind == "operator"):
            return parse_expression(tokens, index)
    return None


def _same(stated: Fraction, result: Fraction) -> bool:
    """Equal, rounded to a whole number or to cents, or the same share as a percentage."""
    rounded = abs(stated - result) < 1 and stated.denominator == 1
    cents = abs(stated - result) < Fraction(1, 100)
    return rounded or cents or stated in (result * 100, result / 100)

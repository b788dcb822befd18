"""Do the two sides of a calculation agree? Exact, with what people round and leave out told apart from errors."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias

from stepgym.verifiers.steps.expression import Node, Percent, evaluate
from stepgym.verifiers.steps.readings import Mismatch, Wording, innocent_reading

Outcome: TypeAlias = Literal["exact", "rounded", "unclear", "wrong"]

# What floating-point calculators print: 10/3=3.3333333333333335.
_FLOAT_NOISE = Fraction(1, 10**9)
_FLOAT_DECIMALS = 6
# "about" allows this share.
_ABOUT = Fraction(1, 20)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the two sides of a link come to.

    Attributes:
        outcome: "exact" and "rounded" (to the digits shown) agree, "wrong" does not, "unclear" claims nothing.
        left: Value of the left side.
        right: Value of the right side.
        tolerance: How far apart the sides may lie and still agree.
        percent: The reading of percent signs under which this holds.
        why: For "unclear": what else may have been meant.
    """

    outcome: Outcome
    left: Fraction
    right: Fraction
    tolerance: Fraction
    percent: Percent
    why: str = ""


def compare(left: Node, right: Node, *, relation: str = "=", wording: Wording | None = None) -> Comparison | None:
    """How the two sides compare, None when one of them has no value.

    Args:
        left: The side before the sign.
        right: The side behind it.
        relation: "=" or "≈".
        wording: The words of running text, in which a mismatch may have an innocent reading; None for a formal
            calculation, in which it has none.
    """
    comparisons = [_compare(left, right, percent, relation) for percent in _readings(left, right)]
    decided = [c for c in comparisons if c is not None]
    if len(decided) < len(comparisons):
        return None
    for comparison in decided:
        if comparison.outcome != "wrong":
            return comparison
    wrong = decided[0]
    if wording is None:
        return wrong
    mismatch = Mismatch(left, right, relation, (wrong.left, wrong.right), wrong.percent)
    why = innocent_reading(mismatch, wording)
    return Comparison("unclear", wrong.left, wrong.right, wrong.tolerance, wrong.percent, why) if why else wrong


def _readings(left: Node, right: Node) -> tuple[Percent, ...]:
    if any(token.percent for node in (left, right) for token in node.numbers()):
        return ("hundredths", "plain", "relative")
    return ("hundredths",)


def _compare(left: Node, right: Node, percent: Percent, relation: str) -> Comparison | None:
    a, b = evaluate(left, percent=percent), evaluate(right, percent=percent)
    if a is None or b is None:
        return None
    if a == b:
        return Comparison("exact", a, b, Fraction(0), percent)
    noise = abs(a) * _FLOAT_NOISE if _is_float(left) or _is_float(right) else Fraction(0)
    tolerance = max(_last_digit(left, percent), _last_digit(right, percent), noise)
    if relation == "≈":
        tolerance = max(tolerance, abs(a) * _ABOUT)
    # Rounded to the nearest, or cut off towards zero where the digits would go on: 10/3 = 3.34 and 0.75 = 0.7 are not.
    cut_off = abs(b) < abs(a) and not _is_short(a)
    limit = tolerance if cut_off or relation == "≈" else max(tolerance / 2, noise)
    if abs(a - b) < tolerance and abs(a - b) <= limit:
        return Comparison("rounded", a, b, limit, percent)
    return Comparison("wrong", a, b, limit, percent)


def _is_float(node: Node) -> bool:
    """Whether a side is what a floating-point calculator prints."""
    return node.token is not None and node.token.decimals >= _FLOAT_DECIMALS


def _is_short(value: Fraction) -> bool:
    """Whether at most four decimals write the value in full."""
    return (value * 10_000).denominator == 1


def _last_digit(node: Node, percent: Percent) -> Fraction:
    """One unit in the last place of a side that is a single decimal, 0 for anything else."""
    node = node.left if node.operator == "neg" and node.left is not None else node
    if node.token is None or not (node.token.decimals or node.token.percent):
        return Fraction(0)
    unit = Fraction(1, 10**node.token.decimals)
    return unit / 100 if node.token.percent and percent != "plain" else unit

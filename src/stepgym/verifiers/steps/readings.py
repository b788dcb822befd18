"""What a writer of running text may have meant by two sides that differ; empty when nothing suggests itself."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from fractions import Fraction

from stepgym.verifiers.steps.expression import Node, Percent, evaluate
from stepgym.verifiers.steps.notation import Notation
from stepgym.verifiers.steps.units import is_conversion, is_scale, mixes_units

# 2g: two grams, or twice an unknown.
_LETTERED = re.compile(r"[0-9][A-Za-z](?![A-Za-z'’])")
# Words that are no commands of LaTeX.
_PLAIN_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}")
_REJECTED = re.compile(r"contradict|impossible|absurd", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wording:
    """What stands around a calculation in running text, and may explain a mismatch.

    Attributes:
        left: The characters of the left side.
        whole: Both sides, and the words behind them.
        behind: What follows, some words further.
        scaled: Whether a word that changes a value ("dozen", "half") stands beside one of the sides.
        notation: What the question says about signs.
    """

    left: str
    whole: str
    behind: str
    scaled: bool
    notation: Notation


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Two sides that differ, under one reading of percent signs.

    Attributes:
        left: The side before the sign.
        right: The side behind it.
        relation: "=" or "≈".
        values: What the two sides come to.
        percent: What percent signs mean.
    """

    left: Node
    right: Node
    relation: str
    values: tuple[Fraction, Fraction]
    percent: Percent


def innocent_reading(mismatch: Mismatch, wording: Wording) -> str:
    """What else the writer may have meant by `mismatch`, empty when nothing suggests itself."""
    return (
        _rounding(mismatch)
        or _grouping(mismatch)
        or _units(mismatch, wording)
        or _rejection(wording)
        or wording.notation.other_meaning(mismatch.left, mismatch.right, mismatch.values)
    )


def _rounding(mismatch: Mismatch) -> str:
    left, right = mismatch.values
    if mismatch.right.token is not None and right.denominator == 1 and abs(left - right) < 1:
        return "rounded to a whole number"
    if abs(left - right) <= abs(left) / 1000 and (_has_decimals(mismatch.left) or _has_decimals(mismatch.right)):
        return "rounded on the way"
    if mismatch.relation == "≈" and abs(left - right) <= abs(left) / 4:
        return "only about equal is claimed"
    return ""


def _grouping(mismatch: Mismatch) -> str:
    left, right = mismatch.left, mismatch.right
    if any(value == mismatch.values[0] for value in _leading_values(right, mismatch.percent)):
        return "the calculation goes on from the result"
    if _nested_division(left) or _nested_division(right):
        return "a division of a division may be grouped otherwise"
    divided = left.operator == "/" and left.left is not None and right.token is None
    if divided and left.left is not None and evaluate(left.left) == mismatch.values[1]:
        return "a division with remainder is written out"
    if _hyphenated(left) == _hyphenated(right) > 0:
        return "the numbers may be lists with hyphens"
    return ""


def _units(mismatch: Mismatch, wording: Wording) -> str:
    left, right = mismatch.left, mismatch.right
    added = any(operator in "+-" for operator in left.operators())
    if added and mixes_units(wording.left):
        return "the left side mixes units"
    restated = left.token is not None and right.token is not None
    if (restated or is_conversion(*mismatch.values)) and mixes_units(wording.whole):
        return "the sides may be in different units"
    if wording.scaled and is_scale(*mismatch.values):
        return "a word beside a number changes its value"
    if mismatch.percent != "plain" and any(t.percent for t in left.numbers()) and added:
        return "what the percentage refers to is open"
    if mismatch.values[1] == 1 and left.operator == "/" and len(set(_PLAIN_WORD.findall(wording.left))) > 1:
        return "a factor that converts units is 1"
    lettered = len(_LETTERED.findall(wording.whole))
    if added and 0 < lettered < sum(1 for node in (left, right) for _ in node.numbers()):
        return "a letter may be an unknown"
    return ""


def _rejection(wording: Wording) -> str:
    return "the text itself rejects it" if _REJECTED.search(wording.behind) else ""


def _leading_values(node: Node, percent: Percent) -> list[Fraction | None]:
    """Values of the beginnings of an expression: 12 and 12 * 60 for `12 * 60 + 5`, itself left out."""
    values = []
    while node.left is not None:
        node = node.left
        values.append(evaluate(node, percent=percent))
    return values


def _has_decimals(node: Node) -> bool:
    return any(token.decimals for token in node.numbers())


def _nested_division(node: Node) -> bool:
    parts = [part for part in (node.left, node.right) if part is not None]
    if node.operator == "/" and any(part.operator == "/" for part in parts):
        return True
    return any(_nested_division(part) for part in parts)


def _hyphenated(node: Node) -> int:
    """How many numbers `6-8-10` has, 0 for anything else than at least three without spaces."""
    numbers = list(node.numbers())
    tight = all(b.start == a.end + 1 for a, b in itertools.pairwise(numbers))
    return len(numbers) if len(numbers) > 2 and tight and set(node.operators()) == {"-"} else 0

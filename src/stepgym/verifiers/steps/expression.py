"""Arithmetic expressions as trees, evaluated exactly and bounded in size; nothing a model wrote is ever executed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias

from stepgym.verifiers.steps.tokens import Token

Percent: TypeAlias = Literal["hundredths", "plain", "relative"]

_MAX_EXPONENT = 64
_MAX_BITS = 1024


@dataclass(frozen=True, slots=True)
class Node:
    """A number (`token` set) or an operation: `operator` is one of + - * / // ^ of, or "neg" with only `left`."""

    operator: str
    left: Node | None = None
    right: Node | None = None
    token: Token | None = None

    def numbers(self) -> Iterator[Token]:
        """The numbers, from left to right."""
        if self.token is not None:
            yield self.token
        for side in (self.left, self.right):
            if side is not None:
                yield from side.numbers()

    def operators(self) -> Iterator[str]:
        """The operators, "neg" included."""
        if self.token is None:
            yield self.operator
        for side in (self.left, self.right):
            if side is not None:
                yield from side.operators()


def evaluate(node: Node, *, percent: Percent = "hundredths") -> Fraction | None:
    """The exact value, None when it has none (division by zero) or is too large to be worth it.

    Args:
        node: The expression.
        percent: What `20%` means: 20/100, the plain number 20, or, behind + and -, that share of the left side.
    """
    try:
        return _evaluate(node, percent)
    except (ZeroDivisionError, OverflowError):
        return None


def render(node: Node, *, percent: Percent = "hundredths") -> str:
    """The expression as plain infix text, every operation in parentheses, under the given reading of percent signs."""
    if node.token is not None:
        share = node.token.percent and percent != "plain"
        return f"({node.token.text}/100)" if share else node.token.text
    left = render(node.left, percent=percent) if node.left is not None else ""
    if node.operator == "neg" or node.right is None:
        return f"(-{left})"
    right = render(node.right, percent=percent)
    if percent == "relative" and node.operator in "+-" and node.right.token is not None and node.right.token.percent:
        right = f"({left}*{right})"
    return f"({left}{'*' if node.operator == 'of' else node.operator}{right})"


def _evaluate(node: Node, percent: Percent) -> Fraction:
    if node.token is not None:
        share = node.token.percent and percent != "plain"
        return node.token.value / 100 if share else node.token.value
    if node.left is None:
        raise AssertionError("an operation has a left side")
    left = _evaluate(node.left, percent)
    if node.operator == "neg":
        return -left
    if node.right is None:
        raise AssertionError("a binary operation has a right side")
    right = _evaluate(node.right, percent)
    relative = percent == "relative" and node.right.token is not None and node.right.token.percent
    result = _apply(node.operator, left, left * right if relative and node.operator in "+-" else right)
    if max(abs(result.numerator).bit_length(), result.denominator.bit_length()) > _MAX_BITS:
        raise OverflowError
    return result


def _apply(operator: str, left: Fraction, right: Fraction) -> Fraction:
    if operator == "+":
        return left + right
    if operator == "-":
        return left - right
    if operator == "/":
        return left / right
    if operator == "//":
        return Fraction(left // right)
    if operator == "^":
        if right.denominator != 1 or abs(right) > _MAX_EXPONENT:
            raise OverflowError
        return Fraction(left ** int(right))
    return left * right

"""The tree of an answer, the caps that bound it, and small questions about trees."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

# Caps that hold before any number is built; each is far above what answers need and far below what hurts.
MAX_CHARACTERS = 10_000
MAX_TOKENS = 4_000
MAX_DEPTH = 48
MAX_DIGITS = 3_000
MAX_BITS = 60_000
MAX_FACTORIAL = 3_000
MAX_ITEMS = 600


class UnreadableError(ValueError):
    """The text is not an answer in the grammar; it may still be compared as text."""


class TooLargeError(ValueError):
    """A cap was reached; nothing is known about the answer."""


class OpaqueError(UnreadableError):
    """The text is mathematics that this verifier does not evaluate, such as a sum or a limit."""


class Node(NamedTuple):
    """One node of an answer.

    Expressions: num (int or Fraction), dec (Fraction, places, significant digits), sym, const (pi, e, i, inf),
    add, mul, div, pow, neg, fn, pm, mp, percent, degree, based (digits, base), mod.
    Structures: list (bare), tuple, bracket, set, interval (closed left, closed right), union, inter, minus, matrix,
    rel (operators), in, builder, ratio, quantity (unit), text, opaque, pieces.
    """

    op: str
    args: tuple[Node, ...] = ()
    value: Any = None


def num(value: int | Fraction) -> Node:
    """The number `value`."""
    return Node("num", (), value)


ZERO, ONE, MINUS_ONE = num(0), num(1), num(-1)
INFINITY = Node("const", (), "inf")
REALS = Node("interval", (Node("neg", (INFINITY,)), INFINITY), (False, False))
EMPTY = Node("set", ())

EXPRESSION_OPS = frozenset(
    {"num", "dec", "sym", "const", "add", "mul", "div", "pow", "neg", "fn", "based", "mod", "percent", "degree"}
)


def walk(node: Node) -> Iterator[Node]:
    """The nodes of the tree, parents first."""
    stack = [node]
    while stack:
        top = stack.pop()
        yield top
        stack.extend(top.args)


def symbols(node: Node) -> set[str]:
    """The names of the variables in the tree."""
    return {n.value for n in walk(node) if n.op == "sym"}


def contains(node: Node, op: str) -> bool:
    """Whether some node of the tree is an `op`."""
    return any(n.op == op for n in walk(node))


def is_expression(node: Node) -> bool:
    """Whether the tree is an ordinary scalar expression, without sets, relations or text in it."""
    return all(n.op in EXPRESSION_OPS for n in walk(node))


def exact_number(node: Node) -> Fraction | int | None:
    """The value of a number, decimal or fraction of two integers, without building anything large; else None."""
    op = node.op
    if op == "num":
        return node.value  # type: ignore[no-any-return]
    if op == "dec":
        return node.value[0]  # type: ignore[no-any-return]
    if op == "neg":
        inner = exact_number(node.args[0])
        return None if inner is None else -inner
    if op == "div":
        a, b = exact_number(node.args[0]), exact_number(node.args[1])
        return None if a is None or not b else Fraction(a) / b
    if op == "add" and len(node.args) == 2:  # A mixed number.
        a, b = exact_number(node.args[0]), exact_number(node.args[1])
        return None if a is None or b is None else a + b
    return None


def to_json(node: Node) -> list[Any]:
    """The tree as plain JSON values."""
    value = node.value
    if isinstance(value, Fraction):
        value = ["q", str(value.numerator), str(value.denominator)]
    elif isinstance(value, int) and not isinstance(value, bool):
        value = ["z", str(value)]
    elif node.op == "dec":
        value = ["d", str(value[0].numerator), str(value[0].denominator)]
    return [node.op, [to_json(a) for a in node.args], value]


def from_json(data: list[Any]) -> Node:
    """The inverse of `to_json` for expressions; decimals come back as plain numbers."""
    op, args, value = data
    if isinstance(value, list) and value and value[0] in ("q", "d"):
        return Node("num", (), Fraction(int(value[1]), int(value[2])))
    if isinstance(value, list) and value and value[0] == "z":
        value = int(value[1])
    return Node(op, tuple(from_json(a) for a in args), tuple(value) if isinstance(value, list) else value)

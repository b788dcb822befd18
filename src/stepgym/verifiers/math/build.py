"""Putting parsed pieces together: numbers, signs, units, mixed numbers, brackets."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction

from stepgym.verifiers.math.tree import EMPTY, MAX_DIGITS, Node, TooLargeError, UnreadableError, contains, num
from stepgym.verifiers.math.units import measure


def read_number(text: str) -> Node:
    """The number a digit string stands for; `0.1(6)` repeats, `1e5` is scientific."""
    mantissa, _, exponent = text.lower().partition("e")
    repeating = ""
    if mantissa.endswith(")"):
        mantissa, _, repeating = mantissa[:-1].partition("(")
    whole, _, decimals = mantissa.partition(".")
    power = int(exponent) if exponent else 0
    if len(whole) + len(decimals) + len(repeating) + abs(power) > MAX_DIGITS:
        raise TooLargeError(f"a number has more than {MAX_DIGITS} digits")
    if not repeating and not decimals and not exponent:
        return num(int(whole))
    value = Fraction(int(whole + decimals or "0"), 10 ** len(decimals))
    if repeating:
        value += Fraction(int(repeating), (10 ** len(repeating) - 1) * 10 ** len(decimals))
        return num(value)
    value *= Fraction(10) ** power
    significant = len((whole + decimals).lstrip("0"))
    return Node("dec", (), (value, len(decimals) - power, significant))


def summed(terms: list[Node]) -> Node:
    """The sum of one or more terms."""
    return terms[0] if len(terms) == 1 else Node("add", tuple(terms))


def negated(node: Node) -> Node:
    """The opposite; a unit or percent sign stays outside."""
    if node.op in ("quantity", "percent", "degree"):
        return Node(node.op, (negated(node.args[0]),), node.value)
    return Node("neg", (node,))


def times(left: Node, right: Node) -> Node:
    """The product, flat; a unit on the left stays outside."""
    if left.op == "quantity":
        return Node("quantity", (times(left.args[0], right),), left.value)
    return Node("mul", (*left.args, right) if left.op == "mul" else (left, right))


def lifted(make: type[Node], op: str, left: Node, right: Node) -> Node:
    """A quotient; a currency sign on the left stays outside."""
    if left.op == "quantity" and left.value == "dollars":
        return Node("quantity", (make(op, (left.args[0], right)),), left.value)
    return make(op, (left, right))


def with_unit_outside(node: Node) -> Node:
    r"""A unit after the last term belongs to the whole sum: `40 + 5\sqrt{3}\text{ feet}`."""
    if node.op in ("add", "pm", "mp") and node.args[-1].op == "quantity":
        last = node.args[-1]
        if not any(contains(a, "quantity") for a in node.args[:-1]):
            return Node("quantity", (Node(node.op, (*node.args[:-1], last.args[0])),), last.value)
    return node


def compound(parts: Sequence[Node]) -> Node | None:
    """The sum of quantities from larger to smaller units of one measure, such as 3 hours 20 minutes; else None."""
    measures = [measure(p.value) if p.op == "quantity" else None for p in parts]
    known = [m for m in measures if m is not None]
    if len(known) != len(parts) or any(m[0] != known[0][0] for m in known):
        return None
    if any(a[1] <= b[1] for a, b in itertools.pairwise(known)):
        return None
    terms = [Node("mul", (p.args[0], num(m[1] / known[-1][1]))) for p, m in zip(parts, known, strict=True)]
    return Node("quantity", (Node("add", tuple(terms)),), parts[-1].value)


def clock(node: Node, half: str) -> Node:
    """A time of day: hours, minutes and the half of the day."""
    numbers = [n.value for n in (node.args if node.op == "ratio" else (node,)) if n.op == "num"]
    if not 1 <= len(numbers) <= 2 or not all(isinstance(n, int) and 0 <= n < 60 for n in numbers):
        raise UnreadableError("a time of day was expected")
    return Node("clock", (), (numbers[0], numbers[1] if len(numbers) == 2 else 0, half))


def is_proper(node: Node) -> bool:
    """Whether the node is a fraction of two integers."""
    return node.op == "div" and all(a.op == "num" and isinstance(a.value, int) for a in node.args)


def mixed(whole: Node, part: Node) -> Node:
    """A whole number and a fraction as one number."""
    if whole.op == "neg":
        return Node("neg", (Node("add", (whole.args[0], part)),))
    return Node("add", (whole, part))


def numeral(digits: str, base: int) -> Node:
    """A numeral with its base."""
    if not digits.isalnum():
        raise UnreadableError("a numeral with a base was expected")
    value = 0
    for digit in digits:
        d = int(digit, 36)
        if d >= base:
            raise UnreadableError(f"{digit!r} is not a digit in base {base}")
        value = value * base + d
    return Node("based", (), (digits, base, value))


def closed(opening: str, closing: str, node: Node | None, builder: Node | None) -> Node:
    """What a pair of brackets with its content means."""
    if builder is not None:
        if node is None:
            raise UnreadableError("a set has no element")
        return Node("builder", (node, builder))
    if opening in ("lfloor", "lceil"):
        if node is None:
            raise UnreadableError("a rounding has no argument")
        return Node("fn", (node,), "floor" if opening == "lfloor" else "ceil")
    if node is None:
        if opening == "\\{" or opening == "{":
            return EMPTY
        raise UnreadableError("a pair of brackets is empty")
    items = node.args if node.op == "list" else (node,)
    if opening == "{" and closing == "}":
        return node
    if opening == "\\{" and closing == "\\}":
        return Node("set", items)
    if opening == "langle":
        return Node("tuple", items)
    if opening == "(" and closing == ")":
        return Node("tuple", items) if len(items) > 1 else node
    if opening == "[" and closing == "]":
        return Node("bracket", items)
    if opening in "([" and closing in ")]" and len(items) == 2:
        return Node("interval", items, (opening == "[", closing == "]"))
    raise UnreadableError(f"{opening!r} is closed by {closing!r}")

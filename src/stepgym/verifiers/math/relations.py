"""Parts of equations and inequalities: what names a value, what contradicts itself, bounds of one variable."""

from __future__ import annotations

from fractions import Fraction

from stepgym.verifiers.math import region as regions
from stepgym.verifiers.math.canonical import polynomial_form
from stepgym.verifiers.math.exact import InexactError, UndefinedError
from stepgym.verifiers.math.tree import (
    INFINITY,
    Node,
    TooLargeError,
    exact_number,
    num,
    symbols,
)

_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}


def names_something(node: Node) -> bool:
    """Whether the left side of an equation is a name for the right side."""
    if node.op == "sym" or (node.op == "fn" and node.value.startswith(":")) or node.op == "text":
        return True
    if node.op in ("tuple", "ratio"):
        return all(a.op == "sym" for a in node.args)
    if node.op == "fn" and node.value in ("det", "gcd", "lcm", "min", "max"):
        return bool(symbols(node))
    # The length |AB| of a segment.
    if node.op == "fn" and node.value in ("abs", "norm"):
        return node.args[0].op == "sym" and len(node.args[0].value) > 1
    if node.op == "fn" and node.value in ("sin", "cos", "tan", "cot", "sec", "csc"):
        return node.args[0].op == "sym"
    if node.op == "div":  # dy/dx
        return all(a.op == "mul" and a.args[0] == Node("sym", (), "d") for a in node.args)
    return False


def contradicts(first: Node, last: Node) -> bool:
    """Whether two written numbers that are said to be equal differ by more than rounding."""
    literal = all(n.op in ("num", "dec") or (n.op == "neg" and n.args[0].op in ("num", "dec")) for n in (first, last))
    a, b = (exact_number(n) for n in (first, last))
    return (
        literal and a is not None and b is not None and 50 * abs(Fraction(a - b)) > abs(Fraction(a)) + abs(Fraction(b))
    )


def _within(left: Node, relation: str, right: Node) -> Node | None:
    """The region of |f| < r or r < |f| for a linear f and a number r that is not negative; else None."""
    inside = left.op == "fn" and left.value == "abs"
    absolute, bound = (left, right) if inside else (right, left)
    limit = exact_number(bound)
    if not (absolute.op == "fn" and absolute.value == "abs") or limit is None or limit < 0:
        return None
    inner, low = absolute.args[0], num(-limit)
    if inside:
        parts = inequality(inner, relation, bound), inequality(low, relation, inner)
    else:
        parts = inequality(bound, relation, inner), inequality(inner, relation, low)
    if any(p.op != "region" for p in parts):
        return None
    joined = regions.intersection(*parts) if inside else regions.union(*parts)
    return Node("region", joined.args, parts[0].value)


def inequality(left: Node, relation: str, right: Node) -> Node:
    """A region when it is linear in one variable, else left - right compared with zero."""
    if relation in (">", ">="):
        left, right, relation = right, left, _FLIPPED[relation]
    names = symbols(left) | symbols(right)
    if len(names) == 1:
        solved = _linear(left, relation, right, names.pop())
        if solved is None and relation in ("<", "<="):
            solved = _within(left, relation, right)
        if solved is not None:
            return solved
    return Node("inequality", (left, right), relation)


def _linear(left: Node, relation: str, right: Node, name: str) -> Node | None:
    x = Node("sym", (), name)
    if left == x and name not in symbols(right):
        bound, positive = right, True
    elif right == x and name not in symbols(left):
        bound, positive = left, False
    else:
        try:
            top, bottom = polynomial_form(Node("add", (left, Node("neg", (right,)))))
        except (InexactError, TooLargeError, UndefinedError):
            return None
        key = (("v" + name, 1),)
        if list(bottom) != [()] or not set(top) <= {(), key} or key not in top:
            return None
        slope, rest = top[key] / bottom[()], top.get((), 0) / bottom[()]
        bound, positive = num(-rest / slope), slope > 0
    if relation in ("=", "!="):
        value = regions.region([regions.point(bound)])
        return regions.complement(value) if relation == "!=" else value
    closed = relation == "<="
    low, high = (regions.MINUS_INFINITY, bound) if positive else (bound, INFINITY)
    piece = regions.interval(low, high, closed and not positive, closed and positive)
    return Node("region", regions.region([piece]).args, name)

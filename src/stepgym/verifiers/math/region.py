"""Sets of real numbers as sorted unions of intervals whose ends are exact expressions."""

from __future__ import annotations

from stepgym.verifiers.math.approximate import approximate
from stepgym.verifiers.math.exact import InexactError, UndefinedError
from stepgym.verifiers.math.tree import INFINITY, Node, TooLargeError, UnreadableError
from stepgym.verifiers.math.values import same_value

MINUS_INFINITY = Node("neg", (INFINITY,))


def interval(low: Node, high: Node, closed_low: bool, closed_high: bool) -> Node:
    """One interval."""
    return Node("interval", (low, high), (closed_low, closed_high))


def point(value: Node) -> Node:
    """The set of one number."""
    return interval(value, value, True, True)


def position(node: Node) -> float:
    """Where an end lies on the line; raises `UnreadableError` when it is not one real number."""
    if node == INFINITY:
        return float("inf")
    if node == MINUS_INFINITY or (node.op == "neg" and position(node.args[0]) == float("inf")):
        return float("-inf")
    try:
        value, error = approximate(node, {}, real=True)
    except (InexactError, UndefinedError, TooLargeError) as problem:
        raise UnreadableError("an end of an interval is not a number") from problem
    if abs(value.imag) > 1_000 * error + 1e-12:
        raise UnreadableError("an end of an interval is not real")
    return value.real


def _compare(a: Node, b: Node) -> int:
    if a == b:
        return 0
    x, y = position(a), position(b)
    if x == y or abs(x - y) <= 1e-9 * max(1.0, abs(x), abs(y)):
        if same_value(a, b).equal:
            return 0
        if x == y:
            raise UnreadableError("two ends of intervals are too close to order")
    return -1 if x < y else 1


def region(pieces: list[Node]) -> Node:
    """The union of intervals as one region: sorted, merged, without empty pieces."""
    kept = []
    for piece in pieces:
        low, high = piece.args
        closed_low, closed_high = piece.value
        closed_low, closed_high = closed_low and _finite(low), closed_high and _finite(high)
        order = _compare(low, high)
        if order < 0 or (order == 0 and closed_low and closed_high):
            kept.append(interval(low, high, closed_low, closed_high))
    kept.sort(key=lambda p: (position(p.args[0]), not p.value[0]))
    merged: list[Node] = []
    for piece in kept:
        if merged:
            last = merged[-1]
            order = _compare(piece.args[0], last.args[1])
            if order < 0 or (order == 0 and (piece.value[0] or last.value[1])):
                ends = _compare(piece.args[1], last.args[1])
                high = piece.args[1] if ends > 0 else last.args[1]
                closed = piece.value[1] if ends > 0 else last.value[1] if ends < 0 else piece.value[1] or last.value[1]
                closed_low = last.value[0] or (_compare(piece.args[0], last.args[0]) == 0 and piece.value[0])
                merged[-1] = interval(last.args[0], high, closed_low, closed)
                continue
        merged.append(piece)
    return Node("region", tuple(merged))


def _finite(node: Node) -> bool:
    return abs(position(node)) != float("inf")


def complement(node: Node) -> Node:
    """The real numbers outside a region."""
    pieces = []
    low, closed = MINUS_INFINITY, False
    for piece in node.args:
        pieces.append(interval(low, piece.args[0], closed, not piece.value[0]))
        low, closed = piece.args[1], not piece.value[1]
    pieces.append(interval(low, INFINITY, closed, False))
    return region([p for p in pieces if p.args[0] != INFINITY and p.args[1] != MINUS_INFINITY])


def union(a: Node, b: Node) -> Node:
    """The numbers in either region."""
    return region([*a.args, *b.args])


def intersection(a: Node, b: Node) -> Node:
    """The numbers in both regions."""
    return complement(union(complement(a), complement(b)))


def as_region(node: Node) -> Node | None:
    """The region that an interval, a set of numbers, or a region stands for; else None."""
    if node.op == "region":
        return node
    if node.op in ("tuple", "bracket") and len(node.args) == 2:
        closed = node.op == "bracket"
        return region([interval(node.args[0], node.args[1], closed, closed)])
    if node.op == "interval":
        return region([node])
    if node.op == "set":
        return region([point(a) for a in node.args])
    return None

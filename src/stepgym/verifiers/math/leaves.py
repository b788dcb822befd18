"""The values in an answer, one leaf each, and whether two answers agree in all of them at fresh points."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from stepgym.verifiers.math.exact import InexactError, UndefinedError, exact, modular, rational_value
from stepgym.verifiers.math.kinds import angle_value, unit_of, with_common_argument, with_imaginary_unit
from stepgym.verifiers.math.precise import multiprecision, precise
from stepgym.verifiers.math.tree import Node, TooLargeError, num, symbols, walk
from stepgym.verifiers.math.units import in_radians, measure
from stepgym.verifiers.math.words import plain

DIGITS = 400
TINY = 1e-300
_FRESH = (Fraction(3, 7), Fraction(11, 5), Fraction(13, 3), Fraction(2, 9), Fraction(17, 11), Fraction(23, 6))
_ORDERED = frozenset({"tuple", "bracket", "interval", "matrix", "region", "system"})


def same_leaves(a: Node, b: Node, evidence: Any, *, rounded: bool = False) -> bool:
    """Whether two answers have the same numbers in them at fresh points; in any order unless one is a tuple."""
    if a == b:
        return True
    if a.op == b.op == "assign" and a.args[0].op == b.args[0].op == "fn" and a.args[0].value == b.args[0].value:
        a, b = with_common_argument(a), with_common_argument(b)
    a, b = with_imaginary_unit(a, b), with_imaginary_unit(b, a)
    if a.op == b.op == "quantity":
        one, other = measure(a.value), measure(b.value)
        if one is not None and other is not None:
            if one[0] != other[0]:
                return False
            a, b = Node("mul", (a.args[0], num(one[1] / other[1]))), b.args[0]
    if (in_radians(unit_of(a)) and b.op == "degree") or (in_radians(unit_of(b)) and a.op == "degree"):
        a, b = angle_value(a), angle_value(b)
    if "factor" in evidence:
        return proportional(a, b)
    left, right = leaves(a), leaves(b)
    if not left or not right:
        return not left and not right
    if "set" in (a.op, b.op):
        return all(any(_close(x, y, rounded) for y in right) for x in left) and all(
            any(_close(x, y, rounded) for x in left) for y in right
        )
    if len(left) == len(right) and all(_close(x, y, rounded) for x, y in zip(left, right, strict=True)):
        return True
    if {a.op, b.op} & _ORDERED:
        return False
    if len(left) == 1 or len(right) == 1:
        return all(_close(x, y, rounded) for x in left for y in right)
    unmatched = list(right)
    for x in left:
        match = next((y for y in unmatched if _close(x, y, rounded)), None)
        if match is None:
            return False
        unmatched.remove(match)
    return not unmatched


def leaves(node: Node) -> list[Node]:
    """The values in an answer."""
    return list(_leaves_of(node))


def _leaves_of(node: Node) -> Iterator[Node]:
    op = node.op
    if op in ("assign", "rel"):
        yield from _leaves_of(node.args[-1])
    elif op == "system":
        for a in sorted(node.args, key=lambda n: str(n.args[0])):
            yield from _leaves_of(a)
    elif op in ("list", "tuple", "bracket", "set", "interval", "region", "matrix", "all", "inequality"):
        for a in node.args:
            yield from _leaves_of(a)
    elif op == "quantity":
        yield from _leaves_of(node.args[0])
    elif op == "ratio":
        yield from node.args if node.value else [Node("div", node.args[:2])]
    else:
        yield node


def _values(node: Node, point: dict[str, Fraction]) -> list[Any]:
    """The values a leaf may have: a percentage or an angle with and without its sign, a logarithm to base 10 or e."""
    if node.op in ("percent", "degree"):
        return [*_values(node.args[0], point), precise(node, point, real=False, digits=DIGITS)]
    results = [precise(node, point, real=False, digits=DIGITS)]
    if any(n.op == "fn" and n.value == "log" and len(n.args) == 1 for n in walk(node)):
        mp = multiprecision(DIGITS)
        results.append(results[0] * mp.log(10))
    return results


def _close(a: Node, b: Node, rounded: bool) -> bool:
    if a == b:
        return True
    if a.op == b.op == "mod" and "residue" in (a.value, b.value):
        residues = [rational_value(n) for n in (a.args[0], b.args[0], a.args[1])]
        if rational_value(b.args[1]) != residues[2]:
            return False
        if None not in residues and residues[2]:
            return (Fraction(residues[0]) - Fraction(residues[1])) % Fraction(residues[2]) == 0  # type: ignore[arg-type]
    if {a.op, b.op} & {"text", "opaque", "builder", "pieces", "clock"}:
        return plain(str(a.value)) == plain(str(b.value))
    names = sorted(symbols(a) | symbols(b))
    if not names and not rounded:
        values = rational_value(a), rational_value(b)
        if None not in values:
            return values[0] == values[1] or (any(n.op in ("percent", "degree") for n in (a, b)) and _loosely(a, b))
    agreed = 0
    for shift in range(3):
        point = {name: _FRESH[(k + shift) % len(_FRESH)] + k // len(_FRESH) for k, name in enumerate(names)}
        try:
            pairs = [(x, y) for x in _values(a, point) for y in _values(b, point)]
        except UndefinedError:
            continue
        except (InexactError, TooLargeError):
            return _close_modularly(a, b, names)
        tolerance = _tolerance(a, b) if rounded else TINY
        if not any(abs(x - y) <= tolerance * max(abs(x), abs(y), TINY) for x, y in pairs):
            return False
        agreed += 1
    return agreed > 0 or (_infinity(a) != 0 and _infinity(a) == _infinity(b))


def _loosely(a: Node, b: Node) -> bool:
    """Whether two exact values agree when a percent or degree sign is dropped."""
    kept = [n.args[0] if n.op in ("percent", "degree") else n for n in (a, b)]
    return rational_value(kept[0]) == rational_value(kept[1])


def _tolerance(a: Node, b: Node) -> float:
    """How far a rounded decimal may be off: one unit of the second last digit it shows."""
    shown = [n.value[2] for n in (*walk(a), *walk(b)) if n.op == "dec"]
    return 10.0 ** (2 - max(shown)) if shown else TINY


def _infinity(node: Node) -> int:
    if node.op == "neg":
        return -_infinity(node.args[0])
    return int(node.op == "const" and node.value == "inf")


def _close_modularly(a: Node, b: Node, names: list[str]) -> bool:
    try:
        for start in (7, 12):
            where = {name: Fraction(start + 3 * k) for k, name in enumerate(names)}
            if exact(a, where) != exact(b, where):
                return False
        return True
    except (InexactError, TooLargeError, UndefinedError):
        pass
    point = {name: 7**11 + 13 * k for k, name in enumerate(names)}
    try:
        return modular(a, point) == modular(b, point)
    except (InexactError, TooLargeError, UndefinedError):
        return False


def proportional(a: Node, b: Node) -> bool:
    """Whether the sides of two equations keep one ratio at all fresh points."""
    if len(a.args) != 2 or len(b.args) != 2:
        return False
    f, g = (Node("add", (n.args[0], Node("neg", (n.args[1],)))) for n in (a, b))
    names = sorted(symbols(f) | symbols(g))
    ratios = []
    for shift in range(3):
        point = {name: _FRESH[(k + shift) % len(_FRESH)] + k // len(_FRESH) for k, name in enumerate(names)}
        try:
            x, y = precise(f, point, real=False, digits=DIGITS), precise(g, point, real=False, digits=DIGITS)
        except UndefinedError:
            continue
        if abs(x) > TINY:
            ratios.append(y / x)
    return len(ratios) > 1 and all(abs(r - ratios[0]) <= TINY * abs(r) for r in ratios) and ratios[0] != 0

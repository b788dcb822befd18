"""Whether two expressions have the same value: refuted by a point, proved by a canonical form."""

from __future__ import annotations

from fractions import Fraction

from stepgym.verifiers.math.canonical import proved_equal
from stepgym.verifiers.math.exact import InexactError, UndefinedError
from stepgym.verifiers.math.outcome import SAME, Outcome, Prover
from stepgym.verifiers.math.points import points
from stepgym.verifiers.math.precise import multiprecision, precise
from stepgym.verifiers.math.refutation import (
    compared_at_naturals,
    is_real,
    refuted_exactly,
    refuted_precisely,
    refuted_roughly,
    shown,
)
from stepgym.verifiers.math.tree import Node, TooLargeError, exact_number, symbols, walk

_TOTAL = frozenset({"num", "dec", "sym", "add", "mul", "neg", "based"})  # defined everywhere
_DIGITS = 90
_MOST_DIGITS = 3_000


def same_value(left: Node, right: Node, *, prover: Prover | None = None) -> Outcome:
    """Whether two expressions are equal wherever both are defined over the reals.

    Args:
        left: An expression.
        right: Another.
        prover: Asked when the values agree numerically and no canonical form proves it: True, False or None.
    """
    a, b = exact_number(left), exact_number(right)
    if a is not None and b is not None:
        return SAME if a == b else Outcome(False, "exact", {"left": shown(a), "right": shown(b)})
    if left == right and all(n.op in _TOTAL for n in walk(left)):
        return SAME
    try:
        infinite = _infinite(left), _infinite(right)
        if any(infinite):
            return SAME if infinite[0] == infinite[1] else Outcome(False, "kind")
        refuted = refuted_exactly(left, right)
        if refuted is not None:
            return refuted
        refuted = refuted_roughly(left, right)
        if refuted is not None:
            return refuted
        if proved_equal(left, right):
            return Outcome(True, "canonical")
        try:
            refuted = refuted_precisely(left, right)
        except InexactError as problem:
            refuted = compared_at_naturals(left, right, str(problem), prover)
        if refuted is not None:
            return refuted
        return _settled(left, right, prover)
    except UndefinedError as problem:
        return Outcome(False, "undefined", {"problem": str(problem)})
    except (TooLargeError, InexactError) as problem:
        if left == right:  # The same text; that it has no value was not shown.
            return Outcome(True, "identical")
        return Outcome(
            None, "too large" if isinstance(problem, TooLargeError) else "unsupported", {"problem": str(problem)}
        )


def _infinite(node: Node) -> int:
    """1 or -1 for plus or minus infinity, else 0."""
    if node.op == "const" and node.value == "inf":
        return 1
    if node.op == "neg":
        return -_infinite(node.args[0])
    if node.op == "add" and len(node.args) == 1:
        return _infinite(node.args[0])
    return 0


def _settled(left: Node, right: Node, prover: Prover | None) -> Outcome:
    """What remains: equal in 45 digits everywhere tried, and no canonical form shows why."""
    if prover is not None:
        answer = prover(left, right)
        if answer is not None:
            return Outcome(answer, "symbolic", {"tool": "sympy"})
    digits = _DIGITS + max(_magnitude(left, right, point) for point in points(left, right)[:2]) * 3
    if digits > _MOST_DIGITS:
        return Outcome(None, "unproved", {"problem": "the numbers are too large to tell the values apart"})
    mp = multiprecision(digits)
    real = is_real(left, right, symbols(left) | symbols(right))
    for point in points(left, right)[:4]:
        try:
            a = precise(left, point, real=real, digits=digits)
            b = precise(right, point, real=real, digits=digits)
        except UndefinedError:
            continue
        if abs(a - b) > max(abs(a), abs(b), 1) * mp.mpf(10) ** (-digits * 2 // 3):
            return Outcome(False, "value", {"left": mp.nstr(a, digits), "right": mp.nstr(b, digits)})
    return Outcome(True, "numeric", {"digits": digits * 2 // 3})


def _magnitude(left: Node, right: Node, point: dict[str, Fraction]) -> int:
    """The largest power of ten among the values of all parts; cancellation hides at most so many digits."""
    mp = multiprecision(15)
    largest = 0
    for node in (*walk(left), *walk(right)):
        try:
            value = abs(precise(node, point, real=False, digits=15))
        except (UndefinedError, InexactError):
            continue
        if value:
            largest = max(largest, int(abs(mp.log10(value))) + 1)
    return largest

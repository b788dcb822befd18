"""Whether two expressions have the same value: refuted by a point, proved by a canonical form."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from stepgym.verifiers.math.approximate import approximate
from stepgym.verifiers.math.canonical import proved_equal
from stepgym.verifiers.math.exact import PRIME, InexactError, UndefinedError, exact, modular
from stepgym.verifiers.math.points import natural_points, points
from stepgym.verifiers.math.precise import multiprecision, precise
from stepgym.verifiers.math.tree import Node, TooLargeError, exact_number, symbols, walk

Prover = Callable[[Node, Node], bool | None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a comparison.

    Attributes:
        equal: True, False, or None when it could not be decided.
        method: How: "exact", "canonical", "modular", "symbolic", "numeric", "rounded", "text", "kind", ...
        evidence: What a reader needs to check it, JSON values.
    """

    equal: bool | None
    method: str
    evidence: dict[str, Any] = field(default_factory=dict)


SAME = Outcome(True, "exact")
_TOTAL = frozenset({"num", "dec", "sym", "add", "mul", "neg", "based"})  # defined everywhere
_DIGITS = 90
_MOST_DIGITS = 3_000
_AGREEMENT = 45  # decimal places of relative agreement that count as numerically equal, of 60 computed


def same_value(left: Node, right: Node, *, prover: Prover | None = None) -> Outcome:
    """Whether two expressions are equal wherever both are defined over the reals.

    Args:
        left: An expression.
        right: Another.
        prover: Asked when the values agree numerically and no canonical form proves it: True, False or None.
    """
    a, b = exact_number(left), exact_number(right)
    if a is not None and b is not None:
        return SAME if a == b else Outcome(False, "exact", {"left": _shown(a), "right": _shown(b)})
    if left == right and all(n.op in _TOTAL for n in walk(left)):
        return SAME
    try:
        infinite = _infinite(left), _infinite(right)
        if any(infinite):
            return SAME if infinite[0] == infinite[1] else Outcome(False, "kind")
        refuted = _refuted_exactly(left, right)
        if refuted is not None:
            return refuted
        refuted = _refuted_roughly(left, right)
        if refuted is not None:
            return refuted
        if proved_equal(left, right):
            return Outcome(True, "canonical")
        try:
            refuted = _refuted_precisely(left, right)
        except InexactError as problem:
            refuted = _compared_at_naturals(left, right, str(problem), prover)
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


def _shown(value: Fraction | int) -> str:
    exact = Fraction(value)
    short = abs(exact.numerator) < 10**40 and exact.denominator < 10**40
    return str(value) if short else f"about {_float(value):.15g}"


def _float(value: Fraction | int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value.numerator > 0 else -math.inf


def _infinite(node: Node) -> int:
    """1 or -1 for plus or minus infinity, else 0."""
    if node.op == "const" and node.value == "inf":
        return 1
    if node.op == "neg":
        return -_infinite(node.args[0])
    if node.op == "add" and len(node.args) == 1:
        return _infinite(node.args[0])
    return 0


def _refuted_exactly(left: Node, right: Node) -> Outcome | None:
    """A point where two rational functions differ, or the proof that they do not; None if they are not rational."""
    names = sorted(symbols(left) | symbols(right))
    if not names:
        try:
            a, b = exact(left), exact(right)
        except (InexactError, TooLargeError):
            return None
        return SAME if a == b else Outcome(False, "exact", {"left": _shown(a), "right": _shown(b)})
    for point in points(left, right, 2):
        try:
            a, b = exact(left, point), exact(right, point)
        except UndefinedError:
            continue
        except (InexactError, TooLargeError):
            return _refuted_modularly(left, right, names)
        if a != b:
            where = {k: str(v) for k, v in point.items()}
            return Outcome(False, "point", {"point": where, "left": _shown(a), "right": _shown(b)})
    return _refuted_modularly(left, right, names)


def _refuted_modularly(left: Node, right: Node, names: list[str]) -> Outcome | None:
    seed = hashlib.blake2b(repr((left, right) if left <= right else (right, left)).encode(), digest_size=16).digest()
    tried = 0
    for k in range(6):
        point = {
            name: int.from_bytes(hashlib.blake2b(seed + f"{k}/{name}".encode(), digest_size=8).digest(), "big") % PRIME
            for name in names
        }
        try:
            a, b = modular(left, point), modular(right, point)
        except UndefinedError:
            continue
        except (InexactError, TooLargeError):
            return None
        if a != b:
            where = {name: str(value) for name, value in point.items()}
            return Outcome(False, "modular", {"point": where, "modulus": str(PRIME), "left": str(a), "right": str(b)})
        tried += 1
        if tried == 3:
            break
    if not tried:
        raise UndefinedError("no point where both are defined was found")
    if proved_equal(left, right):
        return Outcome(True, "canonical")
    return Outcome(True, "modular", {"points": tried, "modulus": str(PRIME)})


def _is_real(left: Node, right: Node, names: set[str]) -> bool:
    return bool(names) and not any(n.op == "const" and n.value == "i" for t in (left, right) for n in walk(t))


def _refuted_roughly(left: Node, right: Node) -> Outcome | None:
    """A point where doubles show a difference far beyond their error bounds, else None."""
    names = symbols(left) | symbols(right)
    real = _is_real(left, right, names)
    for point in points(left, right):
        floats = {k: float(v) for k, v in point.items()}
        try:
            a, ea = approximate(left, floats, real=real)
            b, eb = approximate(right, floats, real=real)
        except (UndefinedError, InexactError, OverflowError):
            continue
        scale = max(abs(a), abs(b))
        if abs(a - b) > 1_000 * (ea + eb) + 1e-11 * scale:
            values = {"left": _complex(a), "right": _complex(b)}
            where = {k: str(v) for k, v in point.items()}
            return Outcome(False, "point", {"point": where, **values}) if where else Outcome(False, "value", values)
    return None


def _refuted_precisely(left: Node, right: Node) -> Outcome | None:
    """A point where many digits show a difference, else None.

    Raises:
        UndefinedError: No point was found where both are defined.
        InexactError: One of them cannot be computed.
    """
    names = symbols(left) | symbols(right)
    real = _is_real(left, right, names)
    undefined: UndefinedError | None = None
    defined = 0
    mp = multiprecision()
    for point in points(left, right):
        try:
            a, b = precise(left, point, real=real), precise(right, point, real=real)
        except UndefinedError as problem:
            undefined = problem
            continue
        difference, scale = abs(a - b), max(abs(a), abs(b))
        tiny = mp.mpf(10) ** -_AGREEMENT
        if difference > scale * tiny and not (difference <= tiny and scale <= 10**5 * tiny):
            evidence: dict[str, Any] = {"left": mp.nstr(a, 40), "right": mp.nstr(b, 40)}
            if point:
                return Outcome(False, "point", {"point": {k: str(v) for k, v in point.items()}, **evidence})
            return Outcome(False, "value", evidence)
        defined += 1
        if defined == 3:
            break
    if not defined:
        raise undefined or UndefinedError("no point where both are defined was found")
    return None


def _complex(value: complex) -> str:
    if abs(value.imag) <= 1e-12 * abs(value):
        return f"{value.real:.12g}"
    return f"{value.real:.12g}{value.imag:+.12g}i"


def _compared_at_naturals(left: Node, right: Node, problem: str, prover: Prover | None) -> Outcome:
    """The comparison of expressions with factorials and the like, exact at natural numbers."""
    agreed = 0
    for point in natural_points(left, right):
        try:
            a, b = exact(left, point), exact(right, point)
        except (UndefinedError, InexactError, TooLargeError):
            continue
        if a != b:
            where = {k: str(v) for k, v in point.items()}
            return Outcome(False, "point", {"point": where, "left": _shown(a), "right": _shown(b)})
        agreed += 1
    if agreed < 4:
        raise InexactError(problem)
    if prover is not None and prover(left, right):
        return Outcome(True, "symbolic", {"tool": "sympy"})
    return Outcome(True, "sampled", {"points": agreed})


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
    real = _is_real(left, right, symbols(left) | symbols(right))
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

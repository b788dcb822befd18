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
from stepgym.verifiers.math.points import points
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
        refuted = _refuted_precisely(left, right)
        if refuted is not None:
            return refuted
        return _settled(left, right, prover)
    except UndefinedError as problem:
        return Outcome(False, "undefined", {"problem": str(problem)})
    except TooLargeError as problem:
        return Outcome(None, "too large", {"problem": str(problem)})
    except InexactError as problem:
        return Outcome(None, "unsupported", {"problem": str(problem)})


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
    defined = 0
    for point in points(left, right, 7 if names else 1):
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
        defined += 1
        if defined == 3:
            break
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
    for point in points(left, right, 7 if names else 1):
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


def _settled(left: Node, right: Node, prover: Prover | None) -> Outcome:
    """What remains: equal in 45 digits everywhere tried, and no canonical form shows why."""
    if prover is not None:
        answer = prover(left, right)
        if answer is not None:
            return Outcome(answer, "symbolic", {"tool": "sympy"})
    return Outcome(True, "numeric", {"digits": _AGREEMENT})

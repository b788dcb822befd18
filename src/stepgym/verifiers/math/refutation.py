"""Looking for a point at which two expressions differ: exactly, modulo a large prime, in doubles, in many digits."""

from __future__ import annotations

import hashlib
import math
from fractions import Fraction
from typing import Any

from stepgym.verifiers.math.approximate import approximate
from stepgym.verifiers.math.canonical import proved_equal
from stepgym.verifiers.math.exact import PRIME, InexactError, UndefinedError, exact, modular
from stepgym.verifiers.math.outcome import SAME, Outcome, Prover
from stepgym.verifiers.math.points import natural_points, points
from stepgym.verifiers.math.precise import multiprecision, precise
from stepgym.verifiers.math.tree import Node, TooLargeError, symbols, walk

_AGREEMENT = 45  # decimal places of relative agreement that count as numerically equal, of 60 computed


def refuted_exactly(left: Node, right: Node) -> Outcome | None:
    """A point where two rational functions differ, or the proof that they do not; None if they are not rational."""
    names = sorted(symbols(left) | symbols(right))
    if not names:
        try:
            a, b = exact(left), exact(right)
        except (InexactError, TooLargeError):
            return None
        return SAME if a == b else Outcome(False, "exact", {"left": shown(a), "right": shown(b)})
    for point in points(left, right, 2):
        try:
            a, b = exact(left, point), exact(right, point)
        except UndefinedError:
            continue
        except (InexactError, TooLargeError):
            return _refuted_modularly(left, right, names)
        if a != b:
            where = {k: str(v) for k, v in point.items()}
            return Outcome(False, "point", {"point": where, "left": shown(a), "right": shown(b)})
    return _refuted_modularly(left, right, names)


def _refuted_modularly(left: Node, right: Node, names: list[str]) -> Outcome | None:
    seed = hashlib.blake2b(repr((left, right) if left <= right else (right, left)).encode(), digest_size=16).digest()
    tried = 0
    for k in range(6):
        point = {
            name: int.from_bytes(
                hashlib.blake2b(seed + f"{k}/{name}".encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big"
            )
            % PRIME
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


def is_real(left: Node, right: Node, names: set[str]) -> bool:
    """Whether expressions in these variables are compared over the reals."""
    return bool(names) and not any(n.op == "const" and n.value == "i" for t in (left, right) for n in walk(t))


def refuted_roughly(left: Node, right: Node) -> Outcome | None:
    """A point where doubles show a difference far beyond their error bounds, else None."""
    names = symbols(left) | symbols(right)
    real = is_real(left, right, names)
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


def refuted_precisely(left: Node, right: Node) -> Outcome | None:
    """A point where many digits show a difference, else None.

    Raises:
        UndefinedError: No point was found where both are defined.
        InexactError: One of them cannot be computed.
    """
    names = symbols(left) | symbols(right)
    real = is_real(left, right, names)
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


def compared_at_naturals(left: Node, right: Node, problem: str, prover: Prover | None) -> Outcome:
    """The comparison of expressions with factorials and the like, exact at natural numbers."""
    agreed = 0
    for point in natural_points(left, right):
        try:
            a, b = exact(left, point), exact(right, point)
        except (UndefinedError, InexactError, TooLargeError):
            continue
        if a != b:
            where = {k: str(v) for k, v in point.items()}
            return Outcome(False, "point", {"point": where, "left": shown(a), "right": shown(b)})
        agreed += 1
    if agreed < 4:
        raise InexactError(problem)
    if prover is not None and prover(left, right):
        return Outcome(True, "symbolic", {"tool": "sympy"})
    return Outcome(True, "sampled", {"points": agreed})


def shown(value: Fraction | int) -> str:
    """An exact value for messages."""
    exact = Fraction(value)
    short = abs(exact.numerator) < 10**40 and exact.denominator < 10**40
    return str(value) if short else f"about {_float(value):.15g}"


def _float(value: Fraction | int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value.numerator > 0 else -math.inf

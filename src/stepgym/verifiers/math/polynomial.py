"""Polynomials over the rationals in named atoms with rational exponents, and the rules that keep them canonical.

A polynomial is a dict from monomials to nonzero Fractions; a monomial is a tuple of (atom, exponent) pairs sorted by
atom. Atoms are strings whose first character tells their kind:

`v` a variable, `c` pi or e, `p` a prime number under a root (exponent in [0, 1)), `i` the imaginary unit (exponent 1),
`s`, `k` sine and cosine of what follows (the exponent of `s` is at most 1: sin^2 = 1 - cos^2), `r` a radicand that is
itself a polynomial (exponent in [0, 1)), `f` any other function value, `x` a power with a variable exponent.

Products of powers of distinct primes with exponents in [0, 1) are linearly independent over the rationals
(Besicovitch, "On the linear independence of fractional powers of integers", 1940), so a polynomial in primes alone is
zero only when it has no terms. For other atoms an empty polynomial proves equality; a nonempty one proves nothing.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from stepgym.verifiers.math.exact import exact_power
from stepgym.verifiers.math.tree import MAX_BITS, TooLargeError

Exponent = int | Fraction
Monomial = tuple[tuple[str, Exponent], ...]
Polynomial = dict[Monomial, Fraction]
Quotient = tuple[Polynomial, Polynomial]

MAX_TERMS = 400
MAX_WORK = 10_000

ONE: Polynomial = {(): Fraction(1)}


def constant(value: int | Fraction) -> Polynomial:
    """The constant polynomial."""
    return {(): Fraction(value)} if value else {}


def atom(name: str, exponent: Exponent = 1) -> Polynomial:
    """The atom to a power."""
    return {((name, exponent),): Fraction(1)}


def add(a: Polynomial, b: Polynomial, factor: int = 1) -> Polynomial:
    """`a + factor * b`."""
    result = dict(a)
    for monomial, coefficient in b.items():
        value = result.get(monomial, 0) + factor * coefficient
        if value:
            result[monomial] = value
        else:
            result.pop(monomial, None)
    if len(result) > MAX_TERMS:
        raise TooLargeError("a polynomial has too many terms")
    return result


def scale(a: Polynomial, factor: Fraction | int) -> Polynomial:
    """`factor * a`."""
    return {m: c * factor for m, c in a.items()} if factor else {}


class Arena:
    """Multiplication of polynomials that share one table of radicands."""

    def __init__(self) -> None:
        self.radicands: dict[str, Polynomial] = {}
        self.work = 0

    def multiply(self, a: Polynomial, b: Polynomial) -> Polynomial:
        """The product, reduced; raises `TooLargeError` beyond the caps."""
        self.work += len(a) * len(b)
        if self.work > MAX_WORK:
            raise TooLargeError("a product of polynomials is too large")
        result: Polynomial = {}
        for m1, c1 in a.items():
            for m2, c2 in b.items():
                coefficient = c1 * c2
                if coefficient.numerator.bit_length() + coefficient.denominator.bit_length() > MAX_BITS:
                    raise TooLargeError("a coefficient grew too large")
                if not m1 or not m2:
                    monomial, rest = m1 or m2, None
                else:
                    monomial, factor, rest = self._join(m1, m2)
                    coefficient *= factor
                if rest is None:
                    value = result.get(monomial, 0) + coefficient
                    if value:
                        result[monomial] = value
                    else:
                        del result[monomial]
                else:
                    result = add(result, scale(self.multiply({monomial: Fraction(1)}, rest), coefficient))
            if len(result) > MAX_TERMS:
                raise TooLargeError("a polynomial has too many terms")
        return result

    def _join(self, m1: Monomial, m2: Monomial) -> tuple[Monomial, Fraction, Polynomial | None]:
        """The product of two monomials as monomial * factor * (polynomial or nothing)."""
        exponents: dict[str, Any] = dict(m1)
        factor = Fraction(1)
        rest: Polynomial | None = None
        for name, exponent in m2:
            if name not in exponents:
                exponents[name] = exponent
                continue
            total = exponents[name] + exponent
            kind = name[0]
            if kind == "p" and total >= 1:
                whole = total.__floor__()
                factor *= exact_power(Fraction(int(name[1:])), Fraction(whole))
                total -= whole
            elif kind == "i":
                factor *= (1, 1, -1, -1)[total % 4]
                total %= 2
            elif kind == "s" and total >= 2:
                rest = self._times(rest, {(): Fraction(1), (("k" + name[1:], 2),): Fraction(-1)})
                total -= 2
            elif kind == "r" and total >= 1:
                whole = total.__floor__()
                rest = self._times(rest, self.power(self.radicands[name], whole))
                total -= whole
            if isinstance(total, Fraction) and total.denominator == 1:
                total = int(total)
            if total:
                exponents[name] = total
            else:
                del exponents[name]
        return tuple(sorted(exponents.items(), key=_by_name)), factor, rest

    def _times(self, rest: Polynomial | None, factor: Polynomial) -> Polynomial:
        return factor if rest is None else self.multiply(rest, factor)

    def power(self, base: Polynomial, exponent: int) -> Polynomial:
        """`base ** exponent` for an exponent of at least 0."""
        if len(base) == 1 and exponent > 3:
            (monomial, coefficient), *_ = base.items()
            if all(name[0] in "vcxf" for name, _ in monomial):
                bits = max(coefficient.numerator.bit_length(), coefficient.denominator.bit_length())
                if bits * exponent > MAX_BITS and coefficient not in (1, -1):
                    raise TooLargeError("a power is too large")
                return {tuple((n, e * exponent) for n, e in monomial): coefficient**exponent}
        if len(base) > 1 and math.comb(exponent + len(base) - 1, len(base) - 1) > MAX_TERMS:
            raise TooLargeError("a power is too large")
        if exponent > 100_000:
            raise TooLargeError("a power is too large")
        result = ONE
        while exponent:
            if exponent & 1:
                result = self.multiply(result, base)
            exponent >>= 1
            if exponent:
                base = self.multiply(base, base)
        return result


def _by_name(pair: tuple[str, Any]) -> str:
    return pair[0]


def text(polynomial: Polynomial) -> str:
    """A canonical spelling, used as the name of an atom."""
    terms = []
    for monomial, coefficient in sorted(polynomial.items(), key=lambda t: repr(t[0])):
        terms.append(f"{coefficient}*" + ".".join(f"{name}^{exponent}" for name, exponent in monomial))
    spelled = "+".join(terms) or "0"
    if len(spelled) > 4_000:
        raise TooLargeError("a subexpression is too large")
    return spelled


def content(polynomial: Polynomial) -> Fraction:
    """The positive rational c such that polynomial / c has coprime integer coefficients."""
    top = math.gcd(*(c.numerator for c in polynomial.values()))
    bottom = math.lcm(*(c.denominator for c in polynomial.values()))
    if bottom.bit_length() > MAX_BITS:
        raise TooLargeError("a coefficient grew too large")
    return Fraction(top, bottom)


def leading(polynomial: Polynomial) -> Fraction:
    """The coefficient of the first monomial in the canonical order."""
    return polynomial[min(polynomial, key=repr)]

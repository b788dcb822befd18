"""Sines and cosines as atoms: exact at multiples of 15 degrees, expanded for sums and whole multiples."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from stepgym.verifiers.math import polynomial as poly
from stepgym.verifiers.math.polynomial import Polynomial, constant
from stepgym.verifiers.math.tree import Node, TooLargeError

if TYPE_CHECKING:
    from stepgym.verifiers.math.function_forms import FunctionForms
    from stepgym.verifiers.math.polynomial import Quotient

_MAX_MULTIPLE = 12
_PI = (("cpi", 1),)
_H = Fraction(1, 2)


def _surd(*terms: tuple[Fraction, tuple[int, ...]]) -> Polynomial:
    return {tuple((f"p{p}", _H) for p in primes): c for c, primes in terms}


# sin(k * 15 degrees) for k = 0..6.
_SINES: tuple[Polynomial, ...] = (
    {},
    _surd((Fraction(1, 4), (2, 3)), (Fraction(-1, 4), (2,))),
    constant(_H),
    _surd((_H, (2,))),
    _surd((_H, (3,))),
    _surd((Fraction(1, 4), (2, 3)), (Fraction(1, 4), (2,))),
    constant(1),
)


# sin 18 and sin 54 degrees.
_GOLDEN: dict[Fraction, Polynomial] = {
    Fraction(1, 10): _surd((Fraction(1, 4), (5,)), (Fraction(-1, 4), ())),
    Fraction(3, 10): _surd((Fraction(1, 4), (5,)), (Fraction(1, 4), ())),
}


def trigonometric(builder: FunctionForms, name: str, argument: Node) -> Quotient:
    """The canonical form of a trigonometric function of `argument`."""
    sine, cosine = _sine_cosine(builder, builder.settled(builder.quotient(argument)))
    if name == "sin":
        return sine, poly.ONE
    if name == "cos":
        return cosine, poly.ONE
    top, bottom = {
        "tan": (sine, cosine),
        "cot": (cosine, sine),
        "sec": (poly.ONE, cosine),
        "csc": (poly.ONE, sine),
    }[name]
    return builder.divided((top, poly.ONE), (bottom, poly.ONE))


def _sine_cosine(builder: FunctionForms, argument: Quotient) -> tuple[Polynomial, Polynomial]:
    top, bottom = argument
    if bottom != poly.ONE:
        sign = 1 if not top or poly.leading(top) > 0 else -1
        key = f"({poly.text(poly.scale(top, sign))})/({poly.text(bottom)})"
        return poly.scale(poly.atom("s" + key), sign), poly.atom("k" + key)
    if len(top) > 4:
        raise TooLargeError("the argument of a sine has too many terms")
    sine: Polynomial = {}
    cosine: Polynomial = poly.ONE
    for monomial, coefficient in sorted(top.items(), key=repr):
        s, c = of_pi(coefficient) if monomial == _PI else _of_term(builder, monomial, coefficient)
        sine, cosine = (
            poly.add(builder.times(sine, c), builder.times(cosine, s)),
            poly.add(builder.times(cosine, c), builder.times(sine, s), -1),
        )
    return sine, cosine


def of_pi(turn: Fraction) -> tuple[Polynomial, Polynomial]:
    """Sine and cosine of `turn` * pi."""
    return _sineof_pi(turn), _sineof_pi(_H - turn)


def _sineof_pi(turn: Fraction) -> Polynomial:
    turn %= 2
    sign = 1
    if turn >= 1:
        turn, sign = turn - 1, -1
    if turn > _H:
        turn = 1 - turn
    step = turn * 12
    if step.denominator == 1:
        return poly.scale(_SINES[int(step)], sign)
    if turn in _GOLDEN:
        return poly.scale(_GOLDEN[turn], sign)
    return poly.scale(poly.atom(f"fsinpi({turn})"), sign)


def _of_term(builder: FunctionForms, monomial: poly.Monomial, coefficient: Fraction) -> tuple[Polynomial, Polynomial]:
    sign = 1 if coefficient > 0 else -1
    n, d = abs(coefficient.numerator), coefficient.denominator
    if n > _MAX_MULTIPLE:
        key = poly.text({monomial: abs(coefficient)})
        return poly.scale(poly.atom("s" + key), sign), poly.atom("k" + key)
    key = poly.text({monomial: Fraction(1, d)})
    s1, c1 = poly.atom("s" + key), poly.atom("k" + key)
    s, c = s1, c1
    for _ in range(n - 1):
        s, c = (
            poly.add(builder.times(s, c1), builder.times(c, s1)),
            poly.add(builder.times(c, c1), builder.times(s, s1), -1),
        )
    return poly.scale(s, sign), c

"""Powers and roots in canonical form: one atom per prime under a root and per term of an exponent."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from fractions import Fraction

from stepgym.verifiers.math import polynomial as poly
from stepgym.verifiers.math.exact import InexactError, UndefinedError, exact, exact_power, exact_root
from stepgym.verifiers.math.polynomial import Arena, Polynomial, Quotient, constant
from stepgym.verifiers.math.primes import factored
from stepgym.verifiers.math.tree import Node, num

E = Node("const", (), "e")
HALF = Fraction(1, 2)
_ONE = poly.ONE
_LOG_ATOM = re.compile(r"fln\((\d{1,6})\)")


class PowerForms(ABC):
    """The rules for powers; those for the rest come with the canonical form."""

    def __init__(self) -> None:
        self.arena = Arena()
        self.times = self.arena.multiply

    @abstractmethod
    def quotient(self, node: Node) -> Quotient:
        """The canonical form of any expression."""

    def divided(self, a: Quotient, b: Quotient) -> Quotient:
        """A quotient of canonical forms."""
        if not b[0]:
            raise UndefinedError("division by zero")
        return self.settled((self.times(a[0], b[1]), self.times(a[1], b[0])))

    def settled(self, q: Quotient) -> Quotient:
        """A constant denominator is divided out; so is a monomial one, through its inverse."""
        top, bottom = q
        if not bottom:
            raise UndefinedError("division by zero")
        if len(bottom) == 1:
            (monomial, coefficient), *_ = bottom.items()
            if not monomial:
                return poly.scale(top, 1 / coefficient), _ONE
            if all(name[0] == "p" for name, _ in monomial):
                inverse: Polynomial = {(): 1 / coefficient}
                for name, exponent in monomial:
                    inverse = self.times(inverse, {((name, 1 - exponent),): Fraction(1, int(name[1:]))})
                return self.times(top, inverse), _ONE
        return top, bottom

    def raised(self, base: Node, exponent: Node) -> Quotient:
        """A power with any exponent."""
        try:
            value = exact(exponent)
        except InexactError:
            return self.exponential(base, exponent)
        if value.denominator == 1:
            return self.integer_power(self.quotient(base), int(value))
        return self.root(self.quotient(base), value)

    def integer_power(self, q: Quotient, n: int) -> Quotient:
        """A power with a whole exponent."""
        if n < 0:
            if not q[0]:
                raise UndefinedError("zero to a negative power")
            q = self.settled((q[1], q[0]))
            n = -n
        if n == 0 and not q[0]:
            raise UndefinedError("zero to the power zero")
        return self.arena.power(q[0], n), self.arena.power(q[1], n)

    def root(self, q: Quotient, exponent: Fraction) -> Quotient:
        """`q ** exponent` for an exponent that is not an integer."""
        top, bottom = self.settled(q)
        if not top:
            if exponent < 0:
                raise UndefinedError("zero to a negative power")
            return {}, _ONE
        if exponent < 0:
            return self.settled((self.radical(bottom, -exponent), self.radical(top, -exponent)))
        if bottom == _ONE and list(top) == [()]:
            # a/b under a root: rationalise, so that only integers are factored.
            value = top[()]
            whole = exponent.__floor__()
            part = exponent - whole
            n = part.denominator
            inner = value.numerator * exact_power(Fraction(value.denominator), Fraction(n - 1))
            if abs(inner.numerator).bit_length() < 200:
                radical = self.radical(constant(exact_power(inner, Fraction(part.numerator))), Fraction(1, n))
                scaled = poly.scale(radical, exact_power(Fraction(1, value.denominator), Fraction(part.numerator)))
                return self.times(scaled, constant(exact_power(value, Fraction(whole)))), _ONE
        return self.settled((self.radical(top, exponent), self.radical(bottom, exponent)))

    def radical(self, p: Polynomial, exponent: Fraction) -> Polynomial:
        """A root of a polynomial; `exponent` is positive and not whole."""
        if p == _ONE:
            return p
        whole = exponent.__floor__()
        if whole:
            return self.times(self.arena.power(p, whole), self.radical(p, exponent - whole))
        if exponent == HALF and len(p) == 2:
            simple = self.denested(p)
            if simple is not None:
                return simple
        c = poly.content(p)
        result = self.number_root(c, exponent)
        p = poly.scale(p, 1 / c)
        if len(p) == 1:
            (monomial, sign), *_ = p.items()
            if sign < 0:
                if exponent.denominator % 2:
                    result = poly.scale(result, -1 if exponent.numerator % 2 else 1)
                elif exponent == HALF:
                    result = self.times(result, poly.atom("i"))
                else:
                    raise InexactError("complex root")
            for name, e in monomial:
                result = self.times(result, self.atom_root(name, e, exponent))
            return result
        if exponent.denominator % 2 and poly.leading(p) < 0:
            p = poly.scale(p, -1)
            result = poly.scale(result, -1 if exponent.numerator % 2 else 1)
        name = "r" + poly.text(p)
        self.arena.radicands[name] = p
        return self.times(result, poly.atom(name, exponent))

    def denested(self, p: Polynomial) -> Polynomial | None:
        """The square root of a + b, b^2 rational, when a^2 - b^2 is a square: sqrt(3 + 2 sqrt 2) = 1 + sqrt 2."""
        surd = next((m for m in p if m), None)
        a = p.get((), Fraction(0))
        if surd is None or a <= 0 or any(name[0] != "p" or e != HALF for name, e in surd):
            return None
        squared = self.times({surd: p[surd]}, {surd: p[surd]})[()]
        try:
            s = exact_root(a * a - squared, 2)
        except InexactError:
            return None
        high, low = self.number_root((a + s) / 2, HALF), self.number_root((a - s) / 2, HALF)
        return poly.add(high, low, 1 if p[surd] > 0 else -1)

    def number_root(self, value: Fraction, exponent: Fraction) -> Polynomial:
        """A positive number to a fractional power, one atom per prime."""
        result: Polynomial = {(): Fraction(1)}
        for n, sign in ((value.numerator, 1), (value.denominator, -1)):
            for prime, count in factored(n).items():
                power = sign * count * exponent
                whole = power.__floor__()
                term: Polynomial = {(): exact_power(Fraction(prime), Fraction(whole))}
                if power != whole:
                    term = {((f"p{prime}", power - whole),): term[()]}
                result = self.times(result, term)
        return result

    def atom_root(self, name: str, e: poly.Exponent, exponent: Fraction) -> Polynomial:
        """A root of a power of one atom."""
        total = e * exponent
        even_base = isinstance(e, int) and e % 2 == 0
        if name[0] == "p":
            whole = total.__floor__()
            left = total - whole
            term: Polynomial = {(): exact_power(Fraction(int(name[1:])), Fraction(whole))}
            return {((name, left),): term[()]} if left else term
        if name == "i":
            raise InexactError("root of i")
        if even_base and Fraction(total).denominator == 1 and int(total) % 2 and name[0] not in "c":
            # The square root of a square is the absolute value.
            return self.arena.power(poly.atom("fabs(" + poly.text(poly.atom(name)) + ")"), int(total))
        if name[0] == "r":
            raise InexactError("root of a root")
        return poly.atom(name, int(total) if Fraction(total).denominator == 1 else total)

    def exponential(self, base: Node, exponent: Node) -> Quotient:
        """A power with a variable exponent, one atom per term of the exponent: 2^(x+1) = 2 * 2^x."""
        top, bottom = self.quotient(exponent)
        top, bottom = self.settled((top, bottom))
        if bottom != _ONE:
            top, bottom = {(("f" + poly.text(top) + "/" + poly.text(bottom), 1),): Fraction(1)}, _ONE
        bases: list[tuple[str, Fraction]]
        base_top, base_bottom = self.settled(self.quotient(base))
        if base_bottom == _ONE and list(base_top) == [()] and base_top[()] > 0:
            value = base_top[()]
            bases = [(str(p), Fraction(n)) for p, n in factored(value.numerator).items()]
            bases += [(str(p), Fraction(-n)) for p, n in factored(value.denominator).items()]
        else:
            bases = [(f"({poly.text(base_top)})/({poly.text(base_bottom)})", Fraction(1))]
        result: Quotient = (_ONE, _ONE)
        for monomial, coefficient in top.items():
            known = self.known_exponential(monomial, coefficient) if base == E else None
            if known is not None:
                result = self.times(result[0], known), result[1]
                continue
            for spelled, power in bases:
                c = coefficient * power
                if not monomial:
                    inner = num(int(spelled)) if spelled.isdecimal() else base
                    factor = self.raised(inner, num(c))
                else:
                    inner_name = "x" + spelled + "^" + poly.text({monomial: Fraction(1, c.denominator)})
                    factor = self.integer_power((poly.atom(inner_name), _ONE), c.numerator)
                result = self.times(result[0], factor[0]), self.times(result[1], factor[1])
        return result

    def known_exponential(self, monomial: poly.Monomial, coefficient: Fraction) -> Polynomial | None:
        """E to a rational multiple of the logarithm of an integer or of i * pi."""
        if len(monomial) == 1 and monomial[0][1] == 1 and (m := _LOG_ATOM.fullmatch(monomial[0][0])) is not None:
            whole = coefficient.__floor__()
            root = self.number_root(Fraction(int(m.group(1))), coefficient - whole)
            return poly.scale(root, exact_power(Fraction(int(m.group(1))), Fraction(whole)))
        if monomial == (("cpi", 1), ("i", 1)):
            from stepgym.verifiers.math.trigonometry import of_pi

            sine, cosine = of_pi(coefficient)
            return poly.add(cosine, self.times(sine, poly.atom("i")))
        return None

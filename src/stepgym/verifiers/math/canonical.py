"""Canonical forms: an expression as a quotient of two polynomials, and the proof of equality that follows."""

from __future__ import annotations

import math
import re
from fractions import Fraction

from stepgym.verifiers.math import polynomial as poly
from stepgym.verifiers.math.approximate import approximate
from stepgym.verifiers.math.exact import InexactError, UndefinedError, exact, exact_root
from stepgym.verifiers.math.polynomial import Arena, Polynomial, constant
from stepgym.verifiers.math.tree import MAX_FACTORIAL, Node, TooLargeError, num

Quotient = tuple[Polynomial, Polynomial]

_ONE = poly.ONE
_E = Node("const", (), "e")
_LOG_ATOM = re.compile(r"fln\((\d{1,6})\)")
_HALF = Fraction(1, 2)
_LARGEST_FACTORED = 10**12
_TRIAL_LIMIT = 2_000


def proved_equal(left: Node, right: Node) -> bool:
    """Whether the canonical forms prove that two expressions are equal wherever both are defined over the reals.

    False proves nothing.

    Raises:
        UndefinedError: One of the two divides by zero.
    """
    builder = _Builder()
    try:
        a, b = builder.quotient(left), builder.quotient(right)
        return not poly.add(builder.times(a[0], b[1]), builder.times(b[0], a[1]), -1)
    except (TooLargeError, InexactError):
        return False


def polynomial_form(node: Node) -> Quotient:
    """Numerator and denominator of the canonical form.

    Raises:
        InexactError: The expression has no canonical form.
        TooLargeError: It exceeds the caps.
        UndefinedError: It divides by zero.
    """
    return _Builder().quotient(node)


class _Builder:
    def __init__(self) -> None:
        self.arena = Arena()
        self.times = self.arena.multiply

    def quotient(self, node: Node) -> Quotient:
        op, args = node.op, node.args
        if op == "num":
            return constant(node.value), _ONE
        if op == "sym":
            return poly.atom("v" + node.value), _ONE
        if op in ("dec", "based"):
            return constant(exact(node)), _ONE
        if op == "const":
            if node.value == "inf":
                raise UndefinedError("infinity in an expression")
            return poly.atom("i" if node.value == "i" else "c" + node.value), _ONE
        if op == "add":
            total = self.quotient(args[0])
            for a in args[1:]:
                total = self.added(total, self.quotient(a))
            return total
        if op == "neg":
            top, bottom = self.quotient(args[0])
            return poly.scale(top, -1), bottom
        if op == "mul":
            product = self.quotient(args[0])
            for a in args[1:]:
                other = self.quotient(a)
                product = self.times(product[0], other[0]), self.times(product[1], other[1])
            return product
        if op == "div":
            return self.divided(self.quotient(args[0]), self.quotient(args[1]))
        if op == "pow":
            return self.raised(args[0], args[1])
        if op == "percent":
            top, bottom = self.quotient(args[0])
            return poly.scale(top, Fraction(1, 100)), bottom
        if op == "degree":
            top, bottom = self.quotient(args[0])
            return self.times(top, {(("cpi", 1),): Fraction(1, 180)}), bottom
        if op == "mod":
            if node.value == "residue":
                return self.quotient(args[0])
            return constant(exact(node)), _ONE
        if op == "fn":
            return self.function(node)
        raise InexactError(op)

    def added(self, a: Quotient, b: Quotient) -> Quotient:
        if a[1] == b[1]:
            return poly.add(a[0], b[0]), a[1]
        return poly.add(self.times(a[0], b[1]), self.times(b[0], a[1])), self.times(a[1], b[1])

    def divided(self, a: Quotient, b: Quotient) -> Quotient:
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

    # Powers ---------------------------------------------------------------------------------------------------------

    def raised(self, base: Node, exponent: Node) -> Quotient:
        try:
            value = exact(exponent)
        except InexactError:
            return self.exponential(base, exponent)
        if value.denominator == 1:
            return self.integer_power(self.quotient(base), int(value))
        return self.root(self.quotient(base), value)

    def integer_power(self, q: Quotient, n: int) -> Quotient:
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
            inner = value.numerator * value.denominator ** (n - 1)
            if abs(inner).bit_length() < 200:
                radical = self.radical(constant(Fraction(inner) ** part.numerator), Fraction(1, n))
                scaled = poly.scale(radical, Fraction(1, value.denominator**part.numerator))
                return self.times(scaled, constant(value**whole)), _ONE
        return self.settled((self.radical(top, exponent), self.radical(bottom, exponent)))

    def radical(self, p: Polynomial, exponent: Fraction) -> Polynomial:
        if p == _ONE:
            return p
        whole = exponent.__floor__()
        if whole:
            return self.times(self.arena.power(p, whole), self.radical(p, exponent - whole))
        if exponent == _HALF and len(p) == 2:
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
                elif exponent == _HALF:
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
        if surd is None or a <= 0 or any(name[0] != "p" or e != _HALF for name, e in surd):
            return None
        squared = self.times({surd: p[surd]}, {surd: p[surd]})[()]
        try:
            s = exact_root(a * a - squared, 2)
        except InexactError:
            return None
        high, low = self.number_root((a + s) / 2, _HALF), self.number_root((a - s) / 2, _HALF)
        return poly.add(high, low, 1 if p[surd] > 0 else -1)

    def number_root(self, value: Fraction, exponent: Fraction) -> Polynomial:
        result: Polynomial = {(): Fraction(1)}
        for n, sign in ((value.numerator, 1), (value.denominator, -1)):
            for prime, count in factored(n).items():
                power = sign * count * exponent
                whole = power.__floor__()
                term: Polynomial = {(): Fraction(prime) ** whole}
                if power != whole:
                    term = {((f"p{prime}", power - whole),): term[()]}
                result = self.times(result, term)
        return result

    def atom_root(self, name: str, e: poly.Exponent, exponent: Fraction) -> Polynomial:
        total = e * exponent
        even_base = isinstance(e, int) and e % 2 == 0
        if name[0] == "p":
            whole = total.__floor__()
            left = total - whole
            term: Polynomial = {(): Fraction(int(name[1:])) ** whole}
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
            known = self.known_exponential(monomial, coefficient) if base == _E else None
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
            return poly.scale(root, Fraction(int(m.group(1))) ** whole)
        if monomial == (("cpi", 1), ("i", 1)):
            from stepgym.verifiers.math.trigonometry import of_pi

            sine, cosine = of_pi(coefficient)
            return poly.add(cosine, self.times(sine, poly.atom("i")))
        return None

    # Functions ------------------------------------------------------------------------------------------------------

    def function(self, node: Node) -> Quotient:
        name, args = node.value, node.args
        if name == "sqrt":
            return self.root(self.quotient(args[0]), _HALF)
        if name in ("root", "cbrt"):
            index = exact(args[1]) if name == "root" else Fraction(3)
            if not index:
                raise UndefinedError("a zeroth root")
            power = 1 / index
            return self.root(self.quotient(args[0]), power) if index != 1 else self.quotient(args[0])
        if name == "exp":
            return self.raised(_E, args[0])
        if name in ("ln", "log", "lg"):
            return self.logarithm(name, args)
        if name in _TRIGONOMETRIC:
            from stepgym.verifiers.math.trigonometry import trigonometric

            return trigonometric(self, name, args[0])
        if name in _INVERSE:
            angle = self.known_angle(node)
            if angle is not None:
                return angle
        if name in _HYPERBOLIC:
            return self.quotient(_hyperbolic(name, args[0]))
        if name == "abs":
            return self.absolute(args[0])
        if name == "binomial" and args[0].op != "num" and args[1].op == "num" and args[1].value in range(1, 9):
            return self.binomial(args[0], args[1].value)
        if name == "factorial" and args[0].op == "num" and 0 <= args[0].value <= MAX_FACTORIAL:
            return constant(exact(node)), _ONE
        try:
            return constant(exact(node)), _ONE
        except InexactError:
            return self.opaque(name, [self.quotient(a) for a in args])

    def known_angle(self, node: Node) -> Quotient | None:
        """An inverse trigonometric value that is a multiple of pi/60, proved by going back."""
        try:
            value, error = approximate(node, {}, real=False)
        except (UndefinedError, InexactError):
            return None
        turn = Fraction(round(value.real / math.pi * 60), 60)
        if abs(value.imag) > error + 1e-12 or abs(value.real - float(turn) * math.pi) > 1e-9:
            return None
        angle = Node("mul", (num(turn), Node("const", (), "pi")))
        a, b = self.quotient(Node("fn", (angle,), node.value[3:])), self.quotient(node.args[0])
        if poly.add(self.times(a[0], b[1]), self.times(b[0], a[1]), -1):
            return None
        return self.quotient(angle)

    def binomial(self, upper: Node, lower: int) -> Quotient:
        """n(n-1)...(n-k+1)/k! for a variable n."""
        top = _ONE
        for k in range(lower):
            factor = self.quotient(Node("add", (upper, num(-k))))
            if factor[1] != _ONE:
                raise InexactError("binomial")
            top = self.times(top, factor[0])
        return poly.scale(top, Fraction(1, math.factorial(lower))), _ONE

    def opaque(self, name: str, values: list[Quotient]) -> Quotient:
        spelled = ",".join(poly.text(t) + ("" if b == _ONE else "/" + poly.text(b)) for t, b in values)
        return poly.atom(f"f{name}({spelled})"), _ONE

    def absolute(self, node: Node) -> Quotient:
        top, bottom = self.settled(self.quotient(node))
        if bottom == _ONE and list(top) in ([], [()]):
            return {m: abs(c) for m, c in top.items()}, _ONE
        if any(name == "i" for m in top for name, _ in m):
            return self.complex_modulus(top, bottom)
        result = []
        for p in (top, bottom):
            if p == _ONE:
                result.append(p)
                continue
            c = poly.content(p)
            p = poly.scale(p, (1 if poly.leading(p) > 0 else -1) / c)
            positive = len(p) == 1 and all(n[0] in "pc" for n in next(iter(p)))
            result.append(poly.scale(p if positive else poly.atom("fabs(" + poly.text(p) + ")"), c))
        return result[0], result[1]

    def complex_modulus(self, top: Polynomial, bottom: Polynomial) -> Quotient:
        """The absolute value of a + bi for real constants a and b."""
        real: Polynomial = {}
        imaginary: Polynomial = {}
        for monomial, coefficient in top.items():
            rest = tuple(pair for pair in monomial if pair[0] != "i")
            if bottom != _ONE or any(name[0] not in "pc" for name, _ in rest):
                raise InexactError("modulus")
            part = real if len(rest) == len(monomial) else imaginary
            part[rest] = coefficient
        square = poly.add(self.times(real, real), self.times(imaginary, imaginary))
        return self.root((square, _ONE), _HALF)

    def logarithm(self, name: str, args: tuple[Node, ...]) -> Quotient:
        value = self.natural_log(args[0])
        if name == "ln":
            return value
        base = self.natural_log(args[1]) if name == "log" and len(args) == 2 else self.natural_log(num(10))
        return self.divided(value, base)

    def natural_log(self, node: Node) -> Quotient:
        if node.op == "pow" and node.args[0] == _E:
            return self.quotient(node.args[1])
        top, bottom = self.settled(self.quotient(node))
        if not top:
            raise UndefinedError("a logarithm of zero")
        return poly.add(self.log_parts(top), self.log_parts(bottom), -1), _ONE

    def log_parts(self, p: Polynomial) -> Polynomial:
        if len(p) == 1:
            (monomial, coefficient), *_ = p.items()
            if coefficient > 0 and all(name[0] in "pcvfx" for name, _ in monomial):
                total: Polynomial = {}
                for n, sign in ((coefficient.numerator, 1), (coefficient.denominator, -1)):
                    for prime, count in factored(n).items():
                        total = poly.add(total, poly.scale(poly.atom(f"fln({prime})"), sign * count))
                for name, exponent in monomial:
                    if name == "ce":
                        part = constant(Fraction(exponent))
                    elif name[0] == "p":
                        part = poly.scale(poly.atom(f"fln({name[1:]})"), Fraction(exponent))
                    else:
                        part = poly.scale(poly.atom(f"fln({name})"), Fraction(exponent))
                    total = poly.add(total, part)
                return total
            if coefficient < 0 and not monomial:
                raise InexactError("complex logarithm")
        return poly.atom("fln(" + poly.text(p) + ")")


_TRIGONOMETRIC = frozenset({"sin", "cos", "tan", "cot", "sec", "csc"})
_INVERSE = frozenset({"arcsin", "arccos", "arctan"})
_HYPERBOLIC = frozenset({"sinh", "cosh", "tanh", "coth", "sech", "csch"})


def _hyperbolic(name: str, x: Node) -> Node:
    up = Node("pow", (_E, x))
    down = Node("pow", (_E, Node("neg", (x,))))
    sine = Node("div", (Node("add", (up, Node("neg", (down,)))), num(2)))
    cosine = Node("div", (Node("add", (up, down)), num(2)))
    return {
        "sinh": sine,
        "cosh": cosine,
        "tanh": Node("div", (sine, cosine)),
        "coth": Node("div", (cosine, sine)),
        "sech": Node("div", (num(1), cosine)),
        "csch": Node("div", (num(1), sine)),
    }[name]


def factored(n: int) -> dict[int, int]:
    """Prime factors by trial division; what is left above the limit counts as one factor unless it could be a power.

    Raises:
        TooLargeError: The rest might be composite, so that two spellings could differ.
    """
    result: dict[int, int] = {}
    for prime in _primes():
        if prime * prime > n:
            break
        while n % prime == 0:
            result[prime] = result.get(prime, 0) + 1
            n //= prime
    if n > 1:
        if n > _TRIAL_LIMIT**2 and not _is_prime(n):
            raise TooLargeError("a number is too large to factor")
        result[n] = result.get(n, 0) + 1
    return result


def _primes() -> tuple[int, ...]:
    if not _PRIMES:
        sieve = bytearray([1]) * _TRIAL_LIMIT
        for k in range(2, _TRIAL_LIMIT):
            if sieve[k]:
                _PRIMES.append(k)
                sieve[k * k :: k] = bytes(len(range(k * k, _TRIAL_LIMIT, k)))
    return tuple(_PRIMES)


_PRIMES: list[int] = []


def _is_prime(n: int) -> bool:
    """Miller-Rabin with bases that are proved for n < 3.3e24 (Sorenson and Webster 2015); larger n are refused."""
    if n >= 3 * 10**24:
        raise TooLargeError("a number is too large to factor")
    d, r = n - 1, 0
    while d % 2 == 0:
        d, r = d // 2, r + 1
    for a in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41):
        x = pow(a, d, n)
        if x in (1, n - 1):
            continue
        for _ in range(r - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True

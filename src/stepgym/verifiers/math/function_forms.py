"""Functions in canonical form: roots, logarithms, absolute values, angles that are known."""

from __future__ import annotations

import math
from fractions import Fraction

from stepgym.verifiers.math import polynomial as poly
from stepgym.verifiers.math.approximate import approximate
from stepgym.verifiers.math.exact import InexactError, UndefinedError, exact
from stepgym.verifiers.math.polynomial import Polynomial, Quotient, constant
from stepgym.verifiers.math.primes import factored
from stepgym.verifiers.math.radicals import HALF, E, PowerForms
from stepgym.verifiers.math.tree import MAX_FACTORIAL, Node, num

_ONE = poly.ONE
_TRIGONOMETRIC = frozenset({"sin", "cos", "tan", "cot", "sec", "csc"})
_INVERSE = frozenset({"arcsin", "arccos", "arctan"})
_HYPERBOLIC = frozenset({"sinh", "cosh", "tanh", "coth", "sech", "csch"})


class FunctionForms(PowerForms):
    """The rules for functions."""

    def function(self, node: Node) -> Quotient:
        """The canonical form of a function value."""
        name, args = node.value, node.args
        if name == "sqrt":
            return self.root(self.quotient(args[0]), HALF)
        if name in ("root", "cbrt"):
            index = exact(args[1]) if name == "root" else Fraction(3)
            if not index:
                raise UndefinedError("a zeroth root")
            power = 1 / index
            return self.root(self.quotient(args[0]), power) if index != 1 else self.quotient(args[0])
        if name == "exp":
            return self.raised(E, args[0])
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
        """A function value as an atom of its own."""
        spelled = ",".join(poly.text(t) + ("" if b == _ONE else "/" + poly.text(b)) for t, b in values)
        return poly.atom(f"f{name}({spelled})"), _ONE

    def absolute(self, node: Node) -> Quotient:
        """The absolute value; of a complex constant, its modulus."""
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
        return self.root((square, _ONE), HALF)

    def logarithm(self, name: str, args: tuple[Node, ...]) -> Quotient:
        """A logarithm, by natural ones."""
        value = self.natural_log(args[0])
        if name == "ln":
            return value
        base = self.natural_log(args[1]) if name == "log" and len(args) == 2 else self.natural_log(num(10))
        return self.divided(value, base)

    def natural_log(self, node: Node) -> Quotient:
        """The natural logarithm, expanded over products."""
        if node.op == "pow" and node.args[0] == E:
            return self.quotient(node.args[1])
        top, bottom = self.settled(self.quotient(node))
        if not top:
            raise UndefinedError("a logarithm of zero")
        return poly.add(self.log_parts(top), self.log_parts(bottom), -1), _ONE

    def log_parts(self, p: Polynomial) -> Polynomial:
        """The logarithm of a polynomial: one atom per prime and per factor of a monomial."""
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


def _hyperbolic(name: str, x: Node) -> Node:
    up = Node("pow", (E, x))
    down = Node("pow", (E, Node("neg", (x,))))
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

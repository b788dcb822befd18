"""Canonical forms: an expression as a quotient of two polynomials, and the proof of equality that follows."""

from __future__ import annotations

from fractions import Fraction

from stepgym.verifiers.math import polynomial as poly
from stepgym.verifiers.math.exact import InexactError, UndefinedError, exact
from stepgym.verifiers.math.function_forms import FunctionForms
from stepgym.verifiers.math.polynomial import Quotient, constant
from stepgym.verifiers.math.tree import Node, TooLargeError

_ONE = poly.ONE


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


class _Builder(FunctionForms):
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

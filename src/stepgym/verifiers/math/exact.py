"""Exact values of rational expressions, and their values modulo a prime; all numbers stay within caps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction

from stepgym.verifiers.math.tree import MAX_BITS, MAX_FACTORIAL, Node, TooLargeError

PRIME = (1 << 61) - 1


class UndefinedError(ArithmeticError):
    """The expression has no value here: a division by zero, an undefined function, an overflow."""


class InexactError(ValueError):
    """The expression is outside what this kind of evaluation can do."""


def exact(node: Node, point: Mapping[str, Fraction] | None = None) -> Fraction:
    """The exact value of a rational expression.

    Raises:
        InexactError: It is not rational.
        UndefinedError: It divides by zero.
        TooLargeError: A number would exceed the caps.
    """
    op, args = node.op, node.args
    if op == "num":
        return Fraction(node.value)
    if op == "dec":
        return node.value[0]  # type: ignore[no-any-return]
    if op == "based":
        return Fraction(node.value[2])
    if op == "sym":
        if point is None or node.value not in point:
            raise InexactError(node.value)
        return point[node.value]
    if op == "add":
        return _capped(sum((exact(a, point) for a in args), Fraction(0)))
    if op == "neg":
        return -exact(args[0], point)
    if op == "mul":
        value = Fraction(1)
        for a in args:
            value = _capped(value * exact(a, point))
        return value
    if op == "div":
        bottom = exact(args[1], point)
        if not bottom:
            raise UndefinedError("division by zero")
        return _capped(exact(args[0], point) / bottom)
    if op == "pow":
        return exact_power(exact(args[0], point), exact(args[1], point))
    if op == "percent":
        return exact(args[0], point) / 100
    if op == "fn":
        return _exact_function(node, point)
    if op == "mod":
        if node.value == "residue":
            return exact(args[0], point)
        modulus = exact(args[1], point)
        if modulus.denominator != 1 or modulus <= 0:
            raise InexactError("modulus")
        if args[0].op == "pow":
            base, exponent = exact(args[0].args[0], point), exact(args[0].args[1], point)
            if base.denominator == exponent.denominator == 1 and exponent >= 0:
                return Fraction(pow(int(base), int(exponent), int(modulus)))
        return exact(args[0], point) % modulus
    raise InexactError(op)


def rational_value(node: Node) -> Fraction | None:
    """The exact value, or None when there is none."""
    try:
        return exact(node)
    except (InexactError, UndefinedError, TooLargeError):
        return None


def _capped(value: Fraction) -> Fraction:
    if value.numerator.bit_length() + value.denominator.bit_length() > MAX_BITS:
        raise TooLargeError("a number grew too large")
    return value


def exact_power(base: Fraction, exponent: Fraction) -> Fraction:
    """`base ** exponent` for an integer exponent or a perfect power."""
    if exponent.denominator != 1:
        root = exact_root(base, exponent.denominator)
        return exact_power(root, Fraction(exponent.numerator))
    n = int(exponent)
    if base == 0:
        if n <= 0:
            raise UndefinedError("zero to a power that is not positive")
        return base
    if base in (1, -1):
        return base if n % 2 else base * base
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if bits * abs(n) > MAX_BITS:
        raise TooLargeError("a power is too large")
    return base**n


def exact_root(base: Fraction, index: int) -> Fraction:
    """The rational `index`-th root of `base`; `InexactError` when it is irrational."""
    if base < 0:
        if index % 2 == 0:
            raise InexactError("complex")
        return -exact_root(-base, index)
    return Fraction(_integer_root(base.numerator, index), _integer_root(base.denominator, index))


def _integer_root(value: int, index: int) -> int:
    if value in (0, 1):
        return value
    if index == 2:
        root = math.isqrt(value)
    elif index > value.bit_length():
        raise InexactError("irrational")
    else:
        root = 1 << -(-value.bit_length() // index)
        while True:
            smaller = ((index - 1) * root + value // root ** (index - 1)) // index
            if smaller >= root:
                break
            root = smaller
    if root**index != value:
        raise InexactError("irrational")
    return root


def _exact_function(node: Node, point: Mapping[str, Fraction] | None) -> Fraction:
    name = node.value
    if name in ("sqrt", "root"):
        index = Fraction(2) if name == "sqrt" else exact(node.args[1], point)
        if index.denominator != 1 or not 1 < index < 200:
            raise InexactError(name)
        return exact_root(exact(node.args[0], point), int(index))
    if name in (
        "abs",
        "floor",
        "ceil",
        "factorial",
        "factorial2",
        "binomial",
        "gcd",
        "lcm",
        "min",
        "max",
        "sgn",
        "cbrt",
    ):
        values = [exact(a, point) for a in node.args]
        return exact_function(name, values)
    raise InexactError(name)


def exact_function(name: str, values: list[Fraction]) -> Fraction:
    """A function with exact values at exact arguments."""
    first = values[0]
    if name == "abs":
        return abs(first)
    if name == "cbrt":
        return exact_root(first, 3)
    if name == "floor":
        return Fraction(math.floor(first))
    if name == "ceil":
        return Fraction(math.ceil(first))
    if name == "sgn":
        return Fraction((first > 0) - (first < 0))
    if name in ("min", "max"):
        return (min if name == "min" else max)(values)
    if any(v.denominator != 1 or v < 0 for v in values):
        raise InexactError(name)
    if name in ("factorial", "factorial2"):
        n = int(first)
        if n > MAX_FACTORIAL:
            raise TooLargeError(f"a factorial of more than {MAX_FACTORIAL}")
        return Fraction(math.factorial(n) if name == "factorial" else math.prod(range(n, 0, -2)))
    if name == "binomial":
        if len(values) != 2 or first > 20_000 or min(values[1], first - values[1]) > 1_000:
            raise TooLargeError("a binomial coefficient is too large")
        return Fraction(math.comb(int(first), int(values[1])))
    if name in ("gcd", "lcm"):
        return Fraction((math.gcd if name == "gcd" else math.lcm)(*(int(v) for v in values)))
    raise InexactError(name)


# Modulo a prime ---------------------------------------------------------------------------------------------------


def modular(node: Node, point: Mapping[str, int]) -> int:
    """The value modulo `PRIME` of a rational function with integer powers, at integer values of its variables.

    Two rational functions that differ here differ. Equal values at random points mean equal functions, wrong with a
    probability of at most degree / 2**61 per point (Schwartz 1980, Zippel 1979).
    """
    op, args = node.op, node.args
    if op in ("sym", "const"):
        if node.value not in point:
            raise InexactError(node.value)
        return point[node.value]
    if op == "add":
        return sum(modular(a, point) for a in args) % PRIME
    if op == "neg":
        return -modular(args[0], point) % PRIME
    if op == "mul":
        value = 1
        for a in args:
            value = value * modular(a, point) % PRIME
        return value
    if op == "div":
        bottom = modular(args[1], point)
        if not bottom:
            raise UndefinedError("division by zero")
        return modular(args[0], point) * pow(bottom, -1, PRIME) % PRIME
    if op == "pow":
        exponent = exact(args[1])
        if exponent.denominator != 1:
            raise InexactError("root")
        base = modular(args[0], point)
        if not base and exponent <= 0:
            raise UndefinedError("zero to a power that is not positive")
        return pow(base, int(exponent), PRIME)
    value_ = exact(node)
    return value_.numerator * pow(value_.denominator, -1, PRIME) % PRIME

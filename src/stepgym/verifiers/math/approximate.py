"""Values of an expression in double precision, each with a bound on its error: quick and safe refutation.

Variables stand for real numbers. A root or logarithm of a negative number is undefined when it depends on a variable,
and complex when it is a constant. Odd roots of negative numbers are real.
"""

from __future__ import annotations

import cmath
import hashlib
import math
from collections.abc import Callable, Mapping
from fractions import Fraction

from stepgym.verifiers.math.exact import InexactError, UndefinedError, exact, exact_function, rational_value
from stepgym.verifiers.math.tree import Node, TooLargeError

_EPSILON = 4e-16

Approximation = tuple[complex, float]


def approximate(node: Node, point: Mapping[str, float], *, real: bool) -> Approximation:
    """The value in double precision and a bound on its error.

    Args:
        node: An expression.
        point: Values of the variables.
        real: Whether roots and logarithms of negative numbers are undefined (else complex).
    """
    try:
        value, error = _approximate(node, point, real)
    except (OverflowError, ValueError, ZeroDivisionError) as problem:
        if isinstance(problem, TooLargeError | InexactError):
            raise
        raise UndefinedError(str(problem)) from problem
    if not (cmath.isfinite(value) and math.isfinite(error)):
        raise UndefinedError("overflow")
    return value, error


def _approximate(node: Node, point: Mapping[str, float], real: bool) -> Approximation:
    op, args = node.op, node.args
    if op == "num":
        value = complex(node.value)
        return value, abs(value) * _EPSILON
    if op == "dec":
        value = complex(node.value[0])
        return value, abs(value) * _EPSILON
    if op == "based":
        return complex(node.value[2]), 0.0
    if op == "sym":
        if node.value not in point:
            raise InexactError(node.value)
        return complex(point[node.value]), 0.0
    if op == "const":
        return _constant(node.value), _EPSILON
    if op == "add":
        total, error = 0j, 0.0
        for a in args:
            v, e = _approximate(a, point, real)
            total += v
            error += e + _EPSILON * (abs(v) + abs(total))
        return total, error
    if op == "neg":
        v, e = _approximate(args[0], point, real)
        return 0 - v, e  # Not -v: the sign of a zero imaginary part picks the branch of a root.
    if op == "mul":
        total, error = 1 + 0j, 0.0
        for a in args:
            v, e = _approximate(a, point, real)
            error = abs(total) * e + abs(v) * error + error * e
            total *= v
            error += _EPSILON * abs(total)
        return total, error
    if op == "div":
        top, et = _approximate(args[0], point, real)
        bottom, eb = _approximate(args[1], point, real)
        if abs(bottom) <= 4 * eb:
            raise UndefinedError("division by zero")
        value = top / bottom
        return value, (et + abs(value) * eb) / (abs(bottom) - eb) + _EPSILON * abs(value)
    if op == "pow":
        base, ea = _approximate(args[0], point, real)
        exponent, eb = _approximate(args[1], point, real)
        return _power(base, ea, exponent, eb, rational_value(args[1]), real)
    if op == "percent":
        v, e = _approximate(args[0], point, real)
        return v / 100, e / 100
    if op == "degree":
        v, e = _approximate(args[0], point, real)
        return v * math.pi / 180, e / 50 + _EPSILON * abs(v)
    if op == "mod" and node.value == "residue":
        return _approximate(args[0], point, real)
    if op == "fn":
        return _function(node, point, real)
    value = complex(exact(node))
    return value, _EPSILON * abs(value)


def _constant(name: str) -> complex:
    if name == "pi":
        return complex(math.pi)
    if name == "e":
        return complex(math.e)
    if name == "i":
        return 1j
    raise UndefinedError("infinity in an expression")


def _power(a: complex, ea: float, b: complex, eb: float, exponent: Fraction | None, real: bool) -> Approximation:
    if abs(a.imag) <= ea:
        a = complex(a.real, 0.0)
    if exponent is not None and exponent.denominator == 1:
        value = a ** int(exponent) if abs(exponent) < 1e9 else cmath.exp(b * cmath.log(a))
    elif a == 0 and b.real > 0:
        return 0j, ea ** min(1.0, b.real)
    elif abs(a.imag) <= ea and a.real < 0 and exponent is not None and exponent.denominator % 2:
        value = complex((-a.real) ** float(exponent)) * (-1) ** (exponent.numerator % 2)
    else:
        if real and a.real < 0:
            raise UndefinedError("a root of a negative number")
        value = cmath.exp(b * cmath.log(a))
    relative = 0.0 if a == 0 else (abs(b) * ea / max(abs(a) - ea, 1e-300) + abs(cmath.log(a)) * eb)
    return value, abs(value) * (relative + 4 * _EPSILON * (1 + abs(b)))


def _function(node: Node, point: Mapping[str, float], real: bool) -> Approximation:
    name = node.value
    values = [_approximate(a, point, real) for a in node.args]
    x, e = values[0]
    if name == "sqrt":
        return _power(x, e, 0.5 + 0j, 0.0, Fraction(1, 2), real)
    if name in ("root", "cbrt"):
        index = rational_value(node.args[1]) if name == "root" else Fraction(3)
        if not index:
            raise InexactError("root")
        return _power(x, e, complex(1 / index), 0.0, 1 / index, real)
    if name.startswith(":"):
        return complex(_stand_in(node, values)), 1e-12
    if name in ("floor", "ceil", "sgn", "min", "max", "factorial", "factorial2", "binomial", "gcd", "lcm"):
        return _stepwise(name, values)
    if name in ("ln", "log", "lg"):
        if real and x.real < 0:
            raise UndefinedError("a logarithm of a negative number")
        if abs(x) <= 4 * e:
            raise UndefinedError("a logarithm of zero")
        value, error = cmath.log(x), e / (abs(x) - e) + _EPSILON
        error += _EPSILON * abs(value)
        if name == "log" and len(values) == 2:
            base, eb = values[1]
            low, el = cmath.log(base), eb / max(abs(base) - eb, 1e-300) + _EPSILON
            if abs(low) <= 4 * el:
                raise UndefinedError("a logarithm to base one")
            return value / low, (error + abs(value / low) * el) / abs(low)
        if name in ("log", "lg"):
            return value / math.log(10), error
        return value, error
    function = _DOUBLES.get(name)
    if function is None:
        raise InexactError(name)
    value = function(x)
    step = max(1e-7 * (1 + abs(x)), e)
    slope = abs(function(x + step) - value) / step
    return value, 4 * slope * e + 8 * _EPSILON * (abs(value) + 1 + abs(x) * slope)


def _stepwise(name: str, values: list[Approximation]) -> Approximation:
    numbers = [v.real for v, _ in values]
    if any(abs(v.imag) > e + 1e-12 for v, e in values):
        raise InexactError(name)
    x, e = numbers[0], values[0][1]
    if name in ("min", "max"):
        return complex((min if name == "min" else max)(numbers)), max(e for _, e in values)
    if name in ("floor", "ceil"):
        if abs(x - round(x)) <= 1e-9 * (1 + abs(x)):
            raise InexactError(name)
        return complex(math.floor(x) if name == "floor" else math.ceil(x)), 0.0
    if name == "sgn":
        if abs(x) <= 4 * e:
            raise InexactError(name)
        return complex(math.copysign(1, x)), 0.0
    if any(abs(v - round(v)) > 1e-9 for v in numbers):
        if name == "factorial" and 0 < x < 150:
            return complex(math.gamma(x + 1)), 1e-12 * math.gamma(x + 1)
        raise InexactError(name)
    value = exact_function(name, [Fraction(round(v)) for v in numbers])
    return complex(value), abs(complex(value)) * 1e-12


def _stand_in(node: Node, values: list[Approximation]) -> float:
    """The value of an unnamed function f at a point: a fixed pseudo-random function of its rounded arguments."""
    text = node.value + repr([(round(v.real, 6), round(v.imag, 6)) for v, _ in values])
    return (
        1
        + int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=4).digest(), "big") / 2**31
    )


def _inverse(function: Callable[[complex], complex]) -> Callable[[complex], complex]:
    return lambda z: 1 / function(z)


_DOUBLES: dict[str, Callable[[complex], complex]] = {
    "sin": cmath.sin,
    "cos": cmath.cos,
    "tan": cmath.tan,
    "cot": _inverse(cmath.tan),
    "sec": _inverse(cmath.cos),
    "csc": _inverse(cmath.sin),
    "sinh": cmath.sinh,
    "cosh": cmath.cosh,
    "tanh": cmath.tanh,
    "coth": _inverse(cmath.tanh),
    "sech": _inverse(cmath.cosh),
    "csch": _inverse(cmath.sinh),
    "arcsin": cmath.asin,
    "arccos": cmath.acos,
    "arctan": cmath.atan,
    "arccot": lambda z: cmath.pi / 2 - cmath.atan(z),
    "arcsec": lambda z: cmath.acos(1 / z),
    "arccsc": lambda z: cmath.asin(1 / z),
    "arcsinh": cmath.asinh,
    "arccosh": cmath.acosh,
    "arctanh": cmath.atanh,
    "exp": cmath.exp,
    "abs": lambda z: complex(abs(z)),
    "norm": lambda z: complex(abs(z)),
    "re": lambda z: complex(z.real),
    "im": lambda z: complex(z.imag),
    "arg": lambda z: complex(cmath.phase(z)),
}

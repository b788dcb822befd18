"""Values of an expression at a point: exact, modulo a prime, in doubles with an error bound, in many digits.

Variables stand for real numbers. A root or logarithm of a negative number is undefined when it depends on a variable
(`defined over the reals`), and complex when it is a constant. Odd roots of negative numbers are real.
"""

from __future__ import annotations

import cmath
import hashlib
import importlib
import math
import threading
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from stepgym.verifiers.math.tree import MAX_BITS, MAX_FACTORIAL, Node, TooLargeError, symbols

PRIME = (1 << 61) - 1
DIGITS = 60
_EPSILON = 4e-16


class UndefinedError(ArithmeticError):
    """The expression has no value here: a division by zero, an undefined function, an overflow."""


class InexactError(ValueError):
    """The expression is outside what this kind of evaluation can do."""


# Exact ------------------------------------------------------------------------------------------------------------


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
        base = args[0]
        if base.op == "pow":
            a, b = exact(base.args[0], point), exact(base.args[1], point)
            if a.denominator == b.denominator == 1 and b >= 0:
                return Fraction(pow(int(a), int(b), int(modulus)))
        return exact(base, point) % modulus
    raise InexactError(op)


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


# Doubles with an error bound --------------------------------------------------------------------------------------

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
        a, ea = _approximate(args[0], point, real)
        b, eb = _approximate(args[1], point, real)
        if abs(b) <= 4 * eb:
            raise UndefinedError("division by zero")
        value = a / b
        return value, (ea + abs(value) * eb) / (abs(b) - eb) + _EPSILON * abs(value)
    if op == "pow":
        a, ea = _approximate(args[0], point, real)
        b, eb = _approximate(args[1], point, real)
        return _power(a, ea, b, eb, _rational(args[1]), real)
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


def _rational(node: Node) -> Fraction | None:
    try:
        return exact(node)
    except (InexactError, UndefinedError, TooLargeError):
        return None


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
        index = _rational(node.args[1]) if name == "root" else Fraction(3)
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
    return 1 + int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big") / 2**31


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


# Many digits ------------------------------------------------------------------------------------------------------


_contexts = threading.local()


def multiprecision(digits: int = DIGITS) -> Any:
    """This thread's mpmath context with `digits` digits; it shares no state with other threads."""
    context = getattr(_contexts, f"digits_{digits}", None)
    if context is None:
        context = importlib.import_module("mpmath").MPContext()
        context.dps = digits
        setattr(_contexts, f"digits_{digits}", context)
    return context


def precise(node: Node, point: Mapping[str, Fraction], *, real: bool, digits: int = DIGITS) -> Any:
    """The value to `digits` digits, an mpmath number."""
    context = multiprecision(digits)
    try:
        value = _precise(node, point, real, context)
    except (OverflowError, ValueError, ZeroDivisionError) as problem:
        if isinstance(problem, TooLargeError | InexactError):
            raise
        raise UndefinedError(str(problem)) from problem
    if not (context.isfinite(value)):
        raise UndefinedError("overflow")
    return value


def _precise(node: Node, point: Mapping[str, Fraction], real: bool, mp: Any) -> Any:
    op, args = node.op, node.args
    if op in ("num", "dec", "based"):
        value = exact(node)
        return mp.mpf(value.numerator) / value.denominator
    if op == "sym":
        if node.value not in point:
            raise InexactError(node.value)
        return mp.mpf(point[node.value].numerator) / point[node.value].denominator
    if op == "const":
        if node.value == "inf":
            raise UndefinedError("infinity in an expression")
        return {"pi": mp.pi, "e": mp.e, "i": mp.mpc(0, 1)}[node.value] + 0
    if op == "mod" and node.value == "binary":
        return mp.mpf(int(exact(node)))
    values = [_precise(a, point, real, mp) for a in args]
    if op == "add":
        return mp.fsum(values)
    if op == "neg":
        return -values[0]
    if op == "mul":
        return mp.fprod(values)
    if op == "div":
        return values[0] / values[1]
    if op == "pow":
        return _precise_power(values[0], values[1], _rational(args[1]), real, mp)
    if op == "percent":
        return values[0] / 100
    if op == "degree":
        return values[0] * mp.pi / 180
    if op == "mod":
        return values[0]
    if op == "fn":
        return _precise_function(node, values, real, mp)
    raise InexactError(op)


def _precise_power(a: Any, b: Any, exponent: Fraction | None, real: bool, mp: Any) -> Any:
    if exponent is not None and exponent.denominator == 1:
        if abs(exponent) > 10**9:
            raise TooLargeError("an exponent is too large")
        return mp.power(a, int(exponent))
    if not mp.im(a) and mp.re(a) < 0:
        if exponent is not None and exponent.denominator % 2:
            return mp.power(-mp.re(a), b) * (-1) ** (exponent.numerator % 2)
        if real:
            raise UndefinedError("a root of a negative number")
    if abs(b) * (abs(mp.log(abs(a))) if a else 0) > 10**9:
        raise TooLargeError("a power is too large")
    return mp.power(a, b)


def _precise_function(node: Node, values: list[Any], real: bool, mp: Any) -> Any:
    name, x = node.value, values[0]
    if name == "sqrt":
        return _precise_power(x, mp.mpf(1) / 2, Fraction(1, 2), real, mp)
    if name in ("root", "cbrt"):
        index = _rational(node.args[1]) if name == "root" else Fraction(3)
        if not index:
            raise InexactError("root")
        return _precise_power(x, mp.mpf(index.denominator) / index.numerator, 1 / index, real, mp)
    if name in ("ln", "log", "lg"):
        if real and mp.re(x) < 0:
            raise UndefinedError("a logarithm of a negative number")
        if name == "ln":
            return mp.log(x)
        return mp.log(x) / mp.log(values[1] if len(values) == 2 else 10)
    if name in ("exp", "sinh", "cosh", "sin", "cos", "tan") and abs(x) > 10**6:
        raise TooLargeError("an argument is too large")
    if name in ("abs", "norm"):
        return abs(x)
    if name in ("re", "im", "arg"):
        return getattr(mp, name)(x)
    if name in _PRECISE:
        return getattr(mp, _PRECISE[name])(x)
    if name.startswith(":"):
        raise InexactError(name)
    rounded = [mp.nint(mp.re(v)) for v in values]
    close = all(abs(v - r) < mp.mpf(10) ** (-mp.dps // 2) for v, r in zip(values, rounded, strict=True))
    if name in ("floor", "ceil") and not close:
        return mp.floor(mp.re(x)) if name == "floor" else mp.ceil(mp.re(x))
    if name in ("min", "max"):
        return (min if name == "min" else max)(values, key=mp.re)
    if name == "factorial" and not close and 0 < mp.re(x) < 1000:
        return mp.gamma(x + 1)
    if not close or any(abs(r) > 10**12 for r in rounded):
        raise InexactError(name)
    value = exact_function(name, [Fraction(int(r)) for r in rounded])
    return mp.mpf(value.numerator) / value.denominator


_PRECISE = {
    **{n: n for n in ["sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh", "coth", "sech", "csch", "exp"]},
    **{"arc" + n: "a" + n for n in ["sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh"]},
}


# Points -----------------------------------------------------------------------------------------------------------


def points(left: Node, right: Node, count: int) -> list[dict[str, Fraction]]:
    """`count` pseudo-random rational points for the variables of both, the same for the same names.

    The first has small positive integers, so that a counterexample is easy to read; the others mix signs.
    """
    names = sorted(symbols(left) | symbols(right))
    result = []
    for k in range(count):
        point = {}
        for j, name in enumerate(names):
            digest = hashlib.blake2b(f"{k}/{j}/{name}".encode(), digest_size=4).digest()
            r = int.from_bytes(digest, "big")
            if k == 0:
                point[name] = Fraction(2 + j)
            else:
                sign = -1 if (k % 3 == 2 and r & 1) or k % 3 == 0 else 1
                point[name] = sign * Fraction(1 + (r >> 8) % 997, 1 + (r >> 4) % 211)
        result.append(point)
    return result

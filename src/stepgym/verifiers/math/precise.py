"""Values of an expression in many digits, under the same rules as in `approximate`."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from stepgym.verifiers.math.exact import InexactError, UndefinedError, exact, exact_function, rational_value
from stepgym.verifiers.math.tree import Node, TooLargeError

DIGITS = 60

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
        return _precise_power(values[0], values[1], rational_value(args[1]), real, mp)
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
        index = rational_value(node.args[1]) if name == "root" else Fraction(3)
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

"""A second, simpler way to work out plain arithmetic: a stack machine over 60-digit decimals.

It shares no code with the reader and the exact evaluation whose findings it re-checks.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal, DivisionByZero, InvalidOperation, Overflow

_TOKEN = re.compile(r"\s*(?:(?P<number>[0-9]*\.?[0-9]+)|(?P<sign>//|[-+*/^()]))")
_BINDING = {"+": 1, "-": 1, "*": 2, "/": 2, "//": 2, "neg": 3, "^": 4}
_MAX_LENGTH = 5_000


def reckon(text: str) -> Decimal | None:
    """The value of an infix expression of numbers, `+ - * / // ^` and parentheses; None when it is not one."""
    context = Context(prec=60, Emax=9999, Emin=-9999, traps=[DivisionByZero, InvalidOperation, Overflow])
    values: list[Decimal] = []
    signs: list[str] = []
    at, expects_value = 0, True
    text = text.strip()
    if len(text) > _MAX_LENGTH:
        return None
    try:
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                return None
            at = match.end()
            if match["number"]:
                values.append(Decimal(match["number"]))
                expects_value = False
                continue
            expects_value = _push(match["sign"], expects_value, values, signs, context)
        while signs:
            _apply(values, signs, context)
    except (DivisionByZero, InvalidOperation, Overflow, IndexError, KeyError):
        return None
    return values[0] if len(values) == 1 else None


def _push(sign: str, expects_value: bool, values: list[Decimal], signs: list[str], context: Context) -> bool:
    """Take one sign; whether a value must follow it."""
    if sign == "(":
        signs.append(sign)
        return True
    if sign == ")":
        while signs[-1] != "(":
            _apply(values, signs, context)
        signs.pop()
        return False
    if expects_value:
        if sign == "-":
            signs.append("neg")
        elif sign != "+":
            raise IndexError
        return True
    while signs and signs[-1] != "(" and _BINDING[signs[-1]] >= _BINDING[sign]:
        _apply(values, signs, context)
    signs.append(sign)
    return True


def _apply(values: list[Decimal], signs: list[str], context: Context) -> None:
    sign, right = signs.pop(), values.pop()
    if sign == "neg":
        values.append(context.minus(right))
        return
    left = values.pop()
    if sign == "//":
        floor = context.divide(left, right)
        values.append(floor.to_integral_value(rounding="ROUND_FLOOR", context=context))
        return
    if sign == "^":
        # 3*(5/3) is not quite 5 in decimals; a negative base needs it whole.
        whole = right.to_integral_value(context=context)
        right = whole if abs(right - whole) < Decimal("1e-40") else right
    operation = {
        "+": context.add,
        "-": context.subtract,
        "*": context.multiply,
        "/": context.divide,
        "^": context.power,
    }[sign]
    values.append(operation(left, right))

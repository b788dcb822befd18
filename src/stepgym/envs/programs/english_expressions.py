"""Expressions in words: "a plus b", "x is even", "the larger of a and b".

Words are used where they cannot be misunderstood; what is nested deeper stays as it is written in C++.
"""

from __future__ import annotations

from stepgym.envs.programs.cpp import expression as code
from stepgym.envs.programs.draw import Draw
from stepgym.envs.programs.tree import (
    Arith,
    Call,
    Compare,
    Expression,
    Item,
    Length,
    Letter,
    Logic,
    Name,
    Not,
    Number,
    Text,
    ToLetter,
    type_of,
)

_ARITH = {
    "+": ("{} + {}", "{} plus {}", "the sum of {} and {}"),
    "-": ("{} - {}", "{} minus {}", "the difference of {} and {}"),
    "*": ("{} * {}", "{} times {}", "the product of {} and {}"),
    "/": ("{} / {}", "{} divided by {}"),
    "%": ("{} % {}", "{} modulo {}", "the remainder of {} divided by {}"),
}
_COMPARE = {
    "==": ("{} == {}", "{} is equal to {}", "{} equals {}"),
    "!=": ("{} != {}", "{} is not equal to {}", "{} is different from {}"),
    "<": ("{} < {}", "{} is less than {}", "{} is smaller than {}"),
    "<=": ("{} <= {}", "{} is at most {}", "{} is less than or equal to {}"),
    ">": ("{} > {}", "{} is greater than {}", "{} is larger than {}"),
    ">=": ("{} >= {}", "{} is at least {}", "{} is greater than or equal to {}"),
}
_BUILTINS = {
    "max": ("max({}, {})", "the larger of {} and {}", "the maximum of {} and {}"),
    "min": ("min({}, {})", "the smaller of {} and {}", "the minimum of {} and {}"),
    "abs": ("abs({})", "the absolute value of {}"),
}


def say(node: Expression, draw: Draw) -> str:
    """A value or a condition in words, where it stands alone in a sentence."""
    match node:
        case Arith(op=op, left=left, right=right) if _is_short(left) and _is_short(right):
            if type_of(node) == "string":
                return f"{code(left)} + {code(right)}"
            return draw.choice(_ARITH[op]).format(code(left), code(right))
        case Compare():
            return _condition(node, draw)
        case Logic(op=op, left=left, right=right) if not isinstance(left, Logic) and not isinstance(right, Logic):
            joined = "and" if op == "&&" else "or"
            return f"{say(left, draw)} {joined} {say(right, draw)}"
        case Not(inner=inner) if isinstance(inner, Call):
            return f"{code(inner)} is false"
        case Call(function=function, arguments=arguments, type=kind):
            if function in _BUILTINS and all(map(_is_short, arguments)):
                return draw.choice(_BUILTINS[function]).format(*map(code, arguments))
            if kind == "bool":
                return draw.choice(("{} is true", "{} holds")).format(code(node))
            listed = " and ".join(map(code, arguments))
            if len(arguments) <= 2 and all(map(_is_short, arguments)):
                return draw.choice((code(node), f"{function} of {listed}", f"the result of {code(node)}"))
            return code(node)
        case Length(base=base):
            words = ("the length of {}", "the size of {}", "the number of characters of {}")
            return draw.choice(words if base.type == "string" else ("the size of {}",)).format(base.name)
        case ToLetter(code=inner):
            return draw.choice(("the character {}", "{} as a character")).format(code(inner))
        case _:
            return code(node)


def _condition(node: Compare, draw: Draw) -> str:
    match node:
        case Compare(op=op, left=Arith(op="%", left=left, right=Number(value=divisor)), right=Number(value=0)):
            plain = code(node)
            if not _is_short(left):
                return plain
            words = [plain]
            if divisor == 2 and op in ("==", "!="):
                words += [f"{code(left)} is {'even' if op == '==' else 'odd'}"] * 3
            elif op in ("==", "!="):
                no = "" if op == "==" else "not "
                words += [f"{code(left)} is {no}divisible by {divisor}", f"{code(left)} is {no}a multiple of {divisor}"]
            return draw.choice(words)
        case Compare(op=op, left=left, right=Number(value=0)) if op in ("<", ">"):
            return draw.choice((code(node), f"{code(left)} is {'positive' if op == '>' else 'negative'}"))
        case _:
            return draw.choice(_COMPARE[node.op]).format(code(node.left), code(node.right))


def _is_short(node: Expression) -> bool:
    match node:
        case Number() | Letter() | Text() | Name():
            return True
        case Item(index=index):
            return isinstance(index, Name | Number | Arith)
        case _:
            return False

"""Fragments with functions: their definitions, plain, with loops and recursive, and how main uses them."""

from __future__ import annotations

from collections.abc import Callable

from stepgym.envs.programs.builder import Builder, Fragment, new_int
from stepgym.envs.programs.loops import counting
from stepgym.envs.programs.tree import (
    Arith,
    Assign,
    Block,
    Call,
    Case,
    Compare,
    Expression,
    For,
    ForEach,
    Function,
    If,
    Name,
    Number,
    Print,
    Return,
    Statement,
    Step,
    Text,
    Type,
    While,
)

_NAMES = ("f", "solve", "calc", "value", "compute", "h")
_X, _Y = Name("x"), Name("y")


def begin(builder: Builder) -> None:
    """Read a count and a value or two, or at the lowest level one value."""
    if builder.level == 1:
        builder.read("value")
    else:
        builder.read("count", *["value"] * builder.draw.between(1, 2))


def plain(builder: Builder) -> Function:
    """`return x * 2 + 1;`."""
    first = builder.arithmetic(_X, _X)
    value = Arith(builder.draw.choice("+-"), first, builder.constant()) if builder.level > 1 else first
    return _define(builder, (Return(value),), "x")


def branching(builder: Builder) -> Function:
    """One value or another."""
    condition = Compare(builder.draw.choice(("<", ">", "<=", ">=")), _X, _Y)
    first, second = builder.arithmetic(_X, _Y), builder.arithmetic(_Y, _X)
    branch = If((Case(condition, (Return(first),)),))
    return _define(builder, (branch, Return(second if first != second else _Y)), "x", "y")


def looping(builder: Builder) -> Function:
    """A sum or a count over 1 to x."""
    i, total = Name("i"), Name("s")
    what: Statement = Assign(total, "+=", builder.arithmetic(i, i) if builder.draw.chance(0.5) else i)
    if builder.draw.chance(0.5):
        divides = Compare("==", Arith("%", _X, i), Number(0))
        what = If((Case(divides, (Step(total) if builder.draw.chance(0.5) else Assign(total, "+=", i),)),))
    loop = For("i", Number(1), "<=", _X, 1, (what,))
    return _define(builder, (new_int("s", Number(0)), loop, Return(total)), "x")


def digits(builder: Builder) -> Function:
    """A sum over decimal digits."""
    total, digit = Name("s"), Arith("%", _X, Number(10))
    term: Expression = digit if builder.draw.chance(0.6) else Arith("*", digit, builder.constant(2, 5))
    loop = While(Compare(">", _X, Number(0)), (Assign(total, "+=", term), Assign(_X, "/=", Number(10))))
    return _define(builder, (new_int("s", Number(0)), loop, Return(total)), "x")


def recursive(builder: Builder) -> Function:
    """A recursive sum, product, power or Fibonacci number."""
    kind = builder.draw.below(3)
    name = builder.fresh(*_NAMES)
    less = Call(name, (Arith("-", _X, Number(1)),))
    value: Expression
    if kind == 0:
        value = Arith("%", Arith("*", _X, less), Number(builder.draw.choice((97, 1000, 1009))))
    elif kind == 1:
        value = Arith("+", less, builder.arithmetic(_X))
    else:
        value = Arith("+", Arith("*", less, Number(builder.draw.between(2, 3))), builder.constant(1, 5))
        value = Arith("%", value, Number(1000))
    start = Number(1) if kind == 0 else builder.constant(0, 3)
    stop = If((Case(Compare("<=", _X, Number(builder.draw.between(0, 1))), (Return(start),)),))
    return _define(builder, (stop, Return(value)), "x", name=name)


def predicate(builder: Builder) -> Function:
    """Whether a number has a property."""
    divisor = builder.draw.between(2, 5)
    rest = Compare("==", Arith("%", _X, Number(divisor)), Number(builder.draw.below(2)))
    condition: Expression = rest if builder.draw.chance(0.5) else builder.condition(_X, joined=True, alone=True)
    return _define(builder, (Return(condition),), "x", kind="bool", wishes=("good", "check", "ok", "special"))


def of_vector(builder: Builder) -> Function:
    """A count or a sum over a vector."""
    total, element = Name("s"), Name("e")
    what: Statement = Step(total) if builder.draw.chance(0.5) else Assign(total, "+=", element)
    body = If((Case(Compare(builder.draw.choice(("<", ">", "==", ">=")), element, _X), (what,)),))
    values = Name("v", "vector<int>")
    steps = (new_int("s", Number(0)), ForEach("int", "e", values, (body,)), Return(total))
    parameters: tuple[tuple[Type, str], ...] = (("vector<int>", "v"), ("int", "x"))
    return _defined(builder, Function(builder.fresh(*_NAMES), "int", parameters, steps))


def print_call(builder: Builder) -> None:
    """Print what a function makes of a number."""
    function = _choose(builder, (plain, branching) if builder.level < 3 else (plain, branching, recursive))
    builder.add(Print((_call(builder, function),)))


def print_plain(builder: Builder) -> None:
    """The shortest function there is, and a line that prints its value."""
    builder.add(Print((_call(builder, plain(builder)),)))


def keep_call(builder: Builder) -> None:
    """A variable for what a function makes of a number."""
    function = _choose(builder, (plain, branching, looping, digits, recursive))
    value = _call(builder, function)
    builder.add(new_int(builder.result(builder.fresh("r", "res", "t", "u")).name, value))


def sum_calls(builder: Builder) -> None:
    """A sum of what a function makes of 1, 2, ..."""
    function = _choose(builder, (plain, looping, recursive, branching))
    name = builder.fresh("total", "s", "sum")
    given = (Name("i"), *([builder.pick()] if len(function.parameters) > 1 else []))
    loop = counting(builder, Assign(Name(name), "+=", Call(function.name, given)))
    builder.add(new_int(name, Number(0)), loop)
    builder.result(name)


def count_calls(builder: Builder) -> None:
    """How many numbers have the property."""
    function = _choose(builder, (predicate,))
    name = builder.fresh("cnt", "num", "k")
    condition = Call(function.name, (Name("i"),), "bool")
    loop = counting(builder, If((Case(condition, (Step(Name(name)),)),)))
    builder.add(new_int(name, Number(0)), loop)
    builder.result(name)


def if_call(builder: Builder) -> None:
    """`YES` if a number has the property."""
    function = _choose(builder, (predicate,))
    condition = Call(function.name, (builder.pick(),), "bool")
    builder.add(If((Case(condition, (Print((Text("YES"),)),)),), (Print((Text("NO"),)),)))


def vector_call(builder: Builder) -> None:
    """A function of a vector, if one was read."""
    if not builder.length:
        keep_call(builder)
        return
    function = _choose(builder, (of_vector,))
    given = (Name(builder.vectors[0], "vector<int>"), builder.constant(-5, 9))
    builder.add(new_int(builder.result(builder.fresh("r", "res", "t", "u")).name, Call(function.name, given)))


def _call(builder: Builder, function: Function) -> Call:
    """A call with arguments of the function's domain: small ones for loops and recursion."""
    body = function.body
    small = any(isinstance(statement, For | While) for statement in body) or _calls_itself(function)
    first = builder.count() if small else builder.pick()
    given: list[Expression] = [first]
    if len(function.parameters) > 1:
        given.append(builder.pick() if builder.draw.chance(0.6) else builder.constant())
    return Call(function.name, tuple(given))


def _calls_itself(function: Function) -> bool:
    return f"function='{function.name}'" in repr(function.body)


def _choose(builder: Builder, makers: tuple[Callable[[Builder], Function], ...]) -> Function:
    """A function that one of these makes."""
    return builder.draw.choice(makers)(builder)


def _define(
    builder: Builder,
    body: Block,
    *parameters: str,
    name: str = "",
    kind: Type = "int",
    wishes: tuple[str, ...] = _NAMES,
) -> Function:
    return _defined(
        builder, Function(name or builder.fresh(*wishes), kind, tuple(("int", given) for given in parameters), body)
    )


def _defined(builder: Builder, function: Function) -> Function:
    builder.functions.append(function)
    return function


FIRST = (Fragment(print_plain, 4),)
FRAGMENTS = (
    Fragment(print_call, 7, 2),
    Fragment(keep_call, 9, 2),
    Fragment(if_call, 8, 2),
    Fragment(count_calls, 9, 2),
    Fragment(sum_calls, 12, 3),
    Fragment(vector_call, 10, 3),
)

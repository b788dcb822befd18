"""Fragments with loops: sums, counts, digits, searches, loops in loops."""

from __future__ import annotations

from stepgym.envs.programs.builder import Builder, Fragment, new_int
from stepgym.envs.programs.tree import (
    Arith,
    Assign,
    Break,
    Case,
    Compare,
    Expression,
    For,
    If,
    Name,
    Number,
    Print,
    Statement,
    Step,
    Text,
    While,
)


def begin(builder: Builder) -> None:
    """Read the number that bounds the loops, and maybe a value."""
    roles = ["count"]
    if builder.level >= 2:
        roles += ["value"] * builder.draw.between(0, 1 + (builder.level >= 3))
    builder.read(*roles)


def counting(builder: Builder, *body: Statement, name: str = "i", last: Expression | None = None) -> For:
    """A loop from 0 or 1 to a count, in one of the usual forms."""
    end = builder.count() if last is None else last
    kind = builder.draw.below(10)
    if kind < 5:
        return For(name, Number(1), "<=", end, 1, body)
    if kind < 8:
        return For(name, Number(0), "<", end, 1, body)
    if kind < 9:
        return For(name, end, ">=", Number(1), -1, body)
    return For(name, Number(1), "<=", end, builder.draw.choice((2, 3)), body)


def print_loop(builder: Builder) -> None:
    """A number on each line, or all on one line."""
    i = Name("i")
    shown = builder.arithmetic(i, Name(builder.values[0]) if builder.values else None)
    if builder.level == 1 or builder.draw.chance(0.4):
        builder.add(counting(builder, Print((shown,))))
    else:
        builder.add(counting(builder, Print((shown, Text(" ")), newline=False)), Print(()))


def sum_loop(builder: Builder) -> None:
    """`s += i` or something like it."""
    name = builder.fresh("s", "sum", "total", "res")
    i = Name("i")
    term: Expression = i if builder.draw.chance(0.4) else builder.arithmetic(i, builder.peek())
    loop = counting(builder, Assign(Name(name), builder.draw.choice(("+=", "+=", "-=")), term))
    builder.result(name)
    builder.add(new_int(name, builder.constant(0, 5) if builder.draw.chance(0.2) else Number(0)), loop)


def sum_if(builder: Builder) -> None:
    """A sum or a count of those that meet a condition."""
    name = builder.fresh("s", "cnt", "total", "res")
    i = Name("i")
    what: Statement = Step(Name(name)) if builder.draw.chance(0.5) else Assign(Name(name), "+=", i)
    loop = counting(builder, If((Case(builder.condition(i), (what,)),)))
    builder.result(name)
    builder.add(new_int(name, Number(0)), loop)


def product(builder: Builder) -> None:
    """A product that is kept small."""
    name = builder.fresh("p", "prod", "res")
    i = Name("i")
    factor = i if builder.draw.chance(0.5) else Arith("+", i, builder.constant(1, 5))
    value = Arith("%", Arith("*", Name(name), factor), Number(builder.draw.choice((97, 100, 1000, 1009))))
    loop = counting(builder, Assign(Name(name), "=", value))
    builder.result(name)
    builder.add(new_int(name, Number(1)), loop)


def digits(builder: Builder) -> None:
    """Digits of a number, from the last to the first."""
    number = builder.fresh("x", "num", "v")
    builder.read_as(number, "large")
    x, name = Name(number), builder.fresh("s", "cnt", "res", "t")
    digit = Arith("%", x, Number(10))
    choices: tuple[Statement, ...] = (
        Assign(Name(name), "+=", digit),
        Step(Name(name)),
        If((Case(builder.condition(digit), (Step(Name(name)),)),)),
        Assign(Name(name), "=", Arith("+", Arith("*", Name(name), Number(10)), digit)),
    )
    what = builder.draw.choice(choices)
    builder.result(name)
    builder.add(new_int(name, Number(0)))
    builder.add(While(Compare(">", x, Number(0)), (what, Assign(x, "/=", Number(10)))))


def shrink(builder: Builder) -> None:
    """How many steps until a number is small."""
    number = builder.fresh("x", "num", "v")
    builder.read_as(number, "large")
    x, name = Name(number), builder.fresh("steps", "cnt", "t")
    limit = Number(builder.draw.between(1, 9))
    even = Compare("==", Arith("%", x, Number(2)), Number(0))
    smaller = Assign(x, "-=", Number(builder.draw.between(1, 3)))
    builder.result(name)
    builder.add(new_int(name, Number(0)))
    halves = Assign(x, "/=", Number(2))
    builder.add(While(Compare(">", x, limit), (If((Case(even, (halves,)),), (smaller,)), Step(Name(name)))))
    if builder.draw.chance(0.4):
        builder.add(Print((x,)))


def divisor(builder: Builder) -> None:
    """Euclid's greatest common divisor."""
    one, other = builder.fresh("x", "e", "g"), builder.fresh("y", "f", "h")
    builder.read_as(one, "large", other)
    rest = builder.fresh("r", "t", "rest")
    a, b = Name(one), Name(other)
    turn = (new_int(rest, Arith("%", a, b)), Assign(a, "=", b), Assign(b, "=", Name(rest)))
    builder.add(While(Compare("!=", b, Number(0)), turn))
    builder.result(one)


def recurrence(builder: Builder) -> None:
    """Two numbers that go on like Fibonacci's."""
    one, two, three = builder.fresh("f", "u", "p"), builder.fresh("g", "v", "q"), builder.fresh("h", "w", "t")
    a, b = Name(one), Name(two)
    following = Arith("+", a, b) if builder.draw.chance(0.6) else Arith("-", Arith("*", b, Number(2)), a)
    body = (new_int(three, following), Assign(a, "=", b), Assign(b, "=", Name(three)))
    builder.add(new_int(one, builder.constant(0, 1)), new_int(two, builder.constant(1, 3)), counting(builder, *body))
    builder.result(one)


def search(builder: Builder) -> None:
    """The first one that meets a condition."""
    name = builder.fresh("first", "pos", "ans", "found")
    i, answer = Name("i"), Name(name)
    square = Arith("*", i, i) if builder.draw.chance(0.5) else Arith("+", Arith("*", i, builder.constant(2, 5)), i)
    condition = Compare(builder.draw.choice((">", ">=")), square, Number(builder.draw.between(4, 60)))
    builder.result(name)
    builder.add(new_int(name, Number(-1)))
    builder.add(counting(builder, If((Case(condition, (Assign(answer, "=", i), Break())),))))


def pairs(builder: Builder) -> None:
    """How many pairs meet a condition."""
    name = builder.fresh("cnt", "pairs", "total", "res")
    i, j = Name("i"), Name("j")
    both = builder.draw.choice((Arith("+", i, j), Arith("*", i, j), Arith("-", j, i)))
    condition: Expression = builder.condition(both, joined=False)
    first = Arith("+", i, Number(1)) if builder.draw.chance(0.4) else Number(1)
    end = builder.count()
    last: Expression = i if first == Number(1) and builder.draw.chance(0.3) else end
    inner = For("j", first, "<=", last, 1, (If((Case(condition, (Step(Name(name)),)),)),))
    builder.result(name)
    builder.add(new_int(name, Number(0)), For("i", Number(1), "<=", end, 1, (inner,)))


def grid(builder: Builder) -> None:
    """A triangle or a rectangle of numbers or signs."""
    i, j = Name("i"), Name("j")
    end = builder.count()
    last: Expression = i if builder.draw.chance(0.6) else Number(builder.draw.between(2, 4))
    sign = Text(builder.draw.choice(("*", "#", "+")))
    shown: tuple[Expression, ...] = (sign,) if builder.draw.chance(0.4) else (builder.arithmetic(j, i), Text(" "))
    inner = For("j", Number(1), "<=", last, 1, (Print(shown, newline=False),))
    builder.add(For("i", Number(1), "<=", end, 1, (inner, Print(()))))


FRAGMENTS = (
    Fragment(print_loop, 4),
    Fragment(sum_loop, 4, 2),
    Fragment(sum_if, 6, 2),
    Fragment(product, 4, 2),
    Fragment(digits, 9, 2),
    Fragment(shrink, 12, 3),
    Fragment(divisor, 7, 3),
    Fragment(recurrence, 7, 3),
    Fragment(search, 7, 3),
    Fragment(pairs, 8, 3),
    Fragment(grid, 6, 3),
)

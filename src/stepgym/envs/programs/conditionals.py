"""Fragments with conditions: if, else, chains, nested conditions, and plain calculations between them."""

from __future__ import annotations

from stepgym.envs.programs.builder import Builder, Fragment, new_int
from stepgym.envs.programs.tree import (
    Assign,
    Block,
    Call,
    Case,
    Compare,
    Expression,
    If,
    Name,
    Number,
    Print,
    Statement,
    Step,
    Swap,
    Text,
)

_ANSWERS = (("YES", "NO"), ("Yes", "No"), ("yes", "no"), ("big", "small"), ("good", "bad"), ("in", "out"))


def begin(builder: Builder) -> None:
    """Read the numbers that the program is about."""
    builder.read(*["value"] * (builder.draw.between(1, 2) if builder.level == 1 else builder.draw.between(2, 3)))


def compute(builder: Builder) -> None:
    """`int t = a + b;`."""
    value = builder.arithmetic()
    builder.add(new_int(builder.result(builder.fresh("s", "t", "r", "res")).name, value))


def update(builder: Builder) -> None:
    """`a += b;`."""
    builder.add(_change(builder, builder.changeable()))


def larger(builder: Builder) -> None:
    """`int t = max(a, b);`."""
    names = builder.draw.sample(builder.values, 2)
    if len(names) < 2:
        compute(builder)
        return
    arguments: list[Expression] = [builder.used(name) for name in names]
    if builder.draw.chance(0.25):
        call = Call("abs", (builder.arithmetic(arguments[0], arguments[1]),))
    else:
        call = Call(builder.draw.choice(("max", "min")), tuple(arguments))
    builder.add(new_int(builder.result(builder.fresh("best", "t", "r")).name, call))


def if_update(builder: Builder) -> None:
    """`if (a > b) { a -= b; }`."""
    condition = builder.condition()
    builder.add(If((Case(condition, (_change(builder, builder.changeable()),)),)))


def if_else_update(builder: Builder) -> None:
    """One change or another."""
    condition = builder.condition()
    target = builder.changeable()
    first, second = _change(builder, target), _change(builder, target)
    builder.add(If((Case(condition, (first,)),), (second,) if first != second else (Step(target),)))


def if_else_set(builder: Builder) -> None:
    """A result that is set in both branches."""
    condition = builder.condition()
    yes, no = (builder.arithmetic() if builder.draw.chance(0.7) else builder.constant(-5, 9) for _ in range(2))
    name = builder.result(builder.fresh("t", "res", "r", "s"))
    builder.add(new_int(name.name, Number(0)))
    branch: Block = (Assign(name, "=", no if no != yes else Number(-1)),)
    builder.add(If((Case(condition, (Assign(name, "=", yes),)),), branch))


def if_else_print(builder: Builder) -> None:
    """`YES` or `NO`."""
    yes, no = builder.draw.choice(_ANSWERS)
    builder.add(If((Case(builder.condition(), (Print((Text(yes),)),)),), (Print((Text(no),)),)))


def chain(builder: Builder) -> None:
    """If, else if, else."""
    subject = builder.pick()
    limit = builder.draw.between(-3, 9)
    words: list[tuple[Expression, ...]] = [(Text("low"),), (Text("equal"),), (Text("high"),)]
    if builder.draw.chance(0.5):
        words = [(builder.arithmetic(subject),), (Number(0),), (builder.arithmetic(),)]
    other: Expression = Number(limit)
    others = [name for name in builder.values if name != subject.name]
    if others and builder.draw.chance(0.4):
        other = builder.used(builder.draw.choice(others))
    tests = ("<", "==") if builder.draw.chance(0.5) else (">", "==")
    if isinstance(other, Number) and builder.draw.chance(0.5):
        tests = ("<", "<")
    second: Expression = Number(limit + builder.draw.between(2, 8)) if tests == ("<", "<") else other
    cases = (
        Case(Compare(tests[0], subject, other), (Print(words[0]),)),
        Case(Compare(tests[1], subject, second), (Print(words[1]),)),
    )
    builder.add(If(cases, (Print(words[2]),)))


def swap_if(builder: Builder) -> None:
    """Two variables in order."""
    names = builder.draw.sample(builder.values, 2)
    if len(names) < 2:
        if_update(builder)
        return
    one, other = map(Name, names)
    for name in names:
        if name not in builder.pending:
            builder.pending.append(name)
    op = builder.draw.choice((">", "<"))
    builder.add(If((Case(Compare(op, one, other), (Swap(one, other),)),)))


def nested(builder: Builder) -> None:
    """A condition within a condition."""
    outer, inner = builder.condition(), builder.condition()
    yes, no = builder.draw.choice(_ANSWERS)
    target = builder.changeable()
    first: Statement = If((Case(inner, (_change(builder, target),)),), (Print((Text(yes),)),))
    builder.add(If((Case(outer, (first,)),), (Print((Text(no),)),)))


def _change(builder: Builder, target: Name) -> Statement:
    others = [name for name in builder.values + builder.counts if name != target.name]
    kind = builder.draw.below(10)
    if kind == 0:
        return Step(target, builder.draw.choice((1, -1)))
    if kind <= 2:
        return Assign(target, "*=", builder.constant(2, 4))
    if kind == 3:
        return Assign(target, builder.draw.choice(("/=", "%=")), builder.constant(2, 9))
    if kind == 4:
        return Assign(target, "=", builder.arithmetic(target, Name(others[0]) if others else None))
    value = Name(builder.draw.choice(others)) if others and builder.draw.chance(0.6) else builder.constant()
    return Assign(target, builder.draw.choice(("+=", "-=")), value)


FRAGMENTS = (
    Fragment(if_update, 3),
    Fragment(if_else_print, 5, 2),
    Fragment(compute, 1),
    Fragment(if_else_update, 5, 2),
    Fragment(if_else_set, 6, 2),
    Fragment(chain, 7, 2),
    Fragment(swap_if, 3, 2),
    Fragment(larger, 1, 2),
    Fragment(update, 1),
    Fragment(nested, 7, 3),
)

"""Fragments with vectors: sums, extremes, neighbours, pairs, filters, changes in place, tables of counts."""

from __future__ import annotations

from stepgym.envs.programs.builder import Builder, Fragment, new_int
from stepgym.envs.programs.inputs import Lists, Numbers
from stepgym.envs.programs.tree import (
    Append,
    Arith,
    Assign,
    Call,
    Case,
    Compare,
    Declare,
    Define,
    DefineVector,
    Expression,
    For,
    ForEach,
    If,
    Item,
    Length,
    Name,
    Number,
    Print,
    Read,
    Rearrange,
    Statement,
    Step,
    Swap,
    Text,
)

_I = Name("i")


def begin(builder: Builder) -> None:
    """Read a count and so many numbers; at the lowest level two or three numbers into fixed places."""
    name = builder.fresh("a", "v")
    vector = Name(name, "vector<int>")
    builder.vectors.append(name)
    if builder.level == 1:
        size = builder.draw.between(2, 3)
        places = tuple(Item(vector, Number(place)) for place in range(size))
        builder.add(DefineVector(name, Number(size)), Read(places))
        builder.reads.append(Numbers(((-20, 20),) * size))
        return
    count = builder.fresh("n")
    builder.add(Declare("int", (count,)), Read((Name(count),)), DefineVector(name, Name(count)))
    builder.add(For("i", Number(0), "<", Name(count), 1, (Read((Item(vector, _I),)),)))
    builder.counts.append(count)
    builder.length = count
    builder.reads.append(Lists(1, 7, -20, 20))


def fixed(builder: Builder) -> None:
    """Places of a short vector."""
    vector = _vector(builder)
    size = len(builder.reads[0].ranges) if isinstance(builder.reads[0], Numbers) else 1
    places = builder.draw.sample(range(size), 2)
    one, other = Item(vector, Number(places[0])), Item(vector, Number(places[-1]))
    kind = builder.draw.below(4)
    if kind == 0:
        builder.add(Assign(one, builder.draw.choice(("+=", "-=", "*=")), builder.constant()))
        builder.add(Print((Arith(builder.draw.choice("+-"), one, other),)))
    elif kind == 1:
        op = builder.draw.choice((">", "<"))
        builder.add(If((Case(Compare(op, one, other), (Swap(one, other),)),)), Print((one, Text(" "), other)))
    elif kind == 2:
        builder.add(Print((Call(builder.draw.choice(("max", "min")), (one, other)),)))
    else:
        builder.add(Print((Arith(builder.draw.choice("+-*"), one, other),)))


def total(builder: Builder) -> None:
    """The sum of all, maybe of a calculation with each."""
    name = builder.fresh("s", "sum", "total")
    item = _item(builder)
    term: Expression = item if builder.draw.chance(0.5) else builder.arithmetic(item, _I)
    builder.add(new_int(name, Number(0)), _each(builder, Assign(Name(name), "+=", term)))
    builder.result(name)


def total_if(builder: Builder) -> None:
    """How many meet a condition, or their sum."""
    name = builder.fresh("cnt", "s", "num", "total")
    item = _item(builder)
    what: Statement = Step(Name(name)) if builder.draw.chance(0.5) else Assign(Name(name), "+=", item)
    builder.add(new_int(name, Number(0)), _each(builder, If((Case(builder.condition(item), (what,)),))))
    builder.result(name)


def extreme(builder: Builder) -> None:
    """The largest or smallest, or where it stands."""
    vector = _vector(builder)
    op = builder.draw.choice((">", "<", ">=", "<="))
    name = builder.fresh("best", "mx" if ">" in op else "mn", "res")
    if builder.draw.chance(0.5):
        start, here, what = Number(0), Item(vector, Name(name)), _I
        builder.add(new_int(name, start))
        builder.add(_each(builder, If((Case(Compare(op, Item(vector, _I), here), (Assign(Name(name), "=", what),)),))))
    else:
        builder.add(new_int(name, Item(vector, Number(0))))
        found = Assign(Name(name), "=", Item(vector, _I))
        builder.add(_each(builder, If((Case(Compare(op[0], Item(vector, _I), Name(name)), (found,)),)), first=1))
    builder.result(name)


def neighbours(builder: Builder) -> None:
    """How often an element differs from the one before in some way."""
    vector = _vector(builder)
    name = builder.fresh("cnt", "ups", "res")
    before = Item(vector, Arith("-", _I, Number(1)))
    op = builder.draw.choice(("<", ">", "==", "!=", "<=", ">="))
    what = Step(Name(name))
    builder.add(new_int(name, Number(0)))
    builder.add(_each(builder, If((Case(Compare(op, Item(vector, _I), before), (what,)),)), first=1))
    builder.result(name)


def change_each(builder: Builder) -> None:
    """Every element is changed, or every one that meets a condition; then all are printed."""
    item = _item(builder)
    op, value = builder.draw.choice((("+=", 1), ("-=", 1), ("*=", 0), ("%=", 0)))
    change = Assign(item, op, _I if value and builder.draw.chance(0.4) else builder.constant())
    body: Statement = change if builder.draw.chance(0.5) else If((Case(builder.condition(item), (change,)),))
    builder.add(_each(builder, body), *_shown(builder, item))


def backwards(builder: Builder) -> None:
    """All elements from the last to the first."""
    item = _item(builder)
    down = For(
        "i",
        Arith("-", Name(builder.length), Number(1)),
        ">=",
        Number(0),
        -1,
        (Print((item, Text(" ")), newline=False),),
    )
    builder.add(down, Print(()))


def running(builder: Builder) -> None:
    """Running sums or differences."""
    vector = _vector(builder)
    before = Item(vector, Arith("-", _I, Number(1)))
    builder.add(_each(builder, Assign(Item(vector, _I), builder.draw.choice(("+=", "-=")), before), first=1))
    builder.add(*_shown(builder, Item(vector, _I)))


def rearranged(builder: Builder) -> None:
    """Sorted or reversed; then one place or all of them."""
    vector = _vector(builder)
    builder.add(Rearrange(builder.draw.choice(("sort", "sort", "reverse")), vector))
    if builder.draw.chance(0.5):
        builder.add(*_shown(builder, Item(vector, _I)))
    else:
        middle = Item(vector, Arith("/", Name(builder.length), Number(2)))
        builder.add(Print((Item(vector, Number(0)), Text(" "), middle)))


def filtered(builder: Builder) -> None:
    """Those that meet a condition, in a vector of their own."""
    item = _item(builder)
    name, size = builder.fresh("b", "kept", "good"), builder.fresh("m", "len")
    kept = Name(name, "vector<int>")
    builder.add(Define("vector<int>", name))
    value = item if builder.draw.chance(0.6) else builder.arithmetic(item)
    builder.add(_each(builder, If((Case(builder.condition(item), (Append(kept, value),)),))))
    builder.add(new_int(size, Length(kept)), Print((Name(size),)))
    builder.add(*_shown(builder, Item(kept, _I), count=size))


def table(builder: Builder) -> None:
    """How often each remainder occurs."""
    item = _item(builder)
    name = builder.fresh("cnt", "freq", "c")
    divisor = builder.draw.between(2, 5)
    counts = Name(name, "vector<int>")
    builder.add(DefineVector(name, Number(divisor), Number(0)))
    remainder = Arith("%", Call("abs", (item,)), Number(divisor))
    builder.add(_each(builder, Step(Item(counts, remainder))))
    end = For("i", Number(0), "<", Number(divisor), 1, (Print((Item(counts, _I), Text(" ")), newline=False),))
    builder.add(end, Print(()))


def pairs(builder: Builder) -> None:
    """How many pairs of elements meet a condition."""
    vector = _vector(builder)
    name = builder.fresh("pairs", "cnt", "res")
    one, other = Item(vector, _I), Item(vector, Name("j"))
    condition: Expression = Compare(builder.draw.choice((">", "<", "==", "<=")), one, other)
    if builder.draw.chance(0.4):
        condition = builder.condition(Arith("+", one, other), joined=False)
    inner = For(
        "j", Arith("+", _I, Number(1)), "<", Name(builder.length), 1, (If((Case(condition, (Step(Name(name)),)),)),)
    )
    builder.add(new_int(name, Number(0)), _each(builder, inner))
    builder.result(name)


def bubble(builder: Builder) -> None:
    """A sort with two loops."""
    vector = _vector(builder)
    j = Name("j")
    here, there = Item(vector, j), Item(vector, Arith("+", j, Number(1)))
    op = builder.draw.choice((">", "<"))
    order = If((Case(Compare(op, here, there), (Swap(here, there),)),))
    inner = For("j", Number(0), "<", Arith("-", Name(builder.length), Number(1)), 1, (order,))
    builder.add(_each(builder, inner), *_shown(builder, Item(vector, _I)))


def each_element(builder: Builder) -> None:
    """A sum over the elements themselves."""
    vector = _vector(builder)
    name, element = builder.fresh("sum", "s", "res"), builder.fresh("x", "e")
    what: Statement = Assign(Name(name), "+=", builder.arithmetic(Name(element)))
    if builder.draw.chance(0.4):
        what = If((Case(builder.condition(Name(element)), (what,)),))
    builder.add(new_int(name, Number(0)), ForEach("int", element, vector, (what,)))
    builder.result(name)


def _vector(builder: Builder) -> Name:
    return Name(builder.vectors[0], "vector<int>")


def _item(builder: Builder) -> Item:
    return Item(_vector(builder), _I)


def _each(builder: Builder, *body: Statement, first: int = 0, count: str | None = None) -> For:
    return For("i", Number(first), "<", Name(count or builder.length), 1, body)


def _shown(builder: Builder, item: Item, count: str | None = None) -> tuple[Statement, Statement]:
    return _each(builder, Print((item, Text(" ")), newline=False), count=count), Print(())


FIRST = (Fragment(fixed, 4),)
FRAGMENTS = (
    Fragment(total, 4, 2),
    Fragment(total_if, 6, 2),
    Fragment(extreme, 6, 2),
    Fragment(neighbours, 6, 2),
    Fragment(backwards, 4, 2),
    Fragment(each_element, 6, 2),
    Fragment(change_each, 9, 3),
    Fragment(running, 7, 3),
    Fragment(rearranged, 5, 3),
    Fragment(filtered, 12, 3),
    Fragment(table, 8, 3),
    Fragment(pairs, 8, 3),
    Fragment(bubble, 11, 3),
)

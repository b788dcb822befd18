"""Fragments with strings: lengths, letters, counts, new strings, palindromes, tables of letters."""

from __future__ import annotations

from stepgym.envs.programs.builder import Builder, Fragment, new_int
from stepgym.envs.programs.inputs import Words
from stepgym.envs.programs.tree import (
    Arith,
    Assign,
    Break,
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
    Letter,
    Logic,
    Name,
    Number,
    Print,
    Read,
    Rearrange,
    Statement,
    Step,
    Swap,
    Text,
    ToLetter,
    While,
)

_I = Name("i")
_ALPHABETS = ("abcde", "abcxyz", "abAB", "aeiost", "a1b2c3", "012345")


def begin(builder: Builder) -> None:
    """Read one or two strings."""
    count = 2 if builder.draw.chance(0.3) else 1
    names = [builder.fresh("s", "t", "word") for _ in range(count)]
    builder.strings += names
    builder.letter = builder.fresh("c", "ch")
    builder.alphabet = builder.draw.choice(_ALPHABETS)
    builder.add(Declare("string", tuple(names)), Read(tuple(map(_string, names))))
    builder.reads.append(Words(builder.alphabet, 1 if builder.level <= 2 else 2, 8, count))


def whole(builder: Builder) -> None:
    """The string as a whole: doubled, joined, turned round, its length."""
    s, other = _string(builder.strings[0]), _string(builder.strings[-1])
    kind = builder.draw.below(5)
    if kind == 0:
        builder.add(Print((Arith("+", s, other),)))
    elif kind == 1:
        builder.add(Print((Arith("+", Arith("+", s, Text(builder.draw.choice("-_+=.:"))), other),)))
    elif kind == 2:
        builder.add(Rearrange(builder.draw.choice(("reverse", "sort")), s), Print((s,)))
    elif kind == 3:
        builder.add(Assign(s, "+=", Letter(builder.draw.choice(builder.alphabet))), Print((s,)))
    else:
        size = _length(builder)
        builder.add(Print((builder.arithmetic(size),)))


def letter(builder: Builder) -> None:
    """One letter compared with another."""
    s = _string(builder.strings[0])
    first: Expression = Item(s, Number(0))
    other: Expression = Letter(builder.draw.choice(builder.alphabet))
    if len(builder.strings) > 1 and builder.draw.chance(0.6):
        other = Item(_string(builder.strings[1]), Number(0))
    yes, no = builder.draw.choice((("YES", "NO"), ("yes", "no"), ("first", "second")))
    condition = Compare(builder.draw.choice(("==", "!=", "<", ">")), first, other)
    builder.add(If((Case(condition, (Print((Text(yes),)),)),), (Print((Text(no),)),)))


def count_letters(builder: Builder) -> None:
    """How many characters are of some kind."""
    name, c = builder.fresh("cnt", "num", "res"), Name(builder.letter, "char")
    builder.add(new_int(name, Number(0)))
    step = If((Case(_kind(builder, c), (Step(Name(name)),)),))
    builder.add(ForEach("char", builder.letter, _string(builder.strings[0]), (step,)))
    builder.result(name)


def rebuilt(builder: Builder) -> None:
    """A new string of some of the characters, or of each in some way."""
    name, c = builder.fresh("out", "res", "r"), Name(builder.letter, "char")
    made = _string(name)
    kind = builder.draw.below(4)
    steps: tuple[Statement, ...]
    if kind == 0:
        size = _length(builder)
        turned = Assign(made, "+=", Item(_string(builder.strings[0]), _I))
        builder.add(Define("string", name))
        builder.add(For("i", Arith("-", size, Number(1)), ">=", Number(0), -1, (turned,)), Print((made,)))
        return
    if kind == 1:
        steps = (If((Case(_kind(builder, c), (Assign(made, "+=", c),)),)),)
    elif kind == 2:
        other = Letter(builder.draw.choice("*#.-_"))
        steps = (If((Case(_kind(builder, c), (Assign(made, "+=", c),)),), (Assign(made, "+=", other),)),)
    else:
        again = If((Case(_kind(builder, c), (Assign(made, "+=", c),)),))
        steps = (Assign(made, "+=", c), again)
    builder.add(
        Define("string", name), ForEach("char", builder.letter, _string(builder.strings[0]), steps), Print((made,))
    )


def neighbours(builder: Builder) -> None:
    """How many characters are like the one before, or smaller, or larger."""
    s, size = _string(builder.strings[0]), _length(builder)
    name = builder.fresh("cnt", "same", "res")
    op = builder.draw.choice(("==", "!=", "<", ">"))
    before = Item(s, Arith("-", _I, Number(1)))
    body = If((Case(Compare(op, Item(s, _I), before), (Step(Name(name)),)),))
    builder.add(new_int(name, Number(0)), For("i", Number(1), "<", size, 1, (body,)))
    builder.result(name)


def palindrome(builder: Builder) -> None:
    """From both ends to the middle: how many pairs differ."""
    s, size = _string(builder.strings[0]), _length(builder)
    name, left, right = builder.fresh("bad", "cnt", "diff"), builder.fresh("l", "i1"), builder.fresh("r", "i2")
    differ = Compare("!=", Item(s, Name(left)), Item(s, Name(right)))
    body = (If((Case(differ, (Step(Name(name)),)),)), Step(Name(left)), Step(Name(right), -1))
    builder.add(new_int(name, Number(0)), new_int(left, Number(0)), new_int(right, Arith("-", size, Number(1))))
    builder.add(While(Compare("<", Name(left), Name(right)), body))
    if builder.draw.chance(0.5):
        builder.result(name)
    else:
        condition = Compare("==", Name(name), Number(0))
        builder.add(If((Case(condition, (Print((Text("YES"),)),)),), (Print((Text("NO"),)),)))


def find(builder: Builder) -> None:
    """Where a letter stands first."""
    s, size = _string(builder.strings[0]), _length(builder)
    name = builder.fresh("pos", "first", "at")
    wanted = Letter(builder.draw.choice(builder.alphabet))
    found = (Assign(Name(name), "=", _I), Break())
    builder.add(new_int(name, Number(-1)))
    builder.add(For("i", Number(0), "<", size, 1, (If((Case(Compare("==", Item(s, _I), wanted), found),)),)))
    builder.result(name)


def places(builder: Builder) -> None:
    """Every second character, or the characters from the end."""
    s, size = _string(builder.strings[0]), _length(builder)
    if builder.draw.chance(0.5):
        loop = For("i", Number(builder.draw.below(2)), "<", size, 2, (Print((Item(s, _I),), newline=False),))
    else:
        start = Arith("-", size, Number(1))
        loop = For("i", start, ">=", Number(0), -1, (Print((Item(s, _I),), newline=False),))
    builder.add(loop, Print(()))


def shift(builder: Builder) -> None:
    """Every character moved on in its alphabet, in place."""
    s, size = _string(builder.strings[0]), _length(builder)
    base = "0" if builder.alphabet.isdigit() else "a"
    span = Number(10 if base == "0" else 26)
    here = Item(s, _I)
    if not (builder.alphabet.isdigit() or builder.alphabet.islower()):
        smaller = Logic("&&", Compare(">=", here, Letter("a")), Compare("<=", here, Letter("z")))
        upper = ToLetter(Arith("+", Arith("-", here, Letter("a")), Letter("A")))
        body: Statement = If((Case(smaller, (Assign(here, "=", upper),)),))
    else:
        moved = Arith("%", Arith("+", Arith("-", here, Letter(base)), builder.constant(1, 6)), span)
        body = Assign(here, "=", ToLetter(Arith("+", moved, Letter(base))))
    builder.add(For("i", Number(0), "<", size, 1, (body,)), Print((s,)))


def table(builder: Builder) -> None:
    """The letter that occurs most, by a table of counts."""
    s = _string(builder.strings[0])
    base = "0" if builder.alphabet.isdigit() else "a"
    size = Number(10 if base == "0" else 26)
    name, best, c = builder.fresh("cnt", "freq"), builder.fresh("best", "mx"), Name(builder.letter, "char")
    counts = Name(name, "vector<int>")
    step: Statement = Step(Item(counts, Arith("-", c, Letter(base))))
    if not (builder.alphabet.isdigit() or builder.alphabet.islower()):
        inside = Logic("&&", Compare(">=", c, Letter("a")), Compare("<=", c, Letter("z")))
        step = If((Case(inside, (step,)),))
    builder.add(
        DefineVector(name, size, Number(0)), ForEach("char", builder.letter, s, (step,)), new_int(best, Number(0))
    )
    larger = Compare(builder.draw.choice((">", ">=")), Item(counts, _I), Item(counts, Name(best)))
    builder.add(For("i", Number(0), "<", size, 1, (If((Case(larger, (Assign(Name(best), "=", _I),)),)),)))
    builder.add(Print((ToLetter(Arith("+", Name(best), Letter(base))), Text(" "), Item(counts, Name(best)))))


def swapped(builder: Builder) -> None:
    """Neighbours change places where they are out of order."""
    s, size = _string(builder.strings[0]), _length(builder)
    here, there = Item(s, _I), Item(s, Arith("+", _I, Number(1)))
    swap = Swap(here, there)
    op = builder.draw.choice((">", "<"))
    end = Arith("-", size, Number(1))
    stride = builder.draw.choice((1, 2))
    body: Statement = If((Case(Compare(op, here, there), (swap,)),)) if builder.draw.chance(0.7) else swap
    builder.add(For("i", Number(0), "<", end, stride, (body,)), Print((s,)))


def pairs(builder: Builder) -> None:
    """How many pairs of places hold the same character."""
    s, size = _string(builder.strings[0]), _length(builder)
    name = builder.fresh("pairs", "cnt", "total")
    same = Compare("==", Item(s, _I), Item(s, Name("j")))
    inner = For("j", Arith("+", _I, Number(1)), "<", size, 1, (If((Case(same, (Step(Name(name)),)),)),))
    builder.add(new_int(name, Number(0)), For("i", Number(0), "<", size, 1, (inner,)))
    builder.result(name)


def _string(name: str) -> Name:
    return Name(name, "string")


def _length(builder: Builder) -> Name:
    """The variable with the length of the first string, defined now if it is not yet."""
    if not builder.size:
        builder.size = builder.fresh("n", "len", "size")
        builder.add(new_int(builder.size, Length(_string(builder.strings[0]))))
    return Name(builder.size)


def _kind(builder: Builder, c: Name) -> Expression:
    """A condition on one character."""
    letters = builder.draw.sample(builder.alphabet, 3)
    kind = builder.draw.below(4)
    if kind == 0 or builder.level == 1:
        return Compare(builder.draw.choice(("==", "!=")), c, Letter(letters[0]))
    if kind == 1:
        return Logic("||", Compare("==", c, Letter(letters[0])), Compare("==", c, Letter(letters[1])))
    if kind == 2:
        low, high = sorted(letters[:2])
        return Logic("&&", Compare(">=", c, Letter(low)), Compare("<=", c, Letter(high)))
    return Compare(builder.draw.choice(("<", ">", "<=", ">=")), c, Letter(sorted(letters)[1]))


FRAGMENTS = (
    Fragment(whole, 3),
    Fragment(letter, 5),
    Fragment(count_letters, 6, 2),
    Fragment(rebuilt, 8, 2),
    Fragment(neighbours, 7, 2),
    Fragment(find, 8, 2),
    Fragment(places, 5, 2),
    Fragment(shift, 6, 3),
    Fragment(palindrome, 15, 3),
    Fragment(table, 14, 3),
    Fragment(swapped, 7, 3),
    Fragment(pairs, 9, 3),
)

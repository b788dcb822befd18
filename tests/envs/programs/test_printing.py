from __future__ import annotations

import pytest

from stepgym.envs.programs import cpp, english
from stepgym.envs.programs.draw import Draw
from stepgym.envs.programs.english_expressions import say
from stepgym.envs.programs.lines import Line
from stepgym.envs.programs.tree import (
    Arith,
    Assign,
    Call,
    Case,
    Compare,
    Expression,
    For,
    Item,
    Logic,
    Name,
    Not,
    Number,
    Print,
    Statement,
    Text,
)

A, B, C = Name("a"), Name("b"), Name("c")
I = Name("i")  # noqa: E741


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (Arith("-", A, Arith("-", B, C)), "a - (b - c)"),
        (Arith("-", Arith("-", A, B), C), "a - b - c"),
        (Arith("*", Arith("+", A, B), C), "(a + b) * c"),
        (Arith("/", A, Arith("*", B, C)), "a / (b * c)"),
        (Arith("+", A, Arith("%", B, Number(2))), "a + b % 2"),
        (Arith("-", A, Number(-3)), "a - -3"),
        (Logic("||", Logic("&&", Compare("<", A, B), Compare("<", B, C)), Compare("==", A, C)),
         "(a < b && b < c) || a == c"),
        (Not(Compare("<", A, B)), "!(a < b)"),
        (Not(Call("good", (A,), "bool")), "!good(a)"),
        (Item(Name("v", "vector<int>"), Arith("+", I, Number(1))), "v[i + 1]"),
        (Compare("==", Compare("<", A, B), C), "a < b == c"),
    ],
)  # fmt: skip
def test_parentheses_stand_where_they_are_needed(tree: Expression, expected: str) -> None:
    assert cpp.expression(tree) == expected


def test_conditions_in_print_are_bracketed() -> None:
    assert (
        cpp.statement(Print((Compare("<", A, B), Text(" "), Arith("+", A, B))))
        == 'cout << (a < b) << " " << a + b << endl;'
    )


def phrasings(item: Line) -> set[str]:
    return {english.line(item, Draw(str(seed))) for seed in range(60)}


def test_a_line_has_several_phrasings_that_name_what_matters() -> None:
    even = Line(0, "if", Case(Compare("==", Arith("%", A, Number(2)), Number(0)), ()))
    assert {"if a is even", "check if a % 2 == 0", "if a is even, then"} <= phrasings(even)
    add: Statement = Assign(A, "+=", B)
    assert phrasings(Line(0, "statement", add)) == {"add b to a", "increase a by b", "a += b"}
    loop = For("i", Number(0), "<", A, 1, ())
    assert all("exclusive" in text or "while i < a" in text for text in phrasings(Line(0, "loop", loop)))
    down = For("i", A, ">=", Number(1), -1, ())
    assert phrasings(Line(0, "loop", down)) == {"for i from a down to 1"}


def test_different_values_are_said_differently() -> None:
    trees: list[Expression] = [
        Arith(op, left, right) for op in "+-*/%" for left in (A, B) for right in (A, B, Number(2)) if left != right
    ]
    trees += [Compare(op, A, right) for op in ("<", "<=", ">", ">=", "==", "!=") for right in (B, Number(0), Number(2))]
    trees += [Compare(op, Arith("%", A, Number(d)), Number(0)) for op in ("==", "!=") for d in (2, 3)]
    trees += [Call(name, (A, B)) for name in ("max", "min", "f")]
    meant: dict[str, Expression] = {}
    for tree in trees:
        for seed in range(40):
            words = say(tree, Draw(str(seed)))
            assert meant.setdefault(words, tree) == tree

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepgym.envs.programs.distinguishing import choose_tests
from stepgym.envs.programs.interpreter import EndlessError, Interpreter, UndefinedError
from stepgym.envs.programs.mutants import mutants
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
    Function,
    If,
    Item,
    Length,
    Letter,
    Name,
    Number,
    Print,
    Program,
    Read,
    Rearrange,
    Return,
    Statement,
    Swap,
    Text,
    ToLetter,
    While,
)

A, B = Name("a"), Name("b")
S, V = Name("s", "string"), Name("v", "vector<int>")
READ = (Declare("int", ("a", "b")), Read((A, B)))


def run(*body: Statement, given: str = "", functions: tuple[Function, ...] = ()) -> str:
    return "".join(Interpreter().run(Program(functions, body), given.split()).out)


def value(expression: Expression, a: int = 0, b: int = 0) -> int:
    return int(run(*READ, Print((expression,)), given=f"{a} {b}"))


@given(st.integers(-1000, 1000), st.integers(-1000, 1000))
def test_division_and_remainder_truncate_as_in_cpp(a: int, b: int) -> None:
    if b == 0:
        with pytest.raises(UndefinedError):
            value(Arith("/", A, B), a, b)
        return
    quotient, rest = value(Arith("/", A, B), a, b), value(Arith("%", A, B), a, b)
    assert quotient * b + rest == a
    assert abs(rest) < abs(b)
    assert rest == 0 or (rest < 0) == (a < 0)


def test_what_leaves_the_bounds_is_undefined() -> None:
    big = Number(10**9)
    vector = DefineVector("v", Number(2))
    broken: list[tuple[Statement, ...]] = [
        (Print((Arith("+", big, Number(1)),)),),
        (vector, Print((Item(V, Number(2)),))),
        (vector, Print((Item(V, Number(-1)),))),
        (vector, Assign(Item(V, Number(2)), "=", Number(1))),
        (Declare("int", ("a",)), Print((A,))),
        (Declare("int", ("a",)), Read((A,))),
        (Print((ToLetter(Number(7)),)),),
        (DefineVector("v", Number(-1)),),
    ]
    for body in broken:
        with pytest.raises(UndefinedError):
            run(*body)


def test_endless_loops_and_calls_are_stopped() -> None:
    forever = While(Compare("==", Number(0), Number(0)), (Define("int", "a", Number(1)),))
    with pytest.raises(EndlessError):
        run(forever)
    function = Function("f", "int", (("int", "x"),), (Return(Call("f", (Name("x"),))),))
    with pytest.raises(EndlessError):
        run(Print((Call("f", (Number(1),)),)), functions=(function,))


def test_strings_and_vectors() -> None:
    word = (Declare("string", ("s",)), Read((S,)))
    assert run(*word, Rearrange("reverse", S), Print((S,)), given="abc") == "cba\n"
    assert run(*word, Swap(Item(S, Number(0)), Item(S, Number(2))), Print((S, Text("!"))), given="abc") == "cba!\n"
    size = Define("int", "n", Length(S))
    assert run(*word, size, Print((Name("n"),), newline=False), given="abcd") == "4"
    upper = ToLetter(Arith("+", Arith("-", Item(S, Number(0)), Letter("a")), Letter("A")))
    assert run(*word, Print((upper,)), given="xyz") == "X\n"
    assert run(*word, Assign(S, "+=", Letter("d")), Print((Arith("+", S, S),)), given="c") == "cdcd\n"
    filled = (Define("vector<int>", "v"), *(Append(V, Number(n)) for n in (3, 1, 2)))
    kept = (
        Define("vector<int>", "w", V),
        Rearrange("sort", V),
        Print((Item(V, Number(0)), Item(Name("w"), Number(0)))),
    )
    assert run(*filled, *kept) == "13\n"


def test_variables_of_functions_are_their_own() -> None:
    function = Function("f", "int", (("int", "a"),), (Assign(A, "+=", Number(5)), Return(A)))
    assert run(*READ, Print((Call("f", (B,)), Text(" "), A)), given="1 2", functions=(function,)) == "7 1\n"


def test_tests_are_chosen_that_tell_mutants_apart() -> None:
    program = Program((), (*READ, If((Case(Compare("<", A, B), (Print((Text("less"),)),)),), (Print((A,)),))))
    candidates = [f"{a} {a + step}\n" for a in range(6) for step in (1, 2, 3)] + ["4 4\n"]
    chosen = choose_tests(program, candidates, list(mutants(program)), 3)
    assert chosen is not None
    assert chosen.killed == chosen.killable > 0
    # Only with equal numbers are < and <= different.
    assert ("4 4\n", "4\n") in chosen.pairs


def test_every_mutant_differs_in_one_token() -> None:
    from stepgym.envs.programs import cpp
    from stepgym.envs.programs.lines import lines_of

    i = Name("i")
    loop = For("i", Number(0), "<", A, 1, (Assign(B, "+=", Arith("*", i, Number(2))),))
    function = Function("f", "int", (("int", "x"),), (Return(Arith("+", Name("x"), Number(1))),))
    program = Program((function,), (*READ, loop, Print((Call("f", (B,)),))))
    before = [cpp.line(line) for line in lines_of(program)]
    texts = []
    for make in mutants(program):
        after = [cpp.line(line) for line in lines_of(make())]
        assert sum(one != other for one, other in zip(before, after, strict=True)) == 1
        texts.append("\n".join(after))
    assert len(set(texts)) == len(texts) >= 12
    assert any("return x - 1;" in text for text in texts)
    assert any("i <= a" in text for text in texts)


def test_a_program_whose_outputs_hardly_differ_is_no_task() -> None:
    program = Program((), (*READ, Print((Arith("*", A, Number(0)),))))
    assert choose_tests(program, [f"{a} 1\n" for a in range(12)], [], 3) is None

from __future__ import annotations

import copy
import itertools
from typing import Any

import numpy as np
import pytest
from constraint_puzzles import KNIGHTS, OPEN, SEATS, SUMS, VISITS, zebra
from hypothesis import given
from hypothesis import strategies as st

from stepgym.errors import InvalidInputError
from stepgym.verifiers.constraints import Puzzle, solutions_of
from stepgym.verifiers.constraints.expression import ExpressionReader, evaluate, evaluate_all
from stepgym.verifiers.constraints.recheck import search
from stepgym.verifiers.constraints.space import EnumeratedSpace


def changed(**parts: Any) -> dict[str, Any]:
    return {**copy.deepcopy(SEATS), **parts}


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (None, "must be a puzzle"),
        ({"variables": {}}, "1 to 64 names"),
        (changed(extra=1), "has the keys"),
        (changed(variables={"Ann": [1, "two"]}), "all whole numbers or all words"),
        (changed(variables={"Ann": [1, 1], "Bob": [1], "Cy": [1]}), "different"),
        (changed(variables={"": [1]}), "a name of"),
        (changed(clues=[{"words": "x"}]), "clues 1 must be"),
        (changed(clues=[{"words": "x", "holds": ["<", "Ann", "Zoe"]}]), "no variable is called 'Zoe'"),
        (changed(clues=[{"words": "x", "holds": ["+", "Ann", 1]}]), "true or false"),
        (changed(clues=[{"words": "x", "holds": ["and", "Ann"]}]), "takes 1 to 99 statements"),
        (changed(clues=[{"words": "x", "holds": ["is", "Ann", 7]}]), "no value of Ann"),
        (changed(clues=[{"words": "x", "holds": ["=", ["%", "Ann", "Bob"], 0]}]), "positive constant"),
        (changed(clues=[{"words": "x", "holds": ["power", "Ann", 2]}]), "no operation"),
        (changed(clues=[{"words": "x", "holds": ["=", ["*", *["Ann"] * 60], 3]}]), "too large"),
        (changed(answer={"form": "poem"}), "form of the answer"),
        (changed(answer={"rows": {"Ann": ["Ann"]}}), "name each variable once"),
        (changed(aliases={"first": 9}), "aliases map"),
        (changed(aliases={"ann": 1}), "different words"),
    ],
)
def test_a_broken_reference_is_refused_with_what_is_wrong(reference: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        Puzzle.from_reference(reference)


@pytest.mark.parametrize("depth", [31, 200, 5_000])
def test_deep_trees_are_refused(depth: int) -> None:
    tree: Any = ["is", "Ann", 1]
    for _ in range(depth):
        tree = ["not", tree]
    with pytest.raises(InvalidInputError, match="nested 30 deep"):
        Puzzle.from_reference(changed(clues=[{"words": "x", "holds": tree}]))


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        (SEATS, "1. Cy\n2. Ann\n3. Bob"),
        (KNIGHTS, "Ann: knight\nBob: knave"),
        (VISITS, "Ann: Monday 9:00\nBob: Tuesday 14:00"),
        (SUMS, "A=4\nB=3"),
    ],
)
def test_the_only_solution_and_how_it_is_written(reference: Any, text: str) -> None:
    (solution,) = solutions_of(reference)
    assert Puzzle.from_reference(reference).write(solution) == text


def test_several_solutions_and_none() -> None:
    assert len(solutions_of(OPEN)) == 2
    assert solutions_of({**OPEN, "clues": [{"words": "No.", "holds": ["<", "A", "A"]}]}) == []


def test_a_large_puzzle_is_solved_by_z3(z3: None) -> None:
    puzzle = Puzzle.from_reference(zebra())
    assert EnumeratedSpace.of(puzzle) is None
    (solution,) = solutions_of(zebra())
    places = {variable.name: code for variable, code in zip(puzzle.variables, solution, strict=True)}
    assert places["zebra"] == places["Japanese"] == 5
    assert places["water"] == places["Norwegian"] == 1


NAMES = ("a", "b", "c")
numbers = st.recursive(
    st.sampled_from(NAMES) | st.integers(-3, 5),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["+", "-", "*"]), inner, inner).map(list),
        st.tuples(st.just("abs"), inner).map(list),
        st.tuples(st.sampled_from(["//", "%"]), inner, st.integers(1, 3)).map(list),
    ),
    max_leaves=4,
)
statements = st.recursive(
    st.tuples(st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), numbers, numbers).map(list)
    | st.tuples(st.just("different"), numbers, numbers, numbers).map(list)
    | st.tuples(st.just("is"), st.sampled_from(NAMES), st.integers(0, 2)).map(list),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["and", "or", "implies", "=", "!="]), inner, inner).map(list),
        st.tuples(st.just("not"), inner).map(list),
        st.tuples(st.just("="), st.tuples(st.just("count"), inner, inner).map(list), st.integers(0, 2)).map(list),
    ),
    max_leaves=4,
)


@given(statements)
def test_one_by_one_all_at_once_and_by_search_agree(tree: Any) -> None:
    node = ExpressionReader({name: {0: 0, 1: 1, 2: 2} for name in NAMES}).statement(tree)
    table = np.array(list(itertools.product(range(3), repeat=3)), dtype=np.int64)
    together = np.broadcast_to(np.asarray(evaluate_all(node, table), dtype=bool), len(table)).tolist()
    assert together == [bool(evaluate(node, row)) for row in table.tolist()]
    puzzle = Puzzle.from_reference(
        {"variables": {n: [0, 1, 2] for n in NAMES}, "clues": [{"words": "x", "holds": tree}]}
    )
    assert search(puzzle, [puzzle.clues[0].node]) == any(together)

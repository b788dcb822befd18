from __future__ import annotations

import sys
from typing import Any

import pytest
from constraint_puzzles import KNIGHTS, OPEN, SEATS, SUMS, VISITS, zebra
from hypothesis import given, settings
from hypothesis import strategies as st

from stepgym.errors import InvalidInputError, MissingExtraError
from stepgym.verifiers import ConstraintsVerifier
from stepgym.verifiers.constraints import Puzzle, solutions_of
from stepgym.verifiers.constraints.expression import is_value
from stepgym.verifiers.constraints.solver import SolverSpace
from stepgym.verifiers.constraints.space import EnumeratedSpace


@pytest.mark.usefixtures("z3")
class TestWithSolver:
    @pytest.mark.parametrize("reference", [SEATS, KNIGHTS, VISITS, SUMS, OPEN])
    def test_both_engines_say_the_same_of_every_value(self, reference: Any) -> None:
        puzzle = Puzzle.from_reference(reference)
        listing, solver = ConstraintsVerifier(engine="enumeration"), ConstraintsVerifier(engine="z3", timeout=20)
        for variable in puzzle.variables:
            for value in variable.values:
                if "'" in variable.name:
                    continue
                response = f"{variable.name}: {value}"
                one, two = listing.verify(response, reference), solver.verify(response, reference)
                assert [(f.severity, f.evidence["claim"]) for f in one.findings] == [
                    (f.severity, f.evidence["claim"]) for f in two.findings
                ]
                assert one.status == two.status

    @settings(max_examples=30, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3)), max_size=3), st.sets(st.integers(0, 2)))
    def test_both_spaces_agree_on_sets_of_facts(self, given: list[tuple[int, int]], clues: set[int]) -> None:
        puzzle = Puzzle.from_reference(SEATS)
        space = EnumeratedSpace.of(puzzle)
        assert space is not None
        facts = [is_value(*one) for one in given] + [puzzle.clues[place].node for place in sorted(clues)]
        assert space.consistent(facts) == SolverSpace(puzzle).consistent(facts)

    def test_a_large_puzzle_is_judged_value_by_value(self) -> None:
        reference = zebra()
        (solution,) = solutions_of(reference)
        right = Puzzle.from_reference(reference).write(solution)
        verifier = ConstraintsVerifier(timeout=20)
        assert verifier.verify(right, reference).status == "correct"
        wrong = right.replace("milk: 3", "milk: 4")
        verdict = verifier.verify(wrong, reference)
        (refuted,) = [f for f in verdict.findings if f.severity == "refuted"]
        assert wrong[refuted.start - 6 : refuted.end] == "milk: 4"
        assert refuted.evidence["clues"] == [8]
        assert all(verifier.check_finding(f, wrong, reference) for f in (*verdict.findings[:6], refuted))

    def test_when_the_solver_gives_up_nothing_is_claimed(self) -> None:
        # Ten people in nine chairs: true at once for people, long for a solver that compares pairs.
        people = [f"p{number}" for number in range(10)]
        pairs = [["!=", one, two] for place, one in enumerate(people) for two in people[:place]]
        reference = {
            "variables": {**{person: list(range(1, 11)) for person in people}, "x": [0, 1]},
            "clues": [
                {"words": "All chairs differ.", "holds": ["and", *pairs]},
                {"words": "Narrow.", "holds": ["implies", ["is", "x", 1], ["and", *(["<", p, 10] for p in people)]]},
            ],
        }
        verdict = ConstraintsVerifier(partial=True, timeout=0.3).verify("x: 1", reference)
        assert (verdict.status, verdict.score) == ("undecided", 0.0)
        assert ConstraintsVerifier(timeout=0.3).verify("x: 1", reference).status == "wrong"
        same = "\n".join([f"{person}: 1" for person in people] + ["x: 1"])
        complete = ConstraintsVerifier(timeout=0.3).verify(same, reference)
        assert (complete.status, complete.reason) == ("wrong", "violates clue 1: All chairs differ")

    def test_a_large_puzzle_without_a_solution_is_a_broken_reference(self) -> None:
        reference = zebra()
        reference["clues"].append({"words": "No.", "holds": ["<", "milk", 3]})
        with pytest.raises(InvalidInputError, match="no solution"):
            ConstraintsVerifier(timeout=20).verify("milk: 3", reference)
        assert solutions_of(reference) == []


def test_without_z3_small_puzzles_work_and_others_name_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "z3", None)
    assert ConstraintsVerifier().verify("1. Ann\n2. Cy\n3. Bob", SEATS).status == "wrong"
    with pytest.raises(MissingExtraError, match=r"stepgym\[smt\]"):
        ConstraintsVerifier().verify("milk: 3", zebra())
    with pytest.raises(MissingExtraError, match=r"stepgym\[smt\]"):
        solutions_of(zebra())
    with pytest.raises(MissingExtraError, match=r"stepgym\[smt\]"):
        ConstraintsVerifier(engine="z3")


def test_a_search_checks_findings_where_there_is_no_z3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "z3", None)
    verifier = ConstraintsVerifier()
    response = "1. Ann\n2. Cy\n3. Bob"
    findings = verifier.verify(response, SEATS).findings
    assert all(verifier.check_finding(finding, response, SEATS) for finding in findings)

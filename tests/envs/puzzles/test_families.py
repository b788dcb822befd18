from __future__ import annotations

import itertools

import pytest

from stepgym.envs import Task, check_tasks
from stepgym.envs.puzzles import FAMILIES, puzzle_from_id, puzzle_task, write_reasoning, write_solution
from stepgym.errors import InvalidInputError, UnknownNameError
from stepgym.verifiers import ConstraintsVerifier
from stepgym.verifiers.constraints import Puzzle
from stepgym.verifiers.constraints.reading import reader_of

VERIFIER = ConstraintsVerifier()
GOLDEN = {
    "constraints/seating/1/3": (
        (
            "Ann, Bob and Dan sit in a row, in seats 1 (far left) to 3 (far right). Who sits where?\n"
            "1. Ann sits left of Bob.\n"
            "2. Dan sits in seat 1."
        ),
        ("1. Dan\n2. Ann\n3. Bob"),
    ),
    "constraints/scheduling/2/7": (
        (
            "Ann, Bob and Fay each have one appointment, on Monday or Tuesday, at 9:00 or 11:00, "
            "no two at the same time. Who comes when?\n"
            "1. Bob and Ann come on the same day.\n"
            "2. The appointment of Fay is at 9:00.\n"
            "3. Fay comes on Tuesday.\n"
            "4. Ann comes at 11:00."
        ),
        ("Ann: Monday 11:00\nBob: Monday 9:00\nFay: Tuesday 9:00"),
    ),
    "constraints/knights/2/12345": (
        (
            "Bob, Dan and Fay are knights, who always tell the truth, or knaves, who always lie. Who is what?\n"
            '1. Dan says: "Fay is a knave."\n'
            '2. Bob says: "At least one of Fay and me is a knave."'
        ),
        ("Bob: knight\nDan: knight\nFay: knave"),
    ),
    "constraints/arithmetic/3/3": (
        (
            "A, B and C are whole numbers from 1 to 9. What are they?\n"
            "1. C + B = 13.\n"
            "2. C is an odd number.\n"
            "3. A is B plus 2.\n"
            "4. A is greater than C."
        ),
        ("A=8\nB=6\nC=7"),
    ),
}


@pytest.mark.parametrize("task_id", GOLDEN)
def test_an_id_stands_for_the_same_puzzle_for_good(task_id: str) -> None:
    task = puzzle_from_id(task_id)
    assert (task.prompt, write_solution(task)) == GOLDEN[task_id]


def tasks(count: int, *difficulties: int) -> list[Task]:
    return [puzzle_task(family, d, seed) for family in FAMILIES for d in difficulties for seed in range(count)]


def test_tasks_are_tasks() -> None:
    assert len(check_tasks(tasks(3, 1, 2, 3, 4, 5))) == 60


@pytest.mark.parametrize("family", FAMILIES)
def test_every_puzzle_has_one_solution_by_plain_enumeration(family: str) -> None:
    for difficulty, seed in itertools.product((1, 2), range(15)):
        task = puzzle_task(family, difficulty, seed)
        puzzle = Puzzle.from_reference(task.reference)
        everything = itertools.product(*(variable.codes for variable in puzzle.variables))
        found = [codes for codes in everything if not puzzle.violated(codes)]
        assert len(found) == 1
        assert puzzle.write(found[0]) == write_solution(task)


@pytest.mark.parametrize("family", FAMILIES)
def test_easy_puzzles_have_no_clue_to_spare(family: str) -> None:
    for seed in range(10):
        reference = puzzle_task(family, 2, seed).reference
        for clue in reference["clues"]:
            fewer = {**reference, "clues": [other for other in reference["clues"] if other is not clue]}
            puzzle = Puzzle.from_reference(fewer)
            everything = itertools.product(*(variable.codes for variable in puzzle.variables))
            assert sum(not puzzle.violated(codes) for codes in everything) > 1


def test_references_and_worked_solutions_are_accepted() -> None:
    for task in tasks(8, 1, 2, 3, 4, 5):
        for text in (write_solution(task), write_reasoning(task)):
            assert VERIFIER.verify(text, task.reference).status == "correct", (task.id, text)


def test_a_planted_value_is_refuted_exactly_where_it_stands() -> None:
    for task in tasks(6, 1, 3):
        puzzle, right = Puzzle.from_reference(task.reference), write_solution(task)
        for statement in reader_of(puzzle).read(right).statements:
            variable = puzzle.variables[statement.given[0]]
            words = list(puzzle.rows) if puzzle.form == "list" else [str(value) for value in variable.values]
            new = next(word for word in words if word != right[statement.start : statement.end])
            wrong = right[: statement.start] + new + right[statement.end :]
            verdict = VERIFIER.verify(wrong, task.reference)
            refuted = [(f.start, f.end) for f in verdict.findings if f.severity == "refuted"]
            assert refuted == [(statement.start, statement.start + len(new))], (task.id, wrong)


def test_easy_prompts_are_short() -> None:
    assert max(len(task.prompt) for task in tasks(20, 1)) < 300


@pytest.mark.parametrize(
    "task_id",
    [
        "constraints/knights/2",
        "constraints/knights/6/1",
        "constraints/chess/1/1",
        "constraints/knights/2/01",
        "constraints/knights/2/1000000000",
        "knights/2/1",
        "",
    ],
)
def test_other_ids_are_refused(task_id: str) -> None:
    with pytest.raises(UnknownNameError, match="Ids look like"):
        puzzle_from_id(task_id)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("chess", 1, 1), "family"),
        (("knights", 9, 1), "difficulty"),
        (("knights", True, 1), "difficulty"),
        (("knights", 1, -1), "seed"),
    ],
)
def test_broken_arguments_are_refused(arguments: tuple[str, int, int], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        puzzle_task(*arguments)

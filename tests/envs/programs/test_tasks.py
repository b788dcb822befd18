from __future__ import annotations

import hashlib
import json

import pytest

from stepgym.envs import check_tasks
from stepgym.envs.programs import program_from_id, program_task, write_solution
from stepgym.envs.programs.compose import FAMILIES, FRAME, LEVELS, LINES
from stepgym.envs.programs.tasks import draw_tasks
from stepgym.errors import InvalidInputError, UnknownNameError

GOLDEN = {
    "pseudo-to-cpp/1/conditionals/0": "8b76c716242941fe",
    "pseudo-to-cpp/2/loops/12345": "e61f8ae3dd958b80",
    "pseudo-to-cpp/3/strings/7": "7de8bcc9e80c03b1",
    "pseudo-to-cpp/4/arrays/999999999": "e96cda6fb7405afa",
    "pseudo-to-cpp/5/functions/2": "9059dee6b2b633e1",
}


def digest(task_id: str) -> str:
    task = program_from_id(task_id)
    whole = json.dumps([task.prompt, task.reference, dict(task.meta)], sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()[:16]


@pytest.mark.parametrize(("task_id", "expected"), GOLDEN.items())
def test_an_id_gives_the_same_task_in_every_version(task_id: str, expected: str) -> None:
    assert digest(task_id) == expected


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("difficulty", LEVELS)
def test_what_every_task_has(difficulty: int, family: str) -> None:
    for seed in range(6):
        task = program_task(difficulty, family, seed)
        assert task.id == f"pseudo-to-cpp/{difficulty}/{family}/{seed}"
        assert program_from_id(task.id) == task
        meta, reference = task.meta, task.reference
        assert (meta["difficulty"], meta["family"]) == (difficulty, family)
        fewest, most = LINES[difficulty]
        assert fewest <= meta["lines"] - FRAME <= most
        code = write_solution(task).splitlines()
        assert len(code) == meta["lines"] == len(reference["pseudocode"]) == len(meta["indents"])
        shown = task.prompt.splitlines()[1:]
        for words, written, depth, line in zip(shown, code, meta["indents"], reference["pseudocode"], strict=True):
            assert words == "  " * depth + line
            assert written.startswith("  " * depth)
            assert written[2 * depth] != " "
        assert len(reference["tests"]) == 3
        assert len({test["input"] for test in reference["tests"]}) == 3
        assert len({test["output"] for test in reference["tests"]}) >= 2


def test_more_tests_of_the_same_program_begin_with_the_same() -> None:
    few, many = program_task(3, "arrays", 8, tests=2), program_task(3, "arrays", 8, tests=8)
    assert few.prompt == many.prompt
    assert few.reference["tests"] == many.reference["tests"][:2]
    assert len(many.reference["tests"]) == 8


def test_drawn_tasks_are_different_programs_and_repeatable() -> None:
    tasks = list(draw_tasks(60, 3))
    assert len({task.prompt for task in tasks}) == 60
    assert {task.meta["family"] for task in tasks} == set(FAMILIES)
    assert {task.meta["difficulty"] for task in tasks} == set(LEVELS)
    assert list(draw_tasks(60, 3)) == tasks
    assert list(draw_tasks(60, 4)) != tasks
    check_tasks(tasks)
    few = list(draw_tasks(5, 1, difficulty=[1], families=["strings"], tests=1))
    assert {(task.meta["difficulty"], task.meta["family"]) for task in few} == {(1, "strings")}


@pytest.mark.parametrize(
    "task_id",
    [
        "",
        "pseudo-to-cpp/6/loops/1",
        "pseudo-to-cpp/1/goto/1",
        "pseudo-to-cpp/1/loops/01",
        "pseudo-to-cpp/1/loops/-1",
        "pseudo-to-cpp/1/loops/1000000000",
        "pseudo-to-cpp/1/loops/1\n",
        "pseudo-to-cpp/1/loops/١",
    ],
)
def test_other_ids_are_unknown(task_id: str) -> None:
    with pytest.raises(UnknownNameError, match="No program is called"):
        program_from_id(task_id)


@pytest.mark.parametrize(
    ("arguments", "tests"),
    [((0, "loops", 1), 3), ((1, "goto", 1), 3), ((1, "loops", -1), 3), ((1, "loops", 1), 0), ((1, "loops", 1), 9)],
)
def test_arguments_out_of_range_are_refused(arguments: tuple[int, str, int], tests: int) -> None:
    with pytest.raises(InvalidInputError, match=r"expected a difficulty|tests must be"):
        program_task(*arguments, tests=tests)


def test_the_random_numbers_of_python_that_tasks_rest_on() -> None:
    from stepgym.envs.programs.draw import Draw

    draw = Draw("golden")
    assert [draw.below(1_000_000) for _ in range(4)] == [811302, 486017, 268177, 85668]
    assert draw.sample([1, 2], 5) in ([1, 2], [2, 1])

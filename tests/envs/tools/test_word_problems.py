from __future__ import annotations

from collections import Counter

import pytest

from stepgym.envs.tools import calculate, word_problem, word_problem_from_id
from stepgym.errors import InvalidInputError, UnknownNameError


def test_a_problem_is_known_by_its_seed_and_settings():
    task = word_problem(0, steps=2)
    assert task.id == "wordproblem/2-60/0"
    assert task.prompt == (
        "A bakery has 25 trays with 26 rolls each. 20 percent of the rolls are given away. "
        "How many rolls are there now?"
    )
    assert task.reference == "520"
    assert task.meta == {"calculations": ["25 * 26", "650 * (100 - 20) / 100"], "steps": 2}
    assert word_problem_from_id(task.id) == task


@pytest.mark.parametrize("steps", range(2, 7))
@pytest.mark.parametrize("largest", [10, 60, 1000])
def test_the_last_calculation_is_the_answer(steps, largest):
    seen = Counter()
    for seed in range(40):
        task = word_problem(seed, steps=steps, largest=largest)
        values = [calculate(calculation) for calculation in task.meta["calculations"]]
        assert len(values) == steps
        assert values[-1] == task.reference
        # Each calculation begins with the result of the one before.
        assert all(
            after.startswith(before) for before, after in zip(values, task.meta["calculations"][1:], strict=False)
        )
        assert all("error" not in value and "about" not in value for value in values)
        seen[task.prompt] += 1
    assert max(seen.values()) == 1


def test_numbers_of_the_text_are_bounded_and_no_answer_is_below_one():
    for seed in range(200):
        task = word_problem(seed, steps=6, largest=20)
        assert float(task.reference) > 0
        assert all(int(n) <= 100 for n in task.prompt.replace(".", " ").replace("$", " ").split() if n.isdecimal())


@pytest.mark.parametrize(
    "task_id",
    [
        "",
        "wordproblem/7-60/1",
        "wordproblem/2-60/01",
        "wordproblem/2-5000/1",
        "wordproblem/2-60/x",
        "wordproblem/2-60/" + "9" * 30,
    ],
)
def test_ids_that_name_no_problem(task_id):
    with pytest.raises(UnknownNameError, match="Ids look like"):
        word_problem_from_id(task_id)


@pytest.mark.parametrize(
    "settings", [{"steps": 1}, {"steps": 7}, {"steps": 2.0}, {"steps": 2, "largest": 9}, {"steps": 2, "largest": 2000}]
)
def test_settings_out_of_bounds(settings):
    with pytest.raises(InvalidInputError, match="expected steps"):
        word_problem(0, **settings)
    with pytest.raises(InvalidInputError, match="seed"):
        word_problem(-1, steps=2)

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepgym.envs import ArithmeticChainEnv, chain_task, direct_solution, task_from_id, worked_solution
from stepgym.errors import InvalidInputError, UnknownNameError


def test_the_canonical_texts() -> None:
    task = task_from_id("chain/7/3+4+1+2+6")
    assert task.prompt == "3 + 4 + 1 + 2 + 6 mod 7 ="
    assert worked_solution(task) == "3+4=0\n0+1=1\n1+2=3\n3+6=2\nanswer 2"
    assert direct_solution(task) == "answer 2"
    assert direct_solution(task, 5) == "answer 5"
    assert task_from_id("chain/int/3-9*2").prompt == "3 - 9 * 2 ="
    assert worked_solution(task_from_id("chain/int/3-9*2")) == "3-9=-6\n-6*2=-12\nanswer -12"


def test_reset_and_chain_task_draw_the_same_chain_from_a_seed() -> None:
    env = ArithmeticChainEnv(operands=4, modulus=5, operations="+*")
    for seed in range(20):
        observation, info = env.reset(seed=seed)
        task = chain_task(seed, operands=4, modulus=5, operations="+*")
        assert (task.prompt, task.id) == (observation, info["task"])
        assert env.task == task


def test_a_generator_gives_an_endless_stream_of_different_chains() -> None:
    rng = np.random.default_rng(0)
    tasks = [chain_task(rng) for _ in range(1_000)]
    assert len({task.id for task in tasks}) > 900
    assert len({task.id for task in tasks}) == len({task.prompt for task in tasks})


@given(
    st.integers(0, 2**32),
    st.integers(2, 8),
    st.integers(2, 100) | st.none(),
    st.sampled_from(["+", "-", "*", "+-", "*+-"]),
)
def test_every_chain_is_rebuilt_from_its_id_and_solved_by_its_solutions(
    seed: int, operands: int, modulus: int | None, operations: str
) -> None:
    task = chain_task(seed, operands=operands, modulus=modulus, operations=operations)
    env = ArithmeticChainEnv()
    observation, info = env.reset(options={"task": task.id})
    assert (observation, info["task"], env.task) == (task.prompt, task.id, task)
    for solution in (worked_solution(task), direct_solution(task)):
        env.reset(options={"task": task.id})
        _, reward, terminated, truncated, info = env.step(solution)
        assert (reward, terminated, truncated) == (1.0, True, False)
        assert all(f.severity == "proved" for f in info["verdict"].findings)
    env.reset(options={"task": task.id})
    assert env.step(direct_solution(task, task.reference["answer"] + 1))[1] == 0.0


def test_operands_stay_in_their_range() -> None:
    numbers = {n for s in range(300) for n in chain_task(s, modulus=5).reference["operands"]}
    assert numbers == {0, 1, 2, 3, 4}
    numbers = {n for s in range(300) for n in chain_task(s, modulus=None, values=[10, 12]).reference["operands"]}
    assert numbers == {10, 11, 12}


@pytest.mark.parametrize(
    "arguments",
    [
        {"operands": 1},
        {"operands": 65},
        {"operands": 2.0},
        {"modulus": 1},
        {"modulus": "7"},
        {"operations": ""},
        {"operations": "/"},
        {"operations": "++"},
        {"values": [3]},
        {"values": [5, 3]},
        {"values": [-1, 3]},
        {"values": [0, 0.5]},
    ],
)
def test_bad_settings_say_what_was_expected(arguments: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError, match=f"{next(iter(arguments))} must be"):
        gymnasium.make("stepgym/ArithmeticChain-v0", **arguments)


@pytest.mark.parametrize(
    "task_id",
    ["", "chain/7/3", "chain/7/03+4", "chain/1/3+4", "chain/7/3+4\n", "chain/7/3 + 4", "chain/7/9999999999+1"],
)
def test_ids_that_are_no_chain_are_unknown(task_id: str) -> None:
    with pytest.raises(UnknownNameError, match="No arithmetic chain"):
        ArithmeticChainEnv().reset(options={"task": task_id})

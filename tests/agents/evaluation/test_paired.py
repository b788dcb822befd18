"""Paired comparisons against published figures, brute force, and their own promise: interval and p-value agree."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepgym.agents.evaluation.crossed_bootstrap import crossed_difference
from stepgym.agents.statistics import paired_difference
from stepgym.errors import InvalidInputError


def outcomes(both: int, only_a: int, only_b: int, neither: int) -> tuple[list[int], list[int]]:
    a = [1] * both + [1] * only_a + [0] * only_b + [0] * neither
    b = [1] * both + [0] * only_a + [1] * only_b + [0] * neither
    return a, b


def test_the_published_example_of_fagerland() -> None:
    """Airway hyper-responsiveness before and after stem cell transplantation: 1, 1, 7, 12 of 21 children.

    Fagerland, Lydersen, Laake, Statistics in Medicine 33, 2014, section 7: Tango's interval is -0.517 to -0.026, the
    asymptotic McNemar test gives 0.034.
    """
    found = paired_difference(*outcomes(1, 1, 7, 12))
    assert (round(found.interval.low, 3), round(found.interval.high, 3)) == (-0.517, -0.026)
    assert (round(found.p_value, 3), found.test) == (0.034, "mcnemar")


@given(table=st.tuples(*[st.integers(0, 12)] * 4).filter(lambda t: sum(t) > 0))
@settings(deadline=None, max_examples=200)
def test_interval_and_p_value_of_outcomes_agree(table: tuple[int, int, int, int]) -> None:
    found = paired_difference(*outcomes(*table))
    interval = found.interval
    assert -1 <= interval.low <= interval.value <= interval.high <= 1
    assert interval.low < interval.high
    assert (interval.low > 1e-9 or interval.high < -1e-9) == (found.p_value < 0.05)
    swapped = paired_difference(*reversed(outcomes(*table)))
    assert (-swapped.interval.high, -swapped.interval.low) == pytest.approx((interval.low, interval.high), abs=1e-9)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=30))
@settings(deadline=None, max_examples=200)
def test_interval_and_p_value_of_shares_agree(pairs: list[tuple[int, int]]) -> None:
    a, b = np.array(pairs).T / 4
    found = paired_difference(a, b)
    interval = found.interval
    assert -1 <= interval.low <= interval.value + 1e-12
    assert interval.value - 1e-12 <= interval.high <= 1
    assert interval.low < interval.high
    assert (interval.low > 1e-9 or interval.high < -1e-9) == (found.p_value < 0.05)


@pytest.mark.parametrize(("only_a", "only_b", "tasks"), [(5, 2, 20), (0, 3, 9), (7, 7, 30), (10, 0, 10), (0, 0, 12)])
def test_the_interval_ends_where_the_likelihood_says(only_a: int, only_b: int, tasks: int) -> None:
    """The score at each end is 1.96, with the nuisance parameter found by search instead of by its formula."""
    interval = paired_difference(*outcomes(0, only_a, only_b, tasks - only_a - only_b)).interval

    def score(delta: float) -> float:
        shares = np.linspace(max(0.0, -delta), (1 - delta) / 2, 200_001)  # that only b solves the task
        with np.errstate(divide="ignore", invalid="ignore"):
            rest = tasks - only_a - only_b
            parts = [(only_a, shares + delta), (only_b, shares), (rest, 1 - 2 * shares - delta)]
            likelihood = sum(n * np.log(p) for n, p in parts if n)
        share = shares[np.nanargmax(likelihood)]
        return (only_a - only_b - tasks * delta) / math.sqrt(tasks * (2 * share + delta - delta * delta))

    if interval.low > -1:
        assert score(interval.low) == pytest.approx(1.96, abs=0.01)
    if interval.high < 1:
        assert score(interval.high) == pytest.approx(-1.96, abs=0.01)


def test_the_interval_of_outcomes_holds_its_level_by_enumeration() -> None:
    tasks, only_a, only_b = 15, 0.3, 0.1
    covered = 0.0
    for x in range(tasks + 1):
        for y in range(tasks + 1 - x):
            z = tasks - x - y
            ways = math.factorial(tasks) / (math.factorial(x) * math.factorial(y) * math.factorial(z))
            chance = ways * only_a**x * only_b**y * (1 - only_a - only_b) ** z
            interval = paired_difference(*outcomes(0, x, y, z)).interval
            covered += chance * (interval.low <= only_a - only_b <= interval.high)
    assert 0.93 < covered < 0.97


def test_nothing_is_certain_when_every_task_agrees() -> None:
    every = paired_difference([1] * 20, [0] * 20)
    assert every.interval.high == 1.0
    assert 0.6 < every.interval.low < 0.75
    same = paired_difference([0.5] * 20, [0.5] * 20)
    assert same.p_value == 1.0
    assert -0.2 < same.interval.low < 0 < same.interval.high < 0.2
    assert paired_difference([0.75] * 4, [0.5] * 4).p_value > 0.05


def test_the_pairing_is_used() -> None:
    difficulty = np.random.default_rng(1).random(200)
    interval = paired_difference(np.clip(difficulty + 0.05, 0, 1), difficulty).interval
    assert 0 < interval.low <= interval.value <= interval.high < 0.06


def test_bad_pairs_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="same tasks"):
        paired_difference([1, 0], [1])
    with pytest.raises(InvalidInputError, match=r"in \[0, 1\]"):
        paired_difference([2.0], [1.0])
    with pytest.raises(InvalidInputError, match="one shape"):
        crossed_difference([[1.0]], [[1.0, 0.0]])


@given(seed=st.integers(0, 50), shift=st.floats(0, 0.4))
@settings(deadline=None, max_examples=40)
def test_interval_and_p_value_over_seeds_and_tasks_agree(seed: int, shift: float) -> None:
    generator = np.random.default_rng(seed)
    b = generator.integers(0, 3, size=(3, 25)) / 2
    a = np.clip(b + (generator.random((3, 25)) < shift) * 0.5 - 0.1 * generator.random((3, 25)), 0, 1)
    found = crossed_difference(a, b, resamples=999, seed=seed)
    assert found.test == "bootstrap"
    assert (found.interval.low > 0 or found.interval.high < 0) == (found.p_value <= 0.05)


def test_equal_tables_differ_by_nothing_give_or_take_what_was_not_seen() -> None:
    table = np.random.default_rng(0).random((3, 10))
    found = crossed_difference(table, table)
    assert (found.interval.value, found.p_value) == (0.0, 1.0)
    assert -found.interval.low == found.interval.high == pytest.approx(0.2775, abs=1e-4)

"""Intervals and tests against hand-computed cases, published values and brute force."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepgym.agents.statistics import (
    bootstrap_mean,
    constant_interval,
    mean_interval,
    success_interval,
    wilson_interval,
)
from stepgym.errors import InvalidInputError


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # Newcombe 1998 (Statistics in Medicine 17, 857-872), table I, score method without continuity correction.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_interval_equals_published_values(successes: int, trials: int, low: float, high: float) -> None:
    interval = wilson_interval(successes, trials)
    assert interval.value == successes / trials
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


@given(trials=st.integers(1, 500), data=st.data())
def test_wilson_bounds_solve_the_score_equation(trials: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, trials))
    interval = wilson_interval(successes, trials)
    assert 0 <= interval.low <= interval.value <= interval.high <= 1
    for bound in (interval.low, interval.high):
        if 1e-9 < bound < 1 - 1e-9:
            z = (interval.value - bound) / math.sqrt(bound * (1 - bound) / trials)
            assert abs(z) == pytest.approx(1.959964, abs=1e-5)


def test_wilson_covers_at_its_level_by_enumeration() -> None:
    trials = 40
    shares = np.linspace(0.02, 0.98, 97)
    covered = np.zeros(len(shares))
    for k in range(trials + 1):
        interval = wilson_interval(k, trials)
        probability = math.comb(trials, k) * shares**k * (1 - shares) ** (trials - k)
        covered += probability * ((interval.low <= shares) & (shares <= interval.high))
    assert 0.94 < covered.mean() < 0.96


def test_success_interval_is_wilson_for_one_sample_a_task() -> None:
    assert success_interval([[1], [0], [1], [1]]) == wilson_interval(3, 4)


def test_success_interval_weighs_tasks_equally_and_is_wider_for_clustered_samples() -> None:
    assert success_interval([[1, 1, 1, 1], [0]]).value == 0.5
    clustered = success_interval([[1] * 8] * 20 + [[0] * 8] * 20)
    naive = wilson_interval(160, 320)
    assert clustered.high - clustered.low > 2 * (naive.high - naive.low)
    same = wilson_interval(20, 40)
    assert clustered.low == pytest.approx(same.low, abs=0.03)


def test_success_interval_claims_no_certainty_when_all_tasks_agree() -> None:
    assert success_interval([[1, 1]] * 10) == wilson_interval(10, 10)
    assert success_interval([[0, 1]] * 10).low < 0.3


@given(tasks=st.integers(1, 1000), value=st.sampled_from([0.0, 1.0]))
def test_what_never_varied_gets_the_wilson_interval_of_a_share(tasks: int, value: float) -> None:
    ours, wilson = constant_interval(value, tasks, bounds=(0, 1)), wilson_interval(value * tasks, tasks)
    assert (ours.low, ours.high) == pytest.approx((wilson.low, wilson.high), abs=1e-12)


@given(tasks=st.integers(1, 1000), value=st.floats(-1, 1))
def test_what_never_varied_is_not_certain_and_stays_within_its_bounds(tasks: int, value: float) -> None:
    ours = constant_interval(value, tasks, bounds=(-1, 1))
    assert -1 <= ours.low <= value <= ours.high <= 1
    assert ours.high - ours.low == pytest.approx(2 * wilson_interval(0, tasks).high)
    mirrored = constant_interval(-value, tasks, bounds=(-1, 1))
    assert (-mirrored.high, -mirrored.low) == pytest.approx((ours.low, ours.high))


def test_bootstrap_mean_covers_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    hits = 0
    for trial in range(300):
        sample = generator.beta(0.5, 1.0, size=60)
        interval = bootstrap_mean(sample, resamples=500, seed=trial)
        hits += interval.low <= 1 / 3 <= interval.high
    assert 0.90 <= hits / 300 <= 0.98


def test_bootstrap_mean_equals_all_resamples_by_brute_force() -> None:
    values = [0.0, 0.2, 1.0, 0.6]
    means = [np.mean(drawn) for drawn in itertools.product(values, repeat=4)]
    low, high = np.quantile(means, [0.05, 0.95])
    interval = bootstrap_mean(values, confidence=0.9, resamples=40_000)
    assert interval.low == pytest.approx(low, abs=0.03)
    assert interval.high == pytest.approx(high, abs=0.03)


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.linspace(0, 1, 30)
    assert bootstrap_mean(values, seed=3) == bootstrap_mean(values, seed=3)
    assert bootstrap_mean(values, seed=3) != bootstrap_mean(values, seed=4)


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    # Student's t, two-sided 95 %, from printed tables.
    [(1, 12.7062), (2, 4.30265), (3, 3.18245), (4, 2.77645), (9, 2.26216), (30, 2.04227)],
)
def test_mean_interval_uses_student_t(freedom: int, quantile: float) -> None:
    values = np.zeros(freedom + 1)
    values[0] = 1.0
    interval = mean_interval(values)
    error = values.std(ddof=1) / math.sqrt(len(values))
    assert (interval.high - interval.value) / error == pytest.approx(quantile, rel=1e-5)


def test_bad_input_is_refused() -> None:
    for call in (
        lambda: wilson_interval(3, 2),
        lambda: wilson_interval(0, 0),
        lambda: wilson_interval(1, 2, confidence=95),
        lambda: success_interval([]),
        lambda: success_interval([[1], []]),
        lambda: success_interval([[2.0]]),
        lambda: bootstrap_mean([]),
        lambda: bootstrap_mean([float("nan")]),
        lambda: constant_interval(2.0, 5, bounds=(0, 1)),
        lambda: constant_interval(0.5, 0, bounds=(0, 1)),
        lambda: mean_interval([1.0]),
    ):
        with pytest.raises(InvalidInputError):
            call()

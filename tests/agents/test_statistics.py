"""Intervals and tests against hand-computed cases, published values and brute force."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepgym.agents.statistics import (
    bootstrap_mean,
    mcnemar_p,
    mean_interval,
    paired_difference,
    pass_at_k,
    sign_flip_p,
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


def test_paired_difference_uses_the_pairing() -> None:
    generator = np.random.default_rng(1)
    difficulty = generator.random(200)
    a, b = np.clip(difficulty + 0.05, 0, 1), difficulty
    paired = paired_difference(a, b)
    assert 0 < paired.low <= paired.value <= paired.high < 0.06


def test_paired_difference_is_not_certain_when_every_task_flips() -> None:
    interval = paired_difference([1] * 20, [0] * 20)
    assert interval.value == interval.high == 1.0
    assert 0.7 < interval.low < 0.95
    equal = paired_difference([1, 0] * 10, [1, 0] * 10)
    assert equal.value == 0
    assert equal.low < 0 < equal.high


def test_mcnemar_by_hand_and_by_enumeration() -> None:
    assert mcnemar_p([1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0]) == 2 * 0.5**5
    assert mcnemar_p([1, 0, 1], [1, 0, 1]) == 1.0
    a, b = [1] * 7 + [0] * 2 + [1] * 4, [0] * 7 + [1] * 2 + [1] * 4
    count = [sum(flips) for flips in itertools.product((0, 1), repeat=9)]
    brute = np.mean([abs(c - 4.5) >= abs(7 - 4.5) for c in count])
    assert mcnemar_p(a, b) == pytest.approx(brute)
    with pytest.raises(InvalidInputError, match="0 or 1"):
        mcnemar_p([0.5], [1])


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=12))
@settings(deadline=None)
def test_sign_flip_of_binary_outcomes_is_mcnemar(pairs: list[tuple[int, int]]) -> None:
    a, b = np.array(pairs).T
    assert sign_flip_p(a - b) == pytest.approx(mcnemar_p(a, b))


def test_sign_flip_by_sampling_is_near_the_exact_value() -> None:
    differences = np.array(
        [0.4, 0.1, -0.3, 0.6, 0.2, 0.5, -0.1, 0.3, 0.25, 0.15, -0.2, 0.35, 0.45, 0.05, 0.1, 0.2, 0.12]
    )
    signs = np.array(list(itertools.product((-1, 1), repeat=len(differences))))
    exact = np.mean(np.abs(signs @ differences) >= differences.sum() - 1e-9)
    assert sign_flip_p(differences, permutations=50_000) == pytest.approx(exact, abs=0.002)
    assert sign_flip_p(np.ones(100)) == pytest.approx(1 / 10_001)


@pytest.mark.parametrize(("samples", "successes"), [(5, 0), (5, 2), (6, 3), (6, 6)])
def test_pass_at_k_is_the_average_over_all_subsets(samples: int, successes: int) -> None:
    outcomes = [1] * successes + [0] * (samples - successes)
    for k in range(1, samples + 1):
        brute = np.mean([max(subset) for subset in itertools.combinations(outcomes, k)])
        assert pass_at_k(samples, successes, k) == pytest.approx(brute)


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
        lambda: paired_difference([1, 0], [1]),
        lambda: pass_at_k(3, 1, 4),
        lambda: mean_interval([1.0]),
    ):
        with pytest.raises(InvalidInputError):
            call()

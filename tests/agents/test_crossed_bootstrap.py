from __future__ import annotations

import numpy as np
import pytest

from stepgym.agents.evaluation.crossed_bootstrap import crossed_mean
from stepgym.agents.statistics import bootstrap_mean, wilson_interval
from stepgym.errors import InvalidInputError


def test_one_seed_is_the_bootstrap_over_tasks() -> None:
    values = np.random.default_rng(0).random(200)
    ours, theirs = crossed_mean([values]), bootstrap_mean(values)
    assert ours.value == pytest.approx(theirs.value)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.005)


def test_seeds_that_differ_widen_the_interval() -> None:
    """All of the spread lies between seeds: the variance of a mean of 4 resampled seeds, by hand."""
    seeds = np.array([0.1, 0.3, 0.6, 0.9])
    table = np.repeat(seeds[:, None], 50, axis=1)
    interval = crossed_mean(table)
    deviation = seeds.std() / 2
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * deviation, rel=0.15)
    assert bootstrap_mean(table.mean(0)).high - bootstrap_mean(table.mean(0)).low < 1e-9


def test_coverage_over_seeds_and_tasks() -> None:
    """Of tables with known mean 0, most intervals hold it; without the seeds few would."""
    rng = np.random.default_rng(1)
    held = alone = 0
    for _ in range(100):
        table = rng.normal(size=(8, 1)) + rng.normal(size=(1, 40)) + rng.normal(size=(8, 40))
        interval, narrow = crossed_mean(table, resamples=500), bootstrap_mean(table.mean(0), resamples=500)
        held += interval.low <= 0 <= interval.high
        alone += narrow.low <= 0 <= narrow.high
    assert held >= 82
    assert alone < held - 10


def test_equal_shares_claim_no_certainty() -> None:
    assert crossed_mean(np.ones((3, 20))) == wilson_interval(20, 20)


def test_bad_tables() -> None:
    for values in ([], [1.0], [[]], [[np.nan]]):
        with pytest.raises(InvalidInputError, match="table"):
            crossed_mean(values)
    with pytest.raises(InvalidInputError, match="confidence"):
        crossed_mean([[0.0, 1.0]], confidence=1.0)


def test_differences_that_are_all_zero_are_uncertain_to_both_sides() -> None:
    interval = crossed_mean(np.zeros((3, 10)), bounds=(-1, 1))
    assert -interval.low == interval.high == pytest.approx(wilson_interval(0, 10).high)
    assert crossed_mean(np.zeros((3, 10))) == wilson_interval(0, 10)
    below = crossed_mean(np.full((3, 10), -0.25), bounds=(-1, 1))
    assert -1 < below.low < -0.25 < below.high < 0.25

"""Values against roll-outs: by hand, and on states whose chances are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from stepgym.agents import McEstimate, calibration
from stepgym.errors import InvalidInputError


def test_a_small_table_by_hand() -> None:
    estimates = [McEstimate(4, 1), McEstimate(4, 4), McEstimate(2, 0, truncated=1), McEstimate(0, 0, 2, 1)]
    found = calibration([0.25, 0.75, 0.2, 0.5], estimates, ["a", "a", "b", "b"], bins=4)
    assert found.metrics.brier is not None
    losses = 1 * 0.75**2 + 3 * 0.25**2 + 4 * 0.25**2 + 2 * 0.2**2
    assert found.metrics.brier.value == pytest.approx(losses / 10)
    assert [(b.low, b.states, b.tasks, b.rollouts) for b in found.bins] == [
        (0.0, 1, 1, 2),
        (0.25, 1, 1, 4),
        (0.75, 1, 1, 4),
    ]
    assert [b.success.value for b in found.bins] == [0.0, 0.25, 1.0]
    assert found.gap == pytest.approx((2 * 0.2 + 4 * 0.0 + 4 * 0.25) / 10)
    # Of 5 successes and 5 failures 22 pairs are in order, one is tied at 0.25 for 1 success with 3 failures.
    assert found.metrics.auc.value == pytest.approx((4 * 5 + 1 * 2 + 1 * 3 / 2) / 25)
    assert (found.states, found.truncated, found.undecided) == (3, 3 / 14, 1 / 14)
    # One task in a bin says next to nothing about others.
    assert found.bins[2].success.low < 0.3


def test_true_values_are_found_to_be_calibrated_and_wrong_ones_not() -> None:
    generator = np.random.default_rng(0)
    chances = generator.random(400)
    estimates = [McEstimate(20, int(c)) for c in generator.binomial(20, chances)]
    tasks = [f"t{i // 4}" for i in range(400)]
    true = calibration(chances, estimates, tasks)
    flat = calibration(0.5 + 0.3 * (chances - 0.5), estimates, tasks)
    assert true.gap < 0.03 < 0.1 < flat.gap
    assert true.distance is None or true.distance < 0.04
    # The distance of the flattened values is known, the noise of 20 roll-outs is taken off.
    assert flat.distance == pytest.approx(math.sqrt(np.mean((0.7 * (chances - 0.5)) ** 2)), abs=0.01)
    assert true.metrics.brier is not None
    assert flat.metrics.brier is not None
    assert true.metrics.brier.high < flat.metrics.brier.low
    assert true.metrics.auc.value == pytest.approx(flat.metrics.auc.value)
    held = sum(b.success.low <= b.value <= b.success.high for b in true.bins)
    assert held >= 8
    text = str(true)
    assert "8,000 roll-outs from 400 states of 100 tasks" in text
    assert "0.9 to 1.0" in text


def test_values_outside_go_to_the_outer_bins_and_edges_to_the_upper_one() -> None:
    values = [-0.2, 0.0, 0.3, 0.7, 1.0, 1.4]
    found = calibration(values, [McEstimate(2, 1)] * 6, list("abcdef"))
    assert [(b.low, b.states) for b in found.bins] == [(0.0, 2), (0.3, 1), (0.7, 1), (0.9, 2)]
    assert found.metrics.outside == pytest.approx(2 / 6)
    costly = calibration([2 * v - 1 for v in values], [McEstimate(2, 1)] * 6, list("abcdef"), rewards=(-1, 1))
    assert costly.gap == pytest.approx(found.gap)


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="as many values"):
        calibration([0.1], [], [])
    with pytest.raises(InvalidInputError, match="was judged"):
        calibration([0.1], [McEstimate(0, 0, 5)], ["a"])
    with pytest.raises(InvalidInputError, match="needs successes and failures"):
        calibration([0.1], [McEstimate(5, 5)], ["a"])
    with pytest.raises(InvalidInputError, match="bins"):
        calibration([0.1], [McEstimate(5, 2)], ["a"], bins=0)

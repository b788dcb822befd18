"""AUC and Brier score against pairs counted one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepgym.agents.evaluation.value_metrics import auc, value_metrics
from stepgym.errors import InvalidInputError


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=30))
@settings(deadline=None)
def test_auc_counts_pairs(items: list[tuple[int, bool]]) -> None:
    values, outcomes = zip(*items, strict=True)
    wins = [(x > y) + (x == y) / 2 for x, right in items if right for y, wrong in items if not wrong]
    if not wins:
        with pytest.raises(InvalidInputError, match="at least one success and one failure"):
            auc(values, outcomes)
    else:
        assert auc(values, outcomes) == pytest.approx(np.mean(wins))


def test_value_metrics_by_hand() -> None:
    metrics = value_metrics([0.9, 0.2, 0.4, 1.5], [1, 0, 1, 0], ["a", "a", "b", "b"])
    assert metrics.auc.value == 0.5
    assert metrics.brier is not None
    assert metrics.brier.value == pytest.approx((0.01 + 0.04 + 0.36 + 2.25) / 4)
    assert (metrics.base_rate, metrics.base_rate_brier) == (0.5, 0.25)
    assert (metrics.episodes, metrics.tasks, metrics.outside) == (4, 2, 0.25)
    assert metrics.to_dict()["auc"]["value"] == 0.5
    assert "of 2 tasks" in str(metrics)


def test_the_interval_is_over_tasks_and_not_over_episodes() -> None:
    generator = np.random.default_rng(0)
    outcomes = generator.integers(0, 2, 100)
    values = outcomes * 0.3 + generator.random(100)
    once = value_metrics(values, outcomes, [f"t{i}" for i in range(100)])
    copied = value_metrics(np.tile(values, 9), np.tile(outcomes, 9), [f"t{i}" for i in range(100)] * 9)
    assert copied.auc.value == pytest.approx(once.auc.value)
    assert copied.auc.low == pytest.approx(once.auc.low, abs=0.02)
    assert copied.brier is not None
    assert once.brier is not None
    assert copied.brier.high == pytest.approx(once.brier.high, abs=0.02)


def test_the_interval_equals_resampling_by_hand() -> None:
    generator = np.random.default_rng(3)
    tasks = np.repeat(np.arange(30), 3)
    outcomes = generator.integers(0, 2, 90)
    values = np.round(outcomes * 0.4 + generator.random(90), 1)
    drawn = []
    for _ in range(3000):
        rows = np.concatenate([np.flatnonzero(tasks == t) for t in generator.integers(0, 30, 30)])
        drawn.append(auc(values[rows], outcomes[rows]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    interval = value_metrics(values, outcomes, [str(t) for t in tasks], resamples=3000).auc
    assert interval.low == pytest.approx(low, abs=0.012)
    assert interval.high == pytest.approx(high, abs=0.012)


def test_bad_input_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="one task id per value"):
        value_metrics([0.1, 0.2], [0, 1], ["a"])
    with pytest.raises(InvalidInputError, match="leave undecided episodes out"):
        auc([0.1, 0.2], [0.5, 1])
    with pytest.raises(InvalidInputError, match="as many finite values"):
        auc([0.1, float("nan")], [0, 1])


def test_weights_stand_for_repetitions() -> None:
    values, outcomes, tasks = [0.9, 0.2, 0.4], [1, 0, 1], ["a", "a", "b"]
    weighted = value_metrics(values, outcomes, tasks, weights=[3, 2, 1])
    repeated = value_metrics([0.9] * 3 + [0.2] * 2 + [0.4], [1] * 3 + [0] * 2 + [1], ["a"] * 5 + ["b"])
    assert weighted.auc == repeated.auc
    assert weighted.brier is not None
    assert repeated.brier is not None
    assert (weighted.brier.value, weighted.brier.low) == pytest.approx((repeated.brier.value, repeated.brier.low))
    assert (weighted.base_rate, weighted.episodes) == (repeated.base_rate, 6)
    with pytest.raises(InvalidInputError, match="some weight on each outcome"):
        value_metrics(values, outcomes, tasks, weights=[1, 0, 1])


def test_values_in_another_unit_of_reward_are_read_as_chances() -> None:
    plain = value_metrics([0.9, 0.2, 0.4, 0.1], [1, 0, 1, 0], ["a", "a", "b", "b"])
    costly = value_metrics([0.8, -0.6, -0.2, -0.8], [1, 0, 1, 0], ["a", "a", "b", "b"], rewards=(-1, 1))
    assert costly.brier is not None
    assert plain.brier is not None
    assert costly.brier.value == pytest.approx(plain.brier.value)
    assert (costly.outside, costly.auc) == (0.0, plain.auc)
    unknown = value_metrics([0.8, -0.6, -0.2, -0.8], [1, 0, 1, 0], ["a", "a", "b", "b"], rewards=None)
    assert (unknown.brier, unknown.outside, unknown.auc) == (None, None, plain.auc)
    assert "no Brier score" in str(unknown)
    assert unknown.to_dict()["brier"] is None
    with pytest.raises(InvalidInputError, match="worth more"):
        value_metrics([0.8, -0.6], [1, 0], ["a", "a"], rewards=(1, 1))

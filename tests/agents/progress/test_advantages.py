"""Progress of steps: known trees, telescoping, standard errors, and the best of k."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepgym.agents import McEstimate
from stepgym.agents.progress import bok, bok_plug_in, effective_reward, progress, rank_steps
from stepgym.errors import InvalidInputError


def advantages(*values: McEstimate | float | None, best_of: int = 1) -> list[float | None]:
    return [step.advantage for step in progress(values, best_of=best_of)]


def test_the_paths_of_a_known_tree() -> None:
    """Root -> a | b, each -> c (1) | d (0); the prover finds c after a with 3/4, after b with 1/4."""
    assert advantages(1 / 2, 3 / 4, 1.0) == [1 / 4, 1 / 4]
    assert advantages(1 / 2, 3 / 4, 0.0) == [1 / 4, -3 / 4]
    assert advantages(1 / 2, 1 / 4, 1.0) == [-1 / 4, 3 / 4]
    assert advantages(1 / 2, 1 / 4, 0.0) == [-1 / 4, -1 / 4]


counted = st.integers(1, 40).flatmap(lambda n: st.builds(McEstimate, st.just(n), st.integers(0, n)))
values = st.lists(st.one_of(counted, st.floats(0, 1)), min_size=2, max_size=12)


@given(values)
def test_advantages_sum_to_the_last_value_minus_the_first(given_values: list[McEstimate | float]) -> None:
    steps = progress(given_values)
    assert len(steps) == len(given_values) - 1
    total = math.fsum(step.advantage for step in steps if step.advantage is not None)
    assert steps[0].before is not None
    assert steps[-1].after is not None
    assert total == pytest.approx(steps[-1].after - steps[0].before, abs=1e-12)
    assert all(a.after == b.before for a, b in pairwise(steps))


def test_standard_errors() -> None:
    (step,) = progress([McEstimate(20, 10), McEstimate(20, 10)])
    assert step.standard_error == pytest.approx(0.158, abs=5e-4)
    assert step.significant is False
    (step,) = progress([McEstimate(200, 100), McEstimate(200, 100)])
    assert step.standard_error == pytest.approx(0.05)
    (step,) = progress([McEstimate(20, 2), McEstimate(20, 12)])
    assert step.standard_error == pytest.approx(math.sqrt(0.1 * 0.9 / 20 + 0.6 * 0.4 / 20))
    assert step.significant is True


def test_roll_outs_that_all_agree_are_not_certain() -> None:
    """The formula alone would call a single failure before a single success a certain gain."""
    (one,) = progress([McEstimate(1, 0), McEstimate(1, 1)])
    assert (one.advantage, one.standard_error, one.significant) == (1.0, 0.0, False)
    (four,) = progress([McEstimate(20, 0), McEstimate(20, 4)])
    assert four.significant is False
    (sure,) = progress([McEstimate(20, 0), McEstimate(20, 20)])
    assert sure.significant is True
    (same,) = progress([McEstimate(20, 20), McEstimate(20, 20)])
    assert (same.advantage, same.significant) == (0.0, False)


def test_exact_values_are_certain_and_unknown_ones_say_so() -> None:
    steps = progress([0.5, None, McEstimate(truncated=4), 0.5, 0.5, 0.75])
    assert [step.advantage for step in steps] == [None, None, None, 0.0, 0.25]
    assert [step.significant for step in steps] == [None, None, None, False, True]
    assert (steps[0].before, steps[0].after) == (0.5, None)
    assert steps[4].standard_error == 0.0
    for wrong in ([0.5], [], [0.5, math.nan]):
        with pytest.raises(InvalidInputError):
            progress(wrong)


@pytest.mark.parametrize(
    ("c", "unbiased", "plug_in"),
    [(0, 0, 0), (1, 0.2, 0.1855), (2, 0.3684, 0.3439), (5, 0.7183, 0.6836), (10, 0.9567, 0.9375), (20, 1, 1)],
)
def test_best_of_4_from_20_roll_outs(c: int, unbiased: float, plug_in: float) -> None:
    assert bok(20, c, 4) == pytest.approx(unbiased, abs=5e-5)
    assert bok(20, c, 4) == McEstimate(20, c).best_of(4)
    assert bok_plug_in(c / 20, 4) == pytest.approx(plug_in, abs=5e-5)


def expected(of: object, n: int, q: Fraction) -> float:
    """Mean over all numbers of successes in n roll-outs."""
    chances = [float(comb(n, c) * q**c * (1 - q) ** (n - c)) for c in range(n + 1)]
    return math.fsum(chance * of(c) for c, chance in enumerate(chances))  # type: ignore[operator]


def test_exact_means_of_both_estimates() -> None:
    q = Fraction(1, 5)
    assert expected(lambda c: bok(6, c, 3), 6, q) == pytest.approx(61 / 125)
    assert bok_plug_in(1 / 5, 3) == pytest.approx(61 / 125)
    assert expected(lambda c: bok_plug_in(c / 6, 3), 6, q) == pytest.approx(32 / 75)


@given(st.integers(1, 12), st.integers(1, 12), st.fractions(0, 1, max_denominator=50))
def test_bok_is_unbiased_and_the_plug_in_never_too_large(n: int, k: int, q: Fraction) -> None:
    exact = float(1 - (1 - q) ** min(n, k))
    assert expected(lambda c: bok(n, c, min(n, k)), n, q) == pytest.approx(exact, abs=1e-12)
    assert expected(lambda c: bok_plug_in(c / n, min(n, k)), n, q) <= exact + 1e-12


def spread(q: tuple[float, ...], k: int) -> tuple[float, float]:
    """Variance of Q^BoK over uniformly drawn actions, and their mean advantage."""
    values = bok_plug_in(np.array(q), k)
    return float(values.var()), float(values.mean()) - bok_plug_in(float(np.mean(q)), k)


def test_how_the_spread_of_best_of_k_grows_and_falls() -> None:
    found = [spread((0.05, 0.20), k) for k in (1, 2, 4, 8, 16, 32)]
    exact = [0.005625, 0.017227, 0.040987, 0.061417, 0.042432, 0.009304]
    assert [variance for variance, _ in found] == pytest.approx(exact, abs=5e-7)
    assert [mean for _, mean in found] == pytest.approx([0, -0.0056, -0.0259, -0.0720, -0.1161, -0.0833], abs=5e-5)
    ratio = spread((0.001, 0.002), 4)[0] / spread((0.001, 0.002), 1)[0]
    assert ratio == pytest.approx(15.86, abs=5e-3)


@pytest.mark.parametrize(
    ("q", "best", "whole"),
    [((0.05, 0.2), 8.56, 9), ((0.01, 0.05), 39.5, 40), ((0.3, 0.6), 1.69, 2), ((0.6, 0.9), 0.66, 1)],
)
def test_the_k_that_tells_two_steps_apart_best(q: tuple[float, float], best: float, whole: int) -> None:
    low, high = q
    optimum = math.log(math.log(1 - high) / math.log(1 - low)) / math.log((1 - low) / (1 - high))
    assert optimum == pytest.approx(best, abs=0.05)
    assert max(range(1, 200), key=lambda k: spread(q, k)[0]) == whole


def test_the_best_of_k_prover_comes_from_the_same_roll_outs() -> None:
    before, after = McEstimate(20, 1), McEstimate(20, 5)
    (step,) = progress([before, after], best_of=4)
    assert step.advantage == pytest.approx(bok(20, 5, 4) - bok(20, 1, 4))
    errors = [4 * (1 - p) ** 3 * math.sqrt(p * (1 - p) / 20) for p in (0.05, 0.25)]
    assert step.standard_error == pytest.approx(math.hypot(*errors))
    assert advantages(McEstimate(3, 1), McEstimate(4, 1), 1.0, best_of=4) == [None, 0.0]
    assert advantages(0.05, 0.25, best_of=2) == [pytest.approx(0.4375 - 0.0975)]


@pytest.mark.parametrize("wrong", [0, -1, 1.5])
def test_a_wrong_k_is_refused(wrong: int) -> None:
    with pytest.raises(InvalidInputError, match="whole number k"):
        bok_plug_in(0.5, wrong)
    with pytest.raises(InvalidInputError, match="whole number k"):
        progress([0.5, 0.6], best_of=wrong)
    with pytest.raises(InvalidInputError, match="chances in"):
        bok_plug_in(1.5, 2)


def test_small_chances_keep_their_digits() -> None:
    assert bok_plug_in(1e-18, 4) == pytest.approx(4e-18)
    assert bok_plug_in(1.0, 3) == 1.0


def test_where_a_step_that_gains_overtakes_one_from_a_better_state() -> None:
    q, own = [0.55, 0.54], [0.55 - 0.60, 0.54 - 0.40]
    assert rank_steps(q, own, alpha=0) == [0, 1]
    assert rank_steps(q, own, alpha=0.5) == [1, 0]
    scores = [effective_reward(a, b, alpha=0.5) for a, b in zip(q, own, strict=True)]
    assert scores == pytest.approx([0.525, 0.61])
    assert rank_steps(q, own, alpha=0.0526) == [0, 1]
    assert rank_steps(q, own, alpha=0.0527) == [1, 0]
    assert rank_steps([0.5, 0.5, 0.7], [0.0, 0.0, 0.0], alpha=1) == [2, 0, 1]
    with pytest.raises(InvalidInputError, match="an advantage for each"):
        rank_steps([0.5], [], alpha=1)

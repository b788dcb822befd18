"""pass@k and maj@k against every subset, one by one."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepgym.agents.statistics import majority_at_k, pass_at_k
from stepgym.errors import InvalidInputError


@pytest.mark.parametrize(("samples", "successes"), [(5, 0), (5, 2), (6, 3), (6, 6), (1, 1)])
def test_pass_at_k_is_the_average_over_all_subsets(samples: int, successes: int) -> None:
    outcomes = [1] * successes + [0] * (samples - successes)
    for k in range(1, samples + 1):
        brute = np.mean([max(subset) for subset in itertools.combinations(outcomes, k)])
        assert pass_at_k(samples, successes, k) == pytest.approx(brute)


def test_pass_at_k_by_hand() -> None:
    # Worked out by hand: 1 - C(19, 4) / C(20, 4) = 4 / 20, and so on.
    assert [round(pass_at_k(20, c, 4), 4) for c in (0, 1, 2, 5, 10, 20)] == [0.0, 0.2, 0.3684, 0.7183, 0.9567, 1.0]
    assert pass_at_k(8, 8, 1) == 1.0
    assert pass_at_k(8, 3, 1) == 3 / 8
    assert pass_at_k(100_000, 1, 50_000) == pytest.approx(0.5)


@given(n=st.integers(1, 40), data=st.data())
def test_pass_at_k_grows_with_k_and_with_successes(n: int, data: st.DataObject) -> None:
    c = data.draw(st.integers(0, n))
    found = [pass_at_k(n, c, k) for k in range(1, n + 1)]
    assert found == sorted(found)
    assert found[-1] == (1.0 if c else 0.0)
    if c < n:
        assert all(pass_at_k(n, c + 1, k) >= p for k, p in enumerate(found, start=1))


def test_pass_at_k_is_unbiased() -> None:
    """Over binomial successes its mean is 1 - (1 - q)^k, which the plug-in estimate misses."""
    from math import comb

    n, k, q = 6, 3, 1 / 5
    chances = [comb(n, c) * q**c * (1 - q) ** (n - c) for c in range(n + 1)]
    assert sum(p * pass_at_k(n, c, k) for c, p in enumerate(chances)) == pytest.approx(61 / 125)
    assert sum(p * (1 - (1 - c / n) ** k) for c, p in enumerate(chances)) == pytest.approx(32 / 75)


def elected(answers: list[str], right: dict[str, bool]) -> float:
    """Share of the most frequent answers that are right; 0 where nobody votes."""
    votes = Counter(answer for answer in answers if answer)
    leaders = [answer for answer, n in votes.items() if n == max(votes.values())]
    return sum(right[answer] for answer in leaders) / len(leaders) if leaders else 0.0


@given(st.lists(st.sampled_from(["a", "b", "c", "d", ""]), min_size=1, max_size=9), st.data())
@settings(deadline=None, max_examples=150)
def test_majority_at_k_is_the_average_over_all_subsets(answers: list[str], data: st.DataObject) -> None:
    right = {answer: data.draw(st.booleans()) for answer in "abcd"}
    solved = [float(right.get(answer, False)) for answer in answers]
    for k in range(1, len(answers) + 1):
        brute = np.mean([elected(list(subset), right) for subset in itertools.combinations(answers, k)])
        assert majority_at_k(answers, solved, k) == pytest.approx(brute, abs=1e-12)


def test_of_a_tie_the_first_in_any_order_is_elected_equally_often() -> None:
    """What taking the answer that came first does, over all orders of the samples."""
    answers, right = ["a", "a", "b", "b", "c"], {"a": True, "b": False, "c": False}
    chosen = []
    for order in itertools.permutations(answers):
        votes = Counter(order[:4])
        chosen.append(right[max(votes, key=votes.__getitem__)])  # the first of equals
    solved = [float(right[answer]) for answer in answers]
    assert majority_at_k(answers, solved, 4) == pytest.approx(np.mean(chosen))


def test_majority_of_one_is_the_mean_and_of_many_samples_is_quick() -> None:
    assert majority_at_k(["a", "b", "b"], [1, 0, 0], 1) == pytest.approx(1 / 3)
    generator = np.random.default_rng(0)
    answers = [str(x) for x in generator.geometric(0.5, size=256)]
    found = majority_at_k(answers, [float(a == "1") for a in answers], 128)
    assert 0.9 < found <= 1


def test_bad_counts_are_refused() -> None:
    for call in (
        lambda: pass_at_k(3, 1, 4),
        lambda: pass_at_k(3, 4, 1),
        lambda: pass_at_k(3, 1, 0),
        lambda: majority_at_k([], [], 1),
        lambda: majority_at_k(["a"], [1.0], 2),
        lambda: majority_at_k(["a"], [1.0, 0.0], 1),
    ):
        with pytest.raises(InvalidInputError):
            call()

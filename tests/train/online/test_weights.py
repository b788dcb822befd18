"""What steps are credited with, on a tree of two steps that is solved exactly."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stepgym.errors import InvalidInputError
from stepgym.train import CreditConfig
from stepgym.train.credit import CreditWarning
from stepgym.train.online import CertificateRewards, OnlineConfig, step_weights
from stepgym.train.online.loss import online_loss
from stepgym.train.online.weights import baselines

# The root has the actions a and b, each of them c (R = 1) and d (R = 0).
POLICY = torch.tensor([[0.5, 0.5], [0.25, 0.75], [0.25, 0.75]], dtype=torch.float64)
PROVER = torch.tensor([[0.5, 0.5], [0.75, 0.25], [0.25, 0.75]], dtype=torch.float64)


def advantages(prover: torch.Tensor) -> np.ndarray:
    """A of each (first action, second action): of the first step and of the second."""
    after_first = [float(prover[1, 0]), float(prover[2, 0])]
    root = float(prover[0] @ torch.tensor(after_first, dtype=torch.float64))
    return np.array([[[after_first[i] - root, float(j == 0) - after_first[i]] for j in (0, 1)] for i in (0, 1)])


def gradient(alpha: float, prover: torch.Tensor, *, baseline: float = 0.0) -> torch.Tensor:
    """The exact expectation of the gradient of `online_loss` over the policy's own episodes."""
    logits = POLICY.log().requires_grad_()
    logp = torch.log_softmax(logits, -1)
    progress = advantages(prover)
    total = torch.zeros((), dtype=torch.float64)
    for i, j in itertools.product((0, 1), repeat=2):
        chance = float(POLICY[0, i] * POLICY[1 + i, j])
        weights = step_weights(float(j == 0), progress[i, j], baseline=baseline, alpha=alpha)
        taken = torch.stack([logp[0, i], logp[1 + i, j]])[None]
        zeros = torch.zeros_like(taken)
        total = total + chance * online_loss(
            taken, zeros, torch.from_numpy(weights).double()[None], kl_weight=0, episodes=1
        )
    return torch.autograd.grad(total, logits)[0]


def test_the_advantages_of_the_tree_are_the_known_ones() -> None:
    found = advantages(PROVER)
    np.testing.assert_allclose(found[:, 0, 0], [0.25, -0.25])
    np.testing.assert_allclose(found[:, :, 1], [[0.25, -0.75], [0.75, -0.25]])


@pytest.mark.parametrize("alpha", [0.5, 1.0, 5.0])
def test_the_policy_as_its_own_prover_scales_the_gradient_by_one_plus_alpha(alpha: float) -> None:
    outcome = gradient(0.0, POLICY)
    assert outcome.abs().max() > 0.01
    torch.testing.assert_close(gradient(alpha, POLICY), (1 + alpha) * outcome, rtol=1e-6, atol=1e-8)


def test_another_prover_turns_the_gradient_and_a_baseline_does_not() -> None:
    """To the policy both first actions are worth the same, to the prover they are not."""
    outcome, dense = gradient(0.0, PROVER), gradient(1.0, PROVER)
    assert outcome[0].abs().max() < 1e-7  # a and b are worth the same to the policy
    # Down the loss is up in probability: a, which the prover likes, by pi (A - mean A) = 1/8.
    np.testing.assert_allclose(-dense[0].numpy(), [0.125, -0.125], atol=1e-7)
    torch.testing.assert_close(gradient(1.0, PROVER, baseline=0.7), dense, rtol=1e-5, atol=1e-7)


@given(
    values=st.lists(st.floats(0, 1), min_size=1, max_size=8),
    outcome=st.sampled_from([0.0, 1.0]),
    alpha=st.floats(0, 5),
)
def test_a_return_to_go_of_progress_says_nothing_about_steps(values: list[float], outcome: float, alpha: float) -> None:
    progress = np.diff([*values, outcome])
    with pytest.warns(CreditWarning, match="telescopes"):
        found = step_weights(outcome, progress, alpha=alpha, place="return-to-go")
    np.testing.assert_allclose(found, [(1 + alpha) * outcome - alpha * v for v in values], atol=1e-5)
    assert found[0] == pytest.approx((1 + alpha) * outcome - alpha * values[0], abs=1e-5)


def test_each_step_has_its_own_reward() -> None:
    np.testing.assert_allclose(step_weights(1.0, [0.5, -0.25], baseline=0.4, alpha=2.0), [1.6, 0.1], atol=1e-6)
    with pytest.raises(InvalidInputError, match="own-step"):
        step_weights(1.0, [0.0], place="future")  # type: ignore[arg-type]


def test_baselines_never_hold_the_episode_s_own_outcome() -> None:
    outcomes, tasks = [1.0, 0.0, 0.0, 1.0], ["x", "x", "x", "y"]
    np.testing.assert_allclose(baselines(outcomes, tasks, "task"), [0, 0.5, 0.5, 1 / 3])
    np.testing.assert_allclose(baselines(outcomes, tasks, "batch"), [1 / 3, 2 / 3, 2 / 3, 1 / 3])
    np.testing.assert_allclose(baselines(outcomes, tasks, "none"), 0)
    np.testing.assert_allclose(baselines([1.0], ["x"], "task"), 0)


def test_credit_that_is_not_local_is_refused() -> None:
    with pytest.warns(CreditWarning):
        wrong = CreditConfig(mode="return_to_go")
    for config in (wrong, CreditConfig(place="shaping"), CreditConfig(mode="scalar_mean")):
        with pytest.raises(InvalidInputError, match="own token"):
            CertificateRewards(None, config)


@pytest.mark.parametrize(
    "wrong",
    [
        {"iterations": 0},
        {"alpha": -1},
        {"kl": float("nan")},
        {"learning_rate": 0},
        {"warmup": 2},
        {"baseline": "x"},
        {"schedule": "x"},
        {"samples": 0},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict) -> None:
    with pytest.raises(InvalidInputError):
        OnlineConfig(**wrong)


def test_rates_rise_and_fall() -> None:
    config = OnlineConfig(iterations=10, warmup=0.5, learning_rate=1.0, schedule="cosine")
    rates = [config.rate(i) for i in range(10)]
    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert sorted(rates[5:], reverse=True) == rates[5:]
    assert rates[9] < 0.2
    assert OnlineConfig(iterations=10, learning_rate=1.0, warmup=0.0).rate(0) == 1.0

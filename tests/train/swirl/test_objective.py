from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from stepgym.errors import InvalidInputError
from stepgym.train.swirl import bandit_optimum, bandit_weights, sibling_weights
from stepgym.train.swirl.objective import clipped_objective


def test_the_optimum_of_a_binary_reward():
    found = bandit_optimum([0.8, 0.2], [1.0, 0.0], 1.0)
    assert found[0] == pytest.approx(0.8 * math.e / (0.8 * math.e + 0.2), abs=1e-12)
    assert found[0] == pytest.approx(0.9158, abs=5e-5)
    assert bandit_optimum([0.5, 0.5, 0.0], [1.0, 0.0, 9.0], 0.01)[0] == pytest.approx(1.0)
    with pytest.raises(InvalidInputError, match="beta"):
        bandit_optimum([1.0], [1.0], 0.0)


@pytest.mark.parametrize(("f", "g", "good_wins"), [(0.3, 0.3, True), (0.4, 0.7, False), (0.0, 0.99, True)])
def test_with_a_wrong_judge_the_good_action_is_the_optimum_if_and_only_if_one_minus_f_exceeds_g(f, g, good_wins):
    assert bool(bandit_optimum([0.5, 0.5], [1 - f, g], 1e-3)[0] > 0.5) is good_wins


def exact_gradient(logits, start, rewards, beta, n):
    """The mean over all draws of n samples of what the loss with `bandit_weights` has as its gradient."""
    probabilities = logits.detach().softmax(-1)
    total = torch.zeros_like(logits)
    for draw in itertools.product(range(len(rewards)), repeat=n):
        chosen = torch.tensor(draw)
        logp = logits.log_softmax(-1)[chosen]
        weights = bandit_weights(rewards[chosen], (logp - start.log()[chosen]).detach(), beta=beta)
        (gradient,) = torch.autograd.grad((weights * logp).sum() / n, logits)
        total += probabilities[chosen].prod() * gradient
    return total


@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_weights_give_the_gradient_of_the_objective_without_bias(n):
    start = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    rewards = torch.tensor([0.0, 1.0, 1.0], dtype=torch.float64)
    logits = torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64, requires_grad=True)
    logp = logits.log_softmax(-1)
    objective = (logp.exp() * (rewards - 0.7 * (logp - start.log()))).sum()
    (wanted,) = torch.autograd.grad(objective, logits)
    assert torch.allclose(exact_gradient(logits, start, rewards, 0.7, n), wanted, atol=1e-12)


def test_following_the_gradient_ends_in_the_optimum():
    start = torch.tensor([0.8, 0.2], dtype=torch.float64)
    rewards = torch.tensor([1.0, 0.0], dtype=torch.float64)
    logits = start.log().clone().requires_grad_()
    for _ in range(300):
        gradient = exact_gradient(logits, start, rewards, 1.0, 2)
        with torch.no_grad():
            logits += 2.0 * gradient
    assert logits.softmax(-1).detach().numpy() == pytest.approx(np.array([0.9158, 0.0842]), abs=5e-5)


def test_siblings_are_compared_with_each_other_and_single_actions_with_their_step():
    weights = sibling_weights([1, 0, 1, 0, 0, 1], ["x", "x", "x", "p", "q", "r"], [0, 0, 0, 1, 1, 2])
    assert weights == pytest.approx([1 / 3, -2 / 3, 1 / 3, 0, 0, 0])
    assert sibling_weights([1, 0], ["p", "q"], [1, 1]) == [0.5, -0.5]


def test_the_clipped_objective_has_no_gain_beyond_its_bound():
    log_ratio = torch.tensor([0.0, 1.0, -1.0, 1.0, -1.0], requires_grad=True)
    weights = torch.tensor([1.0, 1.0, -1.0, -1.0, 1.0])
    gain = clipped_objective(log_ratio, weights, clip=0.2)
    assert gain.tolist() == pytest.approx([1.0, 1.2, -0.8, -math.e, math.exp(-1)])
    gain.sum().backward()
    assert log_ratio.grad.tolist() == pytest.approx([1.0, 0.0, 0.0, -math.e, math.exp(-1)])

"""OREO on small decision processes whose optimal policy and value are known exactly.

Soft value iteration (arXiv 2412.16145, section 3): `V*(s) = beta log sum_a pi_ref(a|s) exp(Q*(s,a) / beta)` and
`pi*(a|s) = pi_ref(a|s) exp((Q*(s,a) - V*(s)) / beta)`.
"""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from stepgym.train.losses import oreo_loss

DEPTH, ACTIONS = 3, 3


class Tree:
    """A deterministic tree; states are action prefixes, rewards sit at the leaves, every leaf is logged once."""

    def __init__(self, seed: int, *, observations: int = 0) -> None:
        rng = torch.Generator().manual_seed(seed)
        self.states = [s for n in range(DEPTH) for s in itertools.product(range(ACTIONS), repeat=n)]
        self.index = {s: i for i, s in enumerate(self.states)}
        self.leaves = list(itertools.product(range(ACTIONS), repeat=DEPTH))
        self.ref = torch.randn(len(self.states), ACTIONS, generator=rng, dtype=torch.float64).log_softmax(-1)
        self.reward = (torch.rand(len(self.leaves), generator=rng) < 0.4).double()
        # Between two actions the environment says `observations` tokens: positions that are no actions.
        self.stride = 1 + observations
        positions = DEPTH * self.stride
        self.rows = torch.zeros(len(self.leaves), positions, dtype=torch.long)
        self.choice = torch.zeros_like(self.rows)
        self.action = torch.zeros(len(self.leaves), positions, dtype=torch.bool)
        for leaf, path in enumerate(self.leaves):
            for depth in range(DEPTH):
                at = depth * self.stride
                self.rows[leaf, at : at + self.stride] = self.index[path[:depth]]
                self.choice[leaf, at] = path[depth]
                self.action[leaf, at] = True

    def solve(self, beta: float) -> tuple[Tensor, Tensor]:
        """V* `(states,)` and log pi* `(states, actions)`."""
        value = torch.zeros(len(self.states), dtype=torch.float64)
        log_policy = torch.zeros_like(self.ref)
        for state in reversed(self.states):
            children = [(*state, a) for a in range(ACTIONS)]
            q = torch.stack(
                [
                    self.reward[self.leaves.index(c)] if len(c) == DEPTH else value[self.index[c]]  # deterministic
                    for c in children
                ]
            )
            i = self.index[state]
            value[i] = beta * torch.logsumexp(self.ref[i] + q / beta, -1)
            log_policy[i] = self.ref[i] + (q - value[i]) / beta
        return value, log_policy

    def losses(
        self, logits: Tensor, value: Tensor, beta: float, level: str, *, mutant: str = ""
    ) -> tuple[Tensor, Tensor]:
        """Value and policy loss on the whole log; the observation tokens have log-ratios that must not count."""
        logp = logits.log_softmax(-1)[self.rows, self.choice]
        ref = self.ref[self.rows, self.choice] - torch.where(self.action, 0.0, 0.7)
        action, state = self.action, self.action
        if mutant == "observations count as actions":
            action = torch.ones_like(action)
        if mutant == "states shifted by one":
            state = state.roll(1, -1)
            state[:, 0] = False
        returns = self.reward.unsqueeze(-1).expand(self.rows.shape)
        return oreo_loss(logp, ref, value[self.rows], action, state, returns, beta=beta, level=level)

    def train(self, beta: float, level: str, steps: int, *, mutant: str = "") -> tuple[float, float]:
        """Maximal error of V and total variation of pi after training."""
        logits = self.ref.clone().requires_grad_()
        value = torch.zeros(len(self.states), dtype=torch.float64, requires_grad=True)
        # A logit must travel a distance of about 1 / beta.
        groups = [{"params": [logits], "lr": 0.02 / beta}, {"params": [value], "lr": 0.02}]
        optimizer = torch.optim.Adam(groups, betas=(0.9, 0.99))
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: 0.5 * (1 + math.cos(math.pi * t / steps)))
        for _ in range(steps):
            optimizer.zero_grad()
            sum(self.losses(logits, value, beta, level, mutant=mutant)).backward()
            optimizer.step()
            schedule.step()
        best_value, best_policy = self.solve(beta)
        variation = 0.5 * (logits.softmax(-1) - best_policy.exp()).abs().sum(-1).max()
        return float((value - best_value).detach().abs().max()), float(variation.detach())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("beta", "level", "observations"),
    [
        (1.0, "token", 0),
        (0.5, "token", 0),
        (0.1, "token", 0),
        (0.03, "token", 0),
        (0.5, "step", 1),
        (0.5, "onestep", 0),
        (0.5, "full", 0),
        (0.5, "response", 0),
    ],
)
def test_training_finds_the_optimum(beta: float, level: str, observations: int) -> None:
    value_error, variation = Tree(0, observations=observations).train(beta, level, 4000)
    assert value_error <= 1e-5
    assert variation <= 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("mutant", ["observations count as actions", "states shifted by one"])
def test_wrong_masks_are_caught_by_the_same_test(mutant: str) -> None:
    value_error, variation = Tree(0, observations=1).train(0.5, "token", 2000, mutant=mutant)
    assert value_error > 0.1
    assert variation > 0.1


@pytest.mark.parametrize("level", ["token", "step", "full", "response", "onestep"])
@pytest.mark.parametrize("beta", [1.0, 0.1, 0.03])
def test_the_optimum_has_zero_loss(level: str, beta: float) -> None:
    tree = Tree(1, observations=1)
    value, log_policy = tree.solve(beta)
    for loss in tree.losses(log_policy, value, beta, level):
        assert float(loss) == pytest.approx(0.0, abs=1e-20)


class Lottery:
    """Two actions with a random observation in between; the log is off-policy, expectations are exact."""

    chance = torch.tensor([[0.3, 0.7], [0.8, 0.2]], dtype=torch.float64)  # P(observation | first action)
    reward = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[0.5, 0.2], [1.0, 0.0]]], dtype=torch.float64)
    logged = torch.tensor([[[0.2, 0.8], [0.6, 0.4]], [[0.5, 0.5], [0.1, 0.9]]], dtype=torch.float64)

    def solve(self, beta: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """First-state value and log-policy, second-state values and log-policies; the reference is uniform."""
        uniform = math.log(0.5)
        second = beta * torch.logsumexp(uniform + self.reward / beta, -1)  # (first action, observation)
        second_policy = uniform + (self.reward - second.unsqueeze(-1)) / beta
        q = (self.chance * second).sum(-1)
        first = beta * torch.logsumexp(uniform + q / beta, -1)
        return first, uniform + (q - first) / beta, second, second_policy

    def gradient(self, beta: float, level: str) -> float:
        """Largest absolute gradient of the expected losses at the optimum."""
        first, first_policy, second, second_policy = (x.clone().requires_grad_() for x in self.solve(beta))
        total = torch.zeros((), dtype=torch.float64)
        for a, o, b in itertools.product(range(2), repeat=3):
            weight = 0.5 * self.chance[a, o] * self.logged[a, o, b]
            # Positions: the first action, the observation token (never an action), the second action.
            logp = torch.stack(
                [first_policy.log_softmax(-1)[a], torch.tensor(-5.0).double(), second_policy[a, o].log_softmax(-1)[b]]
            ).unsqueeze(0)
            values = torch.stack([first, torch.tensor(9.0).double(), second[a, o]]).unsqueeze(0)
            mask = torch.tensor([[True, False, True]])
            ref = torch.full((1, 3), math.log(0.5), dtype=torch.float64)
            returns = self.reward[a, o, b].expand(1, 3)
            total = total + weight * sum(oreo_loss(logp, ref, values, mask, mask, returns, beta=beta, level=level))
        grads = torch.autograd.grad(total, [first, first_policy, second, second_policy])
        return max(float(g.abs().max()) for g in grads)


@pytest.mark.parametrize("level", ["token", "step", "onestep"])
def test_stop_gradient_keeps_stochastic_environments_unbiased(level: str) -> None:
    assert Lottery().gradient(0.5, level) <= 1e-10


@pytest.mark.parametrize("level", ["full", "response"])
def test_full_and_response_are_biased_in_stochastic_environments(level: str) -> None:
    assert Lottery().gradient(0.5, level) > 1e-3

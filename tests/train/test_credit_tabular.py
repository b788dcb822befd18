"""Local credit in OREO on decision processes whose optimum is known exactly.

Soft value iteration (arXiv 2412.16145, section 3): `V*(s) = beta log sum_a pi_ref(a|s) exp(Q*(s,a) / beta)` and
`pi*(a|s) = pi_ref(a|s) exp((Q*(s,a) - V*(s)) / beta)`.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from stepgym.errors import InvalidInputError
from stepgym.train.credit_residuals import credited_residuals
from stepgym.train.credited_episodes import running_potential
from stepgym.train.losses import OREOResiduals, oreo_residuals

DEPTH, ACTIONS = 3, 3


class Tree:
    """A deterministic tree, every leaf logged once; each state-action pair has a credit of its own."""

    def __init__(self, seed: int = 0) -> None:
        rng = torch.Generator().manual_seed(seed)
        self.states = [s for n in range(DEPTH) for s in itertools.product(range(ACTIONS), repeat=n)]
        self.index = {s: i for i, s in enumerate(self.states)}
        self.leaves = list(itertools.product(range(ACTIONS), repeat=DEPTH))
        self.ref = torch.randn(len(self.states), ACTIONS, generator=rng, dtype=torch.float64).log_softmax(-1)
        self.outcome = (torch.rand(len(self.leaves), generator=rng) < 0.4).double()
        self.credit = torch.randint(-1, 2, self.ref.shape, generator=rng).double() * 0.3
        self.rows = torch.tensor([[self.index[leaf[:d]] for d in range(DEPTH)] for leaf in self.leaves])
        self.choice = torch.tensor(self.leaves)
        self.returns = self.outcome.unsqueeze(-1).expand(self.rows.shape)  # (leaves, positions)

    @property
    def logged_credit(self) -> Tensor:
        return self.credit[self.rows, self.choice]  # (leaves, positions)

    @property
    def potential(self) -> Tensor:
        rows = [running_potential(row) for row in self.logged_credit.numpy()]
        return torch.from_numpy(np.stack(rows))  # (leaves, positions)

    def solve(self, beta: float, credit: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """V* and log pi*; `credit` `(states, actions)` is added to the rewards."""
        value = torch.zeros(len(self.states), dtype=torch.float64)
        log_policy = torch.zeros_like(self.ref)
        for state in reversed(self.states):
            i = self.index[state]
            children = [(*state, a) for a in range(ACTIONS)]
            q = torch.stack(
                [self.outcome[self.leaves.index(c)] if len(c) == DEPTH else value[self.index[c]] for c in children]
            )
            q = q if credit is None else q + credit[i]
            value[i] = beta * torch.logsumexp(self.ref[i] + q / beta, -1)
            log_policy[i] = self.ref[i] + (q - value[i]) / beta
        return value, log_policy

    def losses(
        self, logits: Tensor, values: Tensor, beta: float, level: str, *, returns: Tensor, credit: Tensor | None = None
    ) -> Tensor:
        """Value plus policy loss; `values` by state, or by leaf and position."""
        logp = logits.log_softmax(-1)[self.rows, self.choice]
        everywhere = torch.ones_like(self.rows, dtype=torch.bool)
        values = values[self.rows] if values.ndim == 1 else values
        found = oreo_residuals(
            logp,
            self.ref[self.rows, self.choice],
            values,
            everywhere,
            everywhere,
            returns,
            beta=beta,
            level=level,
        )
        if credit is not None:
            found = credited_residuals(found, credit[self.rows, self.choice], level=level)
        return found.value.square().mean() + found.policy.square().mean()

    def train(self, beta: float, level: str, *, returns: Tensor, credit: Tensor | None = None) -> Tensor:
        """The policy after training from the reference."""
        logits = self.ref.clone().requires_grad_()
        value = torch.zeros(len(self.states), dtype=torch.float64, requires_grad=True)
        groups = [{"params": [logits], "lr": 0.03 / beta}, {"params": [value], "lr": 0.03}]
        optimizer = torch.optim.Adam(groups, betas=(0.9, 0.99))
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: 0.5 * (1 + math.cos(math.pi * t / 1500)))
        for _ in range(1500):
            optimizer.zero_grad()
            self.losses(logits, value, beta, level, returns=returns, credit=credit).backward()
            optimizer.step()
            schedule.step()
        return logits.detach().softmax(-1)


def variation(a: Tensor, b: Tensor) -> float:
    """The largest total variation of two policies over the states."""
    return float(0.5 * (a - b).abs().sum(-1).max())


@pytest.mark.parametrize("level", ["token", "step", "full", "response", "onestep"])
@pytest.mark.parametrize("beta", [1.0, 0.1, 0.03])
def test_with_shaping_the_optimal_policy_still_solves_the_equation(level, beta):
    tree = Tree()
    value, log_policy = tree.solve(beta)
    shaped = tree.returns - tree.potential
    assert float(tree.potential.abs().max()) > 0.1
    loss = tree.losses(log_policy, value[tree.rows] - tree.potential, beta, level, returns=shaped)
    assert float(loss) == pytest.approx(0.0, abs=1e-20)


@pytest.mark.slow
@pytest.mark.parametrize("level", ["token", "onestep"])
def test_training_on_shaped_returns_finds_the_same_policy(level):
    tree = Tree()
    best = tree.solve(0.5)[1].exp()
    assert variation(tree.train(0.5, level, returns=tree.returns - tree.potential), best) < 1e-4
    # The same credit inside the return to go leads elsewhere.
    to_go = tree.logged_credit.flip(-1).cumsum(-1).flip(-1)
    assert variation(tree.train(0.5, level, returns=tree.returns + to_go), best) > 0.1


def test_shaping_is_local_credit_at_one_step_level_only():
    """Before V knows anything, the residual of an action holds its own credit, or only that of the steps before."""
    tree = Tree()
    everywhere = torch.ones_like(tree.rows, dtype=torch.bool)
    ref = tree.ref[tree.rows, tree.choice]
    zero = torch.zeros_like(ref)

    def residual(returns: Tensor, level: str) -> Tensor:
        return oreo_residuals(ref, ref, zero, everywhere, everywhere, returns, beta=0.5, level=level).policy

    def moved(level: str) -> Tensor:
        return residual(tree.returns - tree.potential, level) - residual(tree.returns, level)

    not_last = slice(None, -1)
    assert torch.allclose(moved("onestep")[:, not_last], -tree.logged_credit[:, not_last])
    assert torch.allclose(moved("token"), tree.potential)
    assert torch.allclose(moved("step"), tree.potential)


@pytest.mark.parametrize("level", ["token", "step", "onestep"])
def test_credited_residuals_have_the_gradient_of_the_advantage_weighted_term(level):
    tree, beta = Tree(), 0.3
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(tree.ref.shape, generator=generator, dtype=torch.float64, requires_grad=True)
    value = torch.randn(len(tree.states), generator=generator, dtype=torch.float64, requires_grad=True)
    credited = tree.losses(logits, value, beta, level, returns=tree.returns, credit=tree.credit)
    logp = logits.log_softmax(-1)[tree.rows, tree.choice]
    term = -2 * beta * (tree.logged_credit * logp).mean()
    apart = tree.losses(logits, value, beta, level, returns=tree.returns) + term
    for a, b in zip(*(torch.autograd.grad(x, [logits, value]) for x in (credited, apart)), strict=True):
        assert torch.allclose(a, b, atol=1e-14)


def test_at_step_level_every_token_of_the_step_gets_the_gradient_of_its_credit():
    logp = torch.full((1, 5), -1.0, dtype=torch.float64, requires_grad=True)
    action = torch.tensor([[True, True, False, True, True]])
    state = torch.tensor([[True, False, False, True, False]])
    zero = torch.zeros(1, 5, dtype=torch.float64)
    found = oreo_residuals(logp, logp.detach(), zero, action, state, zero, beta=0.5, level="step")
    credit = torch.tensor([[1.0, 9.0, 9.0, -1.0, 9.0]])
    loss = credited_residuals(found, credit, level="step").policy.square().sum()
    (gradient,) = torch.autograd.grad(loss, logp)
    assert gradient.tolist() == [[-1.0, -1.0, 0.0, 1.0, 1.0]]


@pytest.mark.parametrize("level", ["token", "step", "onestep"])
def test_the_optimum_with_credit_of_mean_zero_is_that_of_reward_plus_credit(level):
    """At the predicted fixed point the expected gradient is zero; without credit it is not."""
    tree, beta = Tree(), 0.5
    centred = tree.credit - tree.credit.mean(-1, keepdim=True)  # every action of a state is logged equally often
    value, log_policy = (x.clone().requires_grad_() for x in tree.solve(beta, centred))

    def gradient(credit: Tensor | None) -> float:
        loss = tree.losses(log_policy, value, beta, level, returns=tree.returns, credit=credit)
        return max(float(g.abs().max()) for g in torch.autograd.grad(loss, [log_policy, value]))

    assert gradient(centred) < 1e-12
    assert gradient(None) > 1e-3


@pytest.mark.slow
def test_the_term_raises_what_is_proved_and_vanishes_with_its_weight():
    tree, beta = Tree(), 0.5
    best = tree.solve(beta)[1].exp()
    moved = {w: tree.train(beta, "token", returns=tree.returns, credit=w * tree.credit) for w in (0.0, 0.1, 1.0)}
    assert variation(moved[0.0], best) < 1e-4
    assert variation(moved[0.1], best) < 0.2 * variation(moved[1.0], best)
    assert variation(moved[1.0], best) > 0.05
    good, bad = tree.credit > 0, tree.credit < 0
    mixed = good.any(-1, keepdim=True) & bad.any(-1, keepdim=True)
    assert bool((moved[1.0] / best)[good & mixed].mean() > 1)
    assert bool((moved[1.0] / best)[bad & mixed].mean() < 1)


def test_one_state_ends_where_the_docstring_says():
    """e_a = c_a - mean(c) pi_a / mu_a, with credit whose mean is not 0."""
    beta = 0.5
    mu = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    ref = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64).log()
    reward = torch.tensor([1.0, 0.0, 0.5], dtype=torch.float64)
    credit = torch.tensor([0.1, 0.4, 0.2], dtype=torch.float64)
    logits, value = ref.clone().requires_grad_(), torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([logits, value], lr=0.02, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 600)

    def residuals() -> OREOResiduals:
        one = torch.ones(3, 1, dtype=torch.bool)
        found = oreo_residuals(
            logits.log_softmax(-1).unsqueeze(-1),
            ref.unsqueeze(-1),
            value.expand(3, 1),
            one,
            one,
            reward.unsqueeze(-1),
            beta=beta,
        )
        return credited_residuals(found, credit.unsqueeze(-1))

    for _ in range(600):
        optimizer.zero_grad()
        found = residuals()
        (mu.unsqueeze(-1) * (found.value.square() + found.policy.square())).sum().backward()
        optimizer.step()
        schedule.step()
    policy = logits.detach().softmax(-1)
    residual = value.detach() + beta * (policy.log() - ref) - reward
    expected = credit - (mu * credit).sum() * policy / mu
    assert torch.allclose(residual, expected, atol=1e-6)


class Chain:
    """At each of six positions: go on or stop; every token is proved, nothing is rewarded.

    Logged with the frequencies of the reference, which is uniform.
    """

    length = 6

    def __init__(self) -> None:
        n = self.length
        self.stops = torch.eye(n).long()  # (episodes, positions): episode k stops at position k
        self.action = torch.tril(torch.ones(n, n)).bool()
        self.chance = torch.tensor([0.5 ** min(k + 1, n) * (2 if k == n - 1 else 1) for k in range(n)]).double()
        self.chance /= self.chance.sum()

    def go_on(self, place: str) -> float:
        """The probability of going on from the start after training with credit 0.5 for each token."""
        n = self.length
        logits = torch.zeros(n, 2, dtype=torch.float64, requires_grad=True)
        value = torch.zeros(n, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.Adam([logits, value], lr=0.05)
        credit = torch.where(self.action, 0.5, 0.0).double()
        zero = torch.zeros_like(credit)
        ref = torch.full_like(credit, math.log(0.5))
        to_go = credit.flip(-1).cumsum(-1).flip(-1)
        for _ in range(400):
            optimizer.zero_grad()
            logp = logits.log_softmax(-1)[torch.arange(n).expand(n, n), self.stops]
            found = oreo_residuals(
                logp,
                ref,
                value.expand(n, n),
                self.action,
                self.action,
                to_go if place == "return to go" else zero,
                beta=0.5,
            )
            if place == "term":
                found = credited_residuals(found, credit)
            weight = self.chance.unsqueeze(-1)
            (weight * (found.value.square() + found.policy.square())).sum().backward()
            optimizer.step()
        return float(logits.detach().softmax(-1)[0, 0])


def test_credit_that_all_tokens_share_pays_for_length_in_the_return_and_not_in_the_term():
    assert Chain().go_on("nowhere") == pytest.approx(0.5, abs=1e-6)
    assert Chain().go_on("term") == pytest.approx(0.5, abs=0.02)
    assert Chain().go_on("return to go") > 0.7


@pytest.mark.parametrize("level", ["full", "response"])
def test_levels_without_a_residual_for_every_action_are_refused(level):
    tree = Tree()
    with pytest.raises(InvalidInputError, match="use level 'token'"):
        tree.losses(tree.ref, torch.zeros(13).double(), 0.5, level, returns=tree.returns, credit=tree.credit)


def test_credit_of_another_shape_is_refused():
    tree = Tree()
    everywhere = torch.ones_like(tree.rows, dtype=torch.bool)
    ref = tree.ref[tree.rows, tree.choice]
    found = oreo_residuals(ref, ref, ref, everywhere, everywhere, tree.returns, beta=0.5)
    with pytest.raises(InvalidInputError, match="credit must have shape"):
        credited_residuals(found, tree.logged_credit[:, 1:])

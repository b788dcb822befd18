r"""The bandit in one stored state: its optimum, and the weights of sampled and of logged actions.

In a stored state `s` an action is written, judged once and not carried out:

.. math::
    J(\theta) = \mathbb{E}_{s \sim T}\, \mathbb{E}_{a \sim \pi_\theta(\cdot|s)}
        \Big[ R(a|s) - \beta \log \frac{\pi_\theta(a|s)}{\pi_0(a|s)} \Big],
    \qquad \pi^*(a|s) \propto \pi_0(a|s)\, e^{R(a|s) / \beta}

No credit flows between steps, so no outcome is needed; and what is gained is bounded by the judge.

References:
    A. Goldie et al., https://arxiv.org/abs/2504.04736, section 2.2; the optimum follows from it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from stepgym.errors import InvalidInputError


def bandit_optimum(start: ArrayLike, rewards: ArrayLike, beta: float) -> NDArray[np.float64]:
    """`pi*` of a state: the start's probabilities of its actions, their rewards, and `beta > 0`, to probabilities."""
    if beta <= 0:
        raise InvalidInputError(f"beta must be positive, got {beta}")
    with np.errstate(divide="ignore"):
        scores = np.log(np.asarray(start, dtype=float)) + np.asarray(rewards, dtype=float) / beta
    weights = np.exp(scores - scores.max())
    return np.asarray(weights / weights.sum())


def bandit_weights(rewards: Tensor, log_ratio: Tensor, *, beta: float) -> Tensor:
    """The weights `w` of actions sampled in one state, for the loss `-sum(w * logp) / n`.

    The return of a sample is `R - beta * log(pi / pi_0)`, and its baseline is the mean return of the other samples,
    which leaves the gradient of `J` unbiased. A single sample has no baseline.

    Args:
        rewards: Of the samples. `(n,)`
        log_ratio: `log pi(a|s) - log pi_0(a|s)`, without gradient. `(n,)`
        beta: Strength of the pull to the start policy.

    Returns:
        `(n,)`, without gradient.
    """
    returns = (rewards - beta * log_ratio).detach()
    n = len(returns)
    return returns if n < 2 else (returns - returns.mean()) * (n / (n - 1))


def sibling_weights(rewards: Sequence[float], states: Sequence[Hashable], steps: Sequence[int]) -> list[float]:
    """The weight `r - b` of each logged action.

    The baseline is the mean reward of all logged actions of the same state where there are several; else the mean over
    all actions at this number of steps. Beyond the first state siblings need equal histories and are rare.

    Args:
        rewards: Of the actions.
        states: What tells whether two states are the same, `StepState.key`.
        steps: The number of each action in its episode.
    """
    by_state: dict[Hashable, list[float]] = defaultdict(list)
    by_step: dict[int, list[float]] = defaultdict(list)
    for reward, state, step in zip(rewards, states, steps, strict=True):
        by_state[state].append(reward)
        by_step[step].append(reward)

    def baseline(state: Hashable, step: int) -> float:
        group = by_state[state] if len(by_state[state]) > 1 else by_step[step]
        return sum(group) / len(group)

    return [r - baseline(state, step) for r, state, step in zip(rewards, states, steps, strict=True)]


def clipped_objective(log_ratio: Tensor, weights: Tensor, *, clip: float) -> Tensor:
    """`min(rho w, clamp(rho, 1 - clip, 1 + clip) w)` per action, `rho = exp(log_ratio)`: no gain beyond the clip.

    An action that was logged is not one that the policy writes now: without a bound a bad one could be pushed down
    for ever, and with it whatever resembles it.
    """
    ratio = log_ratio.clamp(max=20.0).exp()
    return torch.minimum(ratio * weights, ratio.clamp(1 - clip, 1 + clip) * weights)

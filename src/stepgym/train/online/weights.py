r"""What the log-probability of each step is multiplied by.

Setlur et al., Rewarding Progress, arXiv:2410.08146, equation 5: the gradient at the policy that acted is

.. math::
    \sum_h \nabla \log \pi(a_h | s_h) \, \big( Q^\pi(s_h, a_h) + \alpha A^\mu(s_h, a_h) \big),

with the observed outcome `R`, less a baseline `b`, for `Q^pi`. The progress `A^mu` of a step counts for that step
alone. Summed over the future it telescopes to `R - V^mu(s_h)`, and the whole to `(1 + alpha) R - alpha V^mu(s_h)`: the
outcome once more, and a baseline.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from stepgym.errors import InvalidInputError
from stepgym.train.credit import CreditWarning

Place = Literal["own-step", "return-to-go"]
Baseline = Literal["task", "batch", "none"]

_TELESCOPES = (
    "dense rewards in a return to go: progress telescopes, so that the sum is (1 + alpha) R - alpha V(x), the outcome "
    "once more and nothing about the step; other rewards pay for length or for silence. Credit each to its own step "
    "(place='own-step')"
)


def step_weights(
    outcome: float,
    rewards: Sequence[float] | NDArray[np.float32],
    *,
    baseline: float = 0.0,
    alpha: float = 1.0,
    place: Place = "own-step",
) -> NDArray[np.float32]:
    """`(R - b) + alpha * r_h` for each step (or token) with the dense reward `r_h`.

    Args:
        outcome: R.
        rewards: One for each step, in order.
        baseline: b, which must not depend on this episode.
        alpha: Weight of the dense rewards.
        place: "return-to-go" adds up the rewards of a step and of all later ones instead, and warns (`CreditWarning`).
    """
    check_place(place)
    dense = np.asarray(rewards, np.float64)
    if place == "return-to-go":
        dense = dense[::-1].cumsum()[::-1]
    weights: NDArray[np.float32] = (outcome - baseline + alpha * dense).astype(np.float32)
    return weights


def check_place(place: Place) -> None:
    """Refuse an unknown place, and warn of "return-to-go"."""
    if place not in get_args(Place):
        raise InvalidInputError(f"place must be one of {get_args(Place)}, got {place!r}")
    if place == "return-to-go":
        warnings.warn(_TELESCOPES, CreditWarning, stacklevel=3)


def baselines(outcomes: Sequence[float], tasks: Sequence[str], kind: Baseline) -> NDArray[np.float64]:
    """The baseline of each episode: the mean outcome of the *others*, so that no gradient is biased.

    "task" takes the other episodes of the same task; an episode that is alone with its task takes those of the batch,
    as "batch" does for all. Without any other episode it is 0.
    """
    values = np.asarray(outcomes, np.float64)
    if kind == "none" or len(values) < 2:
        return np.zeros(len(values))
    others: NDArray[np.float64] = (values.sum() - values) / (len(values) - 1)
    if kind == "batch":
        return others
    groups: Mapping[str, list[int]] = _by_task(tasks)
    for group in groups.values():
        if len(group) > 1:
            others[group] = (values[group].sum() - values[group]) / (len(group) - 1)
    return others


def _by_task(tasks: Sequence[str]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {}
    for index, task in enumerate(tasks):
        groups.setdefault(task, []).append(index)
    return groups

"""`StepCounts`: what the losses of one optimiser step are divided by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

from stepgym.train.layout import EpisodeLayout


class StepCounts(NamedTuple):
    """Normalisers of one optimiser step, over its micro-batches and over all processes.

    Attributes:
        states: State positions.
        actions: Action tokens.
        episodes_with_states, episodes_with_actions: Episodes that hold at least one of them.
        processes: Number of data-parallel processes; their gradients are averaged, so each loss is multiplied by it.
    """

    states: Tensor
    actions: Tensor
    episodes_with_states: Tensor
    episodes_with_actions: Tensor
    processes: int


def count_batch(inputs: Mapping[str, Tensor]) -> StepCounts:
    """The normalisers of one batch alone."""
    layout = EpisodeLayout.from_ids(inputs["episode_ids"])
    states = layout.to_episodes(inputs["state_mask"], False).sum(-1)
    actions = layout.to_episodes(inputs["action_mask"], False).sum(-1)
    return StepCounts(states.sum(), actions.sum(), (states > 0).sum(), (actions > 0).sum(), 1)

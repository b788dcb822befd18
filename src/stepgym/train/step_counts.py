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
        tokens: Tokens that have one before them in their segment, read or written.
        episodes_with_states, episodes_with_actions, episodes: Episodes that hold at least one of these.
        processes: Number of data-parallel processes; their gradients are averaged, so each loss is multiplied by it.
    """

    states: Tensor
    actions: Tensor
    tokens: Tensor
    episodes_with_states: Tensor
    episodes_with_actions: Tensor
    episodes: Tensor
    processes: int


def count_batch(inputs: Mapping[str, Tensor]) -> StepCounts:
    """The normalisers of one batch alone."""
    ids = inputs["episode_ids"]
    layout = EpisodeLayout.from_ids(ids)
    each = [layout.to_episodes(mask, False).sum(-1) for mask in (inputs["state_mask"], inputs["action_mask"], ids >= 0)]
    totals, episodes = [count.sum() for count in each], [(count > 0).sum() for count in each]
    return StepCounts._make((*totals, *episodes, 1))

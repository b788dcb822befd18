"""Where the positions of each episode lie in a batch: padded, packed, or spread over several rows.

The losses sum over *episodes*, the model runs over *rows*. `EpisodeLayout` moves tensors between the two views, so
that every sum below is a plain operation along one axis and episodes cannot leak into each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class EpisodeLayout:
    """Index maps between `(batch, positions)` and `(episodes, longest)`.

    Attributes:
        shape: `(batch, positions)` of the batch view.
        source: Flat index into the batch view of each kept position, ordered by episode, row, position. `(kept,)`
        episode: Row of each kept position in the episode view. `(kept,)`
        offset: Its column. `(kept,)`
        episodes: Number of episodes.
        longest: Positions of the longest episode.
    """

    shape: torch.Size
    source: Tensor
    episode: Tensor
    offset: Tensor
    episodes: int
    longest: int

    @classmethod
    def from_ids(cls, episode_ids: Tensor) -> EpisodeLayout:
        """The layout of `episode_ids` `(batch, positions)`.

        An id marks all positions of one episode, -1 marks padding. An id may stand in several rows (segments of one
        episode) and a row may hold several ids (packing); the order within an episode is (row, position).
        """
        flat = episode_ids.reshape(-1)
        kept = (flat >= 0).nonzero().squeeze(-1)  # (kept,)
        # A stable sort keeps (row, position) order inside each episode.
        ids, order = flat[kept].sort(stable=True)
        _, counts = torch.unique_consecutive(ids, return_counts=True)
        episodes = int(counts.numel())
        episode = torch.repeat_interleave(torch.arange(episodes, device=flat.device), counts)
        starts = counts.cumsum(0) - counts
        offset = torch.arange(ids.numel(), device=flat.device) - starts[episode]
        longest = int(counts.max()) if episodes else 0
        return cls(episode_ids.shape, kept[order], episode, offset, episodes, longest)

    def to_episodes(self, values: Tensor, fill: float | bool = 0.0) -> Tensor:
        """`values` `(batch, positions)` as `(episodes, longest)`, right-padded with `fill`."""
        out = values.new_full((self.episodes, self.longest), fill)
        return out.index_put((self.episode, self.offset), values.reshape(-1)[self.source])

    def to_batch(self, values: Tensor) -> Tensor:
        """The inverse of `to_episodes`; positions outside every episode become 0 or False."""
        out = values.new_zeros(self.shape.numel())
        out = out.index_put((self.source,), values[self.episode, self.offset])
        return out.reshape(self.shape)

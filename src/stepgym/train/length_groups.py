"""`LengthGroups`: an order of the episodes in which those of a batch are about equally long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from torch.utils.data import Sampler

from stepgym.train.cached_episodes import CachedEpisodes
from stepgym.train.tokenize import TokenizedEpisode

_POOL = 50


class LengthGroups(Sampler[int]):
    """Random pools of 50 batches, sorted by length within, the batches in random order; each episode once an epoch.

    The order depends on the seed and the epoch alone, so that a resumed run goes on in it. The first batch holds the
    longest episode of all: where memory does not suffice, that shows at once.

    Args:
        episodes: The data.
        batch_size: Episodes of one optimiser step, over all processes.
        seed: Of the order.
    """

    def __init__(self, episodes: Sequence[TokenizedEpisode], batch_size: int, *, seed: int) -> None:
        if isinstance(episodes, CachedEpisodes):
            self.lengths = episodes.lengths
        else:
            self.lengths = np.fromiter((e.tokens for e in episodes), np.int64, len(episodes))
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Take the order of this epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        rng = np.random.default_rng((self.seed, self.epoch))
        order = rng.permutation(len(self.lengths))
        pool = self.batch_size * _POOL
        for start in range(0, len(order), pool):
            part = order[start : start + pool]
            order[start : start + pool] = part[np.argsort(-self.lengths[part], kind="stable")]
        # Only whole batches change places: the last one may be smaller.
        whole = len(order) // self.batch_size
        batches = order[: whole * self.batch_size].reshape(whole, self.batch_size)
        places = rng.permutation(whole)
        if whole:
            longest = int(self.lengths[batches].max(axis=1).argmax())
            places = np.concatenate([[longest], places[places != longest]])
        shuffled = np.concatenate([batches[places].reshape(-1), order[whole * self.batch_size :]])
        return iter(shuffled.tolist())

"""Which episodes stood in the batch whose loss was not finite.

A batch carries no text. Its `episode_keys` are hashes of the episodes' ids; the ids are looked up in the data only when
something went wrong.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from stepgym.errors import StepgymError
from stepgym.train.tokenize import TokenizedEpisode

KEYS = "episode_keys"
_SHOWN = 16


class NonFiniteError(StepgymError):
    """Training was stopped because a loss, a gradient or a weight is NaN or infinite; nothing was saved after it."""


@dataclass(frozen=True, slots=True)
class WithKeys:
    """A collator that adds `episode_keys`, int64 `(episodes,)`, in the order in which the episodes were drawn.

    Attributes:
        collate: Makes the batch.
    """

    collate: Callable[[Sequence[TokenizedEpisode]], dict[str, Tensor]]

    def __call__(self, episodes: Sequence[TokenizedEpisode]) -> dict[str, Tensor]:
        """The batch of `episodes` with their keys."""
        return {**self.collate(episodes), KEYS: torch.tensor([key(e.id) for e in episodes])}


def key(episode_id: str) -> int:
    """A hash of the id that fits into an int64."""
    digest = hashlib.blake2b(episode_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def named(keys: Iterable[int], episodes: Iterable[TokenizedEpisode]) -> str:
    """The ids behind `keys`, in the order of `episodes`, for a message."""
    wanted = set(keys)
    ids = [e.id for e in episodes if key(e.id) in wanted] if wanted else []
    more = f" and {len(ids) - _SHOWN:,} more" if len(ids) > _SHOWN else ""
    return ", ".join(repr(i) for i in ids[:_SHOWN]) + more if ids else "not known"

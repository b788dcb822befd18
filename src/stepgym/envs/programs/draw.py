"""`Draw`: random choices that stay the same in every version of Python and NumPy."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draw:
    """A stream of choices named by a text; the same name gives the same choices for ever.

    Only `random.Random.random` is used, the one method whose values Python promises to keep for a seed: a task's id
    spells its seed, and the same id has to give the same task in every version.

    Args:
        name: What the stream is for, seed included.
    """

    def __init__(self, name: str) -> None:
        self._random = random.Random(name).random

    def below(self, end: int) -> int:
        """An integer from 0 to `end` - 1."""
        return int(self._random() * end)

    def between(self, low: int, high: int) -> int:
        """An integer from `low` to `high`, both included."""
        return low + int(self._random() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self._random() < probability

    def choice(self, items: Sequence[T]) -> T:
        """One of `items`."""
        return items[int(self._random() * len(items))]

    def sample(self, items: Sequence[T], count: int) -> list[T]:
        """`count` different places of `items` (all if there are fewer), in random order."""
        pool = list(items)
        return [pool.pop(int(self._random() * len(pool))) for _ in range(min(count, len(pool)))]

"""`Backoff`: how often to ask again and how long to wait before."""

from __future__ import annotations

import random
from dataclasses import dataclass

from stepgym.errors import InvalidInputError

_JITTER = random.Random()  # apart from every seeded generator: waiting times decide nothing about the samples


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential waiting with jitter.

    Attributes:
        attempts: How often a request is sent at most.
        first: Seconds before the second attempt; doubled from attempt to attempt.
        longest: Most seconds of one wait. A longer `Retry-After` counts, up to ten times this.
    """

    attempts: int = 8
    first: float = 0.5
    longest: float = 30.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise InvalidInputError(f"attempts must be at least 1, got {self.attempts}")
        if not 0 <= self.first <= self.longest:
            raise InvalidInputError(f"expected 0 <= first <= longest seconds, got {self.first} and {self.longest}")

    def delay(self, failures: int, *, retry_after: float | None = None) -> float:
        """Seconds to wait after the `failures`-th failure of a request, `failures` >= 1.

        Half of the wait is random, so that requests that failed together do not come back together.
        """
        wait = min(self.longest, self.first * 2.0 ** min(failures - 1, 60)) * (0.5 + 0.5 * _JITTER.random())
        asked = min(retry_after or 0.0, 10 * self.longest)
        return asked + 0.1 * wait if asked > wait else wait

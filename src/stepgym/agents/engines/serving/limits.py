"""`PerMinute`: at most so many requests or tokens a minute, spread evenly."""

from __future__ import annotations

import asyncio
import time

from stepgym.errors import InvalidInputError


class PerMinute:
    """Lets `limit` units a minute pass, evenly spaced, so that no window of a minute sees more than one call above it.

    Args:
        limit: Units a minute; None lets everything pass.
        what: The word for error messages.
    """

    def __init__(self, limit: float | None, *, what: str) -> None:
        if limit is not None and limit <= 0:
            raise InvalidInputError(f"{what} must be positive or None, got {limit}")
        self._seconds = 0.0 if limit is None else 60.0 / limit
        self._free_at = 0.0

    async def take(self, amount: float = 1.0) -> None:
        """Waits until `amount` units may pass; calls pass in the order they came."""
        if not self._seconds:
            return
        now = time.monotonic()
        start = max(now, self._free_at)
        self._free_at = start + amount * self._seconds
        if start > now:
            await asyncio.sleep(start - now)

    def give_back(self, amount: float) -> None:
        """Units that were taken and then not used."""
        self._free_at -= amount * self._seconds

"""`Progress`: what a collection shows of itself while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any

from stepgym.agents.rollout.collected import Collected, Tally

_EVERY = 0.5  # seconds


class Progress:
    """Shows how far a collection is, twice a second, whatever the episodes do.

    Args:
        tally: What is counted.
        show: A function that is called with what was done so far; True shows a bar on a terminal.
    """

    def __init__(self, tally: Tally, show: bool | Callable[[Collected], None]) -> None:
        self._tally = tally
        self._show = show
        self._bar: Any = None
        self._ticker: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Progress:
        if not callable(self._show) and self._show:
            from tqdm import tqdm

            self._bar = tqdm(total=self._tally.total, unit=" episodes", disable=None, dynamic_ncols=True)
        if callable(self._show) or (self._bar is not None and not self._bar.disable):
            self._ticker = asyncio.ensure_future(self._tick())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ticker is not None:
            self._ticker.cancel()
            await asyncio.wait([self._ticker])
            if not self._ticker.cancelled() and error is None:
                self._ticker.result()  # what the function raised
            if error is None:
                self._refresh()
        if self._bar is not None:
            self._bar.close()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            self._refresh()

    def _refresh(self) -> None:
        now = self._tally.summary(with_episodes=False)
        if callable(self._show):
            self._show(now)
            return
        self._bar.n = now.finished + now.skipped + now.spared
        self._bar.initial = now.skipped + now.spared  # they cost no time
        self._bar.set_postfix_str(in_short(now), refresh=False)
        self._bar.refresh()


def in_short(now: Collected) -> str:
    """How it goes, in a few words: successes, tokens per second, failures by kind."""
    judged = now.successes + now.failures
    parts = [f"success {now.successes / judged:.1%}"] if judged else []
    if now.tokens and now.seconds:
        parts.append(f"{now.tokens / now.seconds:,.0f} tokens/s")
    cut = {end: now.ends.get(end, 0) for end in ("context", "error")}
    parts += [f"{count} {end}" for end, count in cut.items() if count]
    parts += [f"{count} {kind} failures" for kind, count in sorted(now.failures_by_kind.items())]
    return ", ".join(parts)

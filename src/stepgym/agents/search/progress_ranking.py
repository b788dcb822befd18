"""Ranking the steps of a beam by what they change, beside where they lead: process advantage verifiers (PAV).

Setlur et al., Rewarding Progress: Scaling Automated Process Verifiers for LLM Reasoning, arXiv:2410.08146, section 4,
appendix C.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from stepgym.agents.policy import ValueFunction
from stepgym.agents.progress.best_of import bok_plug_in, check_best_of
from stepgym.agents.progress.ranking import effective_reward
from stepgym.agents.search.partial import Partial
from stepgym.agents.search.scoring import Scorer
from stepgym.errors import InvalidInputError

_Ids = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ProgressRanking:
    """Ranks a step by `Q^pi + alpha A^mu` of that step alone; what was gained before it does not count.

    Attributes:
        alpha: Weight of the progress; 0 is ranking by Q. The paper: 0.5 (2B, 9B), 0.2 (27B).
        best_of: The prover is the best of so many continuations of `prover`, which costs nothing: `1 - (1 - Q)^k` of
            its prediction, clipped to [0, 1]. The paper: 4.
        prover: Another value function for the prover; None takes the one that gives Q.
    """

    alpha: float = 0.5
    best_of: int = 4
    prover: ValueFunction | None = None

    def __post_init__(self) -> None:
        check_best_of(self.best_of)
        if not math.isfinite(self.alpha) or self.alpha < 0:
            raise InvalidInputError(f"alpha must be a number of at least 0, got {self.alpha!r}")


class StepScorer:
    """Reads Q of partial answers and ranks them.

    Args:
        value: Gives Q.
        tokenizer: As in `Scorer`, like `after_end`.
        progress: How to rank; by Q alone if None.
        after_end: As in `Scorer`.
    """

    def __init__(
        self, value: ValueFunction, tokenizer: Any, *, progress: ProgressRanking | None, after_end: bool = False
    ) -> None:
        self._progress = progress
        self._value = Scorer(value, tokenizer, after_end=after_end)
        other = None if progress is None else progress.prover
        self._prover = None if other is None else Scorer(other, tokenizer, after_end=after_end)

    @property
    def tokens(self) -> int:
        """Tokens read so far."""
        return self._value.tokens + (0 if self._prover is None else self._prover.tokens)

    async def start(self, prompt: _Ids) -> Partial:
        """The empty answer; with a prover its chance, which the first step is compared with."""
        return (await self._read(prompt, [Partial()]))[0] if self._progress else Partial()

    async def score(self, prompt: _Ids, steps: Sequence[tuple[Partial, Partial]]) -> list[Partial]:
        """For each pair of an answer and the same with one more step the latter, with all its scores."""
        grown = await self._read(prompt, [after for _, after in steps])
        return [self._ranked(before, after) for (before, _), after in zip(steps, grown, strict=True)]

    async def _read(self, prompt: _Ids, partials: Sequence[Partial]) -> list[Partial]:
        rows = [(prompt, partial.ids) for partial in partials]
        q = [score or 0.0 for score in await self._value.score(rows)]
        if self._progress is None:
            return [replace(partial, score=a) for partial, a in zip(partials, q, strict=True)]
        other = q if self._prover is None else [score or 0.0 for score in await self._prover.score(rows)]
        best_of = self._progress.best_of
        chances = [bok_plug_in(min(1.0, max(0.0, value)), best_of) for value in other]
        return [replace(partial, score=a, chance=b) for partial, a, b in zip(partials, q, chances, strict=True)]

    def _ranked(self, before: Partial, after: Partial) -> Partial:
        if self._progress is None or before.chance is None or after.chance is None:
            return replace(after, rank=after.score)
        advantage = after.chance - before.chance
        rank = effective_reward(after.score, advantage, alpha=self._progress.alpha)
        return replace(after, advantage=advantage, rank=rank)

"""`CollectBudget`: what a collection may spend before it starts no further episodes."""

from __future__ import annotations

from dataclasses import dataclass

from stepgym.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class CollectBudget:
    """Limits of one call of `collect`; the first that is reached ends it.

    No further episode is then begun and those in flight are played to their end, so that a budget never cuts an
    episode short; up to `concurrency` episodes come on top of `tokens` and `minutes`. Which episodes are left over
    depends on timing; the same call with the same log plays them. What an earlier call wrote does not count.

    Attributes:
        episodes: Most episodes to play; None for all.
        tokens: Tokens to be written by the policy, counted when an episode ends, where the policy gives ids or its
            server counts them (`usage.completion_tokens`); a policy that does neither never reaches it.
        minutes: Wall time.
    """

    episodes: int | None = None
    tokens: int | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        for name in ("episodes", "tokens", "minutes"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InvalidInputError(f"the budget's {name} must be above 0 (None is no limit), got {value!r}")

    def reached(self, *, episodes: int, tokens: int, seconds: float) -> str:
        """The limit that is reached by what was begun and spent, in words; "" for none."""
        if self.episodes is not None and episodes >= self.episodes:
            return f"the budget of {self.episodes:,} episodes"
        if self.tokens is not None and tokens >= self.tokens:
            return f"the budget of {self.tokens:,} tokens"
        if self.minutes is not None and seconds >= 60 * self.minutes:
            return f"the budget of {self.minutes:g} minutes"
        return ""

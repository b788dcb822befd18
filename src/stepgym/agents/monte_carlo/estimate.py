"""What is kept of roll-outs: `RollOut`, one continuation of a prefix, and `McEstimate`, what those of a prefix say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from stepgym.agents.statistics import Interval, pass_at_k, wilson_interval
from stepgym.errors import InvalidInputError

Result = Literal["success", "failure", "truncated", "undecided"]


@dataclass(frozen=True, slots=True)
class RollOut:
    """One continuation of a prefix; `prefix`, `policy`, `seed` and `index` together are its id.

    Attributes:
        prefix: `Prefix.key`.
        policy: Who played on, and how: `stepgym.agents.policy_id`.
        seed: Of the series of roll-outs.
        index: Its number in the series.
        result: "truncated" was cut by the system, "undecided" could not be judged: neither is evidence of the value.
        outcome: Sum of rewards; None where there is none.
        tokens: Tokens written after the prefix.
    """

    prefix: str
    policy: str
    seed: int
    index: int
    result: Result
    outcome: float | None = None
    tokens: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RollOut:
        """The inverse of `to_dict`; raises `InvalidInputError` for a record of another form."""
        try:
            found = cls(**cast(Any, data))
        except TypeError as error:
            raise InvalidInputError(f"not a roll-out: {error}") from error
        texts, numbers = (found.prefix, found.policy), (found.seed, found.index)
        if not all(isinstance(x, str) for x in texts) or not all(type(x) is int and x >= 0 for x in numbers):
            raise InvalidInputError("a roll-out needs prefix and policy as texts, seed and index as whole numbers")
        if found.result not in get_args(Result):
            raise InvalidInputError(f"the result of a roll-out must be one of {get_args(Result)}, got {found.result!r}")
        return found


@dataclass(frozen=True, slots=True)
class McEstimate:
    """What the roll-outs from one prefix say about its value.

    Attributes:
        n: Roll-outs that came to an end and were judged.
        c: Successes among them.
        truncated: Roll-outs cut by the system, not in `n`.
        undecided: Roll-outs that could not be judged, not in `n`.
    """

    n: int = 0
    c: int = 0
    truncated: int = 0
    undecided: int = 0

    @property
    def mean(self) -> float | None:
        """The estimated value, `c / n`; None without roll-outs."""
        return self.c / self.n if self.n else None

    @property
    def standard_error(self) -> float | None:
        """`sqrt(p (1 - p) / n)`; None without roll-outs. It is 0 where all agree: use `interval` there."""
        return None if self.mean is None else math.sqrt(self.mean * (1 - self.mean) / self.n)

    def interval(self, *, confidence: float = 0.95) -> Interval:
        """The value with its Wilson interval; all of [0, 1] without roll-outs."""
        return wilson_interval(self.c, self.n, confidence=confidence) if self.n else Interval(0.5, 0.0, 1.0)

    def best_of(self, k: int) -> float:
        """The value under the best of `k` continuations, unbiased: `1 - C(n - c, k) / C(n, k)`, for `k <= n`."""
        return pass_at_k(self.n, self.c, k)

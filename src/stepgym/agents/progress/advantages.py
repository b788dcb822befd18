"""`progress`: by how much each step changes the chance of success.

Setlur et al., Rewarding Progress: Scaling Automated Process Verifiers for LLM Reasoning, arXiv:2410.08146, equation 2.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from stepgym.agents.progress.chance import Chance, Value, chance_of
from stepgym.errors import InvalidInputError

SIGNIFICANT = 2.0
"""Standard errors from which an advantage counts as more than noise."""


@dataclass(frozen=True, slots=True)
class Progress:
    """One step's advantage `A = after - before`.

    Attributes:
        before: The value of the state before the step; None where it is unknown.
        after: That of the state after it, likewise.
        advantage: The difference; None where one of them is unknown.
        standard_error: `sqrt(p1 (1 - p1) / n1 + p0 (1 - p0) / n0)`, 0 between exact values.
        significant: Whether the advantage is at least 2 standard errors from 0. Where all roll-outs of a state agree,
            its share of the error is taken as if one more had succeeded and one more had failed, since the formula
            would call it certain. Between exact values: whether they differ. None where the advantage is unknown.
    """

    before: float | None
    after: float | None
    advantage: float | None = None
    standard_error: float | None = None
    significant: bool | None = None


def progress(values: Sequence[Value | None], *, best_of: int = 1) -> tuple[Progress, ...]:
    """The advantage of each step under the policy (the prover) whose values are given.

    `A_h = Q_h - Q_{h-1}`, where `Q_h` is the chance that the prover, playing on after step h, succeeds. The advantages
    of an episode sum to its outcome minus the value of its task: added up over the future they say no more than the
    outcome does, so credit each to its own step only.

    Args:
        values: Of the states of an episode in order: the task alone, then after each step; the value after the last
            step is the outcome. Estimates, numbers (which count as exact), or None for what is not known.
        best_of: The prover is the best of so many continuations, see `bok`. Estimates from fewer roll-outs are unknown.

    Returns:
        One record a step, one fewer than values.

    Raises:
        InvalidInputError: Fewer than two values, or one that is not finite.
    """
    if len(values) < 2:
        raise InvalidInputError(f"a step lies between two states: expected two values or more, got {len(values)}")
    chances = [chance_of(value, best_of=best_of) for value in values]
    return tuple(difference(before, after) for before, after in itertools.pairwise(chances))


def difference(before: Chance | None, after: Chance | None) -> Progress:
    """The step between two states."""
    if before is None or after is None:
        return Progress(None if before is None else before.mean, None if after is None else after.mean)
    advantage = after.mean - before.mean
    threshold = SIGNIFICANT * math.sqrt(before.cautious + after.cautious)
    significant = abs(advantage) >= threshold if threshold else advantage != 0
    error = math.sqrt(before.variance + after.variance)
    return Progress(before.mean, after.mean, advantage, error, significant)

"""Ranking steps by where they lead and by what they change."""

from __future__ import annotations

from collections.abc import Sequence

from stepgym.errors import InvalidInputError


def effective_reward(q: float, advantage: float, *, alpha: float) -> float:
    """`Q^pi + alpha A^mu` of a step: where the policy stands after it, and what it changed for the prover.

    References:
        Setlur et al., Rewarding Progress, arXiv:2410.08146, equation 5.
    """
    return q + alpha * advantage


def rank_steps(q: Sequence[float], advantages: Sequence[float], *, alpha: float) -> list[int]:
    """Indices of candidate steps, best first by `effective_reward`; of equal ones the earlier comes first.

    Only the step just taken counts, whatever was gained before it. With `alpha=0` it is ranking by Q; a larger one
    prefers steps that gain from a worse state to steps that lose a little from a better one.
    """
    if len(q) != len(advantages):
        raise InvalidInputError(f"expected an advantage for each value, got {len(q)} values, {len(advantages)}")
    scores = [effective_reward(a, b, alpha=alpha) for a, b in zip(q, advantages, strict=True)]
    return sorted(range(len(scores)), key=lambda index: -scores[index])

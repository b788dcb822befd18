"""What `k` of a task's samples would give: at least one success, and the vote of the majority, exactly."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from stepgym.agents.statistics.numbers import Floats
from stepgym.errors import InvalidInputError

_MOST_SAMPLES = 1_000  # above, binomial coefficients leave the range of a float


def pass_at_k(samples: int, successes: int, k: int) -> float:
    """Probability that at least one of `k` of the `samples` drawn without replacement is a success, unbiased.

    `1 - C(samples - successes, k) / C(samples, k)`.

    References:
        M. Chen et al., Evaluating large language models trained on code, arXiv:2107.03374, equation 1.
    """
    if not (0 <= successes <= samples and 1 <= k <= samples):
        raise InvalidInputError(
            f"expected 0 <= successes <= samples and 1 <= k <= samples, got {successes=}, {samples=}, {k=}"
        )
    return 1.0 - math.comb(samples - successes, k) / math.comb(samples, k)


def majority_at_k(answers: Sequence[str], solved: Sequence[float], k: int) -> float:
    """Probability that the most frequent answer of `k` samples drawn without replacement is right, unbiased.

    The exact mean over all subsets of size `k`, by counting and not by drawing: of equally frequent answers each is
    elected equally often, which is what taking the one that came first amounts to. An answer counts as right as far as
    its samples do. 256 samples take 0.1 s.

    Args:
        answers: What each sample votes for; "" does not vote, and a subset without a vote is not solved.
        solved: 1 or 0 for each sample.
        k: From 1 to the number of samples.
    """
    total = len(answers)
    if not 1 <= k <= total <= _MOST_SAMPLES or len(solved) != total:
        raise InvalidInputError(
            f"expected as many answers as outcomes, at most {_MOST_SAMPLES:,}, and 1 <= k <= their number, "
            f"got {total} answers, {len(solved)} outcomes and k={k}"
        )
    counts = Counter(answers)
    right: dict[str, float] = defaultdict(float)
    for answer, outcome in zip(answers, solved, strict=True):
        right[answer] += outcome
    silent = counts.pop("", 0)
    candidates = [(count, right[answer] / count) for answer, count in counts.items()]
    most = max((count for count, _ in candidates), default=0)
    found = sum(_elected(candidates, silent, k, votes) for votes in range(1, min(k, most) + 1))
    return min(1.0, found / math.comb(total, k))


def _elected(candidates: Sequence[tuple[int, float]], silent: int, k: int, votes: int) -> float:
    """Subsets of size `k` whose leading answers have exactly `votes`, weighted by how right the elected one is.

    `ways[marked, size, leaders]` counts subsets; in `marked = 1` one of the leaders is chosen, weighted by its share.
    """
    ways: Floats = np.zeros((2, k + 1, k // votes + 1))
    for size in range(min(silent, k) + 1):
        ways[0, size, 0] = math.comb(silent, size)
    for count, share in candidates:
        grown = np.zeros_like(ways)
        for taken in range(min(count, votes - 1, k) + 1):
            grown[:, taken:] += math.comb(count, taken) * ways[:, : k + 1 - taken]
        if count >= votes:
            leading = math.comb(count, votes) * ways[:, : k + 1 - votes, :-1]
            grown[:, votes:, 1:] += leading
            grown[1, votes:, 1:] += share * leading[0]
        ways = grown
    leaders = np.arange(1, ways.shape[2])
    return float((ways[1, k, 1:] / leaders).sum())

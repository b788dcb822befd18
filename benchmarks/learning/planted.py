"""The planted-sequence task of Setlur et al. (arXiv:2410.08146, section 3.3 and appendix B), solved exactly.

Ten tokens out of 0 to 14 are written; 14 ends. A text succeeds if 3 6 0 3 5 stands in it. What matters of a text is its
length t and k, the length of the longest beginning of the sequence that the text ends with, so every value is a table
over (t, k) and comes from dynamic programming. The paper's text and figure differ in the tokens (1 to 15, 1 to 14, and
a 0 in the sequence): 0 to 14 is what fits them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stepgym.agents.progress import ProverState

Floats = NDArray[np.float64]

SEQUENCE = (3, 6, 0, 3, 5)
LENGTH = 10
TOKENS = 15
END = 14
STATES = len(SEQUENCE)  # k before the sequence is complete
DONE, LOST = STATES, STATES + 1


def _matched() -> NDArray[np.intp]:
    """`(k, token) -> k` of the text one token longer."""
    found = np.zeros((STATES, TOKENS), dtype=np.intp)
    for k in range(STATES):
        for token in range(TOKENS):
            text = (*SEQUENCE[:k], token)
            found[k, token] = max(j for j in range(k + 2) if text[len(text) - j :] == SEQUENCE[:j])
    found[:, END] = LOST
    return found


NEXT = _matched()


def prover(gamma: float) -> Floats:
    """`mu_gamma(token | k)`, (k, token): weight gamma on the token that goes on with the sequence, 1 on the others."""
    weights = np.ones((STATES, TOKENS))
    weights[np.arange(STATES), SEQUENCE] = gamma
    return np.asarray(weights / weights.sum(1, keepdims=True))


@dataclass(frozen=True, slots=True)
class Values:
    """`v` (..., t, k) and `q` (..., t, k, token) of a policy."""

    v: Floats
    q: Floats

    @property
    def advantages(self) -> Floats:
        """(..., t, k, token)."""
        return self.q - self.v[..., None]


def values(policy: Floats) -> Values:
    """Exact values of `policy` (..., t, k, token), or (k, token) for one that does not look at t."""
    if policy.ndim == 2:
        policy = np.broadcast_to(policy, (LENGTH, *policy.shape))
    after = np.zeros((*policy.shape[:-3], STATES + 2))
    after[..., DONE] = 1.0
    v, q = np.empty(policy.shape[:-1]), np.empty(policy.shape)
    for t in reversed(range(LENGTH)):
        q[..., t, :, :] = after[..., NEXT]
        v[..., t, :] = (policy[..., t, :, :] * q[..., t, :, :]).sum(-1)
        after[..., :STATES] = v[..., t, :]
    return Values(v, q)


def visits(policy: Floats) -> Floats:
    """(t, k): how often a text of `policy` (k, token) comes there before its sequence is complete or it ends."""
    found = np.zeros((LENGTH, STATES))
    found[0, 0] = 1.0
    for t in range(LENGTH - 1):
        going = np.zeros(STATES + 2)
        np.add.at(going, NEXT, found[t][:, None] * policy)
        found[t + 1] = going[:STATES]
    return found


def prover_states(policy: Floats, proving: Floats) -> list[ProverState]:
    """All states of the task for `prover_report`; a token that ends the text, or its sequence, is terminal."""
    mine, its, often = values(policy), values(proving), visits(policy)
    return [
        ProverState(
            tuple(policy[k].tolist()),
            tuple(mine.q[t, k].tolist()),
            tuple(its.q[t, k].tolist()),
            float(its.v[t, k]),
            float(mine.v[t, k]),
            tuple(bool(t == LENGTH - 1 or following >= DONE) for following in NEXT[k]),
            float(often[t, k]),
        )
        for t in range(LENGTH)
        for k in range(STATES)
        if often[t, k] > 0
    ]

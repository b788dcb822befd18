"""REINFORCE with a softmax table on the planted sequence, many runs at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from learning.planted import DONE, LENGTH, NEXT, STATES, TOKENS, Floats, prover, values
from numpy.typing import NDArray

BATCH = 64
WON = 0.5
Strength = float | None
"""A prover's gamma; None is the outcome alone."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How a policy learns: optimiser, step size, the `mu_start` it begins as, and after how many updates to give up."""

    optimiser: Literal["Adam", "SGD"]
    step: float
    start: float
    updates: int

    def __str__(self) -> str:
        return f"{self.optimiser}, step {self.step:g}, from mu_{self.start:g}"


class Optimiser:
    """Gradient ascent, or Adam with its usual constants, on a stack of tables."""

    def __init__(self, setting: Setting, shape: tuple[int, ...]) -> None:
        self._setting = setting
        self._first, self._second, self._updates = np.zeros(shape), np.zeros(shape), 0

    def keep(self, runs: NDArray[np.bool_]) -> None:
        self._first, self._second = self._first[runs], self._second[runs]

    def step(self, gradient: Floats) -> Floats:
        if self._setting.optimiser == "SGD":
            return self._setting.step * gradient
        self._updates += 1
        self._first = 0.9 * self._first + 0.1 * gradient
        self._second = 0.999 * self._second + 0.001 * gradient**2
        first, second = self._first / (1 - 0.9**self._updates), self._second / (1 - 0.999**self._updates)
        return self._setting.step * first / (np.sqrt(second) + 1e-8)


def updates_needed(setting: Setting, strengths: Sequence[Strength], seeds: Sequence[int]) -> NDArray[np.int64]:
    """(strength, seed): updates until the policy succeeds half of the time; -1 where it never did.

    The gradient of a sampled token is weighted by `R + A^mu(t, k, token)`: the outcome counts for every token, the
    exact advantage of the prover for its own token only (equation 5 with alpha = 1 and R for Q^pi). There is no
    baseline. Success is exact, not sampled. Runs with the same seed draw from the same random numbers.
    """
    runs = [(strength, seed) for strength in strengths for seed in seeds]
    exact = {s: 0.0 if s is None else values(prover(s)).advantages for s in strengths}
    bonus = np.stack([np.broadcast_to(exact[s], (LENGTH, STATES, TOKENS)) for s, _ in runs])
    table = np.log(np.broadcast_to(prover(setting.start), bonus.shape))  # (run, t, k, token)
    optimiser = Optimiser(setting, table.shape)
    generators = {seed: np.random.default_rng(seed) for seed in seeds}
    found = np.full(len(runs), -1, dtype=np.int64)
    left = np.arange(len(runs))
    for update in range(setting.updates + 1):
        policy = np.exp(table - table.max(-1, keepdims=True))
        policy /= policy.sum(-1, keepdims=True)
        won = values(policy).v[:, 0, 0] >= WON
        if won.any():
            found[left[won]] = update
            optimiser.keep(~won)
            left, table, policy, bonus = left[~won], table[~won], policy[~won], bonus[~won]
            if not len(left):
                break
        drawn = {seed: generators[seed].random((LENGTH, BATCH)) for seed in {runs[i][1] for i in left}}
        chances = np.stack([drawn[runs[i][1]] for i in left], axis=1)  # (t, run, text)
        table = table + optimiser.step(gradient(policy, bonus, chances))
    return found.reshape(len(strengths), len(seeds))


def gradient(policy: Floats, bonus: Floats, chances: Floats) -> Floats:
    """Mean over the texts of `sum_t (R + A) grad log pi`, (run, t, k, token)."""
    count = len(policy)
    below = policy.cumsum(-1)
    run = np.arange(count)[:, None]
    k = np.zeros(chances.shape[1:], dtype=np.intp)
    where, tokens = np.empty(chances.shape, dtype=np.intp), np.empty(chances.shape, dtype=np.intp)
    for t in range(LENGTH):
        where[t] = k
        at = np.minimum(k, STATES - 1)
        tokens[t] = np.minimum((chances[t][..., None] >= below[run, t, at]).sum(-1), TOKENS - 1)
        k = np.where(k < STATES, NEXT[at, tokens[t]], k)
    written = where < STATES  # (t, run, text): not masked
    at = np.minimum(where, STATES - 1)
    t = np.arange(LENGTH)[:, None, None]
    weights = np.where(written, (k == DONE) + bonus[run[None], t, at, tokens], 0.0)
    cell = (run[None] * LENGTH + t) * STATES + at
    shape = (count, LENGTH, STATES)
    of_token = np.bincount((cell * TOKENS + tokens).ravel(), weights.ravel(), policy.size).reshape(policy.shape)
    of_state = np.bincount(cell.ravel(), weights.ravel(), policy.size // TOKENS).reshape(shape)
    return np.asarray((of_token - of_state[..., None] * policy) / chances.shape[2])

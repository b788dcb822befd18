"""`ProverMoments`: what one state says about a prover, with the noise of roll-outs taken off."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from stepgym.agents.monte_carlo.estimate import McEstimate
from stepgym.agents.progress.advantages import difference
from stepgym.agents.progress.best_of import bok_slope
from stepgym.agents.progress.chance import Chance, Value, chance_of
from stepgym.agents.progress.prover_states import ProverState


@dataclass(frozen=True, slots=True)
class ProverMoments:
    """A state with everything turned into chances, and what `prover_report` averages.

    Attributes:
        state: As given.
        best_of: Of the prover.
        policy, prover: The values of the actions.
        v_policy, v_prover: Of the state.
    """

    state: ProverState
    best_of: int
    policy: list[Chance]
    prover: list[Chance]
    v_policy: float
    v_prover: Chance

    @classmethod
    def of(cls, state: ProverState, best_of: int) -> ProverMoments | None:
        """The state, or None if it has a single draw or a value that is not known."""
        policy = [chance_of(q) for q in state.q_policy]
        own = state.q_prover is None
        prover = [chance_of(q, best_of=best_of) for q in (state.q_policy if own else state.q_prover or ())]
        known = [chance for chance in policy if chance is not None]
        proved = [chance for chance in prover if chance is not None]
        if len(known) < len(policy) or len(proved) < len(prover) or (state.draws is not None and state.draws < 2):
            return None
        mean = math.fsum(p * chance.mean for p, chance in zip(state.probabilities, known, strict=True))
        given = mean if state.v_policy is None else state.v_policy
        v_policy = chance_of(given)
        v_prover = chance_of(given if own else state.v_prover, best_of=best_of)
        if v_policy is None or v_prover is None:
            return None
        return cls(state, best_of, known, proved, v_policy.mean, v_prover)

    def variance(self, *, inside: bool = False) -> float | None:
        """`Var_pi[A^mu]`; None where there is no choice among the actions kept."""
        return self._covariance(self.prover, self.prover, _noise(self.prover), inside=inside)

    def policy_variance(self) -> float | None:
        """`Var_pi[A^pi]`."""
        return self._covariance(self.policy, self.policy, _noise(self.policy))

    def alignment(self) -> float | None:
        """`E_pi[A^mu A^pi]`, which is the covariance of the two Q, since `E_pi A^pi = 0`."""
        shared = [0.0] * len(self.policy)
        if self.state.q_prover is None:  # the same roll-outs, so the same luck
            shared = [
                _slope(value, self.best_of) * noise
                for value, noise in zip(self.state.q_policy, _noise(self.policy), strict=True)
            ]
        return self._covariance(self.prover, self.policy, shared)

    def mean_advantage(self) -> float:
        """`E_pi[A^mu]`."""
        mean = math.fsum(p * chance.mean for p, chance in zip(self.state.probabilities, self.prover, strict=True))
        return mean - self.v_prover.mean

    def unclear(self) -> float:
        """Share of the policy's steps that are no more than noise to the prover."""
        steps = [difference(self.v_prover, chance) for chance in self.prover]
        return math.fsum(p for p, step in zip(self.state.probabilities, steps, strict=True) if not step.significant)

    def _covariance(
        self, a: Sequence[Chance], b: Sequence[Chance], noise: Sequence[float], *, inside: bool = False
    ) -> float | None:
        """`Cov_pi[a, b]` without the covariance `noise` of their errors; `inside` leaves out actions that end.

        With m draws from pi and errors that are independent between actions,
        `E Cov_sample = (m - 1) / m Cov + sum p_a (1 - p_a) noise_a`.
        """
        terminal = self.state.terminal or (False,) * len(a)
        kept = [i for i, ends in enumerate(terminal) if not (inside and ends)]
        total = math.fsum(self.state.probabilities[i] for i in kept)
        draws = None if self.state.draws is None else round(self.state.draws * total)
        if not total or (draws is not None and draws < 2):
            return None
        p = [self.state.probabilities[i] / total for i in kept]
        x, y = [a[i].mean for i in kept], [b[i].mean for i in kept]
        mean_x, mean_y = (math.fsum(w * v for w, v in zip(p, values, strict=True)) for values in (x, y))
        raw = math.fsum(w * (u - mean_x) * (v - mean_y) for w, u, v in zip(p, x, y, strict=True))
        luck = math.fsum(w * (1 - w) * noise[i] for w, i in zip(p, kept, strict=True))
        return (raw - luck) * (1.0 if draws is None else draws / (draws - 1))


def _noise(chances: Sequence[Chance]) -> list[float]:
    return [chance.cautious if chance.noise is None else chance.noise for chance in chances]


def _slope(value: Value, best_of: int) -> float:
    if isinstance(value, McEstimate):
        return bok_slope(value.mean or 0.0, best_of)
    return 0.0

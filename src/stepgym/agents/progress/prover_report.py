"""`prover_report`: whether a prover tells the steps of a policy apart, and whether it wants what the policy needs.

Setlur et al., Rewarding Progress, arXiv:2410.08146, section 3.4. They call the two distinguishability,
`E Var_pi[A^mu]`, and alignment, `E_pi[A^mu A^pi]`, and print them as a lower bound of the improvement. They are shown
as diagnostics only: to first order, an update `pi' ~ pi exp(gamma (Q^pi + alpha A^mu))` gains

    dV/dgamma = sum_s d(s) (Var_pi[A^pi] + alpha E_pi[A^mu A^pi]),     d(s) how often an episode of pi comes to s,

which holds no `Var[A^mu]`: a prover that tells steps apart in a way the policy cannot use gains nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from stepgym.agents.progress.prover_moments import ProverMoments
from stepgym.agents.progress.prover_states import ProverState
from stepgym.agents.text_table import text_table
from stepgym.errors import InvalidInputError

_MOSTLY = 0.9


@dataclass(frozen=True, slots=True)
class ProverReport:
    """A prover as seen from the states of a policy. Means are over these states, weighted by visits.

    Attributes:
        v_policy: Mean value of the states under the policy.
        v_prover: Under the prover.
        variance: Distinguishability, `E Var_{a~pi}[A^mu]`.
        variance_inside: The same over actions that do not end the episode, with their probabilities made to sum to 1:
            that an early end is fatal says nothing about steps, and is much of what a strong prover knows.
        mean_advantage: `E E_{a~pi}[A^mu]`; below 0 where the prover would have done something else.
        alignment: `E E_{a~pi}[A^mu A^pi]`.
        policy_variance: `E Var_{a~pi}[A^pi]`.
        slope: Exact first-order gain of one episode, `sum d(s) (Var[A^pi] + alpha E[A^mu A^pi])`; of the states that
            are there, where some are missing.
        unclear: Share of steps the policy takes whose `|A^mu|` is below 2 standard errors, see `Progress.significant`.
        alpha, best_of: As asked for.
        states: Number of states.
        skipped: States left out, which have a single draw or too few roll-outs.
        remarks: What to know before trusting the prover.
    """

    v_policy: float
    v_prover: float
    variance: float
    variance_inside: float
    mean_advantage: float
    alignment: float
    policy_variance: float
    slope: float
    unclear: float
    alpha: float
    best_of: int
    states: int
    skipped: int
    remarks: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        return plain | {"remarks": list(self.remarks)}

    def __str__(self) -> str:
        rows = [
            ("V of the policy", f"{self.v_policy:.4f}"),
            ("V of the prover", f"{self.v_prover:.4f}"),
            ("Var A of the prover", f"{self.variance:.5f}"),
            ("  steps that do not end the episode", f"{self.variance_inside:.5f}"),
            ("mean A of the prover", f"{self.mean_advantage:.5f}"),
            ("alignment", f"{self.alignment:.5f}"),
            ("Var A of the policy", f"{self.policy_variance:.5f}"),
            (f"slope at alpha = {self.alpha:g}", f"{self.slope:.5f}"),
            ("steps within 2 standard errors", f"{self.unclear:.1%}"),
            ("states", f"{self.states}" + (f", {self.skipped} left out" if self.skipped else "")),
        ]
        return "\n".join([text_table(("over these states", "value"), rows, left=1), *self.remarks])


def prover_report(states: Iterable[ProverState], *, alpha: float = 1.0, best_of: int = 1) -> ProverReport:
    """What a prover knows about the steps of a policy.

    From `Fork.states` or other exact values all figures are exact. From `sibling_states` the noise of the roll-outs is
    taken off the variances and the alignment, which may then come out below 0, and states with a single draw are
    left out: they show no choice.

    Args:
        states: Of one policy and one prover.
        alpha: Weight of the prover's advantage.
        best_of: The prover is the best of so many continuations of itself; of the policy where it has none of its own.

    Raises:
        InvalidInputError: No state is left.
    """
    given = list(states)
    seen = [found for found in (ProverMoments.of(state, best_of) for state in given) if found is not None]
    total = math.fsum(found.state.weight for found in seen)
    if not total:
        raise InvalidInputError(
            f"none of {len(given)} states can be used: expected states with several draws, all of them rolled out "
            f"at least {best_of} times"
        )

    def mean(of: Sequence[float | None]) -> float:
        pairs = [(found.state.weight, x) for found, x in zip(seen, of, strict=True) if x is not None]
        weight = math.fsum(w for w, _ in pairs)
        return math.fsum(w * x for w, x in pairs) / weight if weight else 0.0

    variance = mean([found.variance() for found in seen])
    inside = mean([found.variance(inside=True) for found in seen])
    alignment = mean([found.alignment() for found in seen])
    policy_variance = mean([found.policy_variance() for found in seen])
    return ProverReport(
        v_policy=mean([found.v_policy for found in seen]),
        v_prover=mean([found.v_prover.mean for found in seen]),
        variance=variance,
        variance_inside=inside,
        mean_advantage=mean([found.mean_advantage() for found in seen]),
        alignment=alignment,
        policy_variance=policy_variance,
        slope=total * (policy_variance + alpha * alignment),
        unclear=mean([found.unclear() for found in seen]),
        alpha=alpha,
        best_of=best_of,
        states=len(seen),
        skipped=len(given) - len(seen),
        remarks=_remarks(seen, variance, inside),
    )


def _remarks(seen: Sequence[ProverMoments], variance: float, inside: float) -> tuple[str, ...]:
    found = []
    values = [found.v_prover.mean for found in seen]
    for item in seen:
        terminal = item.state.terminal or (False,) * len(item.prover)
        values += [chance.mean for chance, ends in zip(item.prover, terminal, strict=True) if not ends]
    for value, often in ((0.0, "never"), (1.0, "always")):
        if all(other == value for other in values):
            found.append(f"The prover {often} succeeds from any of these states: it carries no signal about steps.")
    if not found and variance > 0 and inside < (1 - _MOSTLY) * variance:
        found.append("Nearly all of Var A comes from steps that end the episode: the prover hardly tells others apart.")
    return tuple(found)

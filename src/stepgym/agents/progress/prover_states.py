"""`ProverState`: one state with its actions as policy and prover see them, from a known tree or from a log."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from stepgym.agents.episodes import Episode
from stepgym.agents.monte_carlo.estimate import McEstimate
from stepgym.agents.monte_carlo.prefixes import prefixes
from stepgym.agents.monte_carlo.store import McValue
from stepgym.agents.progress.chance import Value
from stepgym.agents.progress.episode_progress import outcome_value
from stepgym.agents.spans import DEFAULT_DELIMITERS
from stepgym.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class ProverState:
    """A state and its actions.

    Attributes:
        probabilities: `pi(a|s)` of the policy that is to improve.
        q_policy: Its `Q(s, a)`: numbers count as exact, estimates bring their noise.
        q_prover: The prover's; None if the prover is the policy itself, or the best of k of it.
        v_prover: The prover's value of the state, which its own choice of action decides; not needed without a prover.
        v_policy: The policy's value; `sum pi(a|s) Q(s, a)` if None.
        terminal: Which actions end the episode; none if empty.
        weight: How often an episode of the policy comes here.
        draws: Where `probabilities` are frequencies: of so many draws.
    """

    probabilities: tuple[float, ...]
    q_policy: tuple[Value, ...]
    q_prover: tuple[Value, ...] | None = None
    v_prover: Value | None = None
    v_policy: Value | None = None
    terminal: tuple[bool, ...] = ()
    weight: float = 1.0
    draws: int | None = None

    def __post_init__(self) -> None:
        actions = len(self.probabilities)
        given = [self.q_policy, *([self.q_prover] if self.q_prover is not None else [])]
        if not actions or any(len(q) != actions for q in given) or len(self.terminal) not in (0, actions):
            raise InvalidInputError(f"expected a value for each of the {actions} actions, and at least one action")
        if min(self.probabilities) < 0 or not math.isclose(math.fsum(self.probabilities), 1, abs_tol=1e-6):
            raise InvalidInputError(f"the probabilities of a state must sum to 1, got {self.probabilities}")
        if self.q_prover is not None and self.v_prover is None:
            raise InvalidInputError("a prover needs its own value of the state: the policy's choices do not give it")


@dataclass(frozen=True, slots=True)
class Fork:
    """A state of a tree that is known whole.

    Attributes:
        policy: Probabilities of its actions under the policy.
        prover: Under the prover.
        children: What each action leads to: another fork, or a reward at the end.
    """

    policy: tuple[float, ...]
    prover: tuple[float, ...]
    children: tuple[Fork | float, ...]

    def value(self, who: str) -> float:
        """The exact value under "policy" or "prover"."""
        chances = self.policy if who == "policy" else self.prover
        return math.fsum(p * q for p, q in zip(chances, self._q(who), strict=True))

    def states(self, weight: float = 1.0) -> list[ProverState]:
        """All states of the tree with exact values, this one first, each with the policy's chance to come there."""
        terminal = tuple(not isinstance(child, Fork) for child in self.children)
        q_policy, q_prover = (tuple(self._q(who)) for who in ("policy", "prover"))
        here = ProverState(
            self.policy, q_policy, q_prover, self.value("prover"), self.value("policy"), terminal, weight
        )
        found = [here]
        for chance, child in zip(self.policy, self.children, strict=True):
            if isinstance(child, Fork):
                found += child.states(weight * chance)
        return found

    def _q(self, who: str) -> list[float]:
        return [child.value(who) if isinstance(child, Fork) else child for child in self.children]


def sibling_states(
    episodes: Iterable[Episode],
    values: McValue,
    policy: str | None = None,
    *,
    prover: str | None = None,
    prover_values: McValue | None = None,
    tokenizer: Any = None,
    delimiters: Sequence[str] = DEFAULT_DELIMITERS,
) -> list[ProverState]:
    """The states of a log from which several steps were drawn, as at the beginning of a task sampled several times.

    States that are not in the stores, and those with a next state that is not, are left out. The outcome of an episode
    is taken for decided by what was done in it.

    Args:
        episodes: Drawn from the policy; several of a task. Those without an outcome are left out.
        values: Filled by `monte_carlo_values` from these episodes.
        policy: The policy's name in it; its only one if None.
        prover: The prover's name; None if it is the policy itself, or the best of k of it.
        prover_values: Where the prover's values are, if not in the same store.
        tokenizer: As in `prefixes`.
        delimiters: Those of the roll-outs.
    """
    proving = prover_values or values
    own = prover is None and prover_values is None
    nexts: dict[str, Counter[str]] = {}
    known: dict[str, tuple[Value, Value]] = {}
    ends: set[str] = set()
    played = 0
    for episode in episodes:
        outcome = outcome_value(episode)
        if outcome is None:
            continue
        played += 1
        states = list(prefixes(episode, tokenizer, delimiters=delimiters))
        for state in states:
            known[state.key] = (values.estimate(state, policy), proving.estimate(state, policy if own else prover))
        # An answer that is over is named by all that was done; ids and texts of it need not agree in their end token.
        end = replace(states[-1], turns=episode.steps, observation="", prompt_token_ids=None, written=()).key + "/end"
        ends.add(end)
        known[end] = (outcome, outcome)
        keys = [*(state.key for state in states), end]
        for key, following in itertools.pairwise(keys):
            nexts.setdefault(key, Counter())[following] += 1
    found = []
    for key, counts in nexts.items():
        if not all(_is_known(value) for name in (key, *counts) for value in known[name]):
            continue
        draws = counts.total()
        found.append(
            ProverState(
                tuple(count / draws for count in counts.values()),
                tuple(known[name][0] for name in counts),
                None if own else tuple(known[name][1] for name in counts),
                None if own else known[key][1],
                known[key][0],
                tuple(name in ends for name in counts),
                draws / played,
                draws,
            )
        )
    return found


def _is_known(value: Value) -> bool:
    return not isinstance(value, McEstimate) or value.n > 0

"""`RuleJudge`: a judge by rules of the environment, as wrong as an experiment wants it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from stepgym.agents.judges.judge import Judgement, StepState
from stepgym.agents.seeds import SEED_BITS, derive_seed
from stepgym.envs.actions import ActionsLike
from stepgym.errors import InvalidInputError

Rule: TypeAlias = Callable[[StepState, str], tuple[bool, str]]
"""Whether an action is good in a state, and why."""


class RuleJudge:
    """Judges by a rule; a set share of its judgements is turned round, to see what a wrong judge does.

    Whether a judgement is turned round is a function of seed, state and action: the judge never changes its mind, and
    with a higher rate it is wrong wherever it was wrong before.

    Args:
        rule: The rule; such as `multi_hop_rule()`.
        false_positive: Share of bad steps called good.
        false_negative: Share of good steps called bad.
        seed: Which ones.
        name: For logs.
    """

    def __init__(
        self,
        rule: Rule,
        *,
        false_positive: float = 0.0,
        false_negative: float = 0.0,
        seed: int = 0,
        name: str = "rule",
    ) -> None:
        for what, rate in (("false_positive", false_positive), ("false_negative", false_negative)):
            if not 0 <= rate <= 1:
                raise InvalidInputError(f"{what} must be a share from 0 to 1, got {rate!r}")
        self.name = name
        self._rule = rule
        self._rates = {True: false_negative, False: false_positive}
        self._seed = seed

    async def judge(self, state: StepState, action: str) -> Judgement:
        """What the rule says, or its contrary."""
        good, why = self._rule(state, action)
        draw = derive_seed(self._seed, "judge", state.key, action) / (1 << SEED_BITS)
        if draw < self._rates[good]:
            return Judgement(not good, f"turned round on purpose; in truth: {why}", self.name)
        return Judgement(good, why, self.name)


def multi_hop_rule(format: ActionsLike | None = None) -> Rule:
    """The rule of the made-up world of `stepgym/MultiHopQA-v0`, see `stepgym.envs.multi_hop.judge_step`.

    Args:
        format: The argument `actions` of the environment.
    """
    from stepgym.envs.multi_hop import SearchState, judge_step

    def rule(state: StepState, action: str) -> tuple[bool, str]:
        known = SearchState.of(state.task_id, state.observations, state.actions, format=format)
        return judge_step(known, action, format=format)

    return rule

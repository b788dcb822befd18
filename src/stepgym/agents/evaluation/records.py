"""The records of an evaluation: `Evaluation` of one policy, `Comparison` of two on the same tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from stepgym.agents.evaluation.breakdown import AtK, GroupSuccess
from stepgym.agents.statistics.paired import Test
from stepgym.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one policy reached with one way of choosing its actions.

    Attributes:
        policy: Name of the policy.
        method: How actions were chosen: "greedy", "sampled", "best_of_8_by_value", ...
        env_id: The environment.
        success: Mean over tasks of the share of solved samples, in [0, 1]; an undecided or cut episode is not solved.
        low, high: 95 % interval over tasks of `success`.
        outcomes: For each task id 1.0 or 0.0 per sample, solved or not.
        undecided: Share of episodes that the verifier could not decide.
        truncated: Share of episodes cut by the system (context full, generation limit, engine error).
        tokens: Tokens generated, all candidates of a search included; None where unknown.
        seconds: Wall time; None where unknown.
        at_k: pass@k and maj@k; empty with one sample a task.
        groups: Success by kind of task, where the kinds are known.
    """

    policy: str
    method: str
    env_id: str
    success: float
    low: float
    high: float
    outcomes: Mapping[str, tuple[float, ...]]
    undecided: float = 0.0
    truncated: float = 0.0
    tokens: int | None = None
    seconds: float | None = None
    at_k: tuple[AtK, ...] = ()
    groups: tuple[GroupSuccess, ...] = ()

    @property
    def of_judged(self) -> float | None:
        """Share of solved episodes among those that were neither undecided nor cut; None if there are none.

        Every episode counts the same here. It is the higher the more a policy is cut where it would have failed, so
        `success` is what policies are compared by.
        """
        judged = round(self.samples * (1 - self.undecided - self.truncated))
        return sum(map(sum, self.outcomes.values())) / judged if judged else None

    @property
    def tasks(self) -> int:
        """Number of tasks."""
        return len(self.outcomes)

    @property
    def samples(self) -> int:
        """Number of episodes over all tasks."""
        return sum(len(outcomes) for outcomes in self.outcomes.values())

    @property
    def label(self) -> str:
        """Policy and method, for tables."""
        return f"{self.policy} ({self.method})"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; `tasks`, `samples` and `of_judged` are written for readers."""
        return {
            "policy": self.policy,
            "method": self.method,
            "env_id": self.env_id,
            "tasks": self.tasks,
            "samples": self.samples,
            "success": self.success,
            "low": self.low,
            "high": self.high,
            "of_judged": self.of_judged,
            "undecided": self.undecided,
            "truncated": self.truncated,
            "tokens": self.tokens,
            "seconds": self.seconds,
            "at_k": [found.to_dict() for found in self.at_k],
            "groups": [found.to_dict() for found in self.groups],
            "outcomes": {task: list(outcomes) for task, outcomes in self.outcomes.items()},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Evaluation:
        """The inverse of `to_dict`."""
        values = {key: value for key, value in data.items() if key not in ("tasks", "samples", "of_judged")}
        try:
            values["outcomes"] = {str(task): tuple(outcomes) for task, outcomes in values["outcomes"].items()}
            values["at_k"] = tuple(AtK.from_dict(found) for found in values.get("at_k", ()))
            values["groups"] = tuple(GroupSuccess.from_dict(found) for found in values.get("groups", ()))
            return cls(**cast(Any, values))
        except (KeyError, TypeError, AttributeError) as error:
            raise InvalidInputError(f"not an evaluation record: {type(error).__name__}: {error}") from error


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two evaluations on the same tasks.

    Attributes:
        a, b: Labels of the two.
        difference: Success of `a` minus success of `b`, mean over tasks.
        low, high: 95 % interval of `difference` over tasks, paired.
        p_value: Two-sided p-value that there is no difference.
        test: "mcnemar" (one sample a task), "paired_t" (several), or "bootstrap" (over seeds and tasks). Interval and
            p-value come from the same test: `p_value` is below 0.05 exactly where the interval leaves out 0.
        tasks: Number of tasks.
    """

    a: str
    b: str
    difference: float
    low: float
    high: float
    p_value: float
    test: Test
    tasks: int

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "a": self.a,
            "b": self.b,
            "difference": self.difference,
            "low": self.low,
            "high": self.high,
            "p_value": self.p_value,
            "test": self.test,
            "tasks": self.tasks,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Comparison:
        """The inverse of `to_dict`."""
        try:
            return cls(**cast(Any, data))
        except TypeError as error:
            raise InvalidInputError(f"not a comparison record: {error}") from error

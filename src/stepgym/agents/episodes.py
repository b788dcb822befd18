"""The records of what was done: `Step` and `Episode`, with a JSON round trip.

One episode is one line of an episode log. Everything that trains, searches or reports reads these records.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast, get_args

from stepgym.agents.policy import Completion, Sampling
from stepgym.errors import InvalidInputError
from stepgym.verifiers.verdict import Verdict

SCHEMA = 1
End = Literal["terminated", "step_limit", "context", "error"]


@dataclass(frozen=True, slots=True)
class Step:
    """One turn: what was seen, what was written, what came of it.

    Attributes:
        observation: The text the agent was shown before it acted.
        action: The text given to `env.step`, normally `completion.text`.
        completion: What the policy read and wrote; None for imported text and people.
        reward: The environment's reward for this action.
        terminated, truncated: As returned by `env.step`.
        verdicts: Verdicts on this action; re-scoring appends more.
    """

    observation: str
    action: str
    completion: Completion | None = None
    reward: float = 0.0
    terminated: bool = False
    truncated: bool = False
    verdicts: tuple[Verdict, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "observation": self.observation,
            "action": self.action,
            "completion": None if self.completion is None else self.completion.to_dict(),
            "reward": self.reward,
            "terminated": self.terminated,
            "truncated": self.truncated,
            "verdicts": [v.to_dict() for v in self.verdicts],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Step:
        """The inverse of `to_dict`."""
        values = dict(data)
        if values.get("completion") is not None:
            values["completion"] = Completion.from_dict(values["completion"])
        values["verdicts"] = tuple(Verdict.from_dict(v) for v in values.get("verdicts", ()))
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Episode:
    """One episode as it happened.

    Attributes:
        id: Unique in a log.
        env_id, env_kwargs: What `gymnasium.make` needs to build the environment again.
        task_id: The task that was played.
        seed: The episode's seed.
        policy: Name of the policy that acted.
        template_hash: Identifies tokenizer and prompt template behind the ids; "" without ids.
        sampling: Sampling settings; None for people and imported text.
        steps: The turns, in order.
        outcome: Sum of rewards, or None if the verifier was undecided.
        end: "terminated" and "step_limit" are genuine ends and are trained on; "context" (cut by the system) and
            "error" are dropped from training and counted.
        parent, forked_at: The episode and step this one branched off from, in a search or a Monte-Carlo continuation.
        schema: Version of this record.
    """

    id: str
    env_id: str
    task_id: str
    steps: tuple[Step, ...]
    outcome: float | None
    end: End = "terminated"
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    policy: str = ""
    template_hash: str = ""
    sampling: Sampling | None = None
    parent: str | None = None
    forked_at: int | None = None
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        if self.end not in get_args(End):
            raise InvalidInputError(f"an episode's end must be one of {get_args(End)}, got {self.end!r}")

    @property
    def success(self) -> bool | None:
        """Whether the outcome is positive; None if undecided or cut by the system."""
        if self.outcome is None or self.end in ("context", "error"):
            return None
        return self.outcome > 0

    def with_verdicts(self, verdicts: Mapping[int, Verdict]) -> Episode:
        """The episode with one more verdict on each step named by its index."""
        steps = tuple(
            replace(step, verdicts=(*step.verdicts, verdicts[i])) if i in verdicts else step
            for i, step in enumerate(self.steps)
        )
        return replace(self, steps=steps)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "schema": self.schema,
            "id": self.id,
            "env_id": self.env_id,
            "env_kwargs": dict(self.env_kwargs),
            "task_id": self.task_id,
            "seed": self.seed,
            "policy": self.policy,
            "template_hash": self.template_hash,
            "sampling": None if self.sampling is None else self.sampling.to_dict(),
            "steps": [s.to_dict() for s in self.steps],
            "outcome": self.outcome,
            "end": self.end,
            "parent": self.parent,
            "forked_at": self.forked_at,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Episode:
        """The inverse of `to_dict`; raises `InvalidInputError` for a record of another form or a newer schema."""
        values = dict(data)
        schema = values.get("schema")
        if not isinstance(schema, int) or schema > SCHEMA:
            raise InvalidInputError(f"expected an episode of schema <= {SCHEMA}, got schema {schema!r}")
        try:
            values["steps"] = tuple(Step.from_dict(s) for s in values["steps"])
            if values.get("sampling") is not None:
                values["sampling"] = Sampling.from_dict(values["sampling"])
            return cls(**cast(Any, values))
        except (KeyError, TypeError, AttributeError) as error:
            raise InvalidInputError(f"not an episode record: {type(error).__name__}: {error}") from error

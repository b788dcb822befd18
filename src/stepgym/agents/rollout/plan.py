"""`Plan`: what a collection plays, its jobs with their seeds and names."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

from stepgym.agents.agent import Agent
from stepgym.agents.rollout.identity import further_settings
from stepgym.agents.rollout.source import EnvSource
from stepgym.agents.seeds import derive_seed
from stepgym.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class Job:
    """One episode to be played.

    Attributes:
        key: Names the job within its plan.
        env_seed: Seed for the environment's reset.
        policy_seed: Seed of the policy's randomness.
        task: Id of the task; None lets the environment choose by its seed.
    """

    key: str
    env_seed: int
    policy_seed: int
    task: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """All jobs of a collection, `samples` in a row for each task or, without tasks, for each environment seed."""

    seed: int
    episodes: int | None = None
    tasks: tuple[str, ...] | None = None
    samples: int = 1

    def __post_init__(self) -> None:
        if (self.episodes is None) == (self.tasks is None):
            raise InvalidInputError("say what to play: either episodes=(a number) or tasks=(a sequence of task ids)")
        if self.episodes is not None and self.episodes < 0:
            raise InvalidInputError(f"episodes must not be negative, got {self.episodes}")
        if self.samples < 1:
            raise InvalidInputError(f"samples_per_task must be at least 1, got {self.samples}")
        if self.tasks is not None and len(set(self.tasks)) < len(self.tasks):
            twice = Counter(self.tasks).most_common(1)[0][0]
            raise InvalidInputError(
                f"task {twice!r} is named twice; use samples_per_task for several episodes of a task"
            )

    @property
    def total(self) -> int:
        """How many jobs there are."""
        return (self.episodes or 0) if self.tasks is None else len(self.tasks) * self.samples

    def groups(self) -> Iterator[Iterator[Job]]:
        """The jobs in order, those of one task, or of one environment seed, together."""
        if self.tasks is None:
            for start in range(-(-self.total // self.samples)):
                yield self._samples_of_start(start)
        else:
            for task in self.tasks:
                yield self._samples_of_task(task)

    def _samples_of_start(self, start: int) -> Iterator[Job]:
        env_seed = derive_seed(self.seed, "start", start)
        for sample in range(min(self.samples, self.total - start * self.samples)):
            yield Job(f"{start}/{sample}", env_seed, derive_seed(env_seed, "sample", sample))

    def _samples_of_task(self, task: str) -> Iterator[Job]:
        for sample in range(self.samples):
            env_seed = derive_seed(self.seed, "task", task, sample)
            yield Job(f"{task}/{sample}", env_seed, derive_seed(env_seed, "sample", sample), task)

    def run_id(self, agent: Agent, source: EnvSource) -> str:
        """10 hexadecimal digits for everything that, besides the job, makes an episode what it is."""
        parts = (source.id, source.kwargs, agent.name, agent.template_hash, agent.sampling.to_dict(), self.seed)
        further = further_settings(agent)
        text = json.dumps((*parts, further) if further else parts, sort_keys=True)
        return blake2b(text.encode(), digest_size=5).hexdigest()

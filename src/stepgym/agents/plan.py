"""What a collection plays: its jobs with their seeds and names, and where its environments come from."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from typing import Any

import gymnasium

from stepgym.agents.agent import Agent
from stepgym.agents.seeds import derive_seed
from stepgym.errors import InvalidInputError, UnknownNameError

_LONGEST_KWARG = 2_000  # characters of JSON; every episode carries the arguments of its environment


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

    def jobs(self) -> Iterator[Job]:
        """The jobs, in order."""
        if self.tasks is None:
            for i in range(self.total):
                start, sample = divmod(i, self.samples)
                env_seed = derive_seed(self.seed, "start", start)
                yield Job(f"{start}/{sample}", env_seed, derive_seed(env_seed, "sample", sample))
        else:
            for task in self.tasks:
                for sample in range(self.samples):
                    env_seed = derive_seed(self.seed, "task", task, sample)
                    yield Job(f"{task}/{sample}", env_seed, derive_seed(env_seed, "sample", sample), task)

    def run_id(self, agent: Agent, source: EnvSource) -> str:
        """10 hexadecimal digits for everything that, besides the job, makes an episode what it is."""
        parts = (source.id, source.kwargs, agent.name, agent.template_hash, agent.sampling.to_dict(), self.seed)
        text = json.dumps(parts, sort_keys=True)
        return blake2b(text.encode(), digest_size=5).hexdigest()


@dataclass(frozen=True)
class EnvSource:
    """Where the environments of a collection come from.

    Attributes:
        make: Makes one.
        id: Name for the log, what `gymnasium.make` takes where there is such a name.
        kwargs: Its arguments as JSON values.
    """

    make: Callable[[], gymnasium.Env[Any, Any]]
    id: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)


def environment_source(
    env: str | gymnasium.Env[Any, Any] | Callable[[], gymnasium.Env[Any, Any]],
    kwargs: Mapping[str, Any] | None = None,
) -> EnvSource:
    """The source for a Gymnasium id with its `kwargs`, for an environment that knows its spec, or for a function."""
    arguments = dict(kwargs or {})
    if isinstance(env, str):
        name = env

        def make() -> gymnasium.Env[Any, Any]:
            try:
                return gymnasium.make(name, disable_env_checker=True, **arguments)
            except gymnasium.error.UnregisteredEnv as error:
                raise UnknownNameError(str(error)) from error

        return EnvSource(make, name, _plain(arguments))
    if arguments:
        raise InvalidInputError("env_kwargs go with an environment id; put the arguments into the function itself")
    if isinstance(env, gymnasium.Env):
        if (spec := env.spec) is None:
            raise InvalidInputError(
                f"{env} has no spec, so no second one can be made: give its id, or a function that makes one"
            )
        return EnvSource(partial(gymnasium.make, spec, disable_env_checker=True), spec.id, _plain(spec.kwargs))
    if not callable(env):
        raise InvalidInputError(f"expected an environment id, an environment or a function, got {type(env).__name__}")
    made = env()
    spec = made.spec
    made.close()
    if spec is not None:
        return EnvSource(env, spec.id, _plain(spec.kwargs))
    return EnvSource(env, type(made.unwrapped).__name__)


def _plain(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """`kwargs` as JSON values; what is none, or is large, by a description that changes with its contents."""
    plain: dict[str, Any] = {}
    for name, value in kwargs.items():
        try:
            text = json.dumps(value, sort_keys=True)
        except (TypeError, ValueError):
            plain[name] = f"<{type(value).__name__}>"
            continue
        if len(text) > _LONGEST_KWARG:
            plain[name] = f"<{type(value).__name__} {blake2b(text.encode(), digest_size=8).hexdigest()}>"
        else:
            plain[name] = json.loads(text)
    return plain

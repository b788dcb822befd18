"""`RayWorkers`: the episodes of a collection played on the machines of a Ray cluster."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stepgym.agents.agent import Agent
from stepgym.agents.policy import Policy
from stepgym.agents.rollout.player import Player
from stepgym.agents.rollout.ray_actor import Recipe
from stepgym.agents.rollout.ray_connection import ClusterError, connect
from stepgym.agents.rollout.ray_player import RayPlayer
from stepgym.agents.rollout.source import EnvSource
from stepgym.errors import InvalidInputError

_SECRET_NAME = re.compile(r"key|token|secret|password|credential", re.IGNORECASE)
_SHORTEST_SECRET = 8  # characters; shorter values ("true", "false") stand everywhere by chance


@dataclass(frozen=True, slots=True, kw_only=True)
class RayWorkers:
    """Actors of a Ray cluster as workers: `collect(env, policy, ..., workers=RayWorkers(address="10.0.0.1:6379"))`.

    Each actor is a process that makes its own policy and its own environments and plays several episodes at once; the
    policy is meant to be a client of servers, which stay outside Ray. Plan, ids, log, resume, budgets and progress stay
    in this process. With a deterministic policy the episodes are the same as without a cluster.

    When an actor or its machine dies, its episodes are played again elsewhere and another actor takes its place as soon
    as the cluster has room for it. When the head of the cluster dies, the call fails; the same call resumes the log.

    Policy, prompt and the function that makes environments are pickled. API keys never are: each machine reads them
    from its own environment, and an object that holds the value of a variable named like a key is refused. Modules that
    define them, and stepgym, must be installed on all machines; `ray.init(address, runtime_env=...)` before `collect`
    is one way to bring them there, and a connection that is open is used.

    Attributes:
        address: Host and port of the head node; or "auto" for the cluster that runs on this machine; or "local" to
            start one here, for this call. None takes the environment variable RAY_ADDRESS, else "local".
        actors: How many; None takes one for each CPU that is free, at most one for each episode at once.
        episodes_per_actor: Most episodes an actor plays at once; None shares `concurrency` out evenly.
        cpus_per_actor, gpus_per_actor: What Ray reserves for each.
        policy: How each actor makes its policy, where the given one cannot be pickled or is too large: a function
            without arguments; or a name from `stepgym list policies` as NAME or NAME:ARGUMENT; or the URL of a server.
            None sends the policy.
        start_seconds: How long the collection waits while no actor is there.
    """

    address: str | None = None
    actors: int | None = None
    episodes_per_actor: int | None = None
    cpus_per_actor: float = 1
    gpus_per_actor: float = 0
    policy: str | Callable[[], Policy] | None = None
    start_seconds: float = 300

    def __post_init__(self) -> None:
        for name in ("actors", "episodes_per_actor"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InvalidInputError(f"{name} must be at least 1, got {value}")
        if self.cpus_per_actor < 0 or self.gpus_per_actor < 0:
            raise InvalidInputError("cpus_per_actor and gpus_per_actor must not be negative")
        if not self.start_seconds > 0:
            raise InvalidInputError(f"start_seconds must be above 0, got {self.start_seconds}")

    def player(self, agent: Agent, source: EnvSource, *, concurrency: int) -> Player:
        """Connects to the cluster and starts the actors.

        Raises:
            ClusterError: There is no cluster at the address, or it cannot be used.
            InvalidInputError: Policy or environment cannot be sent.
            MissingExtraError: Ray is not installed.
        """
        connection = connect(self.address)
        try:
            ray = connection.ray
            recipe = _pickled(ray.cloudpickle, self._recipe(agent, source))
            actors = self.actors or self._actors_with_room(ray.available_resources(), concurrency)
            return RayPlayer(
                connection,
                recipe,
                actors=actors,
                episodes_per_actor=self.episodes_per_actor or math.ceil(concurrency / actors),
                reserve={"num_cpus": self.cpus_per_actor, "num_gpus": self.gpus_per_actor},
                start_seconds=self.start_seconds,
                agent=agent,
            )
        except BaseException:
            connection.close()
            raise

    def _recipe(self, agent: Agent, source: EnvSource) -> Recipe:
        policy = agent.policy if self.policy is None else self.policy
        return Recipe(policy, self.policy is not None, agent.prompt, agent.sampling, source)

    def _actors_with_room(self, free: Mapping[str, float], concurrency: int) -> int:
        reserved = {"CPU": self.cpus_per_actor, "GPU": self.gpus_per_actor}
        room = [math.floor(free.get(kind, 0) / each) for kind, each in reserved.items() if each]
        return max(1, min([concurrency, *room]))


def _pickled(cloudpickle: Any, recipe: Recipe) -> bytes:
    parts = {
        "the policy (RayWorkers(policy=...) lets the machines make it)": recipe.policy,
        "the prompt format": recipe.prompt,
        "the environment's function (an environment id always can)": recipe.source.make,
    }
    for what, part in parts.items():
        try:
            data: bytes = cloudpickle.dumps(part)
        except Exception as error:  # pickle lets through what the objects raise
            raise InvalidInputError(f"{what} cannot be sent to other machines: {error}") from error
        for name in _secrets_in(data):
            raise InvalidInputError(
                f"{what} holds the value of {name}, which must not travel: read it from the environment of the "
                "machine when it is used"
            )
    return bytes(cloudpickle.dumps(recipe))


def _secrets_in(data: bytes) -> list[str]:
    """The environment variables, named like secrets, whose values stand in `data`."""
    return [
        name
        for name, value in os.environ.items()
        if _SECRET_NAME.search(name) and len(value) >= _SHORTEST_SECRET and value.encode() in data
    ]


__all__ = ["ClusterError", "RayWorkers"]

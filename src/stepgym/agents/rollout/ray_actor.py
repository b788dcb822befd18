"""What runs on the machines of a cluster: `EpisodeActor`, made from a `Recipe`; `Raised` brings its errors back."""

from __future__ import annotations

import pickle
import socket
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stepgym.agents.agent import Agent
from stepgym.agents.conversation.prompts import PromptFormat
from stepgym.agents.episodes import Episode
from stepgym.agents.policy import Policy, Sampling, registry
from stepgym.agents.rollout.local import LocalPlayer
from stepgym.agents.rollout.plan import Job
from stepgym.agents.rollout.source import EnvSource
from stepgym.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything an actor needs to play.

    Attributes:
        policy: The policy; or, if `make` is set, its name or the function that makes it.
        make: Whether `policy` says how to make it.
        prompt, sampling: Of the agent.
        source: Of the environments.
    """

    policy: Policy | str | Callable[[], Policy]
    make: bool
    prompt: PromptFormat
    sampling: Sampling
    source: EnvSource

    def player(self) -> tuple[LocalPlayer, Agent]:
        """A player with a policy and environments of its own."""
        policy: Any = self.policy
        if self.make:
            policy = _named(policy) if isinstance(policy, str) else policy()
        agent = Agent(policy, self.prompt, self.sampling)
        return LocalPlayer(agent, self.source), agent


@dataclass(frozen=True, slots=True)
class Started:
    """An actor is ready: its policy's name and template hash, and the id of the cluster's node it runs on."""

    name: str
    template_hash: str
    node: str


@dataclass(frozen=True, slots=True)
class Raised:
    """An exception on its way to another process.

    Attributes:
        error: The exception, pickled; None if it cannot be.
        text: Its type and message.
        story: Where it was raised, as Python shows it.
    """

    error: bytes | None
    text: str
    story: str

    @classmethod
    def from_error(cls, error: Exception) -> Raised:
        """The `error` with its traceback."""
        where = f"On {socket.gethostname()}:\n{''.join(traceback.format_exception(error))}"
        try:
            data = pickle.dumps(error)
            pickle.loads(data)  # some exceptions can be taken apart but not put together
        except Exception:  # pickle lets through what the objects raise
            data = None
        return cls(data, f"{type(error).__name__}: {error}", where)

    def again(self) -> Exception:
        """The exception, with the original traceback as a note; a `RuntimeError` where it cannot be put together."""
        error: Exception
        try:
            error = RuntimeError(self.text) if self.error is None else pickle.loads(self.error)
        except Exception:  # its class is not known here, or does not know its own arguments
            error = RuntimeError(self.text)
        error.add_note(self.story)
        return error


class EpisodeActor:
    """Plays several episodes at once in one process; the methods answer with what they raise."""

    def __init__(self) -> None:
        self._player: LocalPlayer | None = None
        self._policy: Any = None
        self._before: Counter[str] = Counter()

    async def start(self, recipe: bytes) -> Started | Raised:
        """Makes the policy and a first environment."""
        import ray

        try:
            self._player, agent = pickle.loads(recipe).player()
            self._policy = agent.policy
            self._before = failures_of(self._policy).copy()
            return Started(agent.name, agent.template_hash, ray.get_runtime_context().get_node_id())
        except Exception as error:
            return Raised.from_error(error)

    async def play(self, episode_id: str, job: Job) -> Episode | Raised:
        """See `Player.play`; after `start`."""
        assert self._player is not None
        try:
            return await self._player.play(episode_id, job)
        except Exception as error:
            return Raised.from_error(error)

    async def close(self) -> Counter[str]:
        """Closes the environments; returns how often the policy's requests failed here, by kind."""
        if self._player is not None:
            await self._player.close()
        return failures_of(self._policy) - self._before


def failures_of(policy: Any) -> Counter[str]:
    """The policy's own count of failed requests, as `OpenAIPolicy` keeps it; a new one where it keeps none."""
    found = getattr(policy, "failures", None)
    return found if isinstance(found, Counter) else Counter()


def _named(name: str) -> Policy:
    head, colon, argument = name.partition(":")
    if head in ("http", "https"):
        head, colon, argument = "openai", ":", name
    made = registry.get(head)(argument) if colon else registry.get(head)()
    if not hasattr(made, "generate"):
        raise InvalidInputError(f"policy {name!r} has no method generate(request)")
    return made  # type: ignore[no-any-return]

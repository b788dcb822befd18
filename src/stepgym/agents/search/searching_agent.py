"""`SearchingAgent`: an agent that looks ahead in forks of its environment, and `play_with`, which lets one play."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import gymnasium

from stepgym.agents.agent import Agent, PolicyError, takes_messages
from stepgym.agents.conversation.conversation import Conversation
from stepgym.agents.conversation.prompts import PromptFormat
from stepgym.agents.episodes import Episode
from stepgym.agents.policy import Completion, Policy, Request, Sampling, policy_name
from stepgym.agents.rollout import EnvSource, Job
from stepgym.agents.rollout.play import play_episode
from stepgym.agents.rollout.source import environment_source
from stepgym.agents.search.position import Forks, Position
from stepgym.agents.seeds import SEED_BITS, derive_seed
from stepgym.envs.text import instructions_of
from stepgym.errors import InvalidInputError


class SearchingAgent(Agent):
    """Chooses every action by trying actions out in forks of the environment it plays in.

    A subclass defines `choose`. The environment is put back before the chosen action is played.

    Args:
        policy: Draws the actions.
        env: What is being played.
        name: Of the search.
        prompt: How the conversation is shown.
        sampling: How actions are drawn.
    """

    def __init__(
        self,
        policy: Policy,
        env: gymnasium.Env[Any, Any],
        *,
        name: str,
        prompt: PromptFormat | None,
        sampling: Sampling | None,
    ) -> None:
        super().__init__(_Chooser(policy, f"{name}({policy_name(policy)})", self), prompt, sampling)
        self.forks = Forks(env)
        self.tokens_spent = 0
        self.at: Position | None = None
        self.failure: Exception | None = None
        self._seen: tuple[Conversation, str, Mapping[str, Any]] | None = None

    async def choose(self, position: Position, request: Request) -> Completion:
        """The answer to `request` at `position`."""
        raise NotImplementedError

    async def act(
        self, conversation: Conversation, observation: str, *, info: Mapping[str, Any] | None = None
    ) -> Completion:
        """See `Agent.act`; what the environment raises in a fork is raised as it is."""
        self._seen, self.failure = (conversation, observation, info or {}), None
        try:
            return await super().act(conversation, observation, info=info)
        except PolicyError:
            if self.failure is not None:
                raise self.failure from None
            raise

    async def answer(self, request: Request) -> Completion:
        """What `act` asks for."""
        if self._seen is None:
            raise RuntimeError("answer() is called by act()")
        conversation, observation, info = self._seen
        position = self.forks.here(conversation, request, observation, info)
        try:
            return await self.choose(position, request)
        except PolicyError:
            raise
        except Exception as error:
            self.failure = error
            raise
        finally:
            self.forks.back_to(position)


class _Chooser:
    """The policy that `Agent.act` asks: it hands the request to the search."""

    def __init__(self, policy: Policy, name: str, agent: SearchingAgent) -> None:
        self.name = name
        self.tokenizer: Any = getattr(policy, "tokenizer", None)
        self.context: Any = getattr(policy, "context", None)
        self.takes_messages = takes_messages(policy)
        self._agent = agent

    async def generate(self, request: Request) -> list[Completion]:
        return [await self._agent.answer(request)]


class _Seat:
    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        self._env = env
        self.instructions = instructions_of(env)

    async def reset(self, seed: int, options: dict[str, Any] | None) -> tuple[Any, Mapping[str, Any]]:
        return self._env.reset(seed=seed, options=options)

    async def step(self, action: str) -> tuple[Any, float, bool, bool, Mapping[str, Any]]:
        return self._env.step(action)  # type: ignore[return-value]


async def play_with(
    agent: Agent, env: gymnasium.Env[Any, Any], *, task: str | None, seed: int | None, episode_id: str | None
) -> Episode:
    """One episode of `agent` in `env`, which is reset and stays open."""
    if not isinstance(env, gymnasium.Env):
        raise InvalidInputError(f"expected an environment to play in, got {type(env).__name__}")
    if env.spec is not None:
        source = environment_source(env)
    else:
        source = EnvSource(lambda: env, type(env.unwrapped).__name__)
    start = secrets.randbits(SEED_BITS) if seed is None else seed
    job = Job(f"{task or ''}/{start}", start, derive_seed(start, "policy"), task)
    return await play_episode(agent, source, _Seat(env), episode_id or f"{agent.name}/{job.key}", job)

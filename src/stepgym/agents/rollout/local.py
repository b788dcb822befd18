"""`LocalPlayer`: plays episodes in environments of this process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium

from stepgym.agents.agent import Agent
from stepgym.agents.episodes import Episode
from stepgym.agents.rollout.plan import Job
from stepgym.agents.rollout.play import play_episode
from stepgym.agents.rollout.source import EnvSource
from stepgym.envs.text import instructions_of


class LocalPlayer:
    """Plays in as many environments of this process as episodes are played at once; each is used again.

    Args:
        agent: Who acts.
        source: Makes the environments; one is made at once, so that a wrong id is found before anything is played.
    """

    def __init__(self, agent: Agent, source: EnvSource) -> None:
        self._agent = agent
        self._source = source
        self._idle = [_Seat(source.make())]

    async def play(self, episode_id: str, job: Job) -> Episode:
        """See `Player.play`."""
        seat = self._idle.pop() if self._idle else _Seat(self._source.make())
        try:
            episode = await play_episode(self._agent, self._source, seat, episode_id, job)
        except BaseException:
            seat.env.close()  # in an unknown state
            raise
        self._idle.append(seat)
        return episode

    async def close(self) -> None:
        """Closes the environments."""
        while self._idle:
            self._idle.pop().env.close()


class _Seat:
    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        self.env = env
        self.instructions = instructions_of(env)

    async def reset(self, seed: int, options: dict[str, Any] | None) -> tuple[Any, Mapping[str, Any]]:
        return self.env.reset(seed=seed, options=options)

    async def step(self, action: str) -> tuple[Any, float, bool, bool, Mapping[str, Any]]:
        return self.env.step(action)  # type: ignore[return-value]

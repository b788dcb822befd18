"""`Player`: who plays the episodes of a collection, here, in worker processes, or on other machines."""

from __future__ import annotations

from typing import Any, Literal, Protocol

from stepgym.agents.agent import Agent
from stepgym.agents.episodes import Episode
from stepgym.agents.rollout.plan import Job
from stepgym.agents.rollout.source import EnvSource
from stepgym.errors import StepgymError


class EpisodeFailed(StepgymError):  # noqa: N818 - an episode fails, the collection does not
    """An episode came to no end for a reason that another attempt may not meet; the collector plays it again.

    Attributes:
        kind: Counted in `Collected.failures_by_kind`.
        episode: What to record when no attempt is left; None lets the collector make an episode without turns.
        blamed: Whether this episode may be the cause; an attempt at an episode that is not is free.
    """

    def __init__(
        self, reason: str, *, kind: Literal["policy", "worker"], episode: Episode | None = None, blamed: bool = True
    ) -> None:
        super().__init__(reason)
        self.kind = kind
        self.episode = episode
        self.blamed = blamed

    def __reduce__(self) -> tuple[Any, ...]:
        return _failed_again, (type(self), str(self), self.kind, self.episode, self.blamed)


class WorkerLost(EpisodeFailed):
    """The process or machine that played the episode is gone."""

    def __init__(self, reason: str, *, blamed: bool = True) -> None:
        super().__init__(reason, kind="worker", blamed=blamed)


class Player(Protocol):
    """Plays one job at a time for each caller; the collector calls `play` as often at once as its `concurrency`.

    The same job gives the same episode, whoever plays it and whatever else is played, as far as policy and
    environment promise.
    """

    async def play(self, episode_id: str, job: Job) -> Episode:
        """The episode, played from its reset to its end.

        A policy that fails for good gives an episode with `end="error"` whose last verdict says why.

        Raises:
            EpisodeFailed: Another attempt may succeed; `WorkerLost` where the process or machine died.
            Exception: What the environment raised, a defect.
        """
        ...

    async def close(self) -> None:
        """Closes environments and ends workers; nothing is being played any more."""
        ...


class Workers(Protocol):
    """Where episodes are played: what `collect(..., workers=...)` takes beside a number."""

    def player(self, agent: Agent, source: EnvSource, *, concurrency: int) -> Player:
        """A player for at most `concurrency` episodes at once; raises for an environment that cannot be made."""
        ...


def _failed_again(
    kind_of: type[EpisodeFailed],
    reason: str,
    kind: Literal["policy", "worker"],
    episode: Episode | None,
    blamed: bool,
) -> EpisodeFailed:
    if issubclass(kind_of, WorkerLost):
        return kind_of(reason, blamed=blamed)
    return kind_of(reason, kind=kind, episode=episode, blamed=blamed)

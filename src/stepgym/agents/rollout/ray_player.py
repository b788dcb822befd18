"""`RayPlayer`: a pool of actors on the machines of a cluster; those that die are replaced."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stepgym.agents.agent import Agent
from stepgym.agents.episodes import Episode
from stepgym.agents.rollout.plan import Job
from stepgym.agents.rollout.player import WorkerLost
from stepgym.agents.rollout.ray_actor import EpisodeActor, Raised, Started, failures_of
from stepgym.agents.rollout.ray_connection import ClusterError, Connection
from stepgym.errors import InvalidInputError

_CLOSE_SECONDS = 5.0
_FREE_REPLAYS = 3  # of an episode whose machine died each time; from then on it may well be the cause
_FAILED_STARTS = 3  # in a row, for each actor of the pool


@dataclass(slots=True, eq=False)
class _Member:
    """An actor that plays."""

    handle: Any
    node: str
    playing: int = 0


class RayPlayer:
    """Plays each episode on the actor that plays the fewest.

    Args:
        connection: The way to the cluster; closed with the player.
        recipe: The pickled `Recipe`.
        actors: How many.
        episodes_per_actor: Most episodes an actor plays at once.
        reserve: What Ray reserves for an actor, as options of `ray.remote`.
        start_seconds: How long `play` waits while there is no actor.
        agent: Who acts here; the actors' policies must have the same name and template hash, and what they count as
            failed requests is added to what this one's policy counts.
    """

    def __init__(
        self,
        connection: Connection,
        recipe: bytes,
        *,
        actors: int,
        episodes_per_actor: int,
        reserve: Mapping[str, float],
        start_seconds: float,
        agent: Agent,
    ) -> None:
        ray = connection.ray
        self._connection = connection
        self._ray = ray
        self._dead = (
            ray.exceptions.RayActorError,
            ray.exceptions.WorkerCrashedError,
            ray.exceptions.NodeDiedError,
            ray.exceptions.ObjectLostError,
            ray.exceptions.LocalRayletDiedError,
        )
        options = {"max_concurrency": episodes_per_actor + 1, "max_restarts": 0, "scheduling_strategy": "SPREAD"}
        self._actor = ray.remote(**options, **reserve)(EpisodeActor)
        self._recipe = ray.put(recipe)
        self._each = episodes_per_actor
        self._wanted = actors
        self._start_seconds = start_seconds
        self._expected = (agent.name, agent.template_hash)
        self._failures = failures_of(agent.policy)
        self._members: list[_Member] = []
        self._free = asyncio.Semaphore(0)  # places; those of a dead actor are withdrawn when they are taken
        self._failure: Exception | None = None
        self._failed_starts = 0
        self._deaths: Counter[str] = Counter()
        self._tasks = {asyncio.create_task(self._recruit()) for _ in range(actors)}
        self._tasks.add(asyncio.create_task(self._watch()))

    async def play(self, episode_id: str, job: Job) -> Episode:
        """See `Player.play`."""
        member = await self._take()
        try:
            answer: Episode | Raised = await member.handle.play.remote(episode_id, job)
        except self._dead as error:
            raise self._lost(member, episode_id, error) from None
        finally:
            member.playing -= 1
            if member in self._members:
                self._free.release()
        if isinstance(answer, Raised):
            raise answer.again()
        self._deaths.pop(episode_id, None)
        return answer

    async def close(self) -> None:
        """Ends the actors and leaves the cluster."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        members, self._members = self._members, []
        await asyncio.gather(*(self._dismiss(member) for member in members))
        self._connection.close()

    async def _take(self) -> _Member:
        while True:
            await self._free.acquire()
            if self._failure is not None:
                self._free.release()  # for the next one who waits
                raise self._failure
            member = min(self._members, key=lambda member: member.playing, default=None)
            if member is not None and member.playing < self._each:
                member.playing += 1
                return member

    def _lost(self, member: _Member, episode_id: str, error: Exception) -> WorkerLost:
        self._replace(member)
        # An actor of a dead machine is "unavailable" until the cluster has missed the machine, up to a minute later.
        unreachable = isinstance(error, self._ray.exceptions.ActorUnavailableError)
        if not unreachable and self._is_up(member.node):
            return WorkerLost("the actor's process died")
        for other in [other for other in self._members if other.node == member.node and not other.playing]:
            self._replace(other)  # nobody would notice before the next episode is lost on it
        self._deaths[episode_id] += 1
        return WorkerLost("the actor's machine died", blamed=self._deaths[episode_id] > _FREE_REPLAYS)

    def _replace(self, member: _Member) -> None:
        if member not in self._members:
            return
        self._members.remove(member)
        self._kill(member.handle)  # one that cannot be reached may still live
        task = asyncio.create_task(self._recruit())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _recruit(self) -> None:
        """Adds an actor as soon as the cluster has room for it."""
        while self._failure is None:
            handle = self._actor.remote()
            try:
                answer: Started | Raised = await handle.start.remote(self._recipe)
            except self._dead as error:
                self._failed_starts += 1
                if getattr(error, "actor_init_failed", False) or self._failed_starts >= _FAILED_STARTS * self._wanted:
                    self._fail(ClusterError(f"an actor cannot start on the cluster: {error}"))
            except self._ray.exceptions.RayError as error:
                self._fail(ClusterError(f"an actor cannot start on the cluster: {error}"))
            except asyncio.CancelledError:
                self._kill(handle)
                raise
            else:
                if isinstance(answer, Raised):
                    self._fail(answer.again())
                elif (theirs := (answer.name, answer.template_hash)) != self._expected:
                    self._fail(_other_policy(self._expected, theirs))
                else:
                    self._failed_starts = 0
                    self._members.append(_Member(handle, answer.node))
                    for _ in range(self._each):
                        self._free.release()
                return

    async def _dismiss(self, member: _Member) -> None:
        with contextlib.suppress(TimeoutError, *self._dead):
            self._failures.update(await asyncio.wait_for(_closed(member.handle), _CLOSE_SECONDS))
        self._kill(member.handle)

    async def _watch(self) -> None:
        """Gives up when there has been no actor for `start_seconds`."""
        loop = asyncio.get_running_loop()
        seen = loop.time()
        while self._failure is None:
            await asyncio.sleep(min(1.0, self._start_seconds / 10))
            if self._members:
                seen = loop.time()
            elif loop.time() - seen > self._start_seconds:
                free, there = self._ray.available_resources(), self._ray.cluster_resources()
                self._fail(
                    ClusterError(
                        f"no actor could start within {self._start_seconds:g} s: {free.get('CPU', 0):g} of "
                        f"{there.get('CPU', 0):g} CPUs and {free.get('GPU', 0):g} of {there.get('GPU', 0):g} GPUs of "
                        "the cluster are free. Ask for less (cpus_per_actor, gpus_per_actor) or add machines."
                    )
                )

    def _fail(self, error: Exception) -> None:
        """Ends the collection: all who wait are told."""
        self._failure = self._failure or error
        self._free.release()

    def _is_up(self, node: str) -> bool:
        return any(entry["NodeID"] == node and entry["Alive"] for entry in self._ray.nodes())

    def _kill(self, handle: Any) -> None:
        with contextlib.suppress(*self._dead):
            self._ray.kill(handle, no_restart=True)


async def _closed(handle: Any) -> Mapping[str, int]:
    failures: Mapping[str, int] = await handle.close.remote()
    return failures


def _other_policy(ours: tuple[str, str], theirs: tuple[str, str]) -> InvalidInputError:
    what = "name" if ours[0] != theirs[0] else "tokenizer or chat template"
    return InvalidInputError(
        f"the actors' policy has another {what} than the one given to collect: {theirs[0]!r} with template "
        f"{theirs[1] or 'none'}, not {ours[0]!r} with {ours[1] or 'none'}"
    )

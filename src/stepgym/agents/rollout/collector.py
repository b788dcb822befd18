"""`Collector`: plays what the schedule hands out, in parallel, and records each episode as it finishes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from os import PathLike
from typing import Literal

from stepgym.agents.agent import Agent, PolicyError
from stepgym.agents.episodes import Episode
from stepgym.agents.log.episode_log import EpisodeLog
from stepgym.agents.policy import Completion
from stepgym.agents.rollout.budget import CollectBudget
from stepgym.agents.rollout.collected import Collected, Tally
from stepgym.agents.rollout.local import LocalPlayer
from stepgym.agents.rollout.plan import Job, Plan
from stepgym.agents.rollout.play import record, unplayed
from stepgym.agents.rollout.player import EpisodeFailed, Player, Workers
from stepgym.agents.rollout.processes import ProcessPlayer
from stepgym.agents.rollout.progress import Progress
from stepgym.agents.rollout.schedule import Schedule
from stepgym.agents.rollout.source import EnvSource
from stepgym.errors import InvalidInputError, StepgymError

_FIRST_PAUSE = 0.1  # seconds before an episode is played again after the policy failed; doubled each time
_LONGEST_PAUSE = 30.0


class Collector:
    """One collection: the slots share the schedule, the player, the log and the tally."""

    def __init__(
        self,
        agent: Agent,
        source: EnvSource,
        plan: Plan,
        *,
        out: EpisodeLog | str | PathLike[str] | None,
        concurrency: int,
        workers: int | Workers,
        retries: int,
        budget: CollectBudget | None,
        enough: tuple[int, int] | None,
        resume: bool,
        progress: bool | Callable[[Collected], None],
        env_errors: Literal["raise", "record"],
        max_errors: int | None,
        on_episode: Callable[[Episode], None] | None,
    ) -> None:
        if concurrency < 1:
            raise InvalidInputError(f"concurrency must be at least 1, got {concurrency}")
        if isinstance(workers, int) and workers < 0:
            raise InvalidInputError(f"workers must be at least 0 (0 is in this process), got {workers}")
        if retries < 0:
            raise InvalidInputError(f"retries must be at least 0, got {retries}")
        if env_errors not in ("raise", "record"):
            raise InvalidInputError(f"env_errors must be 'raise' or 'record', got {env_errors!r}")
        if enough is not None and (len(enough) != 2 or min(enough) < 0 or max(enough) == 0):
            raise InvalidInputError(f"enough is a number of successes and one of failures, got {enough!r}")
        self._agent = agent
        self._source = source
        self._plan = plan
        self._out = out
        self._concurrency = concurrency
        self._workers = workers
        self._retries = retries
        self._budget = budget
        self._enough = enough
        self._resume = resume
        self._progress = progress
        self._env_errors = env_errors
        self._max_errors = max_errors
        self._on_episode = on_episode
        self._log: EpisodeLog | None = None
        self._tally = Tally(plan.total, keep=out is None)

    def summary(self) -> Collected:
        """What was done so far."""
        return self._tally.summary()

    async def run(self) -> Collected:
        """Plays everything that is not in the log yet."""
        player = self._player()
        opened = None
        try:
            if isinstance(self._out, EpisodeLog):
                self._log = self._out
            elif self._out is not None:
                self._log = opened = EpisodeLog(self._out, mode="a")
            schedule = Schedule(
                self._plan,
                self._plan.run_id(self._agent, self._source),
                self._log,
                resume=self._resume,
                enough=self._enough,
                budget=self._budget,
                tally=self._tally,
            )
            async with Progress(self._tally, self._progress):
                number = max(1, min(self._concurrency, self._plan.total))
                slots = [asyncio.ensure_future(self._slot(player, schedule)) for _ in range(number)]
                try:
                    await asyncio.gather(*slots)
                finally:
                    for slot in slots:
                        slot.cancel()
                    await asyncio.gather(*slots, return_exceptions=True)
        finally:
            try:
                await player.close()
            finally:
                if opened is not None:
                    opened.close()
        return self.summary()

    def _player(self) -> Player:
        if not isinstance(self._workers, int):
            return self._workers.player(self._agent, self._source, concurrency=self._concurrency)
        if self._workers:
            return ProcessPlayer(self._agent, self._source, workers=self._workers)
        return LocalPlayer(self._agent, self._source)

    async def _slot(self, player: Player, schedule: Schedule) -> None:
        """Plays one episode after the other."""
        while (turn := await schedule.take()) is not None:
            episode = await self._played(player, turn.episode_id, turn.job)
            self._finish(episode)
            schedule.finished(turn, episode)
            await asyncio.sleep(0)  # a policy that never waits must not keep Ctrl-C out

    async def _played(self, player: Player, episode_id: str, job: Job) -> Episode:
        """The episode of a job, played again where it failed for a reason that may pass."""
        attempts = 0
        while True:
            try:
                return await player.play(episode_id, job)
            except EpisodeFailed as failed:
                self._tally.failed(failed.kind)
                attempts += failed.blamed
                if attempts > self._retries:
                    return failed.episode or self._broken(episode_id, job, f"{failed.kind}: {failed}")
                if failed.kind == "policy":
                    await asyncio.sleep(min(_FIRST_PAUSE * 2 ** (attempts - 1), _LONGEST_PAUSE))
            except StepgymError:
                raise
            except Exception as error:
                if self._env_errors == "raise":
                    raise
                self._tally.failed("environment")
                return self._broken(episode_id, job, f"environment: {type(error).__name__}: {error}")

    def _broken(self, episode_id: str, job: Job, reason: str) -> Episode:
        step = unplayed("", Completion("", finish_reason="error"), reason)
        return record(self._agent, self._source, episode_id, job, steps=(step,), end="error")

    def _finish(self, episode: Episode) -> None:
        if self._log is not None:
            self._log.append(episode)
        tally = self._tally
        tally.add(episode)
        if self._on_episode is not None:
            self._on_episode(episode)
        if self._max_errors is not None and tally.errors_in_a_row >= self._max_errors:
            raise PolicyError(f"{tally.errors_in_a_row} episodes in a row failed, the last one so: {tally.last_error}")

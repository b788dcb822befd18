"""`Schedule`: which episode is played next, given what the log holds, what is enough and what may be spent."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from stepgym.agents.episodes import Episode
from stepgym.agents.log.episode_log import EpisodeLog
from stepgym.agents.rollout.budget import CollectBudget
from stepgym.agents.rollout.collected import Tally
from stepgym.agents.rollout.plan import Job, Plan
from stepgym.errors import InvalidInputError


@dataclass(slots=True, eq=False)
class Group:
    """The samples of one task: those not begun yet, in order, and how the others came out."""

    jobs: Iterator[Job]
    successes: int = 0
    failures: int = 0
    running: int = 0
    waits: bool = False

    def count(self, success: bool | None) -> None:
        """Count a finished sample."""
        self.successes += success is True
        self.failures += success is False


@dataclass(frozen=True, slots=True)
class Turn:
    """An episode to be played now."""

    episode_id: str
    job: Job
    group: Group


class Schedule:
    """Hands out the episodes of a plan that are still to be played.

    With `enough`, the samples of a task are begun in order, and no further one when the task has so many successes and
    failures. As many of them run at once as are needed at the least (the successes and failures that are still
    missing, together), so that the samples which are played are the same at any concurrency and after a resume.

    Args:
        plan: All jobs.
        run_id: Begins every episode's id.
        log: Where finished episodes are; None keeps none.
        resume: Leave out what is in the log; False refuses such a log.
        enough: Successes and failures after which a task has enough; None plays all samples.
        budget: Ends the handing out.
        tally: Counts what is skipped and spared.
    """

    def __init__(
        self,
        plan: Plan,
        run_id: str,
        log: EpisodeLog | None,
        *,
        resume: bool,
        enough: tuple[int, int] | None,
        budget: CollectBudget | None,
        tally: Tally,
    ) -> None:
        self._run_id = run_id
        self._log = log
        self._resume = resume
        self._enough = enough
        self._budget = budget
        self._tally = tally
        self._begun = 0
        self._groups = plan.groups()
        self._open: deque[Group] = deque()
        self._waiting = 0  # groups that go on when one of their samples has finished
        self._changed = asyncio.Event()
        self._outcomes: dict[str, bool | None] = {}
        if log is not None and enough is not None and len(log):
            self._outcomes = {e.id: e.success for e in log if e.id.startswith(f"{run_id}/")}

    async def take(self) -> Turn | None:
        """The next episode to be played, None when none is left; waits where that is not known yet."""
        while not self._tally.stopped:
            turn = self._next()
            if turn is not None and self._may_begin():
                self._begun += 1
                return turn
            if turn is not None or not self._waiting:
                break
            self._changed.clear()
            await self._changed.wait()
        return None

    def finished(self, turn: Turn, episode: Episode) -> None:
        """To be told of each episode that was taken, when it has ended."""
        group = turn.group
        group.running -= 1
        group.count(episode.success)
        if group.waits:
            group.waits = False
            self._waiting -= 1
            self._open.appendleft(group)
            self._changed.set()

    def _next(self) -> Turn | None:
        while True:
            while self._open:
                turn = self._next_of(self._open[0])
                if turn is not None:
                    return turn
                self._open.popleft()
            jobs = next(self._groups, None)
            if jobs is None:
                return None
            self._open.append(Group(jobs))

    def _next_of(self, group: Group) -> Turn | None:
        """The next episode of a task; None if there is none, or none yet."""
        while self._wants(group):
            job = next(group.jobs, None)
            if job is None:
                return None
            episode_id = f"{self._run_id}/{job.key}"
            if not self._is_logged(episode_id):
                group.running += 1
                return Turn(episode_id, job, group)
            group.count(self._outcomes.get(episode_id))
        if group.running:
            group.waits = True
            self._waiting += 1
        else:
            for job in group.jobs:
                self._tally.spared += not self._is_logged(f"{self._run_id}/{job.key}")
        return None

    def _wants(self, group: Group) -> bool:
        if self._enough is None:
            return True
        successes, failures = self._enough
        return group.running < max(0, successes - group.successes) + max(0, failures - group.failures)

    def _is_logged(self, episode_id: str) -> bool:
        if self._log is None or episode_id not in self._log:
            return False
        if not self._resume:
            raise InvalidInputError(
                f"the log already holds the episode {episode_id}: resume it (resume=True) or choose another folder"
            )
        self._tally.skipped += 1
        return True

    def _may_begin(self) -> bool:
        if self._budget is None:
            return True
        tally = self._tally
        tally.stopped = self._budget.reached(episodes=self._begun, tokens=tally.tokens, seconds=tally.seconds)
        if tally.stopped:
            self._skip_logged()
            self._changed.set()
        return not tally.stopped

    def _skip_logged(self) -> None:
        """Count those in the log that come after the last one begun, so that the summary is right."""
        if self._log is None:
            return
        prefix = f"{self._run_id}/"
        left = sum(name.startswith(prefix) for name in self._log.ids()) - self._tally.skipped - self._tally.finished
        for jobs in chain((group.jobs for group in self._open), self._groups):
            for job in jobs:
                if left <= 0:
                    return
                left -= self._is_logged(prefix + job.key)

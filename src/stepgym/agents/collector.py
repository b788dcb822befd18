"""`Collector`: plays the jobs of a plan in parallel slots and records each episode as it finishes."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, Literal

import gymnasium

from stepgym.agents.agent import Agent, PolicyError
from stepgym.agents.episodes import End, Episode, Step
from stepgym.agents.log import EpisodeLog
from stepgym.agents.plan import EnvSource, Job, Plan
from stepgym.agents.policy import Completion
from stepgym.errors import InvalidInputError, StepgymError
from stepgym.verifiers.verdict import Verdict, printable

SIGNATURE = "stepgym-collect"  # who signs the verdicts on turns that failed
_ERRORS_KEPT = 20


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection did.

    Attributes:
        episodes: The episodes, in the order they finished; empty when they were written to a log.
        finished: How many episodes were played now.
        skipped: How many were in the log already.
        missing: How many of those asked for are still to be played; 0 unless interrupted.
        ends: Count by `Episode.end`.
        successes, failures, undecided: Count by `Episode.success`; undecided holds those cut by the system too.
        errors: Count by message of the policy (and, where recorded, environment) errors behind `end="error"`.
        tokens: Tokens written by the policy, where it gives ids.
        seconds: Wall time.
    """

    episodes: tuple[Episode, ...] = field(default=(), repr=False)
    finished: int = 0
    skipped: int = 0
    missing: int = 0
    ends: Mapping[str, int] = field(default_factory=dict)
    successes: int = 0
    failures: int = 0
    undecided: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    tokens: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        judged = self.successes + self.failures
        parts = [f"{self.finished} episodes in {self.seconds:.1f} s"]
        if self.skipped:
            parts.append(f"{self.skipped} were there already")
        if judged:
            parts.append(f"{self.successes} of {judged} judged ones succeeded ({self.successes / judged:.1%})")
        parts += [f"{self.undecided} without an outcome"] if self.undecided else []
        parts += [f"{self.ends[end]} cut ({end})" for end in ("context", "error") if self.ends.get(end)]
        parts += [f"{count} x {printable(message)[:200]}" for message, count in self.errors.items()]
        return ", ".join(parts)


class Collector:
    """One collection: the slots share the iterator of jobs, the log and the counts."""

    def __init__(
        self,
        agent: Agent,
        source: EnvSource,
        plan: Plan,
        *,
        out: EpisodeLog | str | PathLike[str] | None,
        concurrency: int,
        resume: bool,
        progress: bool,
        env_errors: Literal["raise", "record"],
        max_errors: int | None,
        on_episode: Callable[[Episode], None] | None,
    ) -> None:
        if concurrency < 1:
            raise InvalidInputError(f"concurrency must be at least 1, got {concurrency}")
        if env_errors not in ("raise", "record"):
            raise InvalidInputError(f"env_errors must be 'raise' or 'record', got {env_errors!r}")
        self._agent = agent
        self._source = source
        self._plan = plan
        self._out = out
        self._concurrency = concurrency
        self._resume = resume
        self._progress = progress
        self._env_errors = env_errors
        self._max_errors = max_errors
        self._on_episode = on_episode
        self._log: EpisodeLog | None = None
        self._done: frozenset[str] = frozenset()
        self._run_id = ""
        self._episodes: list[Episode] = []
        self._ends: Counter[str] = Counter()
        self._success: Counter[bool | None] = Counter()
        self._errors: Counter[str] = Counter()
        self._errors_in_a_row = 0
        self._skipped = 0
        self._tokens = 0
        self._began = time.perf_counter()

    def summary(self) -> Collected:
        """What was done so far."""
        finished = sum(self._ends.values())
        return Collected(
            episodes=tuple(self._episodes),
            finished=finished,
            skipped=self._skipped,
            missing=self._plan.total - finished - self._skipped,
            ends=dict(self._ends),
            successes=self._success[True],
            failures=self._success[False],
            undecided=self._success[None],
            errors=dict(self._errors),
            tokens=self._tokens,
            seconds=time.perf_counter() - self._began,
        )

    async def run(self) -> Collected:
        """Plays everything that is not in the log yet."""
        from tqdm import tqdm

        first = self._source.make()
        opened = None
        try:
            self._run_id = self._plan.run_id(self._agent, self._source)
            if isinstance(self._out, EpisodeLog):
                self._log = self._out
            elif self._out is not None:
                self._log = opened = EpisodeLog(self._out, mode="a")
            if self._log is not None:
                self._done = self._log.ids()
            with tqdm(
                total=self._plan.total, unit=" episodes", disable=None if self._progress else True, dynamic_ncols=True
            ) as bar:
                jobs = self._jobs(bar)
                slots = [asyncio.ensure_future(self._slot(jobs, bar, first))]
                more = min(self._concurrency, self._plan.total) - 1
                slots += [asyncio.ensure_future(self._slot(jobs, bar, None)) for _ in range(more)]
                try:
                    await asyncio.gather(*slots)
                finally:
                    for slot in slots:
                        slot.cancel()
                    await asyncio.gather(*slots, return_exceptions=True)
        finally:
            first.close()
            if opened is not None:
                opened.close()
        return self.summary()

    def _jobs(self, bar: Any) -> Iterator[tuple[str, Job]]:
        """The jobs still to be done, with their episode ids."""
        for job in self._plan.jobs():
            episode_id = f"{self._run_id}/{job.key}"
            if episode_id not in self._done:
                yield episode_id, job
            elif self._resume:
                self._skipped += 1
                bar.update()
            else:
                raise InvalidInputError(
                    f"the log already holds the episode {episode_id}: resume it (resume=True) or choose another folder"
                )

    async def _slot(self, jobs: Iterator[tuple[str, Job]], bar: Any, first: gymnasium.Env[Any, Any] | None) -> None:
        """Plays one episode after the other in one environment, `first` if there is one already."""
        env = first
        try:
            for episode_id, job in jobs:
                if env is None:
                    env = self._source.make()
                try:
                    episode = await self._play(env, episode_id, job)
                except Exception as error:
                    if self._env_errors == "raise" or isinstance(error, StepgymError):
                        raise
                    episode = self._broken(episode_id, job, error)
                    env = None  # in an unknown state
                self._finish(episode)
                bar.set_postfix_str(f"success {self._success[True]}/{sum(self._ends.values())}", refresh=False)
                bar.update()
                await asyncio.sleep(0)  # a policy that never waits must not keep Ctrl-C out
        finally:
            if env is not None and env is not first:
                env.close()

    async def _play(self, env: gymnasium.Env[Any, Any], episode_id: str, job: Job) -> Episode:
        options = None if job.task is None else {"task": job.task}
        observation, info = env.reset(seed=job.env_seed, options=options)
        if not isinstance(observation, str):
            raise InvalidInputError(
                f"{self._source.id} shows observations of type {type(observation).__name__}; "
                "collect needs a text environment (observations and actions are str)"
            )
        task = info.get("task", job.task)
        instructions = str(getattr(env.unwrapped, "instructions", "") or "")
        conversation = self._agent.start(instructions=instructions, seed=job.policy_seed)
        steps: list[Step] = []
        end: End | None = None
        verdict: Verdict | None = None
        while end is None:
            try:
                completion = await self._agent.act(conversation, observation, info=info)
            except PolicyError as error:
                steps.append(_failed(observation, Completion("", finish_reason="error"), str(error)))
                self._errors_in_a_row += 1
                if self._max_errors is not None and self._errors_in_a_row >= self._max_errors:
                    raise
                end = "error"
                break
            self._errors_in_a_row = 0
            self._tokens += len(completion.token_ids or ())
            if completion.finish_reason == "error":
                steps.append(_failed(observation, completion, "the policy reported an error"))
                end = "error"
            elif completion.finish_reason == "length":
                steps.append(_failed(observation, completion, "the generation was cut before its end"))
                end = "context"
            else:
                shown, action = observation, completion.text
                observation, reward, terminated, truncated, info = env.step(action)
                found = info.get("verdict")
                verdict = found if isinstance(found, Verdict) else None
                signed = () if verdict is None else (verdict,)
                steps.append(Step(shown, action, completion, float(reward), bool(terminated), bool(truncated), signed))
                end = "terminated" if terminated else "step_limit" if truncated else None
        decided = end in ("terminated", "step_limit") and (verdict is None or verdict.status != "undecided")
        return self._episode(
            episode_id,
            job,
            task_id=str(getattr(task, "id", task) if task is not None else f"seed-{job.env_seed}"),
            steps=tuple(steps),
            outcome=sum(step.reward for step in steps) if decided else None,
            end=end,
        )

    def _episode(
        self, episode_id: str, job: Job, *, task_id: str, steps: tuple[Step, ...], outcome: float | None, end: End
    ) -> Episode:
        return Episode(
            id=episode_id,
            env_id=self._source.id,
            task_id=task_id,
            steps=steps,
            outcome=outcome,
            end=end,
            env_kwargs=self._source.kwargs,
            seed=job.env_seed,
            policy=self._agent.name,
            template_hash=self._agent.template_hash,
            sampling=self._agent.sampling,
        )

    def _broken(self, episode_id: str, job: Job, error: Exception) -> Episode:
        step = _failed("", Completion("", finish_reason="error"), f"environment: {type(error).__name__}: {error}")
        task_id = job.task or f"seed-{job.env_seed}"
        return self._episode(episode_id, job, task_id=task_id, steps=(step,), outcome=None, end="error")

    def _finish(self, episode: Episode) -> None:
        if self._log is not None:
            self._log.append(episode)
        else:
            self._episodes.append(episode)
        self._ends[episode.end] += 1
        self._success[episode.success] += 1
        if episode.end == "error":
            reason = episode.steps[-1].verdicts[-1].reason
            # Messages with a number of their own each must not fill the memory.
            self._errors[reason if reason in self._errors or len(self._errors) < _ERRORS_KEPT else "other errors"] += 1
        if self._on_episode is not None:
            self._on_episode(episode)


def _failed(observation: str, completion: Completion, reason: str) -> Step:
    """A turn that never reached the environment."""
    return Step(observation, completion.text, completion, verdicts=(Verdict.undecided(reason, verifier=SIGNATURE),))

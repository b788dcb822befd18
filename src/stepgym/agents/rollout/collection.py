"""`collect`: many episodes at once, generation batched over them, each finished episode written at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any, Literal

from stepgym.agents.agent import Agent
from stepgym.agents.conversation.prompts import PromptFormat
from stepgym.agents.episodes import Episode
from stepgym.agents.log.episode_log import EpisodeLog
from stepgym.agents.policy import Policy, Sampling
from stepgym.agents.rollout.budget import CollectBudget
from stepgym.agents.rollout.collected import Collected
from stepgym.agents.rollout.collector import Collector
from stepgym.agents.rollout.plan import Plan
from stepgym.agents.rollout.player import Workers
from stepgym.agents.rollout.source import EnvLike, environment_source
from stepgym.agents.running import run_sync
from stepgym.envs.tasks import Task


class CollectionInterrupted(KeyboardInterrupt):
    """Ctrl-C during `collect`: all finished episodes are kept; `summary` says what was done."""

    def __init__(self, summary: Collected, *, logged: bool) -> None:
        again = " Run the same call again to play them." if logged else ""
        super().__init__(f"interrupted: {summary}; {summary.missing} still to be played.{again}")
        self.summary = summary


def collect(
    env: EnvLike,
    policy: Policy | Agent,
    *,
    episodes: int | None = None,
    tasks: Sequence[str | Task] | None = None,
    samples_per_task: int = 1,
    out: EpisodeLog | str | PathLike[str] | None = None,
    sampling: Sampling | None = None,
    prompt: PromptFormat | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
    seed: int = 0,
    concurrency: int = 256,
    workers: int | Workers = 0,
    retries: int = 2,
    budget: CollectBudget | None = None,
    enough: tuple[int, int] | None = None,
    resume: bool = True,
    progress: bool | Callable[[Collected], None] = True,
    env_errors: Literal["raise", "record"] = "raise",
    max_errors: int | None = 100,
    on_episode: Callable[[Episode], None] | None = None,
) -> Collected:
    """Plays episodes, `concurrency` of them at once, and returns or logs them.

    The seeds of an episode depend on `seed` and on which task and sample it is, never on the order in which episodes
    run: with a deterministic policy the episodes are the same at any concurrency. Ids depend on environment, policy
    name, prompt, sampling and seed as well, so the same call resumes a log without duplicates and another call adds.

    A generation cut at `max_tokens` or by a full context is not given to the environment: the episode ends as "context"
    without an outcome. A policy that raises ends its episode as "error", with the message in the last step's verdict.

    Args:
        env: A Gymnasium id, an environment with a spec, or a function that makes one; each of the `concurrency` slots
            makes one and uses it again.
        policy: A policy, or an agent that brings its prompt format and sampling.
        episodes: How many episodes; the environment chooses the tasks by seed.
        tasks: The tasks to play, all of them; give this or `episodes`.
        samples_per_task: Episodes per task. With `episodes`, so many in a row begin with the same seed.
        out: Episodes are written there as they finish and not kept in memory; a path is opened and closed.
        sampling: How to draw; the agent's own or `Sampling()` if absent.
        prompt: Prompt format for a policy; `PlainPrompt()` if absent.
        env_kwargs: Arguments for `gymnasium.make` when `env` is an id.
        seed: Seed of the whole collection.
        concurrency: Most episodes in flight.
        workers: Where the environments are: 0 is in this process, which suits those that are quick; a number is in
            so many worker processes, for those whose step takes long (the policy stays here); `Workers` is elsewhere.
        retries: How often an episode is played again, from its reset and with its seeds, after its worker died or the
            policy could not be reached (`ConnectionError`, `TimeoutError`, or an exception whose `transient` is true).
        budget: Stops beginning episodes when so much is spent; those in flight are played to their end.
        enough: (successes, failures): a task gets no further samples when it has so many of each, those in the log
            included; `samples_per_task` is the most it gets.
        resume: Leave out episodes whose ids are in the log; False refuses such a log.
        progress: Show a progress bar on a terminal; or a function that is called with what was done so far, twice a
            second and at the end.
        env_errors: "raise" an environment's exception, which is a defect, or "record" it as an episode's "error".
        max_errors: Gives up after so many failed episodes in a row; None never does.
        on_episode: Called with each finished episode.

    Raises:
        CollectionInterrupted: Ctrl-C; the log is closed and can be resumed.
        PolicyError: The policy failed `max_errors` times in a row.
    """
    collector = Collector(
        _agent(policy, prompt, sampling),
        environment_source(env, env_kwargs),
        _plan(episodes, tasks, samples_per_task, seed),
        out=out,
        concurrency=concurrency,
        workers=workers,
        retries=retries,
        budget=budget,
        enough=enough,
        resume=resume,
        progress=progress,
        env_errors=env_errors,
        max_errors=max_errors,
        on_episode=on_episode,
    )
    try:
        return run_sync(collector.run())
    except KeyboardInterrupt:
        raise CollectionInterrupted(collector.summary(), logged=out is not None) from None


async def collect_async(
    env: EnvLike,
    policy: Policy | Agent,
    *,
    episodes: int | None = None,
    tasks: Sequence[str | Task] | None = None,
    samples_per_task: int = 1,
    out: EpisodeLog | str | PathLike[str] | None = None,
    sampling: Sampling | None = None,
    prompt: PromptFormat | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
    seed: int = 0,
    concurrency: int = 256,
    workers: int | Workers = 0,
    retries: int = 2,
    budget: CollectBudget | None = None,
    enough: tuple[int, int] | None = None,
    resume: bool = True,
    progress: bool | Callable[[Collected], None] = True,
    env_errors: Literal["raise", "record"] = "raise",
    max_errors: int | None = 100,
    on_episode: Callable[[Episode], None] | None = None,
) -> Collected:
    """`collect` inside a running event loop; cancelling it keeps what is finished."""
    return await Collector(
        _agent(policy, prompt, sampling),
        environment_source(env, env_kwargs),
        _plan(episodes, tasks, samples_per_task, seed),
        out=out,
        concurrency=concurrency,
        workers=workers,
        retries=retries,
        budget=budget,
        enough=enough,
        resume=resume,
        progress=progress,
        env_errors=env_errors,
        max_errors=max_errors,
        on_episode=on_episode,
    ).run()


def _agent(policy: Policy | Agent, prompt: PromptFormat | None, sampling: Sampling | None) -> Agent:
    if not isinstance(policy, Agent):
        return Agent(policy, prompt, sampling)
    if prompt is None and sampling is None:
        return policy
    return Agent(policy.policy, prompt or policy.prompt, sampling or policy.sampling)


def _plan(episodes: int | None, tasks: Sequence[str | Task] | None, samples_per_task: int, seed: int) -> Plan:
    names = None if tasks is None else tuple(task.id if isinstance(task, Task) else task for task in tasks)
    return Plan(seed=seed, episodes=episodes, tasks=names, samples=samples_per_task)

"""Evaluation of policies: success with an interval, and the paired comparison of two policies on the same tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from typing import Any

from stepgym.agents.agent import Agent
from stepgym.agents.conversation.prompts import PromptFormat
from stepgym.agents.episodes import Episode
from stepgym.agents.evaluation.breakdown import KS
from stepgym.agents.evaluation.records import Comparison, Evaluation
from stepgym.agents.evaluation.summary import summarize, voted_answer
from stepgym.agents.evaluation.task_groups import task_groups
from stepgym.agents.log.episode_log import EpisodeLog
from stepgym.agents.policy import Policy, Sampling, policy_name
from stepgym.agents.rollout import EnvLike, collect
from stepgym.agents.rollout.source import environment_source
from stepgym.agents.statistics import paired_difference
from stepgym.envs.tasks import Task
from stepgym.errors import InvalidInputError


def compare(a: Evaluation, b: Evaluation) -> Comparison:
    """The paired comparison of `a` with `b`, task by task; raises `InvalidInputError` if the tasks differ."""
    if a.env_id != b.env_id:
        raise InvalidInputError(f"{a.label} was evaluated in {a.env_id} and {b.label} in {b.env_id}; nothing to pair")
    if a.outcomes.keys() != b.outcomes.keys():
        only_a, only_b = a.outcomes.keys() - b.outcomes.keys(), b.outcomes.keys() - a.outcomes.keys()
        raise InvalidInputError(
            f"{a.label} and {b.label} were not evaluated on the same tasks: {len(only_a)} tasks are only in the "
            f"first{_example(only_a)}, {len(only_b)} only in the second{_example(only_b)}. "
            f"Evaluate both with the same `tasks`."
        )
    means_a = [_mean(a.outcomes[task]) for task in a.outcomes]
    means_b = [_mean(b.outcomes[task]) for task in a.outcomes]
    found = paired_difference(means_a, means_b)
    interval = found.interval
    return Comparison(
        a.label, b.label, interval.value, interval.low, interval.high, found.p_value, found.test, len(means_a)
    )


def evaluate(
    env: EnvLike,
    policy: Policy | Agent,
    *,
    tasks: Sequence[str | Task] | None = None,
    episodes: int | None = None,
    samples: int = 1,
    sampling: Sampling | None = None,
    prompt: PromptFormat | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
    method: str | None = None,
    out: EpisodeLog | str | PathLike[str] | None = None,
    ks: Sequence[int] = KS,
    answer_of: Callable[[str], str] | None = voted_answer,
    seed: int = 0,
    concurrency: int = 256,
    progress: bool = True,
) -> Evaluation:
    """Plays `samples` episodes of each task and summarizes them.

    Args:
        env: A Gymnasium id, an environment with a spec, or a function that makes one.
        policy: A policy, or an agent that brings its prompt format and sampling.
        tasks: The tasks; evaluate policies on the same ones to compare them.
        episodes: Instead of `tasks`: so many episodes, the environment chooses the tasks by `seed`.
        samples: Episodes per task.
        sampling: How to draw; `Sampling(temperature=0)` is greedy. The agent's own or `Sampling()` if absent.
        prompt: Prompt format for a policy.
        env_kwargs: Arguments for `gymnasium.make` when `env` is an id.
        method: Name of the method; "greedy" or "sampled" if None.
        out: A log of its own for this evaluation, which the same call resumes; without it episodes are not kept.
        ks: Of how many samples pass@k and maj@k are given, as far as `samples` goes.
        answer_of: What an answer votes for, see `summarize`.
        seed: Seed of the episodes and of the bootstrap.
        concurrency: Most episodes in flight.
        progress: Show a progress bar on a terminal.
    """
    drawn = sampling or (policy.sampling if isinstance(policy, Agent) else Sampling())
    collected = collect(
        env,
        policy,
        episodes=episodes,
        tasks=tasks,
        samples_per_task=samples,
        out=out,
        sampling=sampling,
        prompt=prompt,
        env_kwargs=env_kwargs,
        seed=seed,
        concurrency=concurrency,
        progress=progress,
    )
    played: Iterable[Episode] = collected.episodes
    names: Iterable[str] = {episode.task_id for episode in collected.episodes}
    if out is not None:
        log = out if isinstance(out, EpisodeLog) else EpisodeLog(out)
        if len(log) != collected.finished + collected.skipped:
            raise InvalidInputError(
                f"{log.path} holds {len(log)} episodes, this evaluation {collected.finished + collected.skipped}: "
                f"others are mixed in. Give each evaluation a folder of its own."
            )
        played, names = log, {episode.task_id for episode in log}
    made = environment_source(env, env_kwargs).make()
    try:
        groups = task_groups(made, names)
    finally:
        made.close()
    return summarize(
        played,
        method=method or ("greedy" if drawn.temperature == 0 else "sampled"),
        policy=policy.name if isinstance(policy, Agent) else policy_name(policy),
        # A resumed evaluation did not measure the time of what was there already.
        seconds=None if collected.skipped else collected.seconds,
        ks=ks,
        answer_of=answer_of,
        groups=groups,
        seed=seed,
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _example(tasks: set[str]) -> str:
    return f" (for example {min(tasks)!r})" if tasks else ""

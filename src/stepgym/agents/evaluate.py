"""Evaluation of policies: success with an interval, and the paired comparison of two policies on the same tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import Any

from stepgym.agents.agent import Agent
from stepgym.agents.episodes import Episode
from stepgym.agents.evaluation import Comparison, Evaluation
from stepgym.agents.log import EpisodeLog
from stepgym.agents.policy import Policy, Sampling, policy_name
from stepgym.agents.prompts import PromptFormat
from stepgym.agents.rollout import EnvLike, collect
from stepgym.agents.statistics import mcnemar_p, paired_difference, sign_flip_p, success_interval
from stepgym.agents.text_table import text_table
from stepgym.envs.tasks import Task
from stepgym.errors import InvalidInputError


def summarize(
    episodes: Iterable[Episode],
    *,
    method: str,
    policy: str | None = None,
    tokens: int | None = None,
    seconds: float | None = None,
    seed: int = 0,
) -> Evaluation:
    """The evaluation that `episodes` amount to; read once, as a stream.

    Args:
        episodes: Finished episodes of one environment, any number per task.
        method: How the actions were chosen.
        policy: Name of the policy; the one in the episodes if None.
        tokens: Tokens spent, where the episodes do not hold all (a search); counted from the episodes if None.
        seconds: Wall time, if measured.
        seed: Of the bootstrap.

    Raises:
        InvalidInputError: there are no episodes, or they are of several environments or (without `policy`) policies.
    """
    outcomes: dict[str, list[float]] = {}
    envs, policies = set[str](), set[str]()
    undecided = truncated = counted = 0
    ids_known = True
    for episode in episodes:
        envs.add(episode.env_id)
        policies.add(episode.policy)
        outcomes.setdefault(episode.task_id, []).append(1.0 if episode.success else 0.0)
        cut = episode.end in ("context", "error")
        truncated += cut
        undecided += episode.outcome is None and not cut
        for step in episode.steps:
            if step.completion is None or step.completion.token_ids is None:
                ids_known = False
            else:
                counted += len(step.completion.token_ids)
    if not outcomes:
        raise InvalidInputError("there are no episodes to evaluate")
    if policy is None:
        policy = _the_only("policy", policies)
    count = sum(map(len, outcomes.values()))
    interval = success_interval(list(outcomes.values()), seed=seed)
    return Evaluation(
        policy=policy,
        method=method,
        env_id=_the_only("environment", envs),
        success=interval.value,
        low=interval.low,
        high=interval.high,
        outcomes={task: tuple(samples) for task, samples in outcomes.items()},
        undecided=undecided / count,
        truncated=truncated / count,
        tokens=tokens if tokens is not None or not ids_known else counted,
        seconds=seconds,
    )


def compare(a: Evaluation, b: Evaluation, *, seed: int = 0) -> Comparison:
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
    interval = paired_difference(means_a, means_b, seed=seed)
    single = all(len(o) == 1 for evaluation in (a, b) for o in evaluation.outcomes.values())
    if single:
        p_value = mcnemar_p(means_a, means_b)
    else:
        p_value = sign_flip_p([x - y for x, y in zip(means_a, means_b, strict=True)], seed=seed)
    return Comparison(
        a.label,
        b.label,
        interval.value,
        interval.low,
        interval.high,
        p_value,
        "mcnemar" if single else "sign_flip",
        len(means_a),
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
    if out is not None:
        log = out if isinstance(out, EpisodeLog) else EpisodeLog(out)
        if len(log) != collected.finished + collected.skipped:
            raise InvalidInputError(
                f"{log.path} holds {len(log)} episodes, this evaluation {collected.finished + collected.skipped}: "
                f"others are mixed in. Give each evaluation a folder of its own."
            )
        played = log
    return summarize(
        played,
        method=method or ("greedy" if drawn.temperature == 0 else "sampled"),
        policy=policy.name if isinstance(policy, Agent) else policy_name(policy),
        # A resumed evaluation did not measure the time of what was there already.
        seconds=None if collected.skipped else collected.seconds,
        seed=seed,
    )


def table(evaluations: Sequence[Evaluation], comparisons: Sequence[Comparison] = ()) -> str:
    """Evaluations and comparisons as plain aligned text, in percent and percentage points with 95 % intervals."""
    parts = []
    if evaluations:
        headers = (
            "policy",
            "method",
            "tasks",
            "samples",
            "success",
            "95 % interval",
            "undecided",
            "cut",
            "tokens",
            "s",
        )
        rows = [
            (
                e.policy,
                e.method,
                f"{e.tasks}",
                f"{e.samples}",
                f"{100 * e.success:.1f} %",
                f"{100 * e.low:.1f} to {100 * e.high:.1f}",
                f"{100 * e.undecided:.1f} %",
                f"{100 * e.truncated:.1f} %",
                "-" if e.tokens is None else f"{e.tokens}",
                "-" if e.seconds is None else f"{e.seconds:.1f}",
            )
            for e in evaluations
        ]
        parts.append(text_table(headers, rows, left=2))
    if comparisons:
        columns = ("compared", "with", "tasks", "difference", "95 % interval", "p", "test")
        pairs = [
            (
                c.a,
                c.b,
                f"{c.tasks}",
                f"{100 * c.difference:+.1f}",
                f"{100 * c.low:+.1f} to {100 * c.high:+.1f}",
                f"{c.p_value:.2g}",
                c.test,
            )
            for c in comparisons
        ]
        parts.append(text_table(columns, pairs, left=2))
    return "\n\n".join(parts)


def _the_only(kind: str, names: set[str]) -> str:
    if len(names) > 1:
        raise InvalidInputError(f"expected episodes of one {kind}, got {len(names)}: {', '.join(sorted(names)[:5])}")
    return next(iter(names))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _example(tasks: set[str]) -> str:
    return f" (for example {min(tasks)!r})" if tasks else ""

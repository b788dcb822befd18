"""How the quickstart evaluates: single samples, the choice among samples, and what V says along an episode."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from stepgym.agents import Episode, Evaluation, Policy, Sampling, summarize
from stepgym.agents.rollout import collect
from stepgym.envs import Task
from stepgym.quickstart.tasks import ENV_ID
from stepgym.train import TransformersValueFunction


def play(policy: Policy, tasks: Sequence[Task], sampling: Sampling, *, samples: int, seed: int) -> list[Episode]:
    """`samples` episodes of each task."""
    done = collect(ENV_ID, policy, tasks=tasks, samples_per_task=samples, sampling=sampling, seed=seed, concurrency=512)
    return list(done.episodes)


def evaluate_policy(
    policy: Policy, name: str, tasks: Sequence[Task], sampling: Sampling, *, samples: int, seed: int
) -> tuple[Evaluation, Evaluation, list[Episode]]:
    """Greedy and sampled success, and the sampled episodes."""
    start = time.perf_counter()
    greedy = play(policy, tasks, sampling.greedy(), samples=1, seed=seed)
    middle = time.perf_counter()
    sampled = play(policy, tasks, sampling, samples=samples, seed=seed)
    end = time.perf_counter()
    return (
        summarize(greedy, method="greedy", policy=name, seconds=middle - start),
        summarize(sampled, method="sampled", policy=name, seconds=end - middle),
        sampled,
    )


def by_task(episodes: Iterable[Episode]) -> dict[str, list[Episode]]:
    """Episodes of each task, in order."""
    groups: dict[str, list[Episode]] = defaultdict(list)
    for episode in episodes:
        groups[episode.task_id].append(episode)
    return groups


def final_answer(episode: Episode) -> str:
    """What stands after the last "answer"; the whole text if nothing does."""
    return episode.steps[-1].action.rpartition("answer")[2].strip()


def best_by_value(episodes: Iterable[Episode], value: TransformersValueFunction) -> list[Episode]:
    """Of each task the episode with the highest V of its answer."""
    groups = by_task(episodes)
    listed = [e for group in groups.values() for e in group]
    scores = dict(zip((e.id for e in listed), final_values(listed, value), strict=True))
    return [max(group, key=lambda e: scores[e.id]) for group in groups.values()]


def majority(episodes: Iterable[Episode]) -> list[Episode]:
    """Of each task the first episode that gives its most frequent answer."""
    chosen = []
    for group in by_task(episodes).values():
        common, _ = Counter(final_answer(e) for e in group).most_common(1)[0]
        chosen.append(next(e for e in group if final_answer(e) == common))
    return chosen


def final_values(episodes: Sequence[Episode], value: TransformersValueFunction) -> list[float]:
    """V of each episode's answer: after everything it says, before its end-of-turn token."""
    return [values[-1] for values in _values(episodes, value)]


def traces(episodes: Sequence[Episode], value: TransformersValueFunction, policy: str) -> list[dict[str, Any]]:
    """V along each episode, as the report shows it."""
    lines = []
    for episode, values in zip(episodes, _values(episodes, value), strict=True):
        step = episode.steps[-1]
        prompt, written = _ids(episode)
        decode = value.tokenizer.decode
        lines.append(
            {
                "task_id": episode.task_id,
                "prompt": step.observation,
                "reference": "",
                "policy": policy,
                "outcome": episode.outcome,
                "tokens": [decode([i]) for i in (*prompt, *written)],
                "action": [False] * len(prompt) + [True] * len(written),
                "values": values,
                "findings": [f.to_dict() for verdict in step.verdicts for f in verdict.findings],
                "text": step.action,
            }
        )
    return lines


def worth_showing(episodes: Sequence[Episode], most: int = 3) -> list[Episode]:
    """Wrong solutions with a refuted step, each followed by a right one of the same task; then a wrong guess.

    The first ones in the order of the tasks, whatever V says of them.
    """
    groups = by_task(episodes)
    chosen: list[Episode] = []
    for group in groups.values():
        slips = [e for e in group if e.success is False and len(_refuted(e)) > 0 and "\n" in e.steps[-1].action]
        right = [e for e in group if e.success and "\n" in e.steps[-1].action]
        if slips and right and len(chosen) < 2 * most:
            chosen += [slips[0], right[0]]
    guesses = [e for e in episodes if "\n" not in e.steps[-1].action]
    return [*chosen, *(e for e in guesses if e.success is False)][: len(chosen) + 1]


def _refuted(episode: Episode) -> list[str]:
    verdicts = [v for step in episode.steps for v in step.verdicts]
    return [f.kind for v in verdicts for f in v.findings if f.severity == "refuted" and f.kind != "final-answer"]


def _values(episodes: Sequence[Episode], value: TransformersValueFunction) -> list[list[float]]:
    async def read() -> list[list[float]]:
        return list(await asyncio.gather(*(value.values([*p, *w]) for p, w in map(_ids, episodes))))

    return asyncio.run(read())


def _ids(episode: Episode) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Prompt ids and the ids of what the episode says."""
    completion = episode.steps[-1].completion
    if completion is None or completion.prompt_token_ids is None or completion.token_ids is None:
        raise ValueError(f"episode {episode.id} has no token ids")
    written = completion.token_ids
    # After the end-of-turn token no action follows: V was not trained there.
    return completion.prompt_token_ids, written[:-1] if completion.finish_reason == "stop" else written

"""Episodes that a report shows where there is no value function: what was written, and the verifier's findings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stepgym.agents import Episode, Step
from stepgym.verifiers import picture_of

MOST = 4  # of each kind


def shown_episodes(episodes: Sequence[Episode]) -> list[dict[str, Any]]:
    """Lines of `value_traces.jsonl` without values: wrong, right and undecided episodes, with certificates first.

    Each is shown by the last of its steps that was judged; episodes without such a step are left out.
    """
    judged = [(episode, step) for episode in episodes if (step := _judged(episode)) is not None]
    # A stable sort: the log's order among equals. What points at something shows more than a bare verdict.
    judged.sort(key=lambda pair: not any(v.findings for v in pair[1].verdicts))
    chosen: list[tuple[Episode, Step]] = []
    for success in (False, True, None):
        chosen += [pair for pair in judged if pair[0].success is success][:MOST]
    return [
        {
            "task_id": episode.task_id,
            "prompt": step.observation,
            "policy": episode.policy,
            "outcome": None if episode.success is None else float(episode.success),
            "tokens": [],
            "values": [],
            "findings": [f.to_dict() for verdict in step.verdicts for f in verdict.findings],
            "picture": picture_of(step.action, step.verdicts),
            "text": step.action,
        }
        for episode, step in chosen
    ]


def _judged(episode: Episode) -> Step | None:
    return next((step for step in reversed(episode.steps) if step.verdicts), None)

"""What a value function knows about episodes of tasks it was not trained on, and how it goes along some of them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from stepgym.agents.episodes import Episode
from stepgym.agents.evaluation.calibration import Calibration, calibration
from stepgym.agents.evaluation.value_metrics import ValueMetrics, reward_range, value_metrics
from stepgym.agents.monte_carlo.estimate import McEstimate
from stepgym.errors import InvalidInputError
from stepgym.verifiers import picture_of

if TYPE_CHECKING:
    from stepgym.train import TokenizedEpisode, TransformersValueFunction

MOST_TRACES = 8


@dataclass(frozen=True, slots=True)
class ValueCheck:
    """What the value knows where it was read.

    Attributes:
        at: "start" (before the first token of the agent: the question alone) and "end" (after everything it wrote,
            before its end-of-turn token).
        values: V along each episode's last segment, as many numbers as ids.
        reliability: For the same places whether values come true, each episode as one roll-out; empty where rewards
            are worth more than two things.
    """

    at: Mapping[str, ValueMetrics]
    values: Sequence[Sequence[float]]
    reliability: Mapping[str, Calibration] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        found = {name: metrics.to_dict() for name, metrics in self.at.items()}
        for name, table in self.reliability.items():
            found[name] |= {"gap": table.gap, "bins": [row.to_dict() for row in table.bins]}
        return found

    def sentences(self) -> list[str]:
        """One for each place."""
        places = {"start": "from the question alone", "end": "after the whole answer"}
        return [f"V {places[name]}, held-back tasks: {metrics}." for name, metrics in self.at.items()]


def check_value(value: TransformersValueFunction, episodes: Sequence[TokenizedEpisode], *, seed: int = 0) -> ValueCheck:
    """AUC and Brier score with intervals over tasks; raises `InvalidInputError` if one class is missing."""
    if not episodes:
        raise InvalidInputError("no episode of a held-back task can be tokenised")
    values = values_along(value, episodes)
    outcomes = [e.outcome > 0 for e in episodes]
    tasks = [e.task_id for e in episodes]
    rewards = reward_range(e.outcome for e in episodes)
    at, reliability = {}, {}
    for name, place in (("start", 0), ("end", -1)):
        states = [int(np.flatnonzero(e.segments[-1].state_mask)[place]) for e in episodes]
        read = [row[state] for row, state in zip(values, states, strict=True)]
        at[name] = value_metrics(read, outcomes, tasks, rewards=rewards, seed=seed)
        if rewards is not None:
            once = [McEstimate(1, int(outcome)) for outcome in outcomes]
            reliability[name] = calibration(read, once, tasks, rewards=rewards, seed=seed)
    return ValueCheck(at, values, reliability)


def values_along(value: TransformersValueFunction, episodes: Sequence[TokenizedEpisode]) -> list[list[float]]:
    """V after each id of the last segment of each episode."""

    async def read() -> list[list[float]]:
        rows = [e.segments[-1].token_ids.tolist() for e in episodes]
        return list(await asyncio.gather(*(value.values(row) for row in rows)))

    return asyncio.run(read())


def traces(
    episodes: Sequence[Episode],
    tokens: Sequence[TokenizedEpisode],
    values: Sequence[Sequence[float]],
    tokenizer: Any,
) -> list[dict[str, Any]]:
    """Lines of `value_traces.jsonl`: pairs of a wrong and a right episode of one task, in the order of the log."""
    by_id = {e.id: e for e in episodes}
    lines = []
    for index in _pairs(tokens):
        piece, episode = tokens[index].segments[-1], by_id[tokens[index].id]
        step = episode.steps[-1]
        ids = piece.token_ids.tolist()
        lines.append(
            {
                "task_id": episode.task_id,
                "prompt": step.observation,
                "policy": episode.policy,
                "outcome": episode.outcome,
                "tokens": [tokenizer.decode([i], skip_special_tokens=True) for i in ids],
                "action": [False, *piece.action_mask.tolist()],
                "values": [round(v, 4) for v in values[index]],
                "findings": [f.to_dict() for verdict in step.verdicts for f in verdict.findings],
                "picture": picture_of(step.action, step.verdicts),
                "text": step.action,
            }
        )
    return lines


def _pairs(tokens: Sequence[TokenizedEpisode]) -> list[int]:
    tasks: dict[str, dict[bool, int]] = defaultdict(dict)
    for index, episode in enumerate(tokens):
        if len(episode.segments) == 1:
            tasks[episode.task_id].setdefault(episode.outcome > 0, index)
    chosen = [i for found in tasks.values() if len(found) == 2 for i in (found[False], found[True])]
    return chosen[:MOST_TRACES]

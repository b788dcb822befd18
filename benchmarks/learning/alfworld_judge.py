"""V of ALFWorld episodes as a judge: of episodes at a fixed step, and of commands before one is chosen."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from stepgym.agents import Episode
from stepgym.agents.engines.batching import MicroBatcher
from stepgym.agents.engines.turn_cache import TurnCache
from stepgym.agents.evaluation.value_metrics import auc
from stepgym.agents.running import run_sync
from stepgym.train.value_function import TransformersValueFunction
from stepgym.train.value_model import ValueModel

STEPS = (0, 3, 6, 10, 15, 20)
_FEWEST = 10  # episodes of either outcome for an AUC


class TurnValue:
    """A `ValueFunction` that remembers what it read of a conversation, for searches over commands.

    Args:
        model: The value model.
        tokenizer: Its tokenizer.
        slots: Most prefixes read at once and remembered.
    """

    def __init__(self, model: ValueModel, tokenizer: Any, *, slots: int = 256) -> None:
        trunk: Any = model.eval().trunk
        self._end = int(tokenizer.eos_token_id)
        like_a_model = SimpleNamespace(
            config=trunk.config,
            base_model=trunk,
            parameters=trunk.parameters,
            get_output_embeddings=lambda: model.head,
        )
        self._cache = TurnCache(like_a_model, slots=slots, end_ids=[self._end])
        self._batches: MicroBatcher[tuple[int, ...], float] = MicroBatcher(self._read, max_size=slots)

    async def value(self, token_ids: Sequence[int]) -> float:
        """V after all of `token_ids`."""
        return await self._batches.submit(tuple(token_ids))

    def _read(self, rows: list[tuple[int, ...]]) -> Iterator[list[tuple[int, float]]]:
        with torch.inference_mode():
            turns = self._cache.open(rows)
            values = self._cache.read(turns)[:, 0].tolist()
        for turn in turns:
            turn.ids.append(self._end)
        self._cache.close(turns)
        yield list(enumerate(values))


def values_by_step(episodes: Sequence[Episode], model: ValueModel, tokenizer: Any) -> list[tuple[list[float], ...]]:
    """Of each episode, V before each command and V right after it (before its end-of-turn token)."""
    function = TransformersValueFunction(model, tokenizer, batch_size=64)

    async def read() -> list[list[float]]:
        ordered = sorted(range(len(episodes)), key=lambda i: len(episodes[i].steps))
        found = await asyncio.gather(*(function.values(_ids(episodes[i])[0]) for i in ordered))
        return [values for _, values in sorted(zip(ordered, found, strict=True), key=lambda pair: pair[0])]

    result: list[tuple[list[float], ...]] = []
    for episode, values in zip(episodes, run_sync(read()), strict=True):
        _, before, after = _ids(episode)
        result.append(([values[i] for i in before], [values[i] for i in after]))
    return result


def judged(episodes: Sequence[Episode], model: ValueModel, tokenizer: Any) -> dict[str, Any]:
    """AUC and Brier score of V at fixed steps, over the episodes that are still going on then."""
    values = values_by_step(episodes, model, tokenizer)
    won = np.array([bool(e.success) for e in episodes], dtype=float)
    found: dict[str, Any] = {"episodes": len(episodes), "won": float(won.mean()), "steps": {}}
    for step in STEPS:
        alive = [i for i, v in enumerate(values) if len(v[0]) > step]
        outcome = won[alive]
        if min(outcome.sum(), len(outcome) - outcome.sum()) < _FEWEST:
            continue
        before = np.array([values[i][0][step] for i in alive])
        after = np.array([values[i][1][step] for i in alive])
        rate = float(outcome.mean())
        found["steps"][str(step)] = {
            "episodes": len(alive),
            "won": rate,
            "auc": auc(before, outcome),
            "auc_after": auc(after, outcome),
            "brier": float(((before - outcome) ** 2).mean()),
            "brier_base_rate": rate * (1 - rate),
            "mean_won": float(before[outcome == 1].mean()),
            "mean_lost": float(before[outcome == 0].mean()),
        }
    return found


def game_auc(episodes: Sequence[Episode]) -> float:
    """AUC at step 0 of the share of wins among the *other* episodes of a game: what knowing the game is worth."""
    by_game: dict[str, list[float]] = {}
    for episode in episodes:
        by_game.setdefault(episode.task_id, []).append(float(bool(episode.success)))
    scores, outcomes = [], []
    for results in by_game.values():
        for result in results:
            if len(results) > 1:
                scores.append((sum(results) - result) / (len(results) - 1))
                outcomes.append(result)
    return auc(scores, outcomes)


def with_step_cost(episodes: Sequence[Episode], cost: float) -> list[Episode]:
    """The same episodes, each step `cost` dearer."""
    changed = []
    for episode in episodes:
        steps = tuple(replace(step, reward=step.reward - cost) for step in episode.steps)
        changed.append(replace(episode, steps=steps, outcome=sum(step.reward for step in steps)))
    return changed


def mean_auc(report: Mapping[str, Any], key: str = "auc") -> float:
    """Mean over the fixed steps; NaN if there is none with enough episodes."""
    return float(np.mean([row[key] for row in report["steps"].values()] or [np.nan]))


def _ids(episode: Episode) -> tuple[list[int], list[int], list[int]]:
    """All ids of an episode, and the places right before each command and right before its end-of-turn token."""
    ids: list[int] = []
    before, after = [], []
    for step in episode.steps:
        completion = step.completion
        if completion is None or completion.new_segment != (not ids):
            raise ValueError(f"{episode.id}: an episode in one segment, with ids, is expected")
        ids += completion.prompt_token_ids or ()
        before.append(len(ids) - 1)
        ids += completion.token_ids or ()
        after.append(len(ids) - 2)
    return ids, before, after

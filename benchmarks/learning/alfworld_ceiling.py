"""How well the outcome of an ALFWorld episode can be told at all, and how much of that a value function tells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from learning.alfworld_language import GoalPrompt
from learning.alfworld_world import ENV_ID, SAMPLING, AlfworldWorld

from stepgym.agents import Episode, McValue, Prefix, monte_carlo_values, prefixes
from stepgym.agents.engines.admissible_policy import AdmissiblePolicy
from stepgym.agents.evaluation.value_metrics import auc
from stepgym.agents.running import run_sync
from stepgym.agents.seeds import derive_seed
from stepgym.train.value_function import TransformersValueFunction
from stepgym.train.value_model import ValueModel

STEPS = (3, 6, 10, 15)
ROLLOUTS = 12


@dataclass(frozen=True, slots=True)
class PlayedOn:
    """A state that the policy played on from.

    Attributes:
        prefix: The state.
        won: Of each roll-out, in order of its number.
    """

    prefix: Prefix
    won: tuple[bool, ...]


def one_a_game(episodes: Sequence[Episode], games: Sequence[str]) -> list[Episode]:
    """The roll-out of each game with the lowest id. The first in the log is the one that ended first: mostly a win."""
    found = {e.task_id: e for e in sorted(episodes, key=lambda e: e.id, reverse=True)}
    return [found[game] for game in games]


def played_on(world: AlfworldWorld, episodes: Sequence[Episode]) -> list[PlayedOn]:
    """Roll-outs of the fine-tuned model from `STEPS` of `episodes`, kept in the world's folder."""
    states = [p for e in episodes for p in prefixes(e, delimiters=()) if p.step in STEPS]
    policy = AdmissiblePolicy(world.start().eval(), world.tokenizer, name="tiny", slots=128, ignored=("help",))
    results: dict[str, dict[int, bool]] = {}
    with McValue(world.folder / "played-on") as store:
        monte_carlo_values(
            policy,
            ENV_ID,
            states,
            ROLLOUTS,
            store=store,
            delimiters=(),
            sampling=SAMPLING,
            prompt=GoalPrompt(),
            env_kwargs={"path": str(world.path), "max_episode_steps": world.settings.log_steps},
            seed=derive_seed(world.settings.seed, "played on"),
            concurrency=128,
            progress=False,
        )
        for rollout in store:
            results.setdefault(rollout.prefix, {})[rollout.index] = rollout.result == "success"
    found = {p.key: PlayedOn(p, tuple(won for _, won in sorted(results[p.key].items()))) for p in states}
    return list(found.values())


def ceiling(states: Sequence[PlayedOn]) -> dict[str, Any]:
    """AUC of half of a state's roll-outs for the outcomes of the other half, at each step."""
    return {str(step): _of_one(there, None) for step, there in _by_step(states).items()}


def against_ceiling(states: Sequence[PlayedOn], model: ValueModel, tokenizer: Any) -> dict[str, Any]:
    """The same of V, and the share of the variance of the true value that V explains, at each step."""
    function = TransformersValueFunction(model, tokenizer, batch_size=64)
    found = {}
    for step, there in _by_step(states).items():
        found[str(step)] = _of_one(there, np.array(run_sync(_read(function, there))))
    return found


def _by_step(states: Sequence[PlayedOn]) -> dict[int, list[PlayedOn]]:
    found = {step: [s for s in states if s.prefix.step == step] for step in STEPS}
    return {step: there for step, there in found.items() if there}


async def _read(function: TransformersValueFunction, states: Sequence[PlayedOn]) -> list[float]:
    """V of each state: what was read and done, and the observation in front of the model."""
    found = []
    for state in states:
        ids = state.prefix.token_ids
        if ids is None:
            raise ValueError("the log has no token ids")
        found.append(await function.value(ids))
    return found


def _of_one(states: Sequence[PlayedOn], values: np.ndarray | None) -> dict[str, Any]:
    half = ROLLOUTS // 2
    scores = [float(np.mean(s.won[:half])) for s in states] if values is None else values.tolist()
    outcomes = [won for s in states for won in s.won[half:]]
    each = [score for score, s in zip(scores, states, strict=True) for _ in s.won[half:]]
    rates = np.array([np.mean(s.won) for s in states])
    # The mean of n roll-outs scatters around the true value by p (1 - p) / n, estimated without bias by / (n - 1).
    noise = float(np.mean(rates * (1 - rates) / (ROLLOUTS - 1)))
    spread = float(np.var(rates)) - noise
    row: dict[str, Any] = {"states": len(states), "won": float(rates.mean()), "auc": auc(each, outcomes)}
    if values is not None:
        error = float(np.mean((values - rates) ** 2)) - noise
        explained = 1 - error / spread if spread > 0 else math.nan
        row |= {"squared_error": error, "of_the_mean": spread, "explained": explained}
    return row

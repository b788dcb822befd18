"""Progress under a prover as a dense reward: from a trained verifier, or from roll-outs.

Setlur et al., Rewarding Progress, arXiv:2410.08146, equation 2 and section 5.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stepgym.agents.agent import Agent
from stepgym.agents.episodes import Episode
from stepgym.agents.monte_carlo.prefixes import Prefix, prefixes
from stepgym.agents.monte_carlo.store import McValue
from stepgym.agents.monte_carlo.values import monte_carlo_values
from stepgym.agents.policy import Policy, Sampling, ValueFunction
from stepgym.agents.progress.best_of import bok_plug_in, check_best_of
from stepgym.agents.progress.episode_progress import episode_progress
from stepgym.agents.rollout.source import EnvLike
from stepgym.agents.running import run_sync
from stepgym.agents.search.scoring import Scorer
from stepgym.agents.spans import DEFAULT_DELIMITERS
from stepgym.errors import InvalidInputError
from stepgym.train.online.rewards import Dense, RewardedBatch, on_tokens
from stepgym.train.tokenize import TokenizedEpisode


class VerifierProgress:
    """Progress by a verifier of steps (`StepValueTrainer`), which stays as it is while the policy learns.

    Args:
        value: Predicts the prover's chance of success; read before each step, as it was trained (`pav_rows`).
        tokenizer: Of the policy.
        best_of: The prover is the best of so many continuations; the paper: 4.
        delimiters: What ends a reasoning step.
        exact_end: Take the observed outcome for the value after the last step, not the prediction.
    """

    def __init__(
        self,
        value: ValueFunction,
        tokenizer: Any,
        *,
        best_of: int = 4,
        delimiters: Sequence[str] = DEFAULT_DELIMITERS,
        exact_end: bool = True,
    ) -> None:
        check_best_of(best_of)
        self.name = f"progress of the best of {best_of}, by a verifier"
        self._value, self._tokenizer, self._best_of = value, tokenizer, best_of
        self._delimiters, self._exact_end = tuple(delimiters), exact_end

    def rewards(
        self, episodes: Sequence[Episode], tokenized: Sequence[TokenizedEpisode], *, seed: int
    ) -> RewardedBatch:
        """The progress of each step on all its tokens."""
        states = [list(prefixes(e, self._tokenizer, delimiters=self._delimiters)) for e in episodes]
        read = [
            [*(_ids(state) for state in own), _finished(episode, own, self._tokenizer)]
            for episode, own in zip(episodes, states, strict=True)
        ]
        wanted = list(dict.fromkeys(ids for rows in read for ids in rows))

        async def values() -> list[float]:
            return list(await asyncio.gather(*(self._value.value(ids) for ids in wanted)))

        found = dict(zip(wanted, run_sync(values()), strict=True))
        dense = []
        for number, (episode, own) in enumerate(zip(episodes, tokenized, strict=True)):
            chances = [bok_plug_in(min(1.0, max(0.0, found[ids])), self._best_of) for ids in read[number]]
            if self._exact_end:
                chances[-1] = float(bool(episode.success))
            starts = [(len(state.turns), len(state.written)) for state in states[number]]
            dense.append(_painted(episode, own, starts, np.diff(chances).tolist()))
        return RewardedBatch(dense)


class MonteCarloProgress:
    """Progress by roll-outs of a prover from every state of every episode: exact but for noise, and dear.

    Args:
        prover: Who plays on, with a tokenizer; the policy's start, or any other.
        env: As in `collect`.
        n: Roll-outs of each state.
        best_of: The prover is the best of so many continuations.
        sampling: Of the prover.
        env_kwargs: As in `collect`.
        delimiters: What ends a reasoning step.
    """

    def __init__(
        self,
        prover: Policy | Agent,
        env: EnvLike,
        n: int,
        *,
        best_of: int = 1,
        sampling: Sampling | None = None,
        env_kwargs: Mapping[str, Any] | None = None,
        delimiters: Sequence[str] = DEFAULT_DELIMITERS,
    ) -> None:
        check_best_of(best_of)
        if n < best_of:
            raise InvalidInputError(f"the best of {best_of} needs as many roll-outs of each state, got n={n}")
        self.name = f"progress of the best of {best_of}, by {n} roll-outs"
        self._prover, self._env, self._n, self._best_of = prover, env, n, best_of
        self._sampling, self._env_kwargs, self._delimiters = sampling, env_kwargs, tuple(delimiters)

    def rewards(
        self, episodes: Sequence[Episode], tokenized: Sequence[TokenizedEpisode], *, seed: int
    ) -> RewardedBatch:
        """The progress of each step on all its tokens; 0 where a state could not be judged."""
        store = McValue()
        rolled = monte_carlo_values(
            self._prover,
            self._env,
            episodes,
            self._n,
            store=store,
            delimiters=self._delimiters,
            sampling=self._sampling,
            env_kwargs=self._env_kwargs,
            seed=seed,
            progress=False,
        )
        policy = self._prover.policy if isinstance(self._prover, Agent) else self._prover
        tokenizer = getattr(policy, "tokenizer", None)
        dense = []
        for episode, own in zip(episodes, tokenized, strict=True):
            steps = episode_progress(
                episode, store, tokenizer=tokenizer, delimiters=self._delimiters, best_of=self._best_of
            )
            starts = [(step.turn, step.tokens[0] if step.tokens else 0) for step in steps]
            dense.append(_painted(episode, own, starts, [step.progress.advantage or 0.0 for step in steps]))
        return RewardedBatch(dense, episodes=len(store), tokens=rolled.tokens)


def _ids(state: Prefix) -> tuple[int, ...]:
    if state.token_ids is None:
        raise InvalidInputError(f"episode {state.episode_id!r:.80} has no token ids: a verifier reads token ids")
    return state.token_ids


def _finished(episode: Episode, states: Sequence[Prefix], tokenizer: Any) -> tuple[int, ...]:
    """The ids of the finished episode, without its last end-of-turn token."""
    done = episode.steps[-1].completion
    before = next(state for state in states if len(state.turns) == len(episode.steps) - 1).token_ids or ()
    return Scorer(None, tokenizer).position(before, (done.token_ids if done else None) or ())


def _painted(
    episode: Episode, tokenized: TokenizedEpisode, starts: Sequence[tuple[int, int]], rewards: Sequence[float]
) -> Dense:
    """The reward of each step, given by its turn and its first token there, on all its tokens."""
    counts = [len((s.completion.token_ids if s.completion else None) or ()) for s in episode.steps]
    actions = sum(int(segment.action_mask.sum()) for segment in tokenized.segments)
    if sum(counts) != actions:
        raise InvalidInputError(
            f"episode {episode.id!r:.80} has {sum(counts)} logged tokens and {actions} in its tokenised form: dense "
            "rewards need the ids of the log"
        )
    offsets = np.cumsum([0, *counts])
    written = np.zeros(actions, np.float32)
    for (turn, start), reward in zip(starts, rewards, strict=True):
        # The next step of the turn writes over the rest.
        written[offsets[turn] + start : offsets[turn + 1]] = reward
    return on_tokens(tokenized, written)

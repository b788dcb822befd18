"""`Roller`: plays the roll-outs that a store lacks, many at once, and keeps each as it finishes."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any

from stepgym.agents.agent import Agent
from stepgym.agents.episodes import Episode
from stepgym.agents.log.episode_log import EpisodeLog
from stepgym.agents.monte_carlo.continuing_agent import ContinuingAgent
from stepgym.agents.monte_carlo.estimate import Result, RollOut
from stepgym.agents.monte_carlo.prefixes import Prefix
from stepgym.agents.monte_carlo.store import McValue
from stepgym.agents.rollout import EpisodeFailed, Job, Player
from stepgym.agents.rollout.identity import further_settings
from stepgym.agents.seeds import derive_seed
from stepgym.errors import InvalidInputError, StepgymError

_MOST_ERRORS = 100  # in a row


@dataclass(frozen=True, slots=True)
class RolledOut:
    """What a call of `monte_carlo_values` did.

    Attributes:
        values: The store with the estimates.
        policy: The policy's id in it.
        prefixes: The different prefixes, in order.
        played: Roll-outs played now.
        known: Roll-outs that were there already.
        results: How the ones played now ended, by `RollOut.result`.
        errors: Roll-outs that the policy or a worker failed in; they are not kept, the same call plays them again.
        tokens: Tokens written after the prefixes, where the policy gives ids.
        seconds: Wall time.
    """

    values: McValue = field(repr=False)
    policy: str
    prefixes: tuple[Prefix, ...] = field(repr=False)
    played: int
    known: int
    results: Mapping[Result, int]
    errors: int
    tokens: int
    seconds: float

    def __str__(self) -> str:
        parts = [f"{self.played} roll-outs from {len(self.prefixes)} prefixes in {self.seconds:.1f} s"]
        parts += [f"{self.known} were there already"] if self.known else []
        parts += [f"{self.results[name]} {name}" for name in sorted(self.results)]
        parts += [f"{self.errors} failed with an error"] if self.errors else []
        return ", ".join(parts)


def policy_id(agent: Agent) -> str:
    """Name of a policy with 8 hexadecimal digits for its settings, sampling and prompt: roll-outs of each differ."""
    return _id(agent, further_settings(agent))


def _id(agent: Agent, further: Mapping[str, Any]) -> str:
    parts = (agent.sampling.to_dict(), agent.template_hash)
    text = json.dumps((*parts, further) if further else parts, sort_keys=True)
    return f"{agent.name}@{blake2b(text.encode(), digest_size=4).hexdigest()}"


class Roller:
    """Plays the roll-outs that are missing; the slots share the iterator and the counts.

    Args:
        agent: Who plays on.
        player: Plays episodes of that very agent.
        values: The store.
        log: Keeps the roll-outs as episodes too.
        seed: Of the series.
    """

    def __init__(
        self, agent: ContinuingAgent, player: Player, values: McValue, log: EpisodeLog | None, seed: int
    ) -> None:
        self._agent, self._player, self._values, self._log, self._seed = agent, player, values, log, seed
        self._policy = policy_id(agent)
        # Seeds do not depend on the settings: figures that were made before policies had any are repeated.
        self._seeded_by = _id(agent, {})
        self._results: Counter[Result] = Counter()
        self._errors = self._errors_in_a_row = self._tokens = 0

    async def run(self, found: tuple[Prefix, ...], n: int, concurrency: int, *, progress: bool) -> RolledOut:
        """Up to `n` roll-outs of each of the prefixes `found`, `concurrency` of them at once."""
        from tqdm import tqdm

        began = time.perf_counter()
        jobs = [(prefix, self._values.missing(prefix, self._policy, n, seed=self._seed)) for prefix in found]
        total = sum(len(numbers) for _, numbers in jobs)
        waiting = ((prefix, index) for prefix, numbers in jobs for index in numbers)
        disable = None if progress else True
        with tqdm(total=total, unit=" roll-outs", disable=disable, dynamic_ncols=True) as bar:
            slots = [asyncio.ensure_future(self._slot(waiting, bar)) for _ in range(min(concurrency, total))]
            try:
                await asyncio.gather(*slots)
            finally:
                for slot in slots:
                    slot.cancel()
                await asyncio.gather(*slots, return_exceptions=True)
        return RolledOut(
            values=self._values,
            policy=self._policy,
            prefixes=found,
            played=sum(self._results.values()),
            known=n * len(found) - total,
            results=dict(self._results),
            errors=self._errors,
            tokens=self._tokens,
            seconds=time.perf_counter() - began,
        )

    async def _slot(self, waiting: Iterator[tuple[Prefix, int]], bar: Any) -> None:
        for prefix, index in waiting:
            try:
                episode = await self._play(prefix, index)
                failed = episode.steps[-1].verdicts[-1].reason if episode.end == "error" else ""
            except EpisodeFailed as error:
                failed = str(error)
            if failed:
                self._errors += 1
                self._errors_in_a_row += 1
                if self._errors_in_a_row >= _MOST_ERRORS:
                    raise StepgymError(f"{_MOST_ERRORS} roll-outs in a row failed, the last one: {failed}")
            else:
                self._errors_in_a_row = 0
                self._keep(prefix, index, episode)
            bar.update()
            await asyncio.sleep(0)  # a policy that never waits must not keep Ctrl-C out

    async def _play(self, prefix: Prefix, index: int) -> Episode:
        seed = derive_seed(self._seed, prefix.key, self._seeded_by, index)
        # Environments without task ids begin by their seed alone.
        task = None if prefix.task_id == f"seed-{prefix.seed}" else prefix.task_id
        job = Job(f"{prefix.key}/{self._seed}/{index}", prefix.seed or 0, seed, task)
        self._agent.prefixes[seed] = prefix
        try:
            episode = await self._player.play(f"{self._policy}/{job.key}", job)
        finally:
            del self._agent.prefixes[seed]
        if not _begins_as(episode, prefix):
            raise InvalidInputError(
                "the workers play with a copy of the agent, which does not know the prefixes: use workers that leave "
                "the policy in this process"
            )
        return replace(episode, parent=prefix.episode_id, forked_at=len(prefix.turns))

    def _keep(self, prefix: Prefix, index: int, episode: Episode) -> None:
        result: Result = "success" if episode.success else "failure"
        if episode.success is None:
            result = "truncated" if episode.end == "context" else "undecided"
        new = episode.steps[len(prefix.turns) :]
        tokens = sum(len(s.completion.token_ids or ()) for s in new if s.completion is not None) - len(prefix.written)
        if self._log is not None and episode.id not in self._log:
            self._log.append(episode)
        self._values.add(RollOut(prefix.key, self._policy, self._seed, index, result, episode.outcome, max(0, tokens)))
        self._results[result] += 1
        self._tokens += max(0, tokens)


def _begins_as(episode: Episode, prefix: Prefix) -> bool:
    """Whether the roll-out went through the prefix; one that failed may have ended before."""
    done = zip(episode.steps, prefix.turns, strict=False)
    turns = all(a.action == b.action for a, b in done) or episode.end == "error"
    now = episode.steps[len(prefix.turns)].completion if len(episode.steps) > len(prefix.turns) else None
    ids = () if now is None else now.token_ids or ()
    return turns and (episode.end == "error" or ids[: len(prefix.written)] == prefix.written)

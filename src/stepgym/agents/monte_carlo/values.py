"""`monte_carlo_values`: rolls a policy out from the prefixes of logged episodes and counts its successes.

The value of a prefix under a policy is the chance that the policy, playing on from there, succeeds. The estimates judge
a learned value function, and give progress and labels for verifiers: Kazemnejad et al., VinePPO, arXiv:2410.01679;
Wang et al., Math-Shepherd, arXiv:2312.08935; Setlur et al., Rewarding Progress, arXiv:2410.08146.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import Any

from stepgym.agents.agent import Agent
from stepgym.agents.conversation.prompts import PromptFormat
from stepgym.agents.episodes import Episode
from stepgym.agents.log.episode_log import EpisodeLog
from stepgym.agents.monte_carlo.continuing_agent import ContinuingAgent
from stepgym.agents.monte_carlo.prefixes import Prefix, prefixes
from stepgym.agents.monte_carlo.roller import RolledOut, Roller
from stepgym.agents.monte_carlo.store import McValue
from stepgym.agents.policy import Policy, Sampling
from stepgym.agents.rollout import EnvLike, EnvSource, LocalPlayer, Player, Workers
from stepgym.agents.rollout.processes import ProcessPlayer
from stepgym.agents.rollout.source import environment_source
from stepgym.agents.running import run_sync
from stepgym.agents.spans import DEFAULT_DELIMITERS
from stepgym.errors import InvalidInputError


def monte_carlo_values(
    policy: Policy | Agent,
    env: EnvLike,
    episodes: Iterable[Episode | Prefix],
    n: int,
    *,
    store: McValue | str | PathLike[str] | None = None,
    delimiters: Sequence[str] = DEFAULT_DELIMITERS,
    sampling: Sampling | None = None,
    prompt: PromptFormat | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
    seed: int = 0,
    concurrency: int = 256,
    workers: int | Workers = 0,
    log: EpisodeLog | None = None,
    progress: bool = True,
) -> RolledOut:
    """Rolls `policy` out `n` times from every different prefix of `episodes`, as far as `store` lacks it.

    A prefix lies before each reasoning step, see `prefixes`. It is reached by playing the logged actions again in an
    environment at the same task and seed, whose answers must be those of the log; then the policy plays on to the end.
    A roll-out that is cut (token limit, full context) is counted as "truncated", apart from `n`: the policy might have
    succeeded. Where `n` of a prefix is to be compared between policies, look at its share first.

    The seed of a roll-out depends on `seed`, the prefix, the policy and its number alone, so that the same call goes on
    after an interruption, a larger `n` adds, and two machines with different seeds play different roll-outs, whose
    stores `McValue.merge` joins.

    Args:
        policy: Who plays on; an agent brings its prompt and sampling. Any policy, not only the one of the log.
        env: The environment of the log, see `collect`.
        episodes: Logged episodes, or prefixes of some.
        n: Roll-outs of each prefix in the series of this `seed`.
        store: Where the estimates are kept, a folder or an open store; in memory if None.
        delimiters: What ends a reasoning step, () for turns only.
        sampling: How to draw: with temperature 0 all roll-outs are the same.
        prompt: Prompt format for a policy; that of the log.
        env_kwargs: Arguments for `gymnasium.make` when `env` is an id.
        seed: Of this series of roll-outs.
        concurrency: Most roll-outs in flight.
        workers: Where the environments are, see `collect`; the policy must stay in this process.
        log: Keeps the roll-outs as episodes too, with `parent` and `forked_at`.
        progress: Show a progress bar on a terminal.

    Raises:
        InvalidInputError: The environment does not go as in the log, or the policy cannot continue its ids.
        StepgymError: 100 roll-outs in a row failed with an error of the policy or of a worker.
    """
    return run_sync(
        monte_carlo_values_async(
            policy,
            env,
            episodes,
            n,
            store=store,
            delimiters=delimiters,
            sampling=sampling,
            prompt=prompt,
            env_kwargs=env_kwargs,
            seed=seed,
            concurrency=concurrency,
            workers=workers,
            log=log,
            progress=progress,
        )
    )


async def monte_carlo_values_async(
    policy: Policy | Agent,
    env: EnvLike,
    episodes: Iterable[Episode | Prefix],
    n: int,
    *,
    store: McValue | str | PathLike[str] | None = None,
    delimiters: Sequence[str] = DEFAULT_DELIMITERS,
    sampling: Sampling | None = None,
    prompt: PromptFormat | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
    seed: int = 0,
    concurrency: int = 256,
    workers: int | Workers = 0,
    log: EpisodeLog | None = None,
    progress: bool = True,
) -> RolledOut:
    """`monte_carlo_values` inside a running event loop; cancelling it keeps what is finished."""
    if n < 1 or concurrency < 1:
        raise InvalidInputError(f"n and concurrency must be at least 1, got {n} and {concurrency}")
    given = policy if isinstance(policy, Agent) else Agent(policy)
    agent = ContinuingAgent(Agent(given.policy, prompt or given.prompt, sampling or given.sampling))
    source = environment_source(env, env_kwargs)
    tokenizer = getattr(agent.policy, "tokenizer", None)
    found: dict[str, Prefix] = {}
    for item in episodes:
        for prefix in (item,) if isinstance(item, Prefix) else prefixes(item, tokenizer, delimiters=delimiters):
            found.setdefault(prefix.key, prefix)
    values = store if isinstance(store, McValue) else McValue(store)
    player: Player | None = None
    try:
        player = _player(workers, agent, source, concurrency)
        roller = Roller(agent, player, values, log, seed)
        return await roller.run(tuple(found.values()), n, concurrency, progress=progress)
    finally:
        if player is not None:
            await player.close()
        if values is not store:
            values.close()


def _player(workers: int | Workers, agent: Agent, source: EnvSource, concurrency: int) -> Player:
    if not isinstance(workers, int):
        return workers.player(agent, source, concurrency=concurrency)
    return ProcessPlayer(agent, source, workers=workers) if workers else LocalPlayer(agent, source)

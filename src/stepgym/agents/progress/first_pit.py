"""`first_pits`: the first state of a failed episode from which the policy no longer succeeds.

Setlur et al., Rewarding Progress, arXiv:2410.08146, appendix D; the search in halves is that of Luo et al., OmegaPRM,
arXiv:2406.06592.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, floor, fsum, lgamma, log, log1p
from os import PathLike
from typing import Any

from stepgym.agents.agent import Agent
from stepgym.agents.episodes import Episode
from stepgym.agents.monte_carlo.estimate import McEstimate
from stepgym.agents.monte_carlo.prefixes import Prefix, prefixes
from stepgym.agents.monte_carlo.store import McValue
from stepgym.agents.monte_carlo.values import monte_carlo_values_async
from stepgym.agents.policy import Policy
from stepgym.agents.rollout import EnvLike, Workers
from stepgym.agents.running import run_sync
from stepgym.agents.spans import DEFAULT_DELIMITERS
from stepgym.errors import InvalidInputError

_SURE = 0.95
_Search = Generator[int, McEstimate, tuple[int | None, str]]


@dataclass(frozen=True)
class Pit:
    """Where an episode was lost.

    Attributes:
        states: How many states the episode has before its last step.
        state: The first state found with a value of at most `tau`, counted in the steps before it: 0 is the task
            itself, `states` the end of the episode, where the outcome is exact. None if there is none or it is not
            known, see `reason`.
        estimates: Of the states that were tried.
        tau: States worth more are not pits.
        prefixes: The states up to the pit, the pit included: those worth more roll-outs and training on.
        reason: Why there is no pit; "" if there is one.
        episode_id: The episode.
    """

    states: int
    state: int | None
    estimates: Mapping[int, McEstimate]
    tau: float = 0.0
    prefixes: tuple[Prefix, ...] = field(default=(), repr=False)
    reason: str = ""
    episode_id: str = ""

    @property
    def step(self) -> int | None:
        """Number of the step that fell into the pit, from 0; None without a pit, or where the task itself is one."""
        return self.state - 1 if self.state else None

    def mistaken(self, q: float) -> float:
        """Chance that a state of true value `q` looks like this pit: `P(Binomial(n, q) <= tau n)`.

        With 20 roll-outs and `tau` 0 a state of value 0.05 does so with probability `0.95^20 = 0.36`. It is 0 at the
        end of the episode, whose outcome is no estimate.
        """
        if not 0 <= q <= 1:
            raise InvalidInputError(f"q must be a chance in [0, 1], got {q}")
        found = None if self.state is None else self.estimates.get(self.state)
        return 0.0 if found is None else _at_most(floor(self.tau * found.n + 1e-9), found.n, q)

    @property
    def at_most(self) -> float:
        """What the pit is worth at most, with 95 % confidence (Clopper and Pearson): 0.139 where 0 of 20 succeeded.

        0 at the end of the episode; 1 without a pit.
        """
        if self.state is None:
            return 1.0
        found = self.estimates.get(self.state)
        low, high = 0.0, 0.0 if found is None else 1.0
        while found is not None and high - low > 1e-9:
            middle = (low + high) / 2
            low, high = (middle, high) if _at_most(found.c, found.n, middle) > 1 - _SURE else (low, middle)
        return high

    def __str__(self) -> str:
        if self.state is None:
            return f"no pit: {self.reason}"
        where = "the task itself" if self.state == 0 else f"step {self.step}"
        if self.state == self.states:
            return f"{where}: the last one"
        found = self.estimates[self.state]
        return f"{where}: {found.c} of {found.n} succeed after it, so it is worth at most {self.at_most:.3f} (95 %)"


def first_pit(states: int, value: Callable[[int], McEstimate], *, tau: float = 0.0) -> Pit:
    """Searches a failed episode for its first pit with about `log2(states) + 1` calls of `value`.

    A value of 0 stays 0 for any continuation (of a policy that gives every action some chance), so the states before
    the pit and those behind it are apart, and halving finds the border. Estimates blur it: a success seen proves that
    the pit lies later, no success in n roll-outs proves nothing, see `Pit.mistaken`. With `tau` above 0 values may
    come back above it; what is found then is one such border.

    Args:
        states: Number of states before a step, the task included.
        value: The estimate of a state.
        tau: From which value down a state is a pit.
    """
    search = _halving(states, tau)
    tried: dict[int, McEstimate] = {}
    try:
        index = next(search)
        while True:
            tried[index] = value(index)
            index = search.send(tried[index])
    except StopIteration as over:
        state, reason = over.value
        return Pit(states, state, tried, tau, reason=reason)


def first_pits(
    policy: Policy | Agent,
    env: EnvLike,
    episodes: Iterable[Episode],
    n: int = 20,
    *,
    tau: float = 0.0,
    store: McValue | str | PathLike[str] | None = None,
    delimiters: Sequence[str] = DEFAULT_DELIMITERS,
    env_kwargs: Mapping[str, Any] | None = None,
    seed: int = 0,
    concurrency: int = 256,
    workers: int | Workers = 0,
    show_progress: bool = True,
) -> list[Pit]:
    """The first pit of each episode, by `n` roll-outs of `policy` from each state tried; all episodes at once.

    Episodes that succeed, or have no outcome, have no pit. More roll-outs of a pit's `prefixes` are one call:
    `monte_carlo_values(policy, env, pit.prefixes, 100, store=store)`.

    Args:
        policy: Who plays on; an agent brings its prompt and sampling.
        env: The environment of the log.
        episodes: Logged episodes.
        n: Roll-outs of each state. Those that `store` has already are not played again, but all that it has count.
        tau: From which share of successes down a state is a pit.
        store: Where the estimates are kept, a folder or an open store; in memory if None.
        delimiters: What ends a reasoning step.
        env_kwargs: Arguments for `gymnasium.make` when `env` is an id.
        seed: Of this series of roll-outs.
        concurrency: Most roll-outs in flight.
        workers: Where the environments are, see `collect`.
        show_progress: Show progress bars on a terminal.

    Raises:
        InvalidInputError: As `monte_carlo_values`; and `tau` is not in [0, 1).
    """
    agent = policy if isinstance(policy, Agent) else Agent(policy)
    values = store if isinstance(store, McValue) else McValue(store)

    async def run() -> list[Pit]:
        hunts = [_Hunt(episode, agent, delimiters, tau) for episode in episodes]
        while waiting := [hunt for hunt in hunts if hunt.wanted is not None]:
            asked = [hunt.states[hunt.wanted] for hunt in waiting if hunt.wanted is not None]
            rolled = await monte_carlo_values_async(
                agent,
                env,
                asked,
                n,
                store=values,
                delimiters=delimiters,
                env_kwargs=env_kwargs,
                seed=seed,
                concurrency=concurrency,
                workers=workers,
                progress=show_progress,
            )
            for hunt, state in zip(waiting, asked, strict=True):
                hunt.tell(values.estimate(state, rolled.policy))
        return [hunt.pit() for hunt in hunts]

    try:
        return run_sync(run())
    finally:
        if values is not store:
            values.close()


class _Hunt:
    """The search in one episode, which waits for the estimate of the state `wanted`."""

    def __init__(self, episode: Episode, agent: Agent, delimiters: Sequence[str], tau: float) -> None:
        self._id, self._tau = episode.id, tau
        self.states = tuple(prefixes(episode, getattr(agent.policy, "tokenizer", None), delimiters=delimiters))
        self._tried: dict[int, McEstimate] = {}
        self._found: tuple[int | None, str] = (None, "the episode succeeded" if episode.success else "no outcome")
        self._search = _halving(len(self.states), tau)
        first = next(self._search)
        self.wanted: int | None = first if episode.success is False else None

    def tell(self, estimate: McEstimate) -> None:
        if self.wanted is None:
            return
        self._tried[self.wanted] = estimate
        try:
            self.wanted = self._search.send(estimate)
        except StopIteration as over:
            self.wanted, self._found = None, over.value

    def pit(self) -> Pit:
        state, reason = self._found
        kept = () if state is None else self.states[: state + 1]
        return Pit(len(self.states), state, self._tried, self._tau, kept, "" if state is not None else reason, self._id)


def _at_most(most: int, n: int, q: float) -> float:
    """`P(Binomial(n, q) <= most)`."""
    if q in (0, 1):
        return float(q == 0 or most >= n)
    # In logarithms: binomial coefficients of many roll-outs leave the range of a float.
    chances = (
        lgamma(n + 1) - lgamma(c + 1) - lgamma(n - c + 1) + c * log(q) + (n - c) * log1p(-q) for c in range(most + 1)
    )
    return min(1.0, fsum(map(exp, chances)))


def _halving(states: int, tau: float) -> _Search:
    if states < 1 or not 0 <= tau < 1:
        raise InvalidInputError(f"expected at least one state and tau in [0, 1), got {states} and {tau}")
    alive, dead = -1, states  # the end of a failed episode is worth 0
    while dead - alive > 1:
        index = 0 if alive < 0 else (alive + dead) // 2
        mean = (yield index).mean
        if mean is None:
            return None, f"no roll-out from the state after {index} steps was judged"
        if mean <= tau:
            dead = index
        else:
            alive = index
    return dead, ""

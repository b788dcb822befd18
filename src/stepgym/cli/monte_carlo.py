"""`--monte-carlo`: the value function of a policy against roll-outs of it from the states it went through."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np

from stepgym.agents.agent import Agent
from stepgym.agents.episodes import Episode
from stepgym.agents.evaluation.calibration import Calibration, calibration
from stepgym.agents.evaluation.value_metrics import reward_range
from stepgym.agents.monte_carlo.prefixes import Prefix, prefixes
from stepgym.agents.monte_carlo.store import McValue
from stepgym.agents.monte_carlo.values import monte_carlo_values
from stepgym.cli.evaluation import Contender, Evaluator, slug
from stepgym.cli.parser import Arguments, Parser
from stepgym.cli.searches import steps_of
from stepgym.cli.terminal import remark
from stepgym.errors import InvalidInputError

_PREFIXES = 200


def add_monte_carlo(parser: Parser) -> None:
    """`--monte-carlo` and `--prefixes`."""
    group = parser.add_argument_group(
        "calibration of the value",
        "Whether V means what it says: of states worth 0.7, do 70 % of the roll-outs succeed?",
    )
    group.add_argument(
        "--monte-carlo",
        type=int,
        metavar="N",
        help="roll the policy out N times from states of its episodes, before each step, and compare V with that",
    )
    group.add_argument(
        "--prefixes", type=int, default=_PREFIXES, metavar="N", help=f"at most so many states (default: {_PREFIXES})"
    )


def check_monte_carlo(args: Arguments) -> None:
    """Refuse what cannot be, before anything is played."""
    if args.monte_carlo is not None and args.monte_carlo < 1:
        raise InvalidInputError(f"--monte-carlo must be 1 or more, got {args.monte_carlo}")
    if args.prefixes < 1:
        raise InvalidInputError(f"--prefixes must be 1 or more, got {args.prefixes}")


def calibrated(evaluator: Evaluator, contender: Contender) -> Calibration:
    """V of a policy against its roll-outs; kept in the run folder, if there is one, where resuming goes on."""
    args, record, agent = evaluator.args, evaluator.record, contender.agent
    episodes = [episode for episode in evaluator.played[contender.name] if episode.success is not None]
    states = _drawn(episodes, contender, steps_of(args.delimiter), args.prefixes, args.seed)
    if agent.sampling.temperature == 0:
        agent = Agent(agent.policy, agent.prompt, replace(agent.sampling, temperature=1.0))
        remark("roll-outs are sampled with temperature 1: greedy ones would all be the same")
    # The failure of each state is that of its task, so the range of rewards is read off the episodes.
    rewards = reward_range([episode.outcome for episode in episodes if episode.outcome is not None])
    if rewards is None:
        raise InvalidInputError("successes or failures are worth different rewards here, so V is no chance of success")
    value = evaluator.value(contender)
    folder = None if record is None else record.folder / "monte_carlo" / slug(contender.name)
    with McValue(folder) as store:
        done = monte_carlo_values(
            agent,
            args.env,
            states,
            args.monte_carlo,
            store=store,
            env_kwargs=args.env_arg,
            seed=args.seed,
            concurrency=args.concurrency,
        )
    remark(f"{contender.name}, roll-outs: {done}")

    async def read() -> list[float]:
        return list(await asyncio.gather(*(value.value(state.token_ids or ()) for state in states)))

    found = calibration(
        asyncio.run(read()),
        [store.estimate(state, done.policy) for state in states],
        [state.task_id for state in states],
        rewards=rewards,
        seed=args.seed,
    )
    if record is not None:
        facts = {"policy": contender.title, "env_id": args.env, "each": args.monte_carlo}
        record.write_json("calibration.json", {**facts, **found.to_dict()})
    return found


def _drawn(
    episodes: list[Episode], contender: Contender, delimiters: tuple[str, ...], most: int, seed: int
) -> list[Prefix]:
    """At most `most` different states with ids, drawn evenly."""
    tokenizer = getattr(contender.policy, "tokenizer", None)
    found: dict[str, Prefix] = {}
    for episode in episodes:
        for state in prefixes(episode, tokenizer, delimiters=delimiters):
            if state.token_ids is not None:
                found.setdefault(state.key, state)
    if not found:
        raise InvalidInputError("no episode that was judged has token ids, which V reads")
    states = list(found.values())
    if len(states) <= most:
        return states
    chosen = np.random.default_rng(seed).choice(len(states), size=most, replace=False)
    return [states[i] for i in sorted(chosen)]

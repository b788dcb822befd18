"""`--ray`: episodes played on the machines of a Ray cluster."""

from __future__ import annotations

from functools import partial

from stepgym.agents.policy import Policy
from stepgym.agents.presets import AgentPreset
from stepgym.agents.rollout import RayWorkers
from stepgym.cli.parser import Arguments, Parser
from stepgym.cli.policies import PolicySource
from stepgym.errors import InvalidInputError


def add_cluster(parser: Parser) -> None:
    """`--ray` and `--actors`."""
    group = parser.add_argument_group("many machines")
    group.add_argument(
        "--ray",
        nargs="?",
        const="auto",
        metavar="HOST:PORT",
        help="play on the Ray cluster of this head node; without a value on the one that runs on this machine",
    )
    group.add_argument("--actors", type=int, metavar="N", help="with --ray: processes there (default: one a CPU)")


def ray_workers(args: Arguments, source: PolicySource, preset: AgentPreset | None) -> RayWorkers | None:
    """The workers that `--ray` asks for; each loads the policy itself. None without it."""
    if args.ray is None:
        if args.actors is not None:
            raise InvalidInputError("--actors goes with --ray")
        return None
    if args.policy == "human":
        raise InvalidInputError("a person plays on this machine: leave --ray out")
    return RayWorkers(address=args.ray, actors=args.actors, policy=partial(_loaded, source, args.policy, preset))


def _loaded(source: PolicySource, name: str, preset: AgentPreset | None) -> Policy:
    policy = source.load(name)
    return policy if preset is None else preset.adapt(policy)

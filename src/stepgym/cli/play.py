"""`stepgym play`: an environment in the terminal."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import gymnasium

from stepgym.agents.presets import AgentPreset
from stepgym.cli.parser import Arguments, Parser
from stepgym.cli.playing import add_environment, add_prompt, add_sampling, check_spaces
from stepgym.cli.policies import POLICY_HELP, PolicySource, add_device
from stepgym.cli.presets import add_preset, agent_of, preset_of
from stepgym.cli.terminal import say
from stepgym.envs.actions.reading import ActionFormat
from stepgym.envs.actions.steps import UNREAD
from stepgym.envs.text import instructions_of
from stepgym.errors import InvalidInputError, StepgymError
from stepgym.verifiers import Verdict

EXAMPLE = """
stepgym play stepgym/ArithmeticChain-v0 --policy expert
stepgym play stepgym/ArithmeticChain-v0 --env-arg operands=3 --task chain/7/3+4+1
stepgym play stepgym/ALFWorld-v0 --preset oreo --policy alfworld-expert
"""

_NO_ROOM = "the answer was cut before its first word: the prompt fills the context, or --max-tokens is too small"

Act = Callable[[str, Mapping[str, Any]], Awaitable[str]]


def configure(parser: Parser) -> None:
    """The options."""
    add_environment(parser)
    parser.add_argument(
        "--policy",
        default="human",
        help=f"human (default), expert (the environment's own solution), or {POLICY_HELP}",
    )
    parser.add_argument("--task", metavar="ID", help="the task to play (default: one drawn with --seed)")
    parser.add_argument("--seed", type=int, default=0, help="draws the task (default: 0)")
    parser.add_argument("--episodes", type=int, default=1, help="how many episodes (default: 1)")
    add_device(parser)
    add_preset(parser)
    add_sampling(parser)
    add_prompt(parser)


def run(args: Arguments) -> None:
    """Play episodes one after the other."""
    from stepgym.envs import make

    preset = preset_of(args)
    env = make(args.env, **(args.env_arg or {}))
    try:
        check_spaces(env, args.env)
        env.action_space.seed(args.seed)
        asyncio.run(_play(env, args, preset))
    except EOFError:
        say("\nThe input has ended.")
    finally:
        env.close()


async def _play(env: gymnasium.Env[Any, Any], args: Arguments, preset: AgentPreset | None) -> None:
    solved = 0.0
    options = None if args.task is None else {"task": args.task}
    player = _players(env, args, preset)
    for number in range(args.episodes):
        observation, info = env.reset(seed=args.seed + number, options=options)
        instructions = instructions_of(env)
        if instructions and number == 0:
            say(f"{instructions}\n")
        say(f"[{info.get('task', 'a task')}]")
        act = player(instructions, args.seed + number)
        total, over, truncated = 0.0, False, False
        while not over:
            say(f"{observation}")
            try:
                action = await act(observation, info)
            except _FullContextError as full:
                say(f"cut (context): {full}")
                observation = ""
                break
            observation, reward, terminated, truncated, info = env.step(action)
            total, over = total + float(reward), terminated or truncated
            verdict = info.get("verdict")
            if isinstance(verdict, Verdict):
                say(verdict.explain(action))
            unread = info.get(UNREAD)
            if unread and unread not in observation:
                say(f"no action was read: {unread}")
        if observation:
            say(f"{observation}")
        say(f"reward {total:g}{' (step limit)' if truncated else ''}\n")
        solved += total > 0
    if args.episodes > 1:
        say(f"{solved:g} of {args.episodes} solved")


def _players(env: gymnasium.Env[Any, Any], args: Arguments, preset: AgentPreset | None) -> Callable[[str, int], Act]:
    """What makes the player of one episode, from the environment's instructions and a seed."""
    if args.policy == "human":
        return lambda *_: _ask
    if args.policy == "expert":
        return lambda *_: _shown(_Expert(env))
    choices = [env.action_space.sample() for _ in range(64)]
    policy = PolicySource(args.device, choices).load(args.policy)
    agent = agent_of(args, policy, args.policy, preset)

    def player(instructions: str, seed: int) -> Act:
        conversation = agent.start(instructions=instructions, seed=seed)

        async def act(observation: str, info: Mapping[str, Any]) -> str:
            answer = await agent.act(conversation, observation, info=info)
            if answer.finish_reason == "length" and not answer.text:
                raise _FullContextError(conversation.overflow or _NO_ROOM)
            return answer.text

        return _shown(act)

    return player


def _shown(act: Act) -> Act:
    async def shown(observation: str, info: Mapping[str, Any]) -> str:
        action = await act(observation, info)
        say("\n".join(f"> {line}" for line in action.split("\n")))
        return action

    return shown


async def _ask(observation: str, info: Mapping[str, Any]) -> str:
    """What the person writes; a backslash at the end of a line goes on with the next."""
    lines = []
    while True:
        sys.stdout.write("> ")
        sys.stdout.flush()
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        line = line.rstrip("\r\n")
        lines.append(line.removesuffix("\\"))
        if not line.endswith("\\"):
            return "\n".join(lines)


class _FullContextError(StepgymError):
    """There is no answer because the prompt fills the policy's context; `collect` ends such an episode, too."""


class _Expert:
    """Knows the solution: `expert_action()` of the environment, the worked chain, or the task's "solution".

    Where the environment reads actions out of a text, the solution is written as its action format reads it.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        self.env = env.unwrapped
        has = env.has_wrapper_attr("action_format")
        self._format: ActionFormat | None = env.get_wrapper_attr("action_format") if has else None

    async def __call__(self, observation: str, info: Mapping[str, Any]) -> str:
        action = self._action()
        return action if self._format is None else self._format.write(action)

    def _action(self) -> str:
        from stepgym.envs import ArithmeticChainEnv, TaskEnv, worked_solution

        if hasattr(self.env, "expert_action"):
            return str(self.env.expert_action())
        if isinstance(self.env, ArithmeticChainEnv):
            return worked_solution(self.env.task)
        solution = self.env.task.meta.get("solution") if isinstance(self.env, TaskEnv) else None
        if not isinstance(solution, str):
            raise InvalidInputError("this environment brings no expert: play it yourself, or give --policy DIR")
        return solution

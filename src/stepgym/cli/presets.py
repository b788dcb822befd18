"""`--preset` and `--history`: how a published harness plays, and which earlier turns a model reads."""

from __future__ import annotations

from stepgym.agents.agent import Agent
from stepgym.agents.conversation.history import FitContext, FullHistory, History, LastTurns, WithHistory
from stepgym.agents.conversation.prompts import PromptFormat
from stepgym.agents.policy import Policy, Sampling
from stepgym.agents.presets import AgentPreset, preset, registry
from stepgym.cli.parser import Arguments, Parser
from stepgym.cli.playing import policy_prompt, sampling_of
from stepgym.cli.settings import given, settings_of
from stepgym.errors import InvalidInputError


def add_preset(parser: Parser) -> None:
    """`--preset`."""
    known = ", ".join(f"{one.name} ({one.summary})" if one.summary else one.name for one in registry.plugins())
    parser.add_argument(
        "--preset",
        metavar="NAME",
        help="play as a published harness does: arguments of the environment, prompt and sampling at once. "
        f"There are some for {known}",
    )
    parser.add_argument(
        "--history",
        metavar="full|last:N|fit|fit:TOKENS",
        help="which earlier turns a model reads: all, the last N, or as many as its context (or TOKENS) holds, the "
        "oldest dropped first; the first observation is always shown",
    )


def preset_of(args: Arguments) -> AgentPreset | None:
    """The preset that was asked for; its arguments of the environment join `args.env_arg`.

    Raises:
        InvalidInputError: There is no such preset, or another option says otherwise.
    """
    if args.preset is None:
        return None
    found = preset(args.env, args.preset)
    for name in ("prompt", "prompt_prefix", "prompt_suffix"):
        if getattr(args, name, None) is not None:
            raise InvalidInputError(f"--preset brings its own prompt: leave out --{name.replace('_', '-')}")
    wanted = args.env_arg or {}
    for name, value in found.env_kwargs.items():
        if wanted.get(name, value) != value:
            raise InvalidInputError(
                f"--preset {args.preset} sets {name}={value}, --env-arg says {wanted[name]!r}: leave out one of them"
            )
    args.env_arg = {**wanted, **found.env_kwargs}
    return found


def agent_of(args: Arguments, policy: Policy, name: str, preset: AgentPreset | None) -> Agent:
    """The policy loaded as `name` with the prompt, history and sampling of the preset and of the other options."""
    if preset is None:
        agent = Agent(policy, policy_prompt(args, policy, name), sampling_of(args))
    else:
        agent = preset.agent(policy, **given(args, settings_of(Sampling)))
    return Agent(agent.policy, with_history(args, agent.prompt), agent.sampling)


def with_history(args: Arguments, prompt: PromptFormat) -> PromptFormat:
    """The prompt format with the history that was asked for."""
    return prompt if args.history is None else WithHistory(prompt, _history(args.history))


def _history(text: str) -> History:
    kind, colon, number = text.partition(":")
    count = int(number) if number.isascii() and number.isdecimal() and len(number) < 10 else None
    if text == "full":
        return FullHistory()
    if kind == "last" and count is not None:
        return LastTurns(count)
    if kind == "fit" and (not colon or count):
        return FitContext(count)
    raise InvalidInputError(f"--history is full, last:N, fit or fit:TOKENS, got {text!r:.80}")

"""The options that every command which plays episodes shares: environment, tasks, sampling, prompt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium

from stepgym.agents.agent import takes_messages
from stepgym.agents.conversation.prompts import ChatPrompt, PlainPrompt, PromptFormat
from stepgym.agents.policy import Policy, Sampling
from stepgym.cli.parser import Arguments, KeyValue, Parser
from stepgym.cli.policies import training_settings
from stepgym.cli.settings import add_settings, given, settings_of, unescaped
from stepgym.errors import InvalidInputError

_RANDOM_ANSWERS = 64


def add_environment(parser: Parser) -> None:
    """ENV and `--env-arg`."""
    parser.add_argument("env", nargs="?", metavar="ENV", help="environment id, see `stepgym list`")
    parser.needs("env", "ENV, the id of an environment (see `stepgym list`)")
    parser.add_argument(
        "--env-arg",
        action=KeyValue,
        metavar="NAME=VALUE",
        help="argument of the environment, such as operands=3 or path=gsm8k; may be repeated",
    )


def add_amount(parser: Parser, *, samples: str) -> None:
    """`--episodes`, `--tasks`, `--samples`, `--seed` and `--concurrency`."""
    parser.add_argument("--episodes", type=int, help="how many episodes; the environment chooses the tasks")
    parser.add_argument("--tasks", metavar="FILE", help="task ids, one a line, or JSON lines with an id")
    parser.add_argument("--samples", type=int, default=1, help=f"{samples} (default: 1)")
    parser.add_argument("--seed", type=int, default=0, help="repeats the run (default: 0)")
    parser.add_argument("--concurrency", type=int, default=256, help="episodes in flight (default: 256)")


def add_sampling(parser: Parser) -> None:
    """The fields of `Sampling`."""
    add_settings(parser, settings_of(Sampling), title="sampling")


def add_prompt(parser: Parser) -> None:
    """How the conversation is shown to a model."""
    group = parser.add_argument_group("prompt")
    group.add_argument(
        "--prompt",
        choices=("plain", "chat"),
        metavar="plain|chat",
        help="how a model reads the conversation (default: as in its training, else its chat template if it has one)",
    )
    group.add_argument("--prompt-prefix", type=unescaped, help="with plain: goes before each observation")
    group.add_argument("--prompt-suffix", type=unescaped, help="with plain: goes after each observation")


def sampling_of(args: Arguments) -> Sampling:
    """The sampling settings, those not given as in `Sampling`."""
    return Sampling(**given(args, settings_of(Sampling)))


def prompt_of(
    args: Arguments, tokenizer: Any, *, trained: str | Path | None = None, messages: bool = False
) -> PromptFormat:
    """The prompt format: as asked for, else as in the training of `trained`, else what suits the tokenizer.

    With `messages`, the policy takes chat messages, which have no prefix and no suffix.
    """
    if messages and (args.prompt_prefix or args.prompt_suffix):
        raise InvalidInputError(
            "--prompt-prefix and --prompt-suffix are for policies with a tokenizer: this one sends chat messages, "
            "which its server renders"
        )
    before = training_settings(trained) if trained is not None else {}
    kind = args.prompt or before.get("prompt")
    if kind is None:
        kind = "chat" if messages or getattr(tokenizer, "chat_template", None) else "plain"
    ends = {}
    for name in ("prefix", "suffix"):
        value = getattr(args, f"prompt_{name}")
        ends[name] = before.get(f"prompt_{name}", "") if value is None else value
    if kind == "chat":
        if args.prompt_prefix or args.prompt_suffix:
            raise InvalidInputError("--prompt-prefix and --prompt-suffix are for --prompt plain")
        return ChatPrompt()
    return PlainPrompt(prefix=str(ends["prefix"]), suffix=str(ends["suffix"]))


def prompt_settings(prompt: PromptFormat) -> dict[str, Any]:
    """The options that give `prompt_of` this prompt again."""
    if isinstance(prompt, PlainPrompt):
        return {"prompt": "plain", "prompt_prefix": prompt.prefix, "prompt_suffix": prompt.suffix}
    return {"prompt": "chat"}


def check_environment(args: Arguments) -> list[str]:
    """Make the environment once, so that a wrong id or argument is found early; random answers from its actions."""
    from stepgym.envs import make

    env = make(args.env, **(args.env_arg or {}))
    try:
        check_spaces(env, args.env)
        env.action_space.seed(args.seed)
        return [env.action_space.sample() for _ in range(_RANDOM_ANSWERS)]
    finally:
        env.close()


def check_spaces(env: gymnasium.Env[Any, Any], name: str) -> None:
    """Raise `InvalidInputError` unless `env`, called `name`, is read and answered in text."""
    spaces = {"observations": env.observation_space, "actions": env.action_space}
    other = [f"its {of} are {space}" for of, space in spaces.items() if not isinstance(space, gymnasium.spaces.Text)]
    if other:
        raise InvalidInputError(
            f"{name} is no text environment: {' and '.join(other)}, expected text (`stepgym list` shows some)"
        )


def amount_of(args: Arguments) -> dict[str, Any]:
    """`episodes` or `tasks`, as `collect` takes them."""
    if (args.episodes is None) == (args.tasks is None):
        raise InvalidInputError("say what to play: either --episodes N or --tasks FILE")
    return {"tasks": read_task_ids(args.tasks)} if args.tasks is not None else {"episodes": args.episodes}


def read_task_ids(path: str) -> list[str]:
    """The task ids in a file: one a line, or JSON lines that have an "id" or "task_id"."""
    try:
        lines = Path(path).expanduser().read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"{path} is no text file in UTF-8: {error.reason}") from error
    ids = [_task_id(line.strip(), f"{path}, line {n}") for n, line in enumerate(lines, start=1) if line.strip()]
    if not ids:
        raise InvalidInputError(f"{path} names no task: expected task ids, one a line, or JSON lines with an id")
    return list(dict.fromkeys(ids))


def policy_prompt(args: Arguments, policy: Policy, name: str) -> PromptFormat:
    """The prompt format for a policy loaded as `name`."""
    trained = name if Path(name).is_dir() else None
    return prompt_of(args, getattr(policy, "tokenizer", None), trained=trained, messages=takes_messages(policy))


def _task_id(line: str, where: str) -> str:
    if not line.startswith("{"):
        return line
    try:
        row = json.loads(line)
    except ValueError as error:
        raise InvalidInputError(f"{where}: not valid JSON: {error}") from error
    found = row.get("id", row.get("task_id"))
    if not isinstance(found, str):
        raise InvalidInputError(f"{where}: expected an 'id' that is a text, got {found!r:.80}")
    return found

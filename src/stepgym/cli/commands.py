"""The commands there are, with one line each; a command's module is imported when it is called."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Protocol, cast

from stepgym.cli.parser import Arguments, Parser
from stepgym.errors import unknown_name


class CommandModule(Protocol):
    """What a command's module has."""

    EXAMPLE: str

    def configure(self, parser: Parser) -> None:
        """Add the command's options."""
        ...

    def run(self, args: Arguments) -> None:
        """Do it; errors are raised."""
        ...


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its name, its module in this package, and the line of the overview."""

    name: str
    module: str
    summary: str

    def load(self) -> CommandModule:
        """The command's module."""
        return cast(CommandModule, importlib.import_module(f"stepgym.cli.{self.module}"))


COMMANDS = (
    Command("quickstart", "quickstart", "train, evaluate and report from scratch in minutes, without any download"),
    Command("list", "list_plugins", "environments, verifiers and policies, built in and installed"),
    Command("new", "new", "start a small installable package with one environment or one verifier"),
    Command("play", "play", "an environment in the terminal, played by you, by an expert or by a model"),
    Command("collect", "collect", "log episodes of a policy"),
    Command("import", "import_file", "turn foreign logs into an episode log, and verify them again"),
    Command("verify", "verify", "verdicts on a log or a file, beside logged outcomes, another verifier or your labels"),
    Command("doctor", "doctor", "look at a log before training on it"),
    Command("train", "train", "learn a policy and a value function from a log"),
    Command("iterate", "iterate", "collect, train and evaluate in turn, each time with the policy that came of it"),
    Command("compare", "compare", "OREO and its baselines from one log, in one table with intervals and compute"),
    Command("evaluate", "evaluate", "success of a policy with intervals, also with search, also compared"),
    Command("report", "report", "one HTML page about a run"),
    Command("alfworld", "alfworld", "pack ALFWorld's official games into one small file"),
)


def find(name: str) -> Command:
    """The command with this name; raises `UnknownNameError` with the nearest ones."""
    for command in COMMANDS:
        if command.name == name:
            return command
    raise unknown_name("command", name, [c.name for c in COMMANDS], hint="`stepgym --help` shows all.")


def overview() -> str:
    """The text of `stepgym --help`."""
    width = max(len(c.name) for c in COMMANDS)
    lines = [f"  {c.name:<{width}}  {c.summary}" for c in COMMANDS]
    return "\n".join(
        (
            "usage: stepgym COMMAND [options]",
            "",
            "Text environments, verifiers that explain themselves, and OREO: a policy and a value function learned",
            "from logged episodes.",
            "",
            "commands:",
            *lines,
            "",
            "options:",
            "  -h, --help     this text; `stepgym COMMAND --help` shows a command's options and an example",
            "  --version      the version",
            "",
            "example:",
            "  $ stepgym play stepgym/ArithmeticChain-v0 --policy expert",
        )
    )

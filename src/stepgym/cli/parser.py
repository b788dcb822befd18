"""`Parser`: argparse with a configuration file, flags from dataclasses, and errors that are one line."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from stepgym.cli.config_file import read_config
from stepgym.errors import InvalidInputError, unknown_name

Arguments = argparse.Namespace

# Where results go and how to behave is said anew by each call; all else is a setting.
NOT_SETTINGS = frozenset({"help", "config", "debug", "out", "resume", "overwrite", "open"})


class Parser(argparse.ArgumentParser):
    """The options of one command.

    Args:
        command: Its name.
        summary: One sentence.
        example: Commands that work as they stand, one a line.
    """

    def __init__(self, command: str, summary: str, example: str) -> None:
        width = min(shutil.get_terminal_size().columns, 100)
        super().__init__(
            prog=f"stepgym {command}",
            description=summary[:1].upper() + summary[1:] + ".",
            epilog="example:\n" + "\n".join(f"  $ {line}" for line in example.strip().splitlines()),
            formatter_class=lambda prog: _Formatter(prog, max_help_position=30, width=width),
            allow_abbrev=False,
        )
        self.command = command
        self._needed: dict[str, str] = {}
        self.add_argument("--config", metavar="FILE", help="settings from a JSON or TOML file; flags win over it")
        self.add_argument("--debug", action="store_true", help="show the traceback of an error")

    def needs(self, dest: str, what: str) -> None:
        """The option must be given, by a flag or by the configuration; `what` says what is missing."""
        self._needed[dest] = what

    def output(self, *, required: bool = True, resume: bool = True) -> None:
        """`--out`, `--overwrite` and, where the command can go on, `--resume`."""
        self.add_argument("--out", metavar="DIR", help="folder for the results; must be new or empty")
        self.add_argument("--overwrite", action="store_true", help="replace the run in that folder")
        if resume:
            self.add_argument("--resume", action="store_true", help="go on where an earlier call stopped")
        if required:
            self.needs("out", "--out DIR, a folder for the results")

    def read(self, argv: Sequence[str]) -> Arguments:
        """The options of `argv` over those of `--config` over the defaults."""
        path = _config_of(argv)
        if path is not None:
            self.set_defaults(**self._from_config(read_config(path), path))
        words = [f"[{a.metavar}]" for a in self._actions if not a.option_strings]
        self.usage = " ".join((self.prog, *words, "[options]"))
        args, unknown = self.parse_known_intermixed_args(argv)
        if unknown:
            self._refuse(unknown[0])
        for dest, what in self._needed.items():
            if getattr(args, dest) is None:
                raise InvalidInputError(f"{self.prog}: expected {what}. See `{self.prog} --help`.")
        seed = getattr(args, "seed", None)
        if seed is not None and seed < 0:
            raise InvalidInputError(f"{self.prog}: --seed must be 0 or more, got {seed}.")
        args.parser = self
        return args

    def settings(self, args: Arguments, **resolved: Any) -> dict[str, Any]:
        """What `--config` takes to do the same again; `resolved` replaces what was left to a default."""
        found = {a.dest: getattr(args, a.dest) for a in self._actions if a.dest not in NOT_SETTINGS}
        known = {name: value for name, value in (found | resolved).items() if value is not None}
        return {"command": self.command} | known

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage and leaving."""
        raise InvalidInputError(f"{self.prog}: {message}. See `{self.prog} --help`.")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            what = "/".join(action.option_strings) or str(action.metavar)
            raise unknown_name(f"value of {what}", str(value), map(str, action.choices))

    def _refuse(self, argument: str) -> NoReturn:
        if argument.startswith("-"):
            flag = argument.partition("=")[0]
            raise unknown_name(f"option of `{self.prog}`", flag, self._option_string_actions)
        raise InvalidInputError(f"{self.prog}: nothing takes the argument {argument!r}. See `{self.prog} --help`.")

    def _from_config(self, values: Mapping[str, Any], path: str) -> dict[str, Any]:
        actions = {a.dest: a for a in self._actions if a.dest not in NOT_SETTINGS or a.dest == "out"}
        found: dict[str, Any] = {}
        for key, value in values.items():
            name = key.replace("-", "_")
            if name == "command":
                if value != self.command:
                    raise InvalidInputError(f"{path} is a configuration of `stepgym {value}`, not of `{self.prog}`.")
            elif name not in actions:
                raise unknown_name(f"setting of `{self.prog}` (in {path})", key, actions)
            else:
                found[name] = _checked(actions[name], value, f"{path}: {key}")
        return found


class KeyValue(argparse.Action):
    """`name=value`, repeated, as a dictionary; a value that is JSON is read as such, else it is text."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        """Add one pair."""
        name, equals, text = str(values).partition("=")
        if not equals or not name:
            raise InvalidInputError(f"{option} takes name=value, got {values!r}")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        setattr(namespace, self.dest, {**(getattr(namespace, self.dest) or {}), name: value})


class TextPair(KeyValue):
    """`name=text`, repeated, as a dictionary of texts."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        """Add one pair."""
        name, equals, text = str(values).partition("=")
        if not equals or not name:
            raise InvalidInputError(f"{option} takes name=value, got {values!r}")
        setattr(namespace, self.dest, {**(getattr(namespace, self.dest) or {}), name: text})


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def _get_default_metavar_for_optional(self, action: argparse.Action) -> str:
        return {int: "N", float: "X"}.get(action.type, "TEXT")  # type: ignore[call-overload, no-any-return]


def _config_of(argv: Sequence[str]) -> str | None:
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    finder.add_argument("--config")
    try:
        found: str | None = finder.parse_known_args(argv)[0].config
    except argparse.ArgumentError:
        return None  # the real parser says what is wrong
    return found


def _checked(action: argparse.Action, value: Any, where: str) -> Any:
    """A value of a configuration file as the flag would give it."""
    if value is None:
        return None
    if isinstance(action, KeyValue):
        if not isinstance(value, Mapping):
            raise InvalidInputError(f"{where} must be a table of names and values, got {value!r:.80}")
        return dict(value)
    if isinstance(action, argparse._AppendAction):
        if not isinstance(value, list):
            raise InvalidInputError(f"{where} must be a list, got {value!r:.80}")
        return [_one(action, item, where) for item in value]
    return _one(action, value, where)


def _one(action: argparse.Action, value: Any, where: str) -> Any:
    if action.nargs == 0:
        if not isinstance(value, bool):
            raise InvalidInputError(f"{where} must be true or false, got {value!r:.80}")
        return value
    kind = action.type
    if kind in (int, float):
        try:
            value = kind(str(value))
        except ValueError:
            word = "a whole number" if kind is int else "a number"
            raise InvalidInputError(f"{where} must be {word}, got {value!r:.80}") from None
    elif not isinstance(value, str):
        raise InvalidInputError(f"{where} must be a text, got {value!r:.80}")
    if action.choices is not None and value not in action.choices:
        raise InvalidInputError(f"{where} must be one of {', '.join(map(str, action.choices))}, got {value!r:.80}")
    return value

"""`Phase`: one command within a longer run, done once, whatever kills the run."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepgym.cli.commands import find
from stepgym.cli.parser import NOT_SETTINGS, Arguments, Parser
from stepgym.cli.terminal import remark
from stepgym.errors import InvalidInputError

Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Phase:
    """A command with its settings, and where its result goes.

    Its settings are written beside the result (`NAME.json`, which the command's `--config` takes), and once it is done
    a marker (`NAME.done`) that holds what is to be remembered of it. Without the marker the command is called again
    with `--resume`.

    Attributes:
        name: For people.
        command: The name of the command.
        folder: Its `--out`.
        settings: What its `--config` takes.
    """

    name: str
    command: str
    folder: Path
    settings: Mapping[str, Any]

    @property
    def marker(self) -> Path:
        """The file that says the phase is done."""
        return self.folder.with_name(self.folder.name + ".done")

    def run(self, facts: Callable[[Path], Facts]) -> Facts:
        """Do it unless it is done, and return what `facts` said of its folder when it was.

        Raises:
            InvalidInputError: It was done with other settings.
        """
        settings = json.loads(json.dumps({"command": self.command, **self.settings}))
        done = self._done()
        if done is not None:
            if done["settings"] != settings:
                changed = sorted(k for k in settings | done["settings"] if settings.get(k) != done["settings"].get(k))
                raise InvalidInputError(
                    f"{self.folder} was made with other settings ({', '.join(changed)}): resume with the same ones, or "
                    "give another --out"
                )
            remark(f"{self.name}: done already")
            return dict(done["facts"])
        remark(f"{self.name}")
        config = self.folder.with_name(self.folder.name + ".json")
        write_whole(config, settings)
        command = find(self.command)
        module = command.load()
        parser = command_parser(self.command)
        module.run(parser.read(["--config", str(config), "--out", str(self.folder), "--resume"]))
        gc.collect()  # models refer to themselves, and the next phase needs the room
        found = facts(self.folder)
        write_whole(self.marker, {"settings": settings, "facts": found})
        return found

    def _done(self) -> Facts | None:
        try:
            found = json.loads(self.marker.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise InvalidInputError(f"{self.marker} is damaged ({error}): remove it to do the phase again") from error
        return dict(found)


def command_parser(name: str) -> Parser:
    """The options of a command."""
    command = find(name)
    module = command.load()
    parser = Parser(command.name, command.summary, module.EXAMPLE)
    module.configure(parser)
    return parser


def shared(args: Arguments, command: str, *, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """The options given in `args` that `command` takes too."""
    taken = {action.dest for action in command_parser(command)._actions} - NOT_SETTINGS - set(without)
    return {name: value for name, value in vars(args).items() if name in taken and value is not None}


def write_whole(path: Path, data: Any) -> None:
    """Write JSON whole or not at all, and have it on the disk before anything that follows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8") as file:
        file.write(json.dumps(data, indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)

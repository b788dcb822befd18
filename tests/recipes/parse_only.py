"""Stands for `stepgym` in tests of scripts: reads the options as a command would, and only notes what was asked."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from stepgym.cli.commands import find
from stepgym.cli.parser import Parser
from stepgym.cli.train import check_training


def main(words: list[str]) -> None:
    command = find(words[0])
    module = command.load()
    parser = Parser(command.name, command.summary, module.EXAMPLE)
    module.configure(parser)
    args = parser.read(words[1:])
    if command.name == "train":
        check_training(args)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "episodes.jsonl").touch()
    settings = {k: v for k, v in vars(args).items() if k != "parser" and v is not None}
    with Path(os.environ["ASKED"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"command": command.name, **settings}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])

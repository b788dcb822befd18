"""`stepgym quickstart`: the whole way on one small task, from scratch."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

from stepgym.cli import interrupts
from stepgym.cli.config_file import NAME
from stepgym.cli.parser import Arguments, Parser
from stepgym.cli.settings import add_settings, given, settings_of
from stepgym.cli.terminal import quiet_transformers, remark, say
from stepgym.errors import require
from stepgym.quickstart.settings import QuickstartSettings

EXAMPLE = "stepgym quickstart --out runs/quickstart --overwrite"


def configure(parser: Parser) -> None:
    """The options: all of `QuickstartSettings`."""
    parser.output(required=False, resume=False)
    parser.set_defaults(out="runs/quickstart")
    add_settings(parser, settings_of(QuickstartSettings), title="settings")


def run(args: Arguments) -> None:
    """Run it and show what came of it."""
    require("transformers", extra="train")
    from stepgym.report import terminal_report, write_report
    from stepgym.report.recorder import claim_folder

    settings = QuickstartSettings(**given(args, settings_of(QuickstartSettings)))
    folder = claim_folder(Path(args.out), overwrite=args.overwrite)
    quiet_transformers()
    remark("stepgym quickstart: fine-tune, log episodes, train on the log, evaluate; a few minutes on two CPU cores")
    import torch

    from stepgym.cli.training_progress import show_training
    from stepgym.quickstart import run_quickstart

    show_training()
    torch.set_num_threads(1)  # matrices this small lose more to waiting threads than they gain
    try:
        run_quickstart(folder, settings, command=interrupts.typed_command())
    except KeyboardInterrupt:
        again = interrupts.restart_command()
        raise interrupts.Interrupted(f"what was finished is in {folder}. Start anew with: {again}") from None
    config = args.parser.settings(args, **asdict(settings))
    (folder / NAME).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    page = write_report(folder)
    say(terminal_report(folder, width=min(shutil.get_terminal_size().columns, 100)))
    say(f"Report: {page}")

"""`stepgym report`: one HTML page about a run, and its summary in the terminal."""

from __future__ import annotations

import shutil
from pathlib import Path

from stepgym.cli.parser import Arguments, Parser
from stepgym.cli.terminal import remark, say

EXAMPLE = "stepgym report runs/quickstart"


def configure(parser: Parser) -> None:
    """The options."""
    parser.add_argument("run_dir", nargs="?", metavar="RUN_DIR", help="folder of a run")
    parser.needs("run_dir", "RUN_DIR, the folder of a run")
    parser.add_argument("--out", metavar="FILE", help="where to write the page (default: report.html in the folder)")
    parser.add_argument("--open", action="store_true", help="open the page in a browser")


def run(args: Arguments) -> None:
    """Write the page and print the summary."""
    from stepgym.report import terminal_report, write_report

    page = write_report(args.run_dir, args.out)
    say(terminal_report(args.run_dir, width=min(shutil.get_terminal_size().columns, 100)))
    say(f"Report: {page}")
    if args.open:
        import webbrowser

        if not webbrowser.open(Path(page).resolve().as_uri()):
            remark("stepgym: warning: no browser could be opened")

"""`main`: from the words of a command line to an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

from stepgym.cli import interrupts
from stepgym.cli.commands import find, overview
from stepgym.cli.parser import Parser
from stepgym.cli.terminal import complain, quiet_libraries, remark, say
from stepgym.errors import StepgymError

OK, DEFECT, USER_ERROR, BROKEN_PIPE = 0, 1, 2, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    0: done. 2: an error of the user's, one line on standard error. 130: stopped by Ctrl-C, one line that says what was
    kept and how to go on (143: by SIGTERM). 141: nobody reads the output any more. 1: a defect of stepgym or of a
    plug-in, or a collection or evaluation in which every episode ended in an error. `--debug` shows the traceback.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    quiet_libraries()
    try:
        with interrupts.interruptible(words):
            _dispatch(words)
            sys.stdout.flush()
        return OK
    except SystemExit as done:  # argparse after --help
        return done.code if isinstance(done.code, int) else OK
    except BrokenPipeError:
        # The interpreter flushes at exit, which would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except KeyboardInterrupt as error:
        _show(debug)
        remark(f"stepgym: interrupted: {error}" if str(error) else "stepgym: interrupted")
        return interrupts.exit_code()
    except StepgymError as error:
        _show(debug)
        complain(f"stepgym: error: {_one_line(str(error))}")
        return USER_ERROR
    except OSError as error:
        _show(debug)
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        complain(f"stepgym: error: {_one_line(what)}")
        return USER_ERROR
    except Exception as error:
        _show(debug)
        again = "" if debug else " Run it again with --debug for the traceback, and please report it."
        complain(f"stepgym: defect: {type(error).__name__}: {_one_line(str(error))}.{again}")
        return DEFECT


def _dispatch(words: list[str]) -> None:
    if words[:1] == ["--debug"]:
        words = words[1:]
    if not words or words[0] in ("-h", "--help", "help"):
        say(overview())
        return
    if words[0] == "--version":
        from stepgym import __version__

        say(f"stepgym {__version__}")
        return
    command = find(words[0])
    module = command.load()
    parser = Parser(command.name, command.summary, module.EXAMPLE)
    module.configure(parser)
    args = parser.read(words[1:])
    if not hasattr(args, "overwrite"):
        module.run(args)
        return
    from stepgym.cli.run_folder import leave_no_empty_run

    with leave_no_empty_run(args):
        module.run(args)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _show(debug: bool) -> None:
    if debug:
        traceback.print_exc()

"""What reaches the terminal: results on standard output, remarks on standard error, control characters never."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from typing import Any, TextIO

from stepgym.cli.processes import are_several, is_first, number
from stepgym.verifiers.verdict import printable

_NOISY = ("torch", "transformers", "accelerate", "datasets", "huggingface_hub", "tokenizers", "peft")


def say(text: str = "") -> None:
    """A line of the result; control characters in it are shown as escapes."""
    if is_first():
        _write(sys.stdout, text)


def remark(text: str) -> None:
    """A line about what goes on, apart from the result."""
    if is_first():
        _write(sys.stderr, text)


def complain(text: str) -> None:
    """A line about what ended the command; of several processes each has its own to tell."""
    _write(sys.stderr, f"process {number()}: {text}" if are_several() else text)


def quiet_libraries() -> None:
    """Keep the libraries' own chatter off the terminal; stepgym's warnings are shown as one line each.

    Environment variables that the user has set win.
    """
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    for name in _NOISY:
        warnings.filterwarnings("ignore", module=rf"{name}(\.|$)")
        if name not in ("transformers", "huggingface_hub"):  # these two read their own variables
            logging.getLogger(name).setLevel(logging.ERROR)
    logger = logging.getLogger("stepgym")
    if not any(isinstance(handler, _Remarks) for handler in logger.handlers):
        logger.addHandler(_Remarks(logging.WARNING))
        logger.propagate = False
    warnings.showwarning = _show_warning


def quiet_transformers() -> None:
    """No bars for reading and writing weights; to be called by commands that use transformers."""
    from stepgym.errors import require

    require("transformers", extra="train")
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()


class _Remarks(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        remark(f"stepgym: {record.levelname.lower()}: {record.getMessage()}")


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    remark(f"stepgym: warning: {message}")


def _write(stream: TextIO, text: str) -> None:
    encoding: Any = stream.encoding or "utf-8"
    stream.write(printable(text).encode(encoding, "backslashreplace").decode(encoding) + "\n")
    stream.flush()

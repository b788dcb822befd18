from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stepgym.cli import main

ENV = "stepgym/ArithmeticChain-v0"
SMALL = ("--sft-updates", "30", "--updates", "10", "--train-tasks", "60", "--samples", "4", "--test-tasks", "10")

# The handler is set because a shell that starts tests in the background lets Ctrl-C be ignored.
_BOOT = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "from stepgym.cli import main; sys.exit(main())"
)


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Runs a command in this process."""

    def run(*words: object) -> Result:
        capfd.readouterr()
        code = main([str(word) for word in words])
        out, err = capfd.readouterr()
        return Result(code, out, err)

    return run


@pytest.fixture(scope="session")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a very small quickstart."""
    pytest.importorskip("transformers")
    import torch

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("run") / "quickstart"
    words = ["--candidates", "2", "--demonstrations", "300", "--operands", "4", "--modulus", "5", "--out", str(folder)]
    assert main(["quickstart", *SMALL, *words]) == 0
    return folder


def start(*words: object, cwd: Path) -> subprocess.Popen[str]:
    """The command in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(cwd), "OMP_NUM_THREADS": "1", "COLUMNS": "100"}
    return subprocess.Popen(
        [sys.executable, "-c", _BOOT, *map(str, words)],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )


def stop_when(process: subprocess.Popen[str], ready: Callable[[], bool], number: signal.Signals) -> Result:
    """Send the signal as soon as `ready()`; fails if the process ends or a minute passes before."""
    deadline = time.monotonic() + 60
    while not ready():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "never ready"
        time.sleep(0.05)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    return Result(process.returncode, out, err)


def lines(path: Path) -> list[dict[str, Any]]:
    """The records of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_lines(path: Path, rows: Sequence[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path

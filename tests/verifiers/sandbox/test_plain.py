"""Without a sandbox, programs that use too much by mistake are still stopped."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest

from stepgym.verifiers.sandbox import Limits, SandboxFailedError
from stepgym.verifiers.sandbox.plain import PlainSandbox

SMALL = Limits(cpu_seconds=0.3, wall_seconds=6.0, memory_mb=64, processes=16, file_mb=4, disk_mb=16, output_kb=64)


def run(program, what, *, limits=SMALL, **more):
    # Nobody holds the threads but the looks at them: a slow machine must not run out of them meanwhile.
    some = ["100"] if what == "threads" else []
    return PlainSandbox().run(
        ["./hostile", what, "x", *some], folder=program.parent, writable=False, limits=limits, **more
    )


@pytest.mark.parametrize(
    ("what", "stopped"),
    [
        ("loop", "cpu"),
        ("deaf", "cpu"),
        ("family", "cpu"),
        ("sleep", "wall"),
        ("silent", "wall"),
        ("stdout", "output"),
        ("stderr", "output"),
        ("allocate", "memory"),
        ("leak", "memory"),
        ("threads", "processes"),
    ],
)
def test_a_program_over_its_limit_is_stopped(program, what, stopped):
    limits = replace(SMALL, cpu_seconds=3) if stopped == "memory" else SMALL
    limits = replace(SMALL, wall_seconds=0.3) if stopped == "wall" else limits
    finished = run(program, what, limits=limits)
    assert (finished.stopped, finished.signal) == (stopped, signal.SIGKILL)
    assert finished.wall_seconds < 15


def test_a_program_below_its_limits_is_served(program, monkeypatch):
    monkeypatch.setenv("STEPGYM_SECRET", "secret")
    finished = run(program, "echo", stdin=b"hello" * 10_000)
    assert (finished.stopped, finished.exit_code, finished.stdout) == ("", 0, b"hello" * 10_000)
    assert b"secret" not in PlainSandbox().run(["/usr/bin/env"], folder=program.parent, writable=False).stdout


def test_signals_and_files(program, tmp_path):
    assert run(program, "dive").signal == signal.SIGSEGV
    command = ["/bin/sh", "-c", "while :; do echo 0123456789abcdef; done > big"]
    finished = PlainSandbox().run(command, folder=tmp_path, writable=True, limits=SMALL)
    assert finished.stopped in ("disk", "cpu")
    assert (tmp_path / "big").stat().st_size <= 4 * 2**20


def test_a_command_that_is_not_there_is_no_verdict_on_a_program(tmp_path):
    with pytest.raises(SandboxFailedError, match="missing"):
        PlainSandbox().run(["./missing"], folder=tmp_path, writable=False)

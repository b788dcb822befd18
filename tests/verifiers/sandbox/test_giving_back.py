"""Whatever happens, control groups, file handles and processes are given back."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from stepgym.errors import InvalidInputError
from stepgym.verifiers.sandbox import Limits, SandboxFailedError
from stepgym.verifiers.sandbox import bubblewrap as bubblewrap_module
from stepgym.verifiers.sandbox.control_groups import ControlGroup, remove_leftovers


def groups_of(sandbox, pid: int) -> list[Path]:
    if sandbox.groups is None:
        return []
    return [path for parent in sandbox.groups.directories() for path in parent.glob(f"stepgym-*-{pid}-*")]


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_many_runs_at_once_do_not_mix_and_leave_nothing(place, as_user):
    def one(number: int) -> tuple[bytes, str]:
        if number % 4 == 3:
            return b"", place.run("loop", limits=Limits(cpu_seconds=0.2)).stopped
        return place.run("echo", stdin=b"%d" % number * 1000).stdout, ""

    def all_of_them() -> tuple[list[tuple[bytes, str]], int, list[Path]]:
        place.run("exit")
        before = open_files()
        threads = threading.active_count()
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(one, range(24)))
        assert threading.active_count() == threads
        return found, open_files() - before, groups_of(place.sandbox, os.getpid())

    user, place.user = place.user, None  # All of it runs as that user, in one process.
    found, more_files, groups = all_of_them() if user is None else as_user(user, all_of_them)
    for number, (text, stopped) in enumerate(found):
        assert (text, stopped) == ((b"", "cpu") if number % 4 == 3 else (b"%d" % number * 1000, ""))
    assert more_files == 0
    assert groups == []


def test_an_exception_in_the_middle_leaves_nothing(sandbox, program, monkeypatch):
    seen = {}

    def broken(process, **_):
        seen["pid"] = process.pid
        raise KeyboardInterrupt

    before = open_files()
    monkeypatch.setattr(bubblewrap_module, "watch", broken)
    with pytest.raises(KeyboardInterrupt):
        sandbox.run(["./hostile", "sleep", "x"], folder=program.parent, writable=False)
    assert open_files() == before
    assert groups_of(sandbox, os.getpid()) == []
    assert not Path("/proc", str(seen["pid"])).exists()


def test_a_command_that_is_not_there_is_no_verdict_on_a_program(sandbox, tmp_path):
    before = open_files()
    with pytest.raises(SandboxFailedError, match="missing"):
        sandbox.run(["./missing"], folder=tmp_path, writable=False)
    (tmp_path / "rubbish").write_bytes(b"\x7fELF rubbish")
    with pytest.raises(SandboxFailedError, match="rubbish"):
        sandbox.run(["./rubbish"], folder=tmp_path, writable=False)
    assert open_files() == before
    assert groups_of(sandbox, os.getpid()) == []


def test_a_folder_that_the_user_of_no_rights_cannot_reach_is_said(sandbox, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    tmp_path.chmod(0o700)
    (tmp_path / "inner").mkdir()
    with pytest.raises(SandboxFailedError, match="without control groups, root runs programs as user 65534"):
        replace(sandbox, groups=None).run(["/bin/true"], folder=tmp_path / "inner", writable=False)


def test_bad_arguments_are_said(sandbox, tmp_path):
    with pytest.raises(InvalidInputError, match="directory"):
        sandbox.run(["/bin/true"], folder=tmp_path / "nowhere", writable=False)
    with pytest.raises(InvalidInputError, match="word"):
        sandbox.run([], folder=tmp_path, writable=False)
    with pytest.raises(InvalidInputError, match="cpu_seconds"):
        Limits(cpu_seconds=0)
    with pytest.raises(InvalidInputError, match="memory_mb"):
        Limits(memory_mb=1)


KILLED = """
import sys
from dataclasses import replace
from pathlib import Path
from stepgym.verifiers.sandbox import Limits, find_sandbox
sandbox = find_sandbox()
if sys.argv[2] == "sampled":
    sandbox = replace(sandbox, groups=None)
print(sandbox.name, flush=True)
sandbox.run(["/bin/sh", "-c", sys.argv[3]], folder=Path(sys.argv[1]), writable=False, limits=Limits(wall_seconds=100))
"""


@pytest.mark.parametrize("kind", ["control groups", "sampled"])
@pytest.mark.parametrize("delay", [0.0, 0.003, 0.01, 0.1])
def test_a_killed_owner_takes_its_program_with_it_and_the_next_start_cleans_up(sandbox, kind, delay):
    command = f"sleep 3600.{os.getpid()}"
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen([sys.executable, "-c", KILLED, folder, kind, command], stdout=subprocess.PIPE) as owner,
    ):
        try:
            assert owner.stdout is not None
            assert owner.stdout.readline()
            assert eventually(lambda: running(command, but=owner.pid))
            time.sleep(delay)
        finally:
            owner.kill()
    assert eventually(lambda: not running(command, but=owner.pid))
    if sandbox.groups is not None:
        assert bool(groups_of(sandbox, owner.pid)) == (kind == "control groups")
        remove_leftovers(sandbox.groups)
        assert not groups_of(sandbox, owner.pid)


def test_the_groups_of_the_living_are_left_alone(sandbox):
    if sandbox.groups is None:
        pytest.skip("no control groups can be made here")
    group = ControlGroup(sandbox.groups, Limits())
    remove_leftovers(sandbox.groups)
    assert groups_of(sandbox, os.getpid())
    group.close()
    assert not groups_of(sandbox, os.getpid())


def running(command: str, *, but: int) -> bool:
    """Whether a process other than the owner has the command among its words."""
    for name in os.listdir("/proc"):
        if name.isdecimal() and int(name) != but:
            try:
                words = Path("/proc", name, "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if command.encode() in words:
                return True
    return False


def eventually(holds, seconds: float = 10.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if holds():
            return True
        time.sleep(0.02)
    return False

"""Hostile programs, and the places they are run in."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from stepgym.verifiers.sandbox import Finished, Limits, SandboxMissingError, find_sandbox
from stepgym.verifiers.sandbox.bubblewrap import BubblewrapSandbox

SMALL = Limits(cpu_seconds=0.3, wall_seconds=4.0, memory_mb=64, processes=16, file_mb=4, disk_mb=16, output_kb=64)


@pytest.fixture(scope="session")
def sandbox() -> BubblewrapSandbox:
    try:
        found = find_sandbox()
    except SandboxMissingError as problem:
        pytest.skip(str(problem))
    assert isinstance(found, BubblewrapSandbox)
    return found


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    path = tmp_path_factory.mktemp("hostile") / "hostile"
    source = Path(__file__).with_name("hostile.c")
    subprocess.run([compiler, "-O0", "-w", "-pthread", "-o", str(path), str(source)], check=True, timeout=60)
    return path


@dataclass
class Place:
    """Somewhere to run hostile programs: the sandbox as one kind of user has it."""

    sandbox: BubblewrapSandbox
    user: int | None
    folder: Path

    def run(
        self,
        what: str,
        more: str = "",
        *,
        limits: Limits = SMALL,
        writable: bool = False,
        stdin: bytes = b"",
    ) -> Finished:
        """Run a hostile program; nothing of it may be left."""
        marker = f"stepgym-{uuid.uuid4().hex}"
        command = ["./hostile", what, marker, more]
        finished = self.call(
            lambda: self.sandbox.run(command, folder=self.folder, writable=writable, stdin=stdin, limits=limits)
        )
        assert not survivors(marker)
        assert finished.wall_seconds < limits.wall_seconds + 10  # The machine may be busy; what hangs takes for ever.
        return finished

    def call(self, function: Callable[[], Any]) -> Any:
        return function() if self.user is None else call_as_user(self.user, function)


def survivors(marker: str) -> list[int]:
    found = []
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                if marker.encode() in Path("/proc", name, "cmdline").read_bytes():
                    found.append(int(name))
            except OSError:
                continue
    return found


def call_as_user(user: int, function: Callable[[], Any]) -> Any:
    """The value of `function`, called in a child process of that user id."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            signal.alarm(60)
            os.setgroups([])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
            value = function()
        except BaseException as problem:
            value = problem
        with os.fdopen(writing, "wb") as pipe:
            pickle.dump(value, pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    value = pickle.loads(text)
    if isinstance(value, BaseException):
        raise value
    return value


@pytest.fixture
def as_user() -> Callable[[int, Callable[[], Any]], Any]:
    return call_as_user


@pytest.fixture(params=["control groups", "user id", "root without control groups"])
def place(request: pytest.FixtureRequest, sandbox: BubblewrapSandbox, program: Path) -> Iterator[Place]:
    """The sandbox with control groups; for an ordinary user; and for root where there are none."""
    user: int | None = None
    if request.param == "control groups":
        if sandbox.groups is None:
            pytest.skip("no control groups can be made here")
    elif request.param == "user id":
        user = 54321 if os.geteuid() == 0 else None
        sandbox = replace(sandbox, groups=None)
    else:
        if os.geteuid() != 0:
            pytest.skip("needs root")
        sandbox = replace(sandbox, groups=None)
    folder = Path(tempfile.mkdtemp(prefix="stepgym-hostile-"))
    try:
        shutil.copy(program, folder / "hostile")
        if user is not None:
            os.chown(folder, user, user)
        yield Place(sandbox, user, folder)
    finally:
        shutil.rmtree(folder)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not sys.platform.startswith("linux"):
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="bubblewrap exists for Linux alone"))

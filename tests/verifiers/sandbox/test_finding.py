"""Finding a sandbox: what is said where there is none, and where control groups are made."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stepgym.verifiers.sandbox import SandboxMissingError, find_sandbox
from stepgym.verifiers.sandbox import find as find_module
from stepgym.verifiers.sandbox.control_groups import find_parents
from stepgym.verifiers.sandbox.system_calls import filter_program


@pytest.fixture
def fresh(monkeypatch):
    monkeypatch.setattr(find_module, "_found", [])


def broken_bwrap(folder: Path, script: str) -> str:
    path = folder / "bwrap"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_the_sandbox_is_looked_for_once(sandbox):
    assert find_sandbox() is sandbox
    assert find_sandbox(unsafe=True) is sandbox
    assert "bubblewrap" in sandbox.name


def test_without_bubblewrap_the_package_is_named(fresh, monkeypatch):
    monkeypatch.setattr(find_module.shutil, "which", lambda *_, **__: None)
    with pytest.raises(SandboxMissingError, match=r"package 'bubblewrap'.*unsafe=True"):
        find_sandbox()


def test_on_other_systems_linux_is_named(fresh, monkeypatch):
    monkeypatch.setattr(find_module.sys, "platform", "darwin")
    with pytest.raises(SandboxMissingError, match=r"Linux alone \(this is darwin\).*unsafe=True"):
        find_sandbox()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'bwrap: No permissions to create a new namespace' >&2; exit 1", "No permissions"),
        ("echo 'bwrap: Unknown option --size' >&2; exit 1", "Unknown option --size"),
        ("exit 0", "no message"),
    ],
)
def test_a_bubblewrap_that_does_not_work_says_why(fresh, monkeypatch, tmp_path, script, reason):
    path = broken_bwrap(tmp_path, script)
    monkeypatch.setattr(find_module.shutil, "which", lambda *_, **__: path)
    with pytest.raises(SandboxMissingError, match=rf"does not work here: .*{reason}.*user namespaces"):
        find_sandbox()
    with pytest.raises(SandboxMissingError, match=reason):  # Remembered, with its reason.
        find_sandbox()


def test_unsafe_warns_and_runs(fresh, monkeypatch, tmp_path):
    monkeypatch.setattr(find_module.shutil, "which", lambda *_, **__: None)
    with pytest.warns(UserWarning, match="without a sandbox"):
        plain = find_sandbox(unsafe=True)
    assert plain.name == "none: resource limits alone"
    assert plain.run(["/bin/echo", "hello"], folder=tmp_path, writable=False).stdout == b"hello\n"


def test_nothing_is_run_or_made_by_an_import():
    code = (
        "import sys; sys.addaudithook(lambda name, _: sys.exit(name) if name in ('subprocess.Popen', 'os.mkdir') "
        "else None); import stepgym.verifiers.sandbox; print('light')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "light\n", done.stderr


def write(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def fake_machine(folder: Path, kind: str, own: str) -> tuple[str, str]:
    if kind == "cgroup2":
        mounts = f"30 20 0:26 / {folder}/v2 rw - cgroup2 cgroup2 rw,nsdelegate\n"
        groups = f"0::{own}\n"
    else:
        mounts = "".join(
            f"3{i} 20 0:3{i} / {folder}/{name} rw shared:9 - cgroup cgroup rw,{options}\n"
            for i, (name, options) in enumerate([("pids", "pids"), ("memory", "memory"), ("cpu", "cpu,cpuacct")])
        )
        groups = f"5:pids:/\n4:memory:{own}\n1:cpu,cpuacct:/\n1:name=systemd:/\n0::/\n"
    write(folder / "mountinfo", mounts)
    write(folder / "cgroup", groups)
    return str(folder / "mountinfo"), str(folder / "cgroup")


def test_version_1_groups_are_made_above_groups_without_a_limit_and_never_outside_one(tmp_path):
    mounts, own = fake_machine(tmp_path, "cgroup", "/outer/inner")
    for name in ("pids", "memory", "cpu", "memory/outer", "memory/outer/inner"):
        write(tmp_path / name / "cgroup.procs")
    for name in ("outer", "outer/inner"):
        write(tmp_path / "memory" / name / "memory.limit_in_bytes", "9223372036854771712\n")
    found = find_parents(mounts, own)
    assert found is not None
    assert (found.version, found.memory, found.pids, found.cpu) == (
        1,
        tmp_path / "memory",
        tmp_path / "pids",
        tmp_path / "cpu",
    )
    write(tmp_path / "memory/outer/memory.limit_in_bytes", "1000000000\n")
    found = find_parents(mounts, own)
    assert found is not None
    assert found.memory == tmp_path / "memory/outer"


def test_version_2_groups_are_made_where_controllers_are_handed_on(tmp_path):
    mounts, own = fake_machine(tmp_path, "cgroup2", "/user/app/shell")
    for name in ("", "user", "user/app", "user/app/shell"):
        write(tmp_path / "v2" / name / "cgroup.procs")
    write(tmp_path / "v2/cgroup.subtree_control", "cpu memory pids\n")
    write(tmp_path / "v2/user/cgroup.subtree_control", "cpu memory pids\n")
    write(tmp_path / "v2/user/app/cgroup.subtree_control", "cpu\n")
    write(tmp_path / "v2/user/memory.max", "max\n")
    found = find_parents(mounts, own)
    assert found is not None
    assert (found.version, found.directories()) == (2, [tmp_path / "v2"])
    write(tmp_path / "v2/user/cpu.max", "50000 100000\n")
    found = find_parents(mounts, own)
    assert found is not None
    assert found.memory == tmp_path / "v2/user"
    write(tmp_path / "v2/user/app/pids.max", "100\n")
    assert find_parents(mounts, own) is None


def test_no_control_groups_is_none(tmp_path):
    mounts, own = fake_machine(tmp_path, "cgroup2", "/")
    assert find_parents(mounts, own) is None
    assert find_parents(str(tmp_path / "missing"), own) is None
    write(tmp_path / "mountinfo")
    assert find_parents(mounts, own) is None


def test_a_group_that_may_not_be_written_is_none(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    mounts, own = fake_machine(tmp_path, "cgroup2", "/")
    write(tmp_path / "v2/cgroup.procs")
    write(tmp_path / "v2/cgroup.subtree_control", "memory pids")
    (tmp_path / "v2").chmod(0o500)
    assert find_parents(mounts, own) is None
    (tmp_path / "v2").chmod(0o700)


def test_the_filter_is_whole_instructions_and_only_for_machines_it_knows():
    for machine in ("x86_64", "aarch64"):
        program = filter_program(machine)
        assert program is not None
        assert len(program) % 8 == 0
        assert len(program) < 4096  # It must fit into a pipe.
    assert filter_program("riscv64") is None

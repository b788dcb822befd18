"""Programs that use too much are stopped, and for the right reason."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest

from stepgym.verifiers.sandbox import Limits

SMALL = Limits(cpu_seconds=0.3, wall_seconds=4.0, memory_mb=64, processes=16, file_mb=4, disk_mb=16, output_kb=64)
QUICK = replace(SMALL, wall_seconds=0.3)


@pytest.mark.parametrize("what", ["fork bomb", "sleeping bomb", "threads"])
def test_processes_are_limited(place, what):
    finished = place.run(what)
    assert finished.stopped == "processes"
    assert finished.exit_code is None


def test_processes_nobody_waits_for_are_limited(place):
    finished = place.run("zombies", limits=replace(SMALL, wall_seconds=1.0))
    allowed = {"processes"} if place.sandbox.groups else {"processes", "cpu", "wall"}
    assert finished.stopped in allowed


def test_processes_below_the_limit_are_welcome(place):
    finished = place.run("family", limits=replace(SMALL, processes=5))
    assert finished.stopped == "cpu"


@pytest.mark.parametrize("what", ["hydra", "unseen children"])
def test_processes_that_live_too_briefly_to_be_seen_are_stopped(place, what):
    finished = place.run(what, limits=replace(SMALL, wall_seconds=1.0))
    assert finished.stopped in ("cpu", "wall", "processes")  # Which comes first depends on how fast it may fork.


def test_a_daemon_ends_with_its_program(place):
    finished = place.run("daemon")
    assert (finished.stopped, finished.exit_code) == ("", 0)


@pytest.mark.parametrize("what", ["allocate", "leak", "leak together"])
def test_memory_is_limited(place, what):
    finished = place.run(what, limits=replace(SMALL, cpu_seconds=3, wall_seconds=5))
    assert finished.stopped == "memory"
    assert finished.peak_memory_mb < 64 + (1 if place.sandbox.groups else 200)


def test_memory_that_is_not_touched_is_free(place):
    finished = place.run("map")
    assert (finished.stopped, finished.exit_code, finished.stdout) == ("", 0, b"mapped\n")


@pytest.mark.parametrize("what", ["stdout", "stderr"])
def test_output_is_cut_at_the_limit(place, what):
    finished = place.run(what)
    assert finished.stopped == "output"
    assert len(getattr(finished, what)) == 64 * 1024
    assert getattr(finished, what).startswith(b"0123456789abcdef")


@pytest.mark.parametrize("what", ["loop", "deaf", "family"])
def test_cpu_time_of_all_processes_is_limited(place, what):
    finished = place.run(what)
    assert finished.stopped == "cpu"
    assert 0.25 < finished.cpu_seconds < 1.5


@pytest.mark.parametrize("what", ["sleep", "stop", "silent"])
def test_waiting_is_limited(place, what):
    finished = place.run(what, limits=QUICK)
    assert finished.stopped == "wall"
    assert finished.signal == signal.SIGKILL
    assert finished.wall_seconds >= 0.3


@pytest.mark.parametrize("folder", ["/tmp", "/dev/shm"])
def test_the_private_folders_have_a_size(place, folder):
    finished = place.run("fill", folder)
    assert finished.stdout == b"16 MB, errno 28\n"
    assert not list(place.folder.glob("file*"))


@pytest.mark.parametrize("what", ["fill", "fill unseen"])
def test_the_files_of_a_folder_are_limited(place, what):
    finished = place.run(what, ".", writable=True, limits=replace(SMALL, cpu_seconds=3, wall_seconds=5))
    assert finished.stopped == "disk"
    assert sum(file.stat().st_size for file in place.folder.glob("file*")) < 800e6


def test_the_number_of_files_is_limited(place):
    finished = place.run("many files", ".", writable=True, limits=replace(SMALL, cpu_seconds=2, wall_seconds=3))
    assert finished.stopped in ("disk", "cpu", "wall")  # How fast files are made depends on the file system.
    assert sum(1 for _ in place.folder.iterdir()) < 100_000


def test_a_huge_sparse_file_is_refused(place):
    finished = place.run("sparse")
    assert (finished.stopped, finished.signal) == ("disk", signal.SIGXFSZ)


def test_deep_recursion_is_a_signal(place):
    finished = place.run("dive", limits=replace(SMALL, memory_mb=128))
    assert (finished.stopped, finished.signal) == ("", signal.SIGSEGV)


def test_no_core_files_and_few_open_files(place):
    assert place.run("limits").stdout == b"core 0 files 64"


def test_huge_arguments_are_refused(place):
    assert place.run("huge arguments").stdout == b"errno 7\n"


def test_a_program_may_leave_its_input_unread(place):
    finished = place.run("exit", "0", stdin=b"x" * 3_000_000)
    assert (finished.stopped, finished.exit_code) == ("", 0)
    assert place.run("sleep", stdin=b"x" * 3_000_000, limits=QUICK).stopped == "wall"


def test_input_comes_to_an_end(place):
    assert place.run("read").stdout == b"0\n"
    assert place.run("read", stdin=b"x" * 3_000_000).stdout == b"3000000\n"


def test_input_and_output_at_once_do_not_block_each_other(place):
    text = bytes(range(256)) * 8192
    assert place.run("echo", stdin=text, limits=replace(SMALL, output_kb=4096)).stdout == text


@pytest.mark.parametrize("code", [0, 1, 7, 127])
def test_the_exit_code_is_that_of_the_program(place, code):
    finished = place.run("exit", str(code))
    assert (finished.stopped, finished.exit_code, finished.signal) == ("", code, None)


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGFPE, signal.SIGKILL])
def test_the_signal_is_that_of_the_program(place, number):
    finished = place.run("raise", str(int(number)))
    assert (finished.stopped, finished.exit_code, finished.signal) == ("", None, number)


def test_a_program_that_kills_its_own_group_has_killed_itself(place):
    finished = place.run("group")
    assert (finished.stopped, finished.signal) == ("", signal.SIGKILL)

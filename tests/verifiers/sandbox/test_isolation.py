"""Programs that look at what is not theirs see nothing of it, and those that want out stay in."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import uuid
from pathlib import Path

import pytest

SECRET = "the secret of this test"


@pytest.fixture
def planted():
    """A file that anybody may read, in the home folder and among temporary files."""
    paths = []
    for folder in (Path.home(), Path(tempfile.gettempdir())):
        path = folder / f".stepgym-secret-{uuid.uuid4().hex}"
        path.write_text(SECRET)
        path.chmod(0o644)
        paths.append(path)
    yield paths
    for path in paths:
        path.unlink()


def test_the_files_of_the_user_are_not_there(place, planted):
    for path in planted:
        finished = place.run("show", str(path))
        assert (finished.exit_code, finished.stdout) == (3, b"errno 2\n")
        assert place.run("show", f"/proc/1/root{path}").exit_code == 3
        assert place.run("show", f"/proc/1/cwd{path}").exit_code == 3


@pytest.mark.parametrize(
    "path", ["/etc/shadow", "/etc/passwd", "/root/.bashrc", "/home", "/var/log/syslog", "/proc/kcore", "/sys/kernel"]
)
def test_the_files_of_the_system_are_not_there(place, path):
    assert place.run("show", path).exit_code == 3


def test_a_link_out_of_the_folder_leads_nowhere(place, planted):
    for path in planted:
        (place.folder / f"link-{path.name}").symlink_to(path)
        (place.folder / f"up-{path.name}").symlink_to(Path("../..", *path.parts[1:]))
        for kind in ("link", "up"):
            finished = place.run("show", f"{kind}-{path.name}", writable=True)
            assert (finished.exit_code, finished.stdout) == (3, b"errno 2\n")
        assert path.read_text() == SECRET
        assert path.stat().st_uid == os.geteuid()


def test_the_environment_and_the_processes_of_the_machine_are_not_there(place, monkeypatch):
    monkeypatch.setenv("STEPGYM_SECRET", SECRET)
    for name in ("self", "1"):
        assert SECRET.encode() not in place.run("show", f"/proc/{name}/environ").stdout
    assert place.run("show", f"/proc/{os.getpid()}/cmdline").exit_code == 3
    assert place.run("show", f"/proc/{os.getpid()}/environ").exit_code == 3
    listing = place.call(lambda: place.sandbox.run(["/bin/ls", "/proc"], folder=place.folder, writable=False))
    assert sum(name.isdigit() for name in listing.stdout.decode().split()) <= 3


def test_open_files_are_not_inherited(place, planted):
    handles = [os.open(planted[1], os.O_RDONLY) for _ in range(5)]
    try:
        for handle in handles:
            os.set_inheritable(handle, True)
        assert place.run("files").stdout == b"0 1 2 "
    finally:
        for handle in handles:
            os.close(handle)


def test_nothing_can_be_written_outside(place):
    finished = place.run("outside", writable=True)
    assert finished.stdout.replace(b"/folder/../x", b"") == b""


def test_a_folder_is_read_only_unless_said(place):
    command = ["/bin/sh", "-c", "echo hello > new && cat new; rm -f hostile; mkdir inner; chmod 777 ."]
    finished = place.call(lambda: place.sandbox.run(command, folder=place.folder, writable=False))
    assert finished.stdout == b""
    assert [file.name for file in place.folder.iterdir()] == ["hostile"]
    finished = place.call(lambda: place.sandbox.run(command, folder=place.folder, writable=True))
    assert finished.stdout == b"hello\n"
    assert (place.folder / "new").read_text() == "hello\n"


def test_tricks_of_the_kernel_are_refused(place):
    finished = place.run("escape", writable=True)
    assert (finished.stdout, finished.exit_code) == (b"", 0)
    assert socket.gethostname() != "x"


def test_calls_of_the_other_word_size_kill(place):
    source = place.folder / "old.s"  # getpid as i386 has it, which is no call that anybody needs.
    source.write_text(".globl _start\n_start: mov $20,%eax\nint $0x80\nmov $60,%eax\nxor %edi,%edi\nsyscall\n")
    compiler = shutil.which("gcc")
    if os.uname().machine != "x86_64" or compiler is None:
        pytest.skip("needs x86-64 and gcc")
    subprocess.run([compiler, "-nostdlib", "-static", "-o", str(place.folder / "old"), str(source)], check=True)
    finished = place.call(lambda: place.sandbox.run(["./old"], folder=place.folder, writable=False))
    assert finished.signal == signal.SIGSYS


def test_no_network(place):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            datagrams.bind(("127.0.0.1", port))
            datagrams.setblocking(False)
            finished = place.run("connect", str(port))
            assert (finished.stdout, finished.exit_code) == (b"", 0)
            with pytest.raises(BlockingIOError):
                datagrams.recv(100)


def test_no_sockets_of_the_machine(place):
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as named:
        os.chmod(folder, 0o755)
        named.bind(f"{folder}/door")
        os.chmod(f"{folder}/door", 0o777)
        named.listen()
        assert place.run("unix", f"{folder}/door").stdout == b""
    with socket.socket(socket.AF_UNIX) as abstract:
        name = f"stepgym-{uuid.uuid4().hex}"
        abstract.bind(b"\0" + name.encode())
        abstract.listen()
        assert place.run("abstract", name).stdout == b""


def test_signals_stay_inside(place):
    victim = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    heard: list[int] = []
    before = {number: signal.signal(number, lambda n, _: heard.append(n)) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        assert threading.current_thread() is threading.main_thread()
        finished = place.run("kill", str(victim.pid))
        assert finished.stdout == b"done\n"
        assert victim.poll() is None
        assert not heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        victim.kill()
        victim.wait()

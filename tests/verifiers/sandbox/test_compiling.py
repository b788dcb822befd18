"""A compiler and what it makes work inside: sanitizers, threads, exceptions, temporary files."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from stepgym.verifiers.sandbox import Limits

PROGRAM = """
#include <iostream>
#include <string>
#include <thread>
#include <vector>
int main(int count, char** words) {
    std::vector<int> values(3);
    std::string what = count > 1 ? words[1] : "";
    if (what == "beyond") values.data()[3 + count] = 1;
    if (what == "overflow") { int big = 2147483647; std::cout << big + count << "\\n"; }
    if (what == "leak") { static volatile int* lost; lost = new int[10]; lost = nullptr; }
    int sum = 0;
    std::thread([&] { for (int v; std::cin >> v;) sum += v; }).join();
    try { if (sum < 0) throw sum; std::cout << sum << "\\n"; } catch (int) { std::cout << "negative\\n"; }
}
"""
ROOMY = Limits(cpu_seconds=20, wall_seconds=60, memory_mb=1024, file_mb=64, disk_mb=128)


SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g1")


@pytest.mark.parametrize("options", [(), pytest.param(SANITIZERS, marks=pytest.mark.slow)])
def test_compile_and_run(place, options):
    if shutil.which("g++") is None:
        pytest.skip("no g++")
    (place.folder / "main.cpp").write_text(PROGRAM)
    command = ["g++", "-std=c++17", *options, "main.cpp", "-o", "main"]
    made = place.call(lambda: place.sandbox.run(command, folder=place.folder, writable=True, limits=ROOMY))
    assert (made.exit_code, made.stdout, made.stderr) == (0, b"", b"")

    def run(what: str, text: bytes):
        return place.call(
            lambda: place.sandbox.run(
                ["./main", what],
                folder=place.folder,
                writable=False,
                stdin=text,
                limits=replace(Limits(), wall_seconds=20.0),
            )
        )

    assert run("", b"1 2 3").stdout == b"6\n"
    assert run("", b"-1").stdout == b"negative\n"
    if options:
        assert b"heap-buffer-overflow" in run("beyond", b"").stderr
        assert b"signed integer overflow" in run("overflow", b"").stderr
        assert b"detected memory leaks" in run("leak", b"").stderr

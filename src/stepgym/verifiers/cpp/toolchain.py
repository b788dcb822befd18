"""The compiler on this machine: where it is, which version, which of its options work."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from stepgym.errors import StepgymError

_SECONDS = 60.0
BASE_FLAGS = ("-std=c++17", "-O0", "-Wall", "-ftemplate-depth=256", "-fconstexpr-ops-limit=10000000")
SANITIZE_FLAGS = ("-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


class CompilerMissingError(StepgymError):
    """There is no g++ that can be used."""


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A compiler that works.

    Attributes:
        command: The path of g++.
        version: A text that changes with the compiler.
        link_flags: What makes linking quick here.
    """

    command: str
    version: str
    link_flags: tuple[str, ...]


@cache
def find_toolchain() -> Toolchain:
    """The g++ of this machine; raises `CompilerMissingError`."""
    command = shutil.which("g++")
    if command is None:
        raise CompilerMissingError(
            "C++ programs need the GNU compiler, and there is no g++ on the PATH. Install the package 'g++' "
            "(Debian, Ubuntu) or 'gcc-c++' (Fedora)."
        )
    said = _run([command, "-v"])
    if said.returncode != 0 or "gcc version" not in said.stderr:
        raise CompilerMissingError(
            f"{command} is not the GNU compiler, whose messages are read here (`g++ -v` says {said.stderr[:200]!r}). "
            "Put g++ of GCC 9 or later first on the PATH."
        )
    real = Path(command).resolve()
    facts = f"{real}\n{real.stat().st_size}\n{real.stat().st_mtime_ns}\n{said.stderr}"
    with tempfile.TemporaryDirectory(prefix="stepgym-cpp-") as folder:
        source = Path(folder) / "main.cpp"
        source.write_text("#include <iostream>\nint main() { std::cout << 1; }\n", encoding="utf-8")
        target = str(Path(folder) / "main")
        plain = _run([command, "-std=c++17", "-fdiagnostics-format=json", str(source), "-o", target])
        if plain.returncode != 0:
            raise CompilerMissingError(
                f"{command} cannot compile a small C++17 program with JSON messages (GCC 9 or later with its "
                f"libraries is needed): {plain.stderr[:300]}"
            )
        # Three times as fast as the default linker; some distributions no longer have it.
        gold = _run([command, "-std=c++17", "-fuse-ld=gold", str(source), "-o", target])
    link = ("-fuse-ld=gold",) if gold.returncode == 0 else ()
    return Toolchain(command, hashlib.sha256(facts.encode()).hexdigest()[:16], link)


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        timeout=_SECONDS,
        check=False,
    )

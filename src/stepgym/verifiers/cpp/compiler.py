"""Compiling one program in the sandbox."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from stepgym.verifiers.cpp.headers import PrecompiledHeaders, Prepared
from stepgym.verifiers.cpp.toolchain import BASE_FLAGS, SANITIZE_FLAGS, Toolchain
from stepgym.verifiers.sandbox import Finished, Limits, Sandbox

SOURCE = "main.cpp"
_LIMIT_MESSAGE = re.compile(
    r"Killed signal|signal terminated program|file size limit|File size limit|No space left|virtual memory exhausted"
    r"|out of memory|cannot allocate|relocation truncated to fit|can't write|cannot write|final link failed"
    r"|Disk quota|Value too large|section .* will not fit",
    re.IGNORECASE,
)
_CRASH = re.compile(r"internal compiler error|Segmentation fault|Please submit a full bug report", re.IGNORECASE)
# #line and its like would move the places the compiler speaks of; without them the program means the same.
_LINE_DIRECTIVE = re.compile(r"^([ \t]*(?:#|%:)[ \t]*(?:line\b|[0-9])[^\n]*)", re.MULTILINE)

Outcome = Literal["ok", "error", "limit", "crash", "overloaded"]


@dataclass(frozen=True, slots=True)
class Compiled:
    """What came of compiling.

    Attributes:
        outcome: "ok"; "error", the program is not right; "limit", it takes more than a program may take; "crash", the
            compiler failed; "overloaded", the machine was too busy to tell.
        folder: Where the executable `main` lies, alone; None unless "ok".
        messages: What the compiler wrote, JSON and other lines.
        stopped: Which limit it was.
    """

    outcome: Outcome
    folder: Path | None = None
    messages: str = ""
    stopped: str = ""


class Compiler:
    """Compiles programs in the sandbox, with precompiled headers; usable from several threads.

    Args:
        sandbox: Where the compiler runs, because a program can do a lot while it is compiled.
        toolchain: The compiler.
        cache: Folder for precompiled headers.
        runs: Folder for programs in progress.
        slots: Bounds how many processes run at once.
        limits: Of one compilation.
        sanitize: Whether programs report what they do wrong in memory and arithmetic.
        plain: Without precompiled headers and other shortcuts, for checking again.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        toolchain: Toolchain,
        *,
        cache: Path,
        runs: Path,
        slots: threading.Semaphore,
        limits: Limits,
        sanitize: bool = False,
        plain: bool = False,
    ) -> None:
        self._sandbox = sandbox
        self._toolchain = toolchain
        self._runs = runs
        self._slots = slots
        self._limits = limits
        self._flags = (*BASE_FLAGS, *(SANITIZE_FLAGS if sanitize else ()))
        self._link = () if plain or sanitize else toolchain.link_flags
        self._headers = None if plain else PrecompiledHeaders(toolchain, cache, self._flags)

    @contextlib.contextmanager
    def compile(self, program: str) -> Iterator[Compiled]:
        """Compiles `program`; the executable is there until the context ends."""
        shown = _LINE_DIRECTIVE.sub(lambda match: " " * len(match[1]), program)
        prepared = Prepared(shown) if self._headers is None else self._headers.prepare(shown)
        folder = Path(tempfile.mkdtemp(dir=self._runs))
        folder.chmod(0o711)  # The folder of the sandbox lies in it.
        try:
            yield self._compile(prepared, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _compile(self, prepared: Prepared, folder: Path) -> Compiled:
        work = folder / "compile"
        work.mkdir()
        (work / SOURCE).write_bytes(prepared.program.encode("utf-8", "replace"))
        include: tuple[str, ...] = ()
        if prepared.precompiled is not None and _link_or_copy(prepared.precompiled, work / "pre.h.gch"):
            (work / "pre.h").write_text(prepared.include, encoding="utf-8")
            include = ("-include", "pre.h")
        flags = (*self._flags, *include, *self._link, SOURCE, "-o", "main")
        done = self._run(("-fdiagnostics-format=json", *flags), work)
        if done.stopped == "output":
            # The number of messages cannot be limited in JSON: g++ then writes none.
            done = self._run(
                ("-fmax-errors=8", "-fno-diagnostics-show-caret", "-fdiagnostics-column-unit=byte", *flags), work
            )
        return self._read(done, work, folder)

    def _run(self, flags: tuple[str, ...], work: Path) -> Finished:
        with self._slots:
            return self._sandbox.run([self._toolchain.command, *flags], folder=work, writable=True, limits=self._limits)

    def _read(self, done: Finished, work: Path, folder: Path) -> Compiled:
        messages = done.stderr.decode("utf-8", "replace")
        if done.stopped == "wall" and done.cpu_seconds < 0.5 * self._limits.cpu_seconds:
            return Compiled("overloaded", messages=messages, stopped="wall")
        if done.stopped:
            return Compiled("limit", messages=messages, stopped=done.stopped)
        if done.exit_code == 0:
            made = work / "main"
            if not made.is_file() or made.is_symlink():
                return Compiled("crash", messages=messages)
            (folder / "run").mkdir()
            os.replace(made, folder / "run" / "main")
            shutil.rmtree(work, ignore_errors=True)
            return Compiled("ok", folder / "run", messages)
        if done.cpu_seconds >= 0.95 * self._limits.cpu_seconds:
            return Compiled("limit", messages=messages, stopped="cpu")
        told = "\n".join(line for line in messages.splitlines() if not line.startswith("["))
        if done.peak_memory_mb >= 0.95 * self._limits.memory_mb:
            return Compiled("limit", messages=messages, stopped="memory")
        if _LIMIT_MESSAGE.search(told):
            return Compiled("limit", messages=messages, stopped="disk")
        if _CRASH.search(messages):
            return Compiled("crash", messages=messages)
        if done.exit_code == 1:
            return Compiled("error", messages=messages)
        return Compiled("crash", messages=messages)


def _link_or_copy(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except OSError:
        try:
            shutil.copyfile(source, target)
        except OSError:  # Removed from the cache meanwhile: it goes without.
            return False
    return True

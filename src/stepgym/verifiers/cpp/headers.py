"""Precompiled headers: the leading `#include` lines of a program, compiled once.

A precompiled header stands in for exactly the standard headers that a program begins with. `<bits/stdc++.h>` brings
all of them, and reading them all takes most of the time of a compilation even when precompiled; so a program gets the
smaller sets if it names nothing that only the full set declares.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tempfile
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from stepgym.verifiers.cpp.header_names import outer_names
from stepgym.verifiers.cpp.tokens import IDENTIFIER
from stepgym.verifiers.cpp.toolchain import Toolchain

_ALL = "bits/stdc++.h"
_COMMON = """
    algorithm array bitset cassert cctype cerrno cfloat climits cstddef cstdint cstdio cstdlib cstring ctime deque
    functional initializer_list iomanip iostream iterator limits list map memory numeric queue set sstream stack
    stdexcept string string_view tuple type_traits typeinfo unordered_map unordered_set utility vector
"""
_RARE = """
    any atomic charconv chrono codecvt complex condition_variable exception filesystem forward_list fstream future ios
    iosfwd istream locale memory_resource mutex new optional ostream random ratio regex scoped_allocator shared_mutex
    streambuf system_error thread typeindex valarray variant ccomplex cfenv cinttypes ciso646 clocale cmath csetjmp
    csignal cstdarg cuchar cwchar cwctype assert.h ctype.h errno.h float.h limits.h math.h stdint.h stdio.h stdlib.h
    string.h time.h bits/stdc++.h
"""
_SMALL = tuple(_COMMON.split())
_SETS = (_SMALL, (*_SMALL, "cmath"), (_ALL,))
_STANDARD = frozenset((*_SMALL, *_RARE.split()))
_PREAMBLE = re.compile(
    r"(?:[ \t\r\n]+|//[^\n]*\n|/\*(?:[^*]|\*(?!/))*\*/|[ \t]*#[ \t]*include[ \t]*<([\w./+]+)>[ \t\r]*(?://[^\n]*)?(?=\n))"
)
_BITS = re.compile(r"^[ \t]*#[ \t]*include[ \t]*<bits/stdc\+\+\.h>", re.MULTILINE)
_BUILD_SECONDS = 120.0
_MAX_KEPT = 8
_MAX_OWN = 8


@dataclass(frozen=True, slots=True)
class Prepared:
    """A program ready to be compiled.

    Attributes:
        program: Its text; every token is where it was.
        precompiled: The precompiled header that goes before it, None for none.
        include: What that header was compiled from.
    """

    program: str
    precompiled: Path | None = None
    include: str = ""


class Preamble:
    """The standard headers a program begins with."""

    def __init__(self, program: str) -> None:
        headers: set[str] = set()
        place = 0
        known = True
        while known and (match := _PREAMBLE.match(program, place)) is not None and match.end() > place:
            if match[1] is not None:
                known = match[1] in _STANDARD
                if not known:
                    break
                headers.add(match[1])
            place = match.end()
        self.end = place
        self.headers = (_ALL,) if _ALL in headers else tuple(sorted(headers))


class PrecompiledHeaders:
    """Makes and keeps precompiled headers in the cache folder; safe for threads and for several processes.

    Args:
        toolchain: The compiler.
        cache: A folder that belongs to this user alone.
        flags: What programs are compiled with; a precompiled header serves these flags only.
    """

    def __init__(self, toolchain: Toolchain, cache: Path, flags: tuple[str, ...]) -> None:
        self._toolchain = toolchain
        self._cache = cache
        self._flags = flags
        self._lock = threading.Lock()
        self._seen: Counter[tuple[str, ...]] = Counter()
        self._ready: dict[tuple[str, ...], Path | None] = {}
        self._only_in_full: dict[int, frozenset[str]] = {}

    def prepare(self, program: str) -> Prepared:
        """`program` with a precompiled header for it; an `#include` that this serves is written over with spaces."""
        preamble = Preamble(program)
        if not preamble.headers:
            return Prepared(program)
        if preamble.headers != (_ALL,):
            return self._prepared(program, preamble.headers, self._own(preamble.headers))
        head, rest = program[: preamble.end], program[preamble.end :]
        names = set(IDENTIFIER.findall(rest))
        if "bits" in names:  # Included once more below.
            return Prepared(program)
        choice = next(i for i in range(len(_SETS)) if i == len(_SETS) - 1 or not names & self._missing(i))
        served = _BITS.sub(lambda match: " " * len(match[0]), head) + rest
        built = self._get(_SETS[choice])
        return Prepared(program) if built is None else self._prepared(served, _SETS[choice], built)

    @staticmethod
    def _prepared(program: str, headers: tuple[str, ...], built: Path | None) -> Prepared:
        return Prepared(program) if built is None else Prepared(program, built, _include(headers))

    def _own(self, headers: tuple[str, ...]) -> Path | None:
        """A set of headers that programs choose themselves is compiled when it comes for the second time."""
        with self._lock:
            if len(self._seen) < 1_000:
                self._seen[headers] += 1
            own = sum(key not in _SETS for key in self._ready)
            if headers not in self._ready and (self._seen[headers] < 2 or own >= _MAX_OWN):
                return None
        return self._get(headers)

    def _get(self, headers: tuple[str, ...]) -> Path | None:
        with self._lock:
            if headers not in self._ready:
                self._ready[headers] = self._build(headers)
            return self._ready[headers]

    def _build(self, headers: tuple[str, ...]) -> Path | None:
        text = _include(headers)
        key = hashlib.sha256("\0".join((self._toolchain.version, *self._flags, text)).encode()).hexdigest()[:24]
        target = self._cache / f"{key}.gch"
        if _ours(target):
            return target
        with tempfile.TemporaryDirectory(prefix="build-", dir=self._cache) as folder:
            (Path(folder) / "pre.h").write_text(text, encoding="utf-8")
            command = [self._toolchain.command, *self._flags, "-x", "c++-header", "pre.h", "-o", "pre.h.gch"]
            done = _run(command, folder)
            if done is None or not (Path(folder) / "pre.h.gch").is_file():
                return None
            (Path(folder) / "pre.h.gch").chmod(0o444)
            os.replace(Path(folder) / "pre.h.gch", target)
        self._remove_oldest()
        return target

    def _missing(self, choice: int) -> frozenset[str]:
        """The names that the full set declares, or defines as macros, and the set `choice` does not."""
        with self._lock:
            if choice not in self._only_in_full:
                text = _include(_SETS[choice])
                key = hashlib.sha256("\0".join((self._toolchain.version, "names 2", text)).encode()).hexdigest()[:24]
                target = self._cache / f"{key}.names"
                if not _ours(target):
                    full = self._names(_SETS[-1])
                    names = sorted(full - self._names(_SETS[choice]) if full else IDENTIFIER.findall(text))
                    descriptor, scratch = tempfile.mkstemp(dir=self._cache)
                    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                        file.write("\n".join(names))
                    os.replace(scratch, target)
                self._only_in_full[choice] = frozenset(target.read_text(encoding="utf-8").split())
            return self._only_in_full[choice]

    def _names(self, headers: tuple[str, ...]) -> set[str]:
        with tempfile.TemporaryDirectory(prefix="build-", dir=self._cache) as folder:
            (Path(folder) / "pre.h").write_text(_include(headers), encoding="utf-8")
            command = [self._toolchain.command, *self._flags, "-E", "-dD", "-P", "-x", "c++", "pre.h"]
            return outer_names(_run(command, folder) or "")

    def _remove_oldest(self) -> None:
        kept = sorted(self._cache.glob("*.gch"), key=lambda path: path.stat().st_mtime)
        for path in kept[:-_MAX_KEPT]:
            path.unlink(missing_ok=True)


def _include(headers: tuple[str, ...]) -> str:
    return "".join(f"#include <{header}>\n" for header in headers)


def _ours(path: Path) -> bool:
    """Whether a file is there, belongs to this user and nobody else can write to it."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return found.st_uid == os.geteuid() and not found.st_mode & 0o022 and path.is_file() and not path.is_symlink()


def _run(command: list[str], folder: str) -> str | None:
    """What our own headers, nothing of a model, give; None if the compiler fails."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=_BUILD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    return done.stdout if done.returncode == 0 else None

"""Environments that worker processes can import."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

WORLDS = '''
import os, signal, time
from pathlib import Path
import gymnasium


class Numbers(gymnasium.Env):
    """Three numbers to repeat; what `mood` says happens at each number that ends in 7."""

    instructions = "Repeat the number."

    def __init__(self, mood="", marks=""):
        self.mood, self.marks = mood, marks

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.task = (options or {}).get("task") or str(self.np_random.integers(1000))
        self.left = 3
        return self.task, {"task": self.task}

    def step(self, action):
        if self.task.endswith("7"):
            self.act()
        self.left -= 1
        return f"{self.task} {self.left}", float(action == "1"), not self.left, False, {"task": self.task}

    def act(self):
        mark = Path(self.marks) / self.task
        if self.mood == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.mood == "die once" and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.mood == "break":
            raise ZeroDivisionError("a defect")
        elif self.mood == "unsendable":
            self.task = lambda: 0


def numbers():
    return Numbers()


class Nowhere:
    def __reduce__(self):
        raise TypeError("stays here")
'''


@pytest.fixture
def worlds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "stepgym_test_worlds.py").write_text(WORLDS)
    monkeypatch.syspath_prepend(folder)
    importlib.invalidate_caches()
    yield importlib.import_module("stepgym_test_worlds")
    del sys.modules["stepgym_test_worlds"]

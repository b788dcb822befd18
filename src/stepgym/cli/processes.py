"""Which of several processes this one is: `torchrun ... -m stepgym.cli train` starts a command once per GPU.

One process, the first, owns the run folder and speaks; the others compute with it and keep their records to themselves.
"""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path


def number() -> int:
    """The rank of this process, from 0."""
    rank = os.environ.get("RANK", "")
    return int(rank) if rank.isdigit() else 0


def is_first() -> bool:
    """Whether this process owns the run; a command started in the ordinary way always does."""
    return number() == 0


def are_several() -> bool:
    """Whether a launcher started more than one."""
    return os.environ.get("WORLD_SIZE", "1") != "1"


def own_folder(folder: Path) -> Path:
    """Where this process keeps the records of a run in `folder`: there, or aside where nobody looks."""
    return folder if is_first() else Path(_aside().name)


@cache
def _aside() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="stepgym-")

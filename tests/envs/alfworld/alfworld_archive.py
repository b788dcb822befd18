"""The official games at hand, unpacked once into the cache folder."""

from __future__ import annotations

import hashlib
import os
import tarfile
import tempfile
from pathlib import Path

from stepgym.envs.alfworld.index import cache_folder

_ROOT = Path(__file__).parents[3]


def archive() -> Path:
    """Where the archive should be; perhaps there is none."""
    shared = Path(os.environ.get("STEPGYM_SHARED", _ROOT.parent / "shared"))
    # A relative path is meant from the repository, wherever the tests are started.
    return (shared if shared.is_absolute() else _ROOT / shared) / "data" / "alfworld" / "games_train_and_seen.tar.xz"


def unpacked() -> Path:
    """The folder that holds `json_2.1.1`; raises `FileNotFoundError` without the archive."""
    packed = archive()
    if not packed.is_file():
        raise FileNotFoundError(
            f"no official games: {packed} is missing (STEPGYM_SHARED names the folder of shared data)"
        )
    name = hashlib.sha256(packed.read_bytes()).hexdigest()[:16]
    folder = cache_folder() / "tests" / f"alfworld-{name}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as new:
            with tarfile.open(packed) as tar:
                tar.extractall(new, filter="data")
            try:
                Path(new).rename(folder)
            except OSError:
                if not folder.is_dir():  # else another process was faster
                    raise
            Path(new).mkdir(exist_ok=True)
    return folder

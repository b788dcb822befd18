from __future__ import annotations

import hashlib
import os
import sys
import tarfile
import tempfile
from pathlib import Path

import pytest

from stepgym.envs.alfworld.index import cache_folder

_ARCHIVE = Path("data") / "alfworld" / "games_train_and_seen.tar.xz"
_ROOT = Path(__file__).parents[3]

sys.path.insert(0, str(Path(__file__).parent))  # for `alfworld_room` and `alfworld_parity` beside it


@pytest.fixture(scope="session")
def official() -> Path:
    """The folder of the official games at hand, unpacked once for this and all later runs."""
    shared = Path(os.environ.get("STEPGYM_SHARED", _ROOT.parent / "shared"))
    archive = (shared if shared.is_absolute() else _ROOT / shared) / _ARCHIVE
    if not archive.is_file():
        pytest.skip(f"no official games: {archive} is missing (STEPGYM_SHARED names the folder of shared data)")
    name = hashlib.sha256(archive.read_bytes()).hexdigest()[:16]
    folder = cache_folder() / "tests" / f"alfworld-{name}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as unpacked:
            with tarfile.open(archive) as tar:
                tar.extractall(unpacked, filter="data")
            try:
                Path(unpacked).rename(folder)
            except OSError:
                if not folder.is_dir():  # else another process was faster
                    raise
            Path(unpacked).mkdir(exist_ok=True)
    return folder


@pytest.fixture(autouse=True)
def _own_cache(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests without the official games leave the user's cache alone."""
    if "official" not in request.fixturenames:
        monkeypatch.setenv("STEPGYM_CACHE", str(tmp_path_factory.mktemp("cache")))

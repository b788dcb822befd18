from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for the `alfworld_*` modules beside it

from alfworld_archive import unpacked


@pytest.fixture(scope="session")
def official() -> Path:
    """The folder of the official games at hand, unpacked once for this and all later runs."""
    try:
        return unpacked()
    except FileNotFoundError as error:
        pytest.skip(str(error))


@pytest.fixture(autouse=True)
def _own_cache(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests without the official games leave the user's cache alone."""
    if "official" not in request.fixturenames:
        monkeypatch.setenv("STEPGYM_CACHE", str(tmp_path_factory.mktemp("cache")))

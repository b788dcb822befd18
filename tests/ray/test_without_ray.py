from __future__ import annotations

from importlib.util import find_spec

import pytest

from stepgym.agents import PuzzleExpertPolicy, RayWorkers, collect
from stepgym.errors import MissingExtraError


@pytest.mark.skipif(find_spec("ray") is not None, reason="ray is installed")
def test_the_extra_is_named() -> None:
    with pytest.raises(MissingExtraError, match=r"stepgym\[ray\]"):
        collect("stepgym/Game24-v0", PuzzleExpertPolicy(), episodes=1, workers=RayWorkers())

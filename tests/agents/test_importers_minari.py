"""Episodes go to Minari and come back whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stepgym.agents import Completion, Episode, Sampling, Step
from stepgym.agents.exporters.minari_bridge import from_minari, to_minari
from stepgym.errors import InvalidInputError, MissingExtraError
from stepgym.verifiers import Finding, Verdict

VERDICT = Verdict.wrong(Finding(0, 2, "step", "refuted", "no", {"x": 1}), verifier="v/1")
FIRST = Step("You see a door. né 你好", "open\0 door", Completion("open", True, (1,), (2, 3), (-0.5, -1.0)), 0.0)
EPISODES = [
    Episode("a", "lab/Door-v0", "t1", (FIRST, Step("open\x1b[1m", "go", None, 1.0, True)), 1.0, seed=3),
    Episode("b", "lab/Door-v0", "t2", (Step("q", "", None, 0.0, False, True, (VERDICT,)),), 0.0, end="step_limit"),
    Episode("c", "lab/Door-v0", "t3", (Step("q", "x"),), None, sampling=Sampling()),
]


def test_without_minari_the_extra_is_named() -> None:
    try:
        import minari  # noqa: F401
    except ImportError:
        with pytest.raises(MissingExtraError, match=r"stepgym\[minari\]"):
            to_minari(EPISODES, "lab/door-v0")


@pytest.fixture
def minari(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    found = pytest.importorskip("minari", reason="needs the extra minari")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    return found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("data_format", ["hdf5", "arrow"])
def test_episodes_come_back_whole(minari: Any, data_format: str) -> None:
    to_minari([*EPISODES, replace(EPISODES[0], id="empty", steps=())], "lab/door-v0", data_format=data_format)
    assert list(from_minari("lab/door-v0")) == EPISODES
    assert list(from_minari(minari.load_dataset("lab/door-v0"))) == EPISODES


@pytest.mark.filterwarnings("ignore")
def test_data_sets_of_others_become_episodes(minari: Any) -> None:
    from minari.data_collector import EpisodeBuffer

    from stepgym.envs import TextSpace

    buffer = EpisodeBuffer(
        0, None, None, ["see", "saw", "end"], ["look", "go"], [0.25, 0.5], [False] * 2, [False, True]
    )
    space = TextSpace(max_length=9, min_length=0)
    minari.create_dataset_from_buffers("lab/other-v0", [buffer], observation_space=space, action_space=space)
    (episode,) = from_minari("lab/other-v0", policy="p")
    assert [(s.observation, s.action, s.reward) for s in episode.steps] == [("see", "look", 0.25), ("saw", "go", 0.5)]
    assert (episode.outcome, episode.end, episode.policy) == (0.75, "step_limit", "p")


@pytest.mark.filterwarnings("ignore")
def test_nothing_and_unknown_data_sets_are_named(minari: Any) -> None:
    with pytest.raises(InvalidInputError, match="no episode with a step"):
        to_minari([], "lab/door-v0")
    with pytest.raises(InvalidInputError, match="cannot make the data set"):
        to_minari(EPISODES, "not an id")
    with pytest.raises(InvalidInputError, match="no Minari data set"):
        list(from_minari("lab/nothing-v0"))

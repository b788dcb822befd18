"""Where a failed episode was lost."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepgym.agents import Completion, McEstimate, Request, monte_carlo_values
from stepgym.agents.progress import first_pit, first_pits
from stepgym.errors import InvalidInputError


@given(st.integers(1, 200), st.data())
def test_halving_finds_the_border_with_few_estimates(states: int, data: Any) -> None:
    pit = data.draw(st.integers(0, states))
    asked: list[int] = []

    def value(state: int) -> McEstimate:
        asked.append(state)
        return McEstimate(20, 7 if state < pit else 0)

    found = first_pit(states, value)
    assert (found.state, found.step) == (pit, pit - 1 if pit else None)
    assert len(asked) <= math.ceil(math.log2(states)) + 1
    assert len(asked) == len(set(asked))
    assert found.estimates.keys() == set(asked)


def test_a_threshold_and_how_sure_it_is() -> None:
    shares = [10, 8, 5, 2, 1, 0, 0]
    found = first_pit(len(shares), lambda state: McEstimate(20, shares[state]), tau=0.1)
    assert found.state == 3
    assert found.mistaken(0.05) == pytest.approx(0.9245, abs=5e-5), "at most 2 of 20"
    exact = first_pit(len(shares), lambda state: McEstimate(20, shares[state]))
    assert exact.state == 5
    assert exact.mistaken(0.05) == pytest.approx(0.95**20)
    assert str(exact) == "step 4: 0 of 20 succeed after it, so it is worth at most 0.139 (95 %)"
    assert exact.at_most == pytest.approx(1 - 0.05 ** (1 / 20), abs=1e-6)
    assert found.mistaken(found.at_most) == pytest.approx(0.05, abs=1e-6), "2 of 20, as many as tau lets pass"
    assert (exact.mistaken(0), exact.mistaken(1)) == (1, 0)
    many = first_pit(2, lambda state: McEstimate(4_000, 1_000), tau=0.5)
    assert many.mistaken(0.5) == pytest.approx(0.5, abs=0.01)
    with pytest.raises(InvalidInputError, match="chance in"):
        exact.mistaken(2)
    for states, tau in ((0, 0.0), (3, 1.0), (3, -0.1)):
        with pytest.raises(InvalidInputError, match="at least one state"):
            first_pit(states, lambda state: McEstimate(1, 0), tau=tau)


def test_the_ends() -> None:
    task = first_pit(4, lambda state: McEstimate(20, 0))
    assert (task.state, task.step, str(task).partition(":")[0]) == (0, None, "the task itself")
    last = first_pit(4, lambda state: McEstimate(20, 1))
    assert (last.state, last.step, last.mistaken(0.05)) == (4, 3, 0.0)
    assert str(last) == "step 3: the last one"
    unknown = first_pit(4, lambda state: McEstimate(truncated=20))
    assert (last.at_most, unknown.at_most) == (0, 1)
    assert (unknown.state, unknown.mistaken(0.5)) == (None, 0.0)
    assert str(unknown) == "no pit: no roll-out from the state after 0 steps was judged"


def test_the_planks_that_broke(bridge: Any, careful: Any, walked: Any, tmp_path: Path) -> None:
    episodes = [walked(actions) for actions in ("aaaxaaaa", "xaaaaaaa", "aaaaaaax", "aaaaaaaa", "axaxaaaa")]
    episodes.append(replace(episodes[0], id="cut", end="context"))
    settings: dict[str, Any] = {"show_progress": False, "store": tmp_path / "values"}
    pits = first_pits(careful, bridge, episodes, 30, **settings)
    assert [pit.step for pit in pits] == [3, 0, 7, None, 1, None]
    assert [pit.episode_id for pit in pits] == [episode.id for episode in episodes]
    assert [len(pit.prefixes) for pit in pits] == [5, 2, 8, 0, 3, 0]
    assert [pit.reason for pit in pits] == ["", "", "", "the episode succeeded", "", "no outcome"]
    assert all(len(pit.estimates) <= 4 for pit in pits)
    again = first_pits(careful, bridge, episodes, 30, **settings)
    assert [(pit.state, pit.estimates) for pit in again] == [(pit.state, pit.estimates) for pit in pits]
    more = monte_carlo_values(careful, bridge, pits[0].prefixes, 40, store=tmp_path / "values", progress=False)
    assert more.known + more.played == 40 * 5
    assert more.known >= 30 * len(pits[0].estimates)


def test_a_policy_whose_roll_outs_are_all_cut(bridge: Any, walked: Any) -> None:
    class Endless:
        name = "endless"

        async def generate(self, request: Request) -> list[Completion]:
            return [Completion("a", finish_reason="length")]

    (pit,) = first_pits(Endless(), bridge, [walked("xaaaaaaa")], 3, show_progress=False)
    assert pit.reason == "no roll-out from the state after 0 steps was judged"

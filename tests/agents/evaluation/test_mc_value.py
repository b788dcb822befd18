"""The store of roll-outs: exact counts, no double counting, and what a killed writer leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepgym.agents import McEstimate, McValue, RollOut
from stepgym.agents.monte_carlo.estimate import Result
from stepgym.agents.monte_carlo.store import ROLLOUTS
from stepgym.errors import InvalidInputError

RESULTS: tuple[Result, ...] = ("success", "failure", "truncated", "undecided")

rollouts = st.lists(
    st.builds(
        RollOut,
        prefix=st.sampled_from(["p", "q"]),
        policy=st.sampled_from(["a", "b"]),
        seed=st.integers(0, 1),
        index=st.integers(0, 5),
        result=st.sampled_from(RESULTS),
    ),
    max_size=25,
)


def counts(store: McValue) -> dict[tuple[str, str], McEstimate]:
    return {(prefix, policy): found for policy in store.policies for prefix, found in store.estimates(policy)}


@given(rollouts)
def test_every_roll_out_counts_once_and_truncated_ones_apart(items: list[RollOut]) -> None:
    store, first = McValue(), dict[tuple[str, str, int, int], RollOut]()
    for item in items:
        new = (item.prefix, item.policy, item.seed, item.index) not in first
        assert store.add(item) is new
        first.setdefault((item.prefix, item.policy, item.seed, item.index), item)
    assert list(store) == list(first.values())
    assert len(store) == len(first)
    for (prefix, policy), found in counts(store).items():
        mine = [r.result for r in first.values() if (r.prefix, r.policy) == (prefix, policy)]
        assert found == McEstimate(
            mine.count("success") + mine.count("failure"),
            *(mine.count(r) for r in ("success", "truncated", "undecided")),
        )


@given(rollouts, rollouts)
def test_merging_adds_what_is_new_whatever_the_order_and_however_often(a: list[RollOut], b: list[RollOut]) -> None:
    b = [item for item in b if item not in a]
    known = {(r.prefix, r.policy, r.seed, r.index): r.result for r in (*b, *a)}
    agreeing = [r for r in (*a, *b) if known[r.prefix, r.policy, r.seed, r.index] == r.result]
    ways = []
    for order in (agreeing, agreeing[::-1]):
        store = McValue()
        store.merge(order)
        before = counts(store)
        assert store.merge(store) == 0
        assert store.merge(order) == 0
        assert counts(store) == before
        assert store.conflicts == 0
        ways.append(before)
    assert ways[0] == ways[1]


def test_a_store_on_disk_is_read_back_and_joined_end_to_end(tmp_path: Path) -> None:
    items = [RollOut("p", "a", 0, i, RESULTS[i % 3], float(i % 3 == 0), 5) for i in range(9)]
    with McValue(tmp_path / "one") as one:
        assert one.merge(items[:6]) == 6
    with McValue(tmp_path / "two") as two:
        two.merge(items[3:])
    joined = (tmp_path / "one" / ROLLOUTS).read_bytes() + (tmp_path / "two" / ROLLOUTS).read_bytes()
    (tmp_path / "both").mkdir()
    (tmp_path / "both" / ROLLOUTS).write_bytes(joined)
    both = McValue(tmp_path / "both", mode="r")
    assert list(both) == items
    assert both.estimate("p") == McEstimate(6, 3, 3, 0)
    assert both.estimate("never seen") == McEstimate()
    with pytest.raises(InvalidInputError, match="reading only"):
        both.add(RollOut("p", "a", 0, 99, "success"))
    assert both.missing("p", "a", 11) == [9, 10]
    assert both.missing("p", "a", 2, seed=1) == [0, 1]


def test_another_result_for_a_known_roll_out_is_counted_as_a_conflict() -> None:
    store = McValue()
    store.add(RollOut("p", "a", 0, 0, "success"))
    assert not store.add(RollOut("p", "a", 0, 0, "failure"))
    assert (store.conflicts, store.estimate("p").c) == (1, 1)


def test_the_policy_must_be_named_where_there_are_several() -> None:
    store = McValue()
    assert store.estimate("p") == McEstimate()
    store.merge([RollOut("p", "a", 0, 0, "success"), RollOut("p", "b", 0, 0, "failure")])
    assert store.estimate("p", "b") == McEstimate(1, 0)
    with pytest.raises(InvalidInputError, match="say which: a, b"):
        store.estimate("p")


def test_estimates_by_hand() -> None:
    found = McEstimate(20, 10, truncated=3)
    assert (found.mean, round(found.standard_error or 0, 4)) == (0.5, 0.1118)
    assert round(found.best_of(4), 4) == 0.9567
    # Newcombe 1998, table I: 0 of 20.
    assert round(McEstimate(20, 0).interval().high, 4) == 0.1611
    nothing = McEstimate(0, 0, truncated=5)
    assert nothing.mean is nothing.standard_error is None
    assert (nothing.interval().low, nothing.interval().high) == (0.0, 1.0)


def test_bad_lines_are_skipped_and_a_torn_end_is_mended(tmp_path: Path) -> None:
    with McValue(tmp_path) as store:
        store.add(RollOut("p", "a", 0, 0, "success"))
    file = tmp_path / ROLLOUTS
    good = file.read_bytes()
    file.write_bytes(
        good + b"nonsense\n" + b'{"prefix": "p", "policy": "a", "seed": 0, "index": 1, "result": "hm"}\n' + good[:20]
    )
    reading = McValue(tmp_path, mode="r")
    assert (len(reading), len(reading.problems)) == (1, 2)
    with McValue(tmp_path) as again:
        assert again.add(RollOut("p", "a", 0, 1, "failure"))
    assert [r.index for r in McValue(tmp_path, mode="r")] == [0, 1]


def test_a_second_writer_and_a_missing_store_are_refused(tmp_path: Path) -> None:
    with McValue(tmp_path / "s"), pytest.raises(InvalidInputError, match="being written by"):
        McValue(tmp_path / "s")
    with pytest.raises(InvalidInputError, match="no Monte-Carlo values"):
        McValue(tmp_path / "none", mode="r")
    with pytest.raises(InvalidInputError, match="mode"):
        McValue(tmp_path, mode="w")  # type: ignore[arg-type]
    for broken in ({"prefix": "p"}, RollOut("p", "a", 0, -1, "success").to_dict()):
        with pytest.raises(InvalidInputError):
            RollOut.from_dict(broken)


WRITER = """
import sys
from stepgym.agents.monte_carlo.store import McValue, RollOut
store = McValue(sys.argv[1])
for prefix in range(10_000):
    for index in store.missing(f"prefix-{prefix}", "policy", 20):
        store.add(RollOut(f"prefix-{prefix}", "policy", 0, index, "success" if index % 2 else "failure", tokens=7))
        print(flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL here")
def test_a_killed_writer_loses_nothing_and_the_next_counts_nothing_twice(tmp_path: Path) -> None:
    announced = 0
    for wait in (0.0, 0.03, 0.11, 0.2):
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen([sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE, env=environment)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(wait)
        process.kill()
        announced += 1 + process.stdout.read().count(b"\n")
        process.stdout.close()
        process.wait()
        store = McValue(tmp_path, mode="r")
        # At most the line that was not announced yet is there as well.
        assert announced <= len(store) <= announced + 1
        announced = len(store)
        assert store.problems == []
        full = len(store) // 20
        assert all(store.estimate(f"prefix-{i}") == McEstimate(20, 10) for i in range(full))
        assert store.estimate(f"prefix-{full}").n == len(store) % 20

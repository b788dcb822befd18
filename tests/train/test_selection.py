from __future__ import annotations

import random
from collections import Counter
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepgym.agents import Episode, EpisodeLog, Step
from stepgym.agents.spans import step_starts
from stepgym.errors import InvalidInputError
from stepgym.train.selection import DELIMITERS, RewardMap, balanced


def episode(name: str, task: str, outcome: float | None, *, rewards: tuple[float, ...] = (), end: str = "terminated"):
    rewards = rewards or (0.0 if outcome is None else outcome,)
    steps = tuple(Step("question", "answer", reward=r) for r in rewards)
    return Episode(name, "test/Env-v0", task, steps, outcome, end=end)


def task(name: str, good: int, bad: int) -> list[Episode]:
    return [episode(f"{name}/{i}", name, float(i < good)) for i in range(good + bad)]


def counts(episodes) -> tuple[int, int]:
    right = sum(1 for e in episodes if e.success)
    return right, len(episodes) - right


@pytest.mark.parametrize(
    ("good", "bad", "expected"),
    [
        (10, 10, (4, 4)),
        (10, 2, (2, 2)),
        (10, 0, (1, 0)),  # at least one success if there is any
        (1, 10, (1, 4)),
        (0, 10, (0, 4)),
        (3, 4, (3, 4)),
    ],
)
def test_the_rule_of_the_paper(good, bad, expected):
    kept, report = balanced(task("t", good, bad))
    assert counts(kept) == expected
    assert (report.successes, report.failures) == expected
    assert report.kept + sum(report.dropped.values()) == good + bad


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=6), st.integers(0, 5), st.integers(1, 5))
def test_every_episode_is_kept_once_or_accounted_for(tasks, successes, failures):
    log = [e for i, (good, bad) in enumerate(tasks) for e in task(f"t{i}", good, bad)]
    kept, report = balanced(log, successes=successes, failures=failures)
    assert len(set(kept_ids := [e.id for e in kept])) == len(kept) == report.kept
    assert kept_ids == [e.id for e in log if e.id in set(kept_ids)], "in the order of the log"
    assert report.kept + report.dropped.total() == len(log)
    by_task = {name: counts([e for e in kept if e.task_id == name]) for name in {e.task_id for e in kept}}
    assert report.tasks == len(by_task)
    for i, (good, bad) in enumerate(tasks):
        right, wrong = by_task.get(f"t{i}", (0, 0))
        assert wrong == min(bad, failures)
        assert right == min(good, successes, max(wrong, 1))


def test_the_sample_of_a_task_does_not_depend_on_the_order_of_the_log_or_on_other_tasks():
    log = task("a", 9, 9) + task("b", 9, 9)
    shuffled = random.Random(0).sample(log, len(log))
    first = {e.id for e in balanced(log)[0]}
    assert first == {e.id for e in balanced(shuffled)[0]}
    assert {i for i in first if i.startswith("a")} == {e.id for e in balanced(task("a", 9, 9))[0]}
    assert first != {e.id for e in balanced(log, seed=1)[0]}


def test_each_episode_of_a_task_is_as_likely_as_the_others():
    drawn = Counter(e.id for seed in range(300) for e in balanced(task("t", 0, 8), seed=seed)[0])
    assert len(drawn) == 8
    assert max(drawn.values()) < 200 > min(drawn.values()) > 100  # 150 expected


def test_what_has_no_outcome_is_left_out_and_named():
    log = [*task("t", 1, 1), episode("u", "t", None), episode("c", "t", 1.0, end="context")]
    kept, report = balanced(log)
    assert {e.id for e in kept} == {"t/0", "t/1"}
    assert dict(report.dropped) == {"undecided": 1, "cut by the system": 1}
    assert str(report) == (
        "2 episodes of 1 tasks (1 successes, 1 failures); 1 left out: cut by the system; 1 left out: undecided"
    )


def test_a_log_on_disk_is_read_twice_and_an_iterator_once(tmp_path):
    episodes = task("t", 6, 2)
    with EpisodeLog(tmp_path / "log", mode="a") as log:
        log.extend(episodes)
    from_log = [e.id for e in balanced(EpisodeLog(tmp_path / "log"))[0]]
    assert from_log == [e.id for e in balanced(iter(episodes))[0]]
    assert len(from_log) == 4


@pytest.mark.parametrize("wrong", [{"successes": -1}, {"failures": -1}, {"successes": 0, "failures": 0}])
def test_samples_that_cannot_be(wrong):
    with pytest.raises(InvalidInputError, match="balanced sample"):
        balanced([], **wrong)


@given(
    st.lists(st.floats(-2, 2), min_size=1, max_size=6),
    st.floats(0.1, 10),
    st.floats(-5, 0),
)
def test_the_return_to_go_is_mapped_at_every_step(rewards, scale, shift):
    outcome = sum(rewards)
    before = episode("e", "t", outcome, rewards=tuple(rewards))
    if (outcome > 0) != (scale * outcome + shift > 0):
        with pytest.raises(InvalidInputError, match="a success is an outcome above 0"):
            RewardMap(scale, shift)(before)
        return
    after = RewardMap(scale, shift)(before)
    to_go, mapped = (list(accumulate(s.reward for s in reversed(e.steps))) for e in (before, after))
    assert mapped == pytest.approx([scale * g + shift for g in to_go])
    assert after.outcome == pytest.approx(mapped[-1])


def test_reward_maps_keep_who_succeeded():
    plus_minus = RewardMap(2, -1)
    assert [plus_minus(episode("e", "t", r)).outcome for r in (0.0, 1.0)] == [-1.0, 1.0]
    assert plus_minus(episode("e", "t", None)).outcome is None
    with pytest.raises(InvalidInputError, match="turns the outcome 0 of episode 'e' into 1"):
        RewardMap(1, 1)(episode("e", "t", 0.0))
    for scale in (0.0, -1.0, float("nan")):
        with pytest.raises(InvalidInputError, match="scale > 0"):
            RewardMap(scale)


def test_the_named_delimiters_cut_as_the_paper_does():
    text = "We add. Then $x=1.$ So it is 3.5 now.\nDone."
    assert step_starts(text, DELIMITERS["newline"]) == [0, text.index("Done")]
    assert [text[i:] for i in step_starts(text, DELIMITERS["period"])][1:] == [
        "Then $x=1.$ So it is 3.5 now.\nDone.",
        "So it is 3.5 now.\nDone.",
        "Done.",
    ]

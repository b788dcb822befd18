from __future__ import annotations

import asyncio

import pytest

from stepgym.agents import RuleJudge, StepState, audit_judge, judge_episodes, process_labels
from stepgym.agents.judges import JudgedEpisode, Judgement, judge_all, multi_hop_rule
from stepgym.envs.multi_hop import multi_hop_task, searcher_steps
from stepgym.errors import InvalidInputError


def even(state, action):
    good = int(action) % 2 == 0
    return good, "even" if good else "odd"


def steps(count):
    return [(StepState("t", ("o",)), str(i)) for i in range(count)]


def test_a_perfect_judge_says_what_the_rule_says():
    found = judge_all(RuleJudge(even), steps(10))
    assert [one.good for one in found] == [i % 2 == 0 for i in range(10)]
    assert found[3] == Judgement(False, "odd", "rule")


def test_a_wrong_judge_is_wrong_as_often_as_it_was_told_and_never_changes_its_mind():
    judge = RuleJudge(even, false_positive=0.3, false_negative=0.1, seed=1)
    labelled = [(*step, i % 2 == 0) for i, step in enumerate(steps(6000))]
    audit = audit_judge(judge, labelled)
    assert audit.false_positive_rate.low < 0.3 < audit.false_positive_rate.high
    assert audit.false_negative_rate.low < 0.1 < audit.false_negative_rate.high
    assert audit == audit_judge(judge, labelled)
    assert audit != audit_judge(RuleJudge(even, false_positive=0.3, false_negative=0.1, seed=2), labelled)


def test_a_worse_judge_is_wrong_wherever_a_better_one_is():
    def wrong(rate):
        found = judge_all(RuleJudge(even, false_positive=rate, false_negative=rate), steps(300))
        return {i for i, one in enumerate(found) if one.good != (i % 2 == 0)}

    assert wrong(0.1) < wrong(0.2) < wrong(0.4)
    assert not wrong(0.0)
    assert len(wrong(1.0)) == 300


def test_wilson_intervals_of_hand_counted_errors():
    said = {"0": True, "2": True, "4": False, "6": None, "1": False, "3": True}

    class Scripted:
        async def judge(self, state, action):
            return Judgement(said[action])

    audit = audit_judge(Scripted(), [(StepState("t", ("o",)), a, int(a) % 2 == 0) for a in said])
    assert (audit.good, audit.false_negatives, audit.bad, audit.false_positives, audit.undecided) == (3, 1, 2, 1, 1)
    # Wilson, 1 of 3 and 1 of 2: by hand with z = 1.959964.
    assert audit.false_negative_rate.low == pytest.approx(0.0615, abs=1e-4)
    assert audit.false_negative_rate.high == pytest.approx(0.7923, abs=1e-4)
    assert audit.false_positive_rate.low == pytest.approx(0.0945, abs=1e-4)
    assert audit.steers is True
    assert "1 undecided" in str(audit)
    one_sided = audit_judge(Scripted(), [(StepState("t", ("o",)), "0", True)])
    assert one_sided.false_positive_rate is None
    assert one_sided.steers is None
    assert one_sided.to_dict()["false_positive_rate"] is None
    with pytest.raises(InvalidInputError, match="at least one"):
        audit_judge(Scripted(), [])


def test_rates_outside_of_0_to_1_are_refused():
    with pytest.raises(InvalidInputError, match="false_negative"):
        RuleJudge(even, false_negative=1.5)


def test_the_rule_of_the_multi_hop_world_labels_careless_steps():
    task = multi_hop_task(3, size=30)
    shown = [task.prompt]
    acted: list[str] = []
    judge = RuleJudge(multi_hop_rule())
    for step in searcher_steps(task, slips=("", "wrong-entity", "", "repeat")):
        found = asyncio.run(judge.judge(StepState(task.id, tuple(shown), tuple(acted)), step.action))
        assert (found.good, found.reason) == (step.good, step.why)
        shown.append(step.observation)
        acted.append(step.action)
    assert len(acted) >= 4


def test_the_share_of_good_steps_is_a_mean_within_and_then_across_episodes(make_episode):
    episodes = [make_episode(["0", "2", "4", "1"], name="a"), make_episode(["1"], name="b")]
    labels = process_labels(judge_episodes(RuleJudge(even), episodes))
    assert labels.macro == (3 / 4 + 0) / 2
    assert labels.micro == 3 / 5
    assert (labels.steps, labels.undecided, labels.episodes) == (5, 0, 2)


def test_steps_without_a_verdict_are_left_out_of_the_share(make_episode):
    one = JudgedEpisode(make_episode(["0", "1"]), (Judgement(True), Judgement(None)))
    assert process_labels([one]).macro == 1
    assert process_labels([one]).undecided == 1
    assert not one.all_good
    with pytest.raises(InvalidInputError, match="no step has a verdict"):
        process_labels([JudgedEpisode(make_episode(["0"]), (Judgement(None),))])
    with pytest.raises(InvalidInputError, match="1 steps and 2 judgements"):
        JudgedEpisode(make_episode(["0"]), (Judgement(True),) * 2)

"""Filters, with the rates of independent steps: good with probability p, correct with c_g if all are good, else c_b."""

from __future__ import annotations

import itertools
import math
import random

import pytest

from stepgym.agents import Judgement, RuleJudge, judge_episodes
from stepgym.agents.judges import JudgedEpisode
from stepgym.errors import InvalidInputError
from stepgym.train.swirl import filter_episodes, good_steps, size_matched

P, K, C_G, C_B = 0.8, 4, 0.8, 0.25
F, G = 0.1, 0.3


def worlds(with_labels):
    """Every (labels, correct) with its probability and its episode."""
    for labels in itertools.product((True, False), repeat=K):
        chance = math.prod(P if label else 1 - P for label in labels)
        right = C_G if all(labels) else C_B
        for correct in (True, False):
            yield labels, correct, chance * (right if correct else 1 - right), with_labels(labels, correct)


def exact(with_labels, keep):
    """Rate, purity and accuracy of a filter, by enumeration."""
    kept = good = correct = 0.0
    for labels, was_correct, chance, judged in worlds(with_labels):
        if filter_episodes([judged], keep)[0]:
            kept += chance
            good += chance * sum(labels) / K
            correct += chance * was_correct
    return kept, good / kept, correct / kept


@pytest.mark.parametrize(
    ("keep", "rate", "purity", "accuracy"),
    [
        ("none", 1.0, 0.8, 0.47528),
        ("process", 0.4096, 1.0, 0.8),
        ("outcome", 0.47528, 0.42528 / 0.47528, 1.0),
        ("both", 0.32768, 1.0, 1.0),
    ],
)
def test_rates_by_enumeration_and_by_simulation(with_labels, keep, rate, purity, accuracy):
    assert exact(with_labels, keep) == pytest.approx((rate, purity, accuracy), abs=1e-12)
    rng = random.Random(0)
    drawn = []
    for i in range(6000):
        labels = [rng.random() < P for _ in range(K)]
        drawn.append(with_labels(labels, rng.random() < (C_G if all(labels) else C_B), f"e{i}"))
    kept, report = filter_episodes(drawn, keep)
    assert report.rate == pytest.approx(rate, abs=0.02)
    assert report.purity == pytest.approx(purity, abs=0.02)
    assert report.accuracy == pytest.approx(accuracy, abs=0.03)
    assert report.kept == len(kept)
    assert f"{keep}: kept" in str(report)


def test_a_wrong_judge_keeps_by_its_errors(with_labels):
    """Keep rate [p(1-f) + (1-p)g]^K, step purity p(1-f) / (p(1-f) + (1-p)g): exactly, and through the rule judge."""
    one = P * (1 - F) + (1 - P) * G
    kept = pure = 0.0
    for labels, _, chance, judged in worlds(with_labels):
        for said in itertools.product((True, False), repeat=K):
            rates = [
                (1 - F if s else F) if label else (G if s else 1 - G) for label, s in zip(labels, said, strict=True)
            ]
            wrong = JudgedEpisode(judged.episode, tuple(Judgement(s) for s in said))
            if filter_episodes([wrong], "process")[0]:
                kept += chance * math.prod(rates)
                pure += chance * math.prod(rates) * sum(labels) / K
    assert kept == pytest.approx(one**K, abs=1e-12)
    assert pure / kept == pytest.approx(P * (1 - F) / one, abs=1e-12)

    rng = random.Random(1)
    episodes, truth = [], {}
    for i in range(5000):
        labels = [rng.random() < P for _ in range(K)]
        episode = with_labels(labels, True, f"e{i}").episode
        # Distinct tasks: the judge's errors are drawn anew in each.
        episodes.append(type(episode)(**{**_fields(episode), "task_id": f"t{i}"}))
        truth[episode.id] = labels
    judge = RuleJudge(lambda state, action: (action == "g", ""), false_positive=G, false_negative=F)
    survivors, report = filter_episodes(judge_episodes(judge, episodes), "process")
    assert report.rate == pytest.approx(one**K, abs=0.02)
    purity = sum(sum(truth[s.episode.id]) for s in survivors) / (K * len(survivors))
    assert purity == pytest.approx(P * (1 - F) / one, abs=0.02)


def _fields(episode):
    return {name: getattr(episode, name) for name in episode.__dataclass_fields__}


def test_a_step_without_a_verdict_is_not_good(with_labels, make_episode):
    judged = [with_labels([True, None], True), with_labels([True, True], True)]
    kept, report = filter_episodes(judged, "process")
    assert kept == judged[1:]
    assert filter_episodes(judged, "none")[1].undecided_steps == 1
    assert report.to_dict()["rate"] == 0.5
    empty = JudgedEpisode(make_episode([]), ())
    assert filter_episodes([empty], "process")[0] == []


def test_cut_and_undecided_episodes_are_no_correct_ones_but_may_have_a_good_process(make_episode):
    cut = JudgedEpisode(make_episode([("?", "g")], 1.0, end="context"), (Judgement(True),))
    undecided = JudgedEpisode(make_episode([("?", "g")], None), (Judgement(True),))
    assert filter_episodes([cut, undecided], "outcome")[0] == []
    assert filter_episodes([cut, undecided], "process")[0] == [cut, undecided]


def test_the_filter_of_steps_is_another_filter(with_labels):
    judged = [with_labels([True, False, True, None], False, "a"), with_labels([False], True, "b")]
    assert filter_episodes(judged, "process")[0] == []
    assert good_steps(judged) == {"a": {0, 2}, "b": set()}


def test_unknown_filters_are_refused(with_labels):
    with pytest.raises(InvalidInputError, match="keep must be one of"):
        filter_episodes([], "process-steps")


def test_matched_sets_have_one_size_and_are_drawn_by_seed_and_name():
    sets = {"a": list(range(100)), "b": list(range(30)), "c": list(range(60))}
    matched = size_matched(sets, seed=1)
    assert {name: len(found) for name, found in matched.items()} == {"a": 30, "b": 30, "c": 30}
    assert matched == size_matched(sets, seed=1)
    assert matched["a"] != size_matched(sets, seed=2)["a"]
    assert matched["a"] == sorted(set(matched["a"]))
    assert size_matched({"c": sets["c"]}, seed=1, size=30)["c"] == matched["c"], "other sets play no part"
    assert len(size_matched(sets, size=5)["a"]) == 5
    for bad in ({"a": [1], "b": []}, {}):
        with pytest.raises(InvalidInputError, match="empty"):
            size_matched(bad)
    with pytest.raises(InvalidInputError, match="from 1 to 30"):
        size_matched(sets, size=31)

"""Evaluations and comparisons from episodes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stepgym.agents import (
    Comparison,
    Completion,
    Episode,
    EpisodeLog,
    Evaluation,
    Sampling,
    ScriptedPolicy,
    Step,
    compare,
    evaluate,
    summarize,
    table,
)
from stepgym.agents.statistics import paired_difference, wilson_interval
from stepgym.errors import InvalidInputError

CHAIN = "stepgym:stepgym/ArithmeticChain-v0"


def episode(task: str, outcome: float | None, *, sample: int = 0, policy: str = "tiny", **kwargs: object) -> Episode:
    step = Step("q", "a", Completion("a", token_ids=(1, 2, 3)), outcome or 0.0, True)
    return Episode(f"{task}-{sample}", "stepgym/Test-v0", task, (step,), outcome, policy=policy, **kwargs)  # type: ignore[arg-type]


def evaluation(outcomes: str, policy: str = "tiny", method: str = "greedy") -> Evaluation:
    return summarize([episode(f"t{i}", float(o), policy=policy) for i, o in enumerate(outcomes)], method=method)


def test_undecided_and_cut_episodes_are_not_solved_and_counted_apart() -> None:
    episodes = [
        episode("t0", 1.0),
        episode("t1", 0.0),
        episode("t2", None),
        episode("t3", 1.0, end="context"),
        episode("t4", None, end="error"),
        episode("t5", 0.0, end="step_limit"),
    ]
    result = summarize(episodes, method="greedy", seconds=2.5)
    assert (result.success, result.undecided, result.truncated) == (1 / 6, 1 / 6, 2 / 6)
    assert (result.low, result.high) == (wilson_interval(1, 6).low, wilson_interval(1, 6).high)
    assert (result.policy, result.env_id, result.tokens, result.seconds) == ("tiny", "stepgym/Test-v0", 18, 2.5)
    assert (result.tasks, result.samples) == (6, 6)
    assert result.outcomes["t3"] == (0.0,)


def test_several_samples_a_task_are_averaged_by_task() -> None:
    episodes = [episode("t0", 1.0, sample=i) for i in range(6)] + [episode("t1", 0.0)]
    result = summarize(iter(episodes), method="sampled")
    assert (result.success, result.tasks, result.samples) == (0.5, 2, 7)
    assert 0 <= result.low <= 0.5 <= result.high <= 1


def test_tokens_are_unknown_for_imported_text_and_can_be_given() -> None:
    text = Episode("e", "env", "t", (Step("q", "a"),), 1.0)
    assert summarize([text], method="greedy", policy="import").tokens is None
    assert summarize([episode("t", 1.0)], method="best_of_8_by_value", tokens=24).tokens == 24


def test_records_round_trip_through_json() -> None:
    first, second = evaluation("1101"), evaluation("1000", "other")
    comparison = compare(first, second)
    assert Evaluation.from_dict(json.loads(json.dumps(first.to_dict()))) == first
    assert Comparison.from_dict(json.loads(json.dumps(comparison.to_dict()))) == comparison
    with pytest.raises(InvalidInputError, match="not an evaluation record"):
        Evaluation.from_dict({"policy": "x"})
    with pytest.raises(InvalidInputError, match="not a comparison record"):
        Comparison.from_dict({"policy": "x"})


def test_comparison_pairs_by_task_whatever_the_order() -> None:
    a = evaluation("1111110000")
    shuffled = summarize([episode(f"t{i}", float(i < 2)) for i in (7, 3, 9, 1, 0, 2, 8, 6, 5, 4)], method="sampled")
    result = compare(a, shuffled)
    assert result.difference == pytest.approx(0.4)
    assert result.p_value == paired_difference([1] * 6 + [0] * 4, [1] * 2 + [0] * 8).p_value
    assert result.p_value == pytest.approx(0.0455, abs=1e-4)  # McNemar's statistic is 4^2 / 4
    assert (result.test, result.tasks, result.a, result.b) == ("mcnemar", 10, "tiny (greedy)", "tiny (sampled)")
    assert result.low < 0.4 < result.high


def test_comparison_of_several_samples_is_of_the_means_of_tasks() -> None:
    a = summarize([episode(f"t{i}", 1.0, sample=s) for i in range(8) for s in range(2)], method="sampled")
    b = summarize([episode(f"t{i}", float(s < i % 3), sample=s) for i in range(8) for s in range(2)], method="sampled")
    result = compare(a, b)
    assert (result.test, result.tasks) == ("paired_t", 8)
    differences = [1.0, 0.5, 0.0, 1.0, 0.5, 0.0, 1.0, 0.5]
    assert result.difference == pytest.approx(sum(differences) / 8)
    # Student's t of these numbers with 7 degrees of freedom is 3.81: p from any table is between 0.005 and 0.01.
    assert result.p_value == pytest.approx(0.0066, abs=1e-4)
    assert result.low > 0


def test_different_tasks_or_environments_are_not_compared() -> None:
    with pytest.raises(InvalidInputError, match=r"1 tasks are only in the first \(for example 't3'\), 0 only in"):
        compare(evaluation("1101"), evaluation("110"))
    other = summarize([Episode("e", "other/Env-v0", "t0", (), 1.0)], method="greedy")
    with pytest.raises(InvalidInputError, match="nothing to pair"):
        compare(evaluation("1"), other)


def test_nothing_or_a_mixture_is_not_summarized() -> None:
    with pytest.raises(InvalidInputError, match="no episodes"):
        summarize([], method="greedy")
    mixed = [episode("t0", 1.0), episode("t1", 1.0, policy="other")]
    with pytest.raises(InvalidInputError, match="one policy, got 2: other, tiny"):
        summarize(mixed, method="greedy")
    assert summarize(mixed, method="greedy", policy="both").policy == "both"
    with pytest.raises(InvalidInputError, match="one environment"):
        summarize([episode("t0", 1.0), Episode("e", "x", "t1", (), 1.0)], method="greedy", policy="p")


TASKS = ["chain/7/3+4+1", "chain/7/2+2+2", "chain/7/6+6+6"]


def right(question: str) -> str:
    numbers = [int(part) for part in question.split(" mod")[0].split(" + ")]
    return f"answer {sum(numbers) % 7}"


def test_a_policy_is_evaluated_in_an_environment() -> None:
    settings: dict[str, Any] = {"tasks": TASKS, "progress": False}
    good = evaluate(CHAIN, ScriptedPolicy(right, name="good"), sampling=Sampling(temperature=0), **settings)
    lazy = evaluate(CHAIN, ScriptedPolicy(lambda _: "answer 1", name="lazy"), samples=2, **settings)
    assert (good.success, good.method, good.policy, good.env_id) == (1.0, "greedy", "good", CHAIN)
    assert (lazy.success, lazy.method, lazy.samples) == (1 / 3, "sampled", 6)
    assert set(good.outcomes) == set(TASKS)
    assert compare(good, lazy).difference == pytest.approx(2 / 3)
    assert good.seconds is not None
    by_seed = evaluate(CHAIN, ScriptedPolicy(right), episodes=5, progress=False, method="scripted")
    assert (by_seed.success, by_seed.samples, by_seed.method) == (1.0, 5, "scripted")


def test_an_evaluation_is_kept_resumed_and_not_mixed_with_others(tmp_path: Path) -> None:
    policy = ScriptedPolicy(right, name="good")
    first = evaluate(CHAIN, policy, tasks=TASKS[:2], out=tmp_path, progress=False)
    assert len(EpisodeLog(tmp_path)) == 2
    again = evaluate(CHAIN, policy, tasks=TASKS, out=tmp_path, progress=False)
    assert (first.tasks, again.tasks, again.success, again.seconds) == (2, 3, 1.0, None)
    with pytest.raises(InvalidInputError, match="others are mixed in"):
        evaluate(CHAIN, policy, tasks=TASKS, out=tmp_path, seed=1, progress=False)


def test_the_table_is_aligned_and_shows_control_characters_as_text() -> None:
    a, b = evaluation("1101", "evil\x1b[31m\nname"), evaluation("1000", "sft")
    lines = table([a, b], [compare(a, b)]).splitlines()
    assert "\x1b" not in "".join(lines)
    assert "evil\\x1b[31m\\nname" in lines[2]
    assert "75.0 %" in lines[2]
    assert "25.0 %" in lines[3]
    assert lines[2].index("greedy") == lines[3].index("greedy")
    assert "+50.0" in lines[-1]
    assert "mcnemar" in lines[-1]

"""Step beams ranked by V and by what the step just taken changed."""

from __future__ import annotations

from typing import Any

import pytest

from stepgym.agents.progress import bok_plug_in
from stepgym.agents.search import ProgressRanking, SearchBudget, StepBeamPolicy, step_beam
from stepgym.errors import InvalidInputError

# s1 (V 0.60) offers two steps with Q 0.55 and 0.545, s2 (V 0.40) one with 0.54.
ANSWERS = ["a\nx\n1", "a\ny\n2", "b\nz\n3"]
TABLE = {"": 0.5, "a\n": 0.6, "b\n": 0.4, "a\nx\n": 0.55, "a\ny\n": 0.545, "b\nz\n": 0.54}
TABLE |= {"a\nx\n1": 0.3, "a\ny\n2": 0.2, "b\nz\n3": 0.9}


def search(tokenizer: Any, tree_policy: Any, table_value: Any, ranking: ProgressRanking | None, **more: Any) -> Any:
    value = table_value(tokenizer, TABLE.__getitem__)
    return step_beam(tree_policy(tokenizer, ANSWERS), value, "q?", width=2, expand=2, progress=ranking, **more)


@pytest.mark.parametrize(("alpha", "kept"), [(0.0, "xy"), (0.02, "xy"), (0.03, "xz"), (0.052, "xz"), (0.5, "xz")])
def test_progress_moves_the_beam_to_the_state_that_gains(
    char_tokenizer: Any, tree_policy: Any, table_value: Any, alpha: float, kept: str
) -> None:
    """Of 0.545 (from 0.6) and 0.54 (from 0.4) the second is kept from alpha = 0.005 / 0.195 = 0.0256 on."""
    ranking = ProgressRanking(alpha=alpha, best_of=1)
    found = search(char_tokenizer, tree_policy, table_value, ranking)
    assert {step.text[2] for step in found.steps if step.round == 1 and step.kept} == set(kept)


@pytest.mark.parametrize(("alpha", "best"), [(0.0, "x"), (0.05, "x"), (0.055, "z"), (0.5, "z")])
def test_the_paper_s_picture(char_tokenizer: Any, tree_policy: Any, table_value: Any, alpha: float, best: str) -> None:
    """The first place changes hands at alpha = 0.01 / 0.19 = 0.0526, where 0.5 scores 0.525 and 0.61."""
    found = search(char_tokenizer, tree_policy, table_value, ProgressRanking(alpha=alpha, best_of=1))
    second = [step for step in found.steps if step.round == 1]
    assert max(second, key=lambda step: step.rank).text[2] == best
    if alpha == 0.5:
        ranks = {step.text[2]: step.rank for step in second}
        assert ranks["x"] == pytest.approx(0.525)
        assert ranks["z"] == pytest.approx(0.61)


def test_only_the_last_step_counts_and_the_answer_is_chosen_by_v(
    char_tokenizer: Any, tree_policy: Any, table_value: Any
) -> None:
    found = search(char_tokenizer, tree_policy, table_value, ProgressRanking(alpha=0.5, best_of=1))
    for step in found.steps:
        before = TABLE[char_tokenizer.decode(step.before)]
        assert step.advantage == pytest.approx(TABLE[step.text] - before)
        assert step.rank == pytest.approx(step.q + 0.5 * step.advantage)
    assert (found.text, found.score) == ("b\nz\n3", 0.9)
    assert [step.finished for step in found.steps if step.round == 2] == [True] * 4


def test_every_step_is_in_the_result_pruned_ones_too(char_tokenizer: Any, tree_policy: Any, table_value: Any) -> None:
    found = search(char_tokenizer, tree_policy, table_value, None)
    assert [(s.text, s.kept) for s in found.steps if s.round == 1] == [
        ("a\nx\n", True),
        ("a\ny\n", True),
        ("b\nz\n", False),
        ("b\nz\n", False),
    ]
    assert all(s.advantage is None and s.rank == s.q for s in found.steps)
    assert sum(len(s.ids) for s in found.steps) == found.tokens_spent


def test_the_best_of_k_prover_comes_from_the_predictions(
    char_tokenizer: Any, tree_policy: Any, table_value: Any
) -> None:
    found = search(char_tokenizer, tree_policy, table_value, ProgressRanking(alpha=1.0, best_of=4))
    first = {step.text: step.advantage for step in found.steps if step.round == 0}
    assert first["a\n"] == pytest.approx(bok_plug_in(0.6, 4) - bok_plug_in(0.5, 4))
    # It reads the question besides, and nothing twice.
    plain = search(char_tokenizer, tree_policy, table_value, None)
    assert found.tokens_scored == plain.tokens_scored + 2


def test_another_prover_is_read_beside_v(char_tokenizer: Any, tree_policy: Any, table_value: Any) -> None:
    prover = table_value(char_tokenizer, lambda text: {"": 0.2, "b\n": 0.9}.get(text, 0.2))
    ranking = ProgressRanking(alpha=1.0, best_of=1, prover=prover)
    found = search(char_tokenizer, tree_policy, table_value, ranking)
    assert {s.text: s.advantage for s in found.steps if s.round == 0} == {"a\n": 0.0, "b\n": pytest.approx(0.7)}
    assert found.tokens_scored > sum(map(len, prover.read)) > 0


def test_predictions_outside_of_chances_are_clipped(char_tokenizer: Any, tree_policy: Any, table_value: Any) -> None:
    value = table_value(char_tokenizer, lambda text: 1.5 if text.endswith("\n") else -0.5)
    found = step_beam(
        tree_policy(char_tokenizer, ANSWERS), value, "q?", width=2, progress=ProgressRanking(), budget=SearchBudget(40)
    )
    assert found.tokens_spent <= 40
    assert {s.advantage for s in found.steps if s.round == 0} == {1.0}


@pytest.mark.parametrize("wrong", [{"alpha": -0.1}, {"alpha": float("nan")}, {"best_of": 0}, {"best_of": 1.5}])
def test_a_ranking_refuses_what_makes_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        ProgressRanking(**wrong)


def test_it_is_a_policy_whose_episodes_tell_it_apart(char_tokenizer: Any, tree_policy: Any, table_value: Any) -> None:
    value = table_value(char_tokenizer, lambda text: 0.5)
    policy = tree_policy(char_tokenizer, ["3+4=0\nanswer 0"])
    one = StepBeamPolicy(policy, value, width=2, expand=3, progress=ProgressRanking(alpha=0.5))
    other = StepBeamPolicy(policy, value, width=2, expand=3, progress=ProgressRanking(alpha=0.2))
    assert one.name.startswith("progress-beam-2x3")
    assert one.settings != other.settings
    assert StepBeamPolicy(policy, value, width=2, expand=3).name.startswith("step-beam-2x3")

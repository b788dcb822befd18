"""pass@k, maj@k and success by kind of task, from episodes."""

from __future__ import annotations

import json
from typing import Any

import gymnasium
import pytest

from stepgym.agents import Completion, Episode, Evaluation, Sampling, ScriptedPolicy, Step, evaluate, summarize, table
from stepgym.agents.evaluation.breakdown import AtK, GroupSuccess, at_k, by_group
from stepgym.agents.evaluation.task_groups import task_groups
from stepgym.agents.statistics import wilson_interval
from stepgym.envs import QuestionEnv, make
from stepgym.errors import InvalidInputError


def episode(task: str, sample: int, action: str, outcome: float | None, **kwargs: Any) -> Episode:
    step = Step("q", action, Completion(action, token_ids=(1, 2, 3)), outcome or 0.0, True)
    return Episode(f"{task}/{sample}", "env", task, (step,), outcome, policy="p", **kwargs)


def samples(task: str, *actions: str, right: str = "7") -> list[Episode]:
    return [episode(task, i, action, float(action.endswith(right))) for i, action in enumerate(actions)]


def test_pass_and_majority_of_two_tasks_by_hand() -> None:
    episodes = samples("a", "so 7", "is 7", "or 3", "or 4") + samples("b", "so 1", "is 1", "or 7", "or 2")
    found = summarize(episodes, method="sampled", ks=(4, 1, 2, 8)).at_k
    assert [row.k for row in found] == [1, 2, 4]
    assert [row.solved_by_any.value for row in found] == pytest.approx([3 / 8, (5 / 6 + 1 / 2) / 2, 1.0])
    # Of 4 all vote: a is won by 7, b by 1. Of 2: with different answers both are elected equally often.
    pairs = (1 + 4 * 0.5 + 0) / 6, (0 + 3 * 0.5) / 6
    assert [row.majority.value for row in found if row.majority] == pytest.approx([3 / 8, sum(pairs) / 2, 0.5])
    assert all(row.solved_by_any.low <= row.solved_by_any.value <= row.solved_by_any.high for row in found)


def test_cut_and_undecided_answers_do_not_vote_and_count_as_not_solved() -> None:
    episodes = [
        *samples("a", "so 7", "so 3"),
        episode("a", 2, "so 3", None),
        episode("a", 3, "so 3", None, end="context"),
    ]
    found = summarize(episodes, method="sampled", ks=(4,))
    (row,) = found.at_k
    assert row.majority is not None
    assert row.majority.value == 0.5  # one vote for each
    assert (found.success, found.of_judged) == (0.25, 0.5)


def test_votes_are_for_single_answers_and_one_sample_has_no_table() -> None:
    turn = Step("q", "7", reward=1.0)
    game = [Episode(str(i), "env", "a", (turn, turn), 1.0, policy="p") for i in range(2)]
    (one, two) = summarize(game, method="sampled").at_k
    assert one.majority is two.majority is None
    assert summarize(samples("a", "7", "7"), method="m", answer_of=None).at_k[0].majority is None
    assert summarize(samples("a", "7"), method="m").at_k == ()


def test_equal_tasks_claim_no_certainty() -> None:
    (row,) = at_k([[1.0, 1.0]] * 10, None, (2,))
    assert row.solved_by_any == wilson_interval(10, 10)
    with pytest.raises(InvalidInputError, match="at least 1"):
        at_k([[1.0, 1.0]], None, (0,))


def test_groups_are_means_over_their_tasks() -> None:
    outcomes = {"a": (1.0, 0.0), "b": (1.0, 1.0), "c": (0.0, 0.0), "d": (1.0, 1.0)}
    levels = {"a": "Level 1", "b": "Level 1", "c": "Level 5"}
    first, second = by_group(outcomes, {"level": levels, "same": dict.fromkeys(outcomes, "x")})
    assert (first.by, first.group, first.tasks, first.samples, first.success) == ("level", "Level 1", 2, 4, 0.75)
    assert (second.group, second.tasks, second.success) == ("Level 5", 1, 0.0)


def test_records_round_trip() -> None:
    groups = {"type": {"a": "easy", "b": "hard"}}
    found = summarize(samples("a", "7", "3") + samples("b", "7", "7"), method="m", groups=groups)
    assert len(found.at_k) == len(found.groups) == 2
    assert Evaluation.from_dict(json.loads(json.dumps(found.to_dict()))) == found
    with pytest.raises(InvalidInputError, match="k samples"):
        AtK.from_dict({"k": 1})
    with pytest.raises(InvalidInputError, match="group"):
        GroupSuccess.from_dict({"by": "level"})
    text = table([found])
    assert "pass@k" in text
    assert "hard" in text
    assert "of judged" not in text


def test_the_table_says_which_success_is_which() -> None:
    cut = [*samples("a", "7"), episode("b", 0, "", None, end="context")]
    text = table([summarize(cut, method="m")])
    row = text.splitlines()[2]
    assert "50.0 %" in row
    assert "100.0 %" in row
    assert "undecided and cut ones as not solved" in text


def test_kinds_of_tasks_come_from_their_description() -> None:
    rows = [
        {"id": f"m{i}", "prompt": "1 + 1", "reference": "2", "level": f"Level {i}", "subject": "Sums", "boxes": i}
        for i in (1, 2)
    ]
    env = QuestionEnv(rows, "math-answer")
    assert task_groups(env, ["m1", "m2", "unknown"]) == {
        "level": {"m1": "Level 1", "m2": "Level 2"},
        "subject": {"m1": "Sums", "m2": "Sums"},
    }


def test_kinds_of_games_come_from_their_ids_and_an_environment_may_say_itself() -> None:
    games = ["generated/pick_and_place_simple/7", "valid_seen/look_at_obj_in_light-Mug-None-DeskLamp-3/trial_1", "x/1"]
    env = make("stepgym/ALFWorld-v0")
    assert task_groups(env, games) == {
        "type": {games[0]: "pick_and_place_simple", games[1]: "look_at_obj_in_light"},
    }

    class Own(gymnasium.Env[str, str]):
        def task_groups(self, task_id: str) -> dict[str, str]:
            return {"first letter": task_id[0]}

    assert task_groups(Own(), ["ab", "cd"]) == {"first letter": {"ab": "a", "cd": "c"}}


def test_evaluate_finds_the_kinds_of_games() -> None:
    games = [f"generated/{kind}/{i}" for kind in ("pick_and_place_simple", "look_at_obj_in_light") for i in range(2)]
    found = evaluate(
        "stepgym:stepgym/ALFWorld-v0",
        ScriptedPolicy(lambda _: "look"),
        tasks=games,
        sampling=Sampling(),
        progress=False,
    )
    assert [(g.by, g.group, g.tasks) for g in found.groups] == [
        ("type", "look_at_obj_in_light", 2),
        ("type", "pick_and_place_simple", 2),
    ]

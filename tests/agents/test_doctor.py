"""What a log holds, and whether rejection sampling would do as well."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from stepgym.agents import Completion, Diagnosis, Episode, EpisodeLog, Request, ScriptedPolicy, Step, examine
from stepgym.envs.tasks import Task
from stepgym.errors import InvalidInputError


def episode(
    name: str, task: str, action: str, outcome: float | None, *, ids: bool = True, question: str = "", **kwargs: str
) -> Episode:
    tokens = tuple(range(1, len(action) + 1))
    completion = Completion(action, prompt_token_ids=(0, 0), token_ids=tokens) if ids else None
    return Episode(
        name, "lab/Test-v0", task, (Step(question or f"Question {task}", action, completion),), outcome, **kwargs
    )  # type: ignore[arg-type]


def habit_log() -> list[Episode]:
    """Each task: three short wrong answers, one long right one."""
    episodes = []
    for t in range(50):
        episodes += [episode(f"{t}-{i}", f"t{t}", f"no{i}", 0.0) for i in range(3)]
        episodes.append(episode(f"{t}-3", f"t{t}", "worked out step by step", 1.0))
    return episodes


def test_a_log_is_counted() -> None:
    episodes = [
        episode("a0", "a", "x", 1.0),
        episode("a1", "a", "x", 1.0),
        episode("a2", "a", "yy", 0.0),
        episode("b0", "b", "", 0.0),
        episode("c0", "c", "zzz", 1.0, ids=False),
        episode("d0", "d", "q", None),
        episode("e0", "e", "q", None, end="context"),
        episode("e1", "e", "q", None, end="error"),
        Episode("f0", "lab/Test-v0", "f", (), 0.0, end="step_limit", policy="other"),
    ]
    found = examine(episodes)
    assert (found.episodes, found.tasks, found.successes, found.failures) == (9, 6, 3, 3)
    assert (found.undecided, found.cut) == (1, 2)
    assert found.ends == {"terminated": 6, "context": 1, "error": 1, "step_limit": 1}
    assert (found.tasks_both, found.tasks_only_successes, found.tasks_only_failures) == (1, 1, 2)
    assert found.duplicates == 2  # a1 repeats a0, e1 repeats e0
    assert found.empty_actions == 2
    assert found.without_ids == pytest.approx(2 / 9)
    assert found.policies == {"": 8, "other": 1}
    assert found.success is not None
    assert found.success.value == pytest.approx((2 / 3 + 0 + 1 + 0) / 4)
    assert found.characters.largest == 3
    assert found.tokens is not None
    assert found.tokens.largest == 2
    assert found.turns.median == 1
    assert found.length_decides == 0.0
    assert found.advice == "too_few"


def test_the_diagnosis_is_text_and_json() -> None:
    found = examine([*habit_log(), episode("evil", "t0", "x", 0.0, policy="\x1b[31mred\nline")])
    text = str(found)
    assert "\x1b" not in text
    assert "both outcomes 50" in text
    assert "Would rejection sampling do as well?" in text
    data = json.loads(json.dumps(found.to_dict()))
    assert data["tasks_both"] == 50
    assert data["success"]["value"] == pytest.approx(found.success.value if found.success else -1)


def test_a_common_bad_habit_is_a_case_for_oreo() -> None:
    found = examine(habit_log())
    assert found.length_decides == 1.0
    assert found.advice == "oreo"
    assert "longer than wrong ones" in " ".join(found.reasons)


@pytest.mark.parametrize(
    ("outcomes", "advice", "words"),
    [
        ([[None] * 4] * 40, "no_outcomes", "verify them first"),
        ([[0, 0, 0, 0]] * 40, "one_class", "no success"),
        ([[1, 1, 1, 1]] * 40, "one_class", "no failure"),
        ([[0, 1]] * 10, "too_few", "Only 20 usable"),
        ([[1]] * 60 + [[0]] * 60, "both", "only one usable episode"),
        ([[1, 1, 1, 1]] * 45 + [[1, 0, 0, 0]], "rejection_sampling", "solved already"),
        ([[1, 1, 1, 1]] * 20 + [[0, 0, 0, 0]] * 20, "rejection_sampling", "always or never solved"),
        ([[1, 0, 1, 0]] * 40, "both", "It cannot be told"),
    ],
)
def test_advice(outcomes: list[list[float | None]], advice: str, words: str) -> None:
    episodes = [
        episode(f"{t}-{i}", f"t{t}", f"same {i}", None if o is None else float(o))
        for t, task in enumerate(outcomes)
        for i, o in enumerate(task)
    ]
    found = examine(episodes)
    assert found.advice == advice
    assert words in " ".join(found.reasons)


def test_overlap_with_an_evaluation_set() -> None:
    log = [
        episode("a", "t1", "x", 1.0, question="What is 2 + 2?"),
        episode("b", "other-name", "x", 1.0, question="WHAT is  3 + 3?"),
        episode("c", "t9", "x", 1.0, question="unrelated"),
    ]
    tasks = [Task("t1", "something else", "4"), Task("t2", "What is 3 + 3?", "6"), Task("t3", "new", "1")]
    overlap = examine(log, evaluation_tasks=tasks).overlap
    assert overlap is not None
    assert (overlap.evaluation_tasks, overlap.tasks_by_id, overlap.tasks_by_prompt, overlap.episodes) == (3, 1, 1, 2)
    assert "leave them out of training" in " ".join(examine(log, evaluation_tasks=tasks).reasons)
    by_id = examine(log, evaluation_tasks=["t1", "t9"]).overlap
    assert by_id is not None
    assert (by_id.tasks_by_id, by_id.tasks_by_prompt) == (2, 0)
    assert examine(log).overlap is None


class Scoring:
    """Scores token k with log-probability -k, so that positions that are off by one show."""

    name = "scoring"

    async def generate(self, request: Request) -> list[Completion]:
        raise NotImplementedError

    async def score(self, token_ids: Sequence[int]) -> list[float]:
        return [-float(token) for token in token_ids[1:]]


def test_likelihood_under_a_reference_policy() -> None:
    first = Completion("ab", True, (50, 60), (1, 2))
    second = Completion("c", False, (70,), (3,))
    third = Completion("d", True, (80, 90), (4,))
    steps = tuple(Step("q", c.text, c) for c in (first, second, third))
    log = [
        Episode("e", "env", "t", steps, 1.0),
        episode("w", "t", "abc", 0.0),
        episode("x", "t", "abc", 1.0, ids=False),
    ]
    found = examine(log, policy=Scoring()).likelihood
    assert found is not None
    assert found.successes == pytest.approx(-(1 + 2 + 3 + 4) / 4)
    assert found.failures == pytest.approx(-(1 + 2 + 3) / 3)
    assert (found.episodes, found.tokens) == (2, 7)
    sample = examine(habit_log(), policy=Scoring(), scored_episodes=20).likelihood
    assert sample is not None
    assert sample.episodes == 20


def test_likelihood_needs_ids_and_a_policy_that_scores() -> None:
    with pytest.raises(InvalidInputError, match="no token ids"):
        examine([episode("x", "t", "abc", 1.0, ids=False)], policy=Scoring())
    with pytest.raises(InvalidInputError, match="no method score"):
        examine([episode("x", "t", "abc", 1.0)], policy=ScriptedPolicy(["a"]))


def test_corrupt_lines_and_empty_logs(tmp_path: Path) -> None:
    with EpisodeLog(tmp_path, mode="a") as log:
        with pytest.raises(InvalidInputError, match="no episodes to examine"):
            examine(log)
        log.append(episode("a", "t", "x", 1.0))
    with (tmp_path / "episodes.jsonl").open("a") as file:
        file.write("{oops}\n")
    found = examine(EpisodeLog(tmp_path))
    assert isinstance(found, Diagnosis)
    assert (found.episodes, found.problems) == (1, 1)

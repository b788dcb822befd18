from __future__ import annotations

from typing import Any

import pytest

from stepgym.envs import UNANSWERED, Forkable, QuestionEnv, Task
from stepgym.errors import InvalidInputError, UnknownNameError
from stepgym.verifiers import Finding, Verdict
from stepgym.verifiers.exact import ExactMatchVerifier

TASKS = [Task(f"t/{i}", f"What is {i}+{i}?", str(2 * i)) for i in range(8)]


class Undecided:
    def verify(self, response: str, reference: Any, *, context: str = "") -> Verdict:
        return Verdict.undecided(f"cannot tell about {context}")


class Span:
    def verify(self, response: str, reference: Any, *, context: str = "") -> Verdict:
        return Verdict.wrong(Finding(0, len(response), "final-answer", message="because of this"))


def test_a_right_answer_earns_one_and_ends() -> None:
    env = QuestionEnv(TASKS, "exact")
    observation, info = env.reset(options={"task": "t/3"})
    assert (observation, info) == ("What is 3+3?", {"task": "t/3", "verdict": UNANSWERED})
    observation, reward, terminated, truncated, info = env.step("6")
    assert (observation, reward, terminated, truncated) == ("", 1.0, True, False)
    assert info["task"] == "t/3"
    assert info["verdict"].status == "correct"


def test_a_wrong_answer_earns_nothing_and_ends_too() -> None:
    env = QuestionEnv(TASKS, ExactMatchVerifier())
    env.reset(options={"task": "t/3"})
    _, reward, terminated, truncated, info = env.step("7")
    assert (reward, terminated, truncated, info["verdict"].status) == (0.0, True, False, "wrong")


def test_undecided_earns_nothing_and_says_so() -> None:
    env = QuestionEnv(TASKS, Undecided())
    env.reset(options={"task": "t/3"})
    _, reward, terminated, _, info = env.step("6")
    assert (reward, terminated) == (0.0, True)
    assert info["verdict"] == Verdict.undecided("cannot tell about What is 3+3?")


def test_tasks_are_drawn_from_the_seed_and_all_of_them_come_up() -> None:
    env = QuestionEnv(TASKS, "exact")
    first = [env.reset(seed=1)[1]["task"]] + [env.reset()[1]["task"] for _ in range(99)]
    again = [env.reset(seed=1)[1]["task"]] + [env.reset()[1]["task"] for _ in range(99)]
    assert first == again
    assert set(first) == {task.id for task in TASKS}


def test_choosing_a_task_does_not_disturb_what_is_drawn_next() -> None:
    env, other = QuestionEnv(TASKS, "exact"), QuestionEnv(TASKS, "exact")
    env.reset(seed=1)
    other.reset(seed=1)
    env.reset(options={"task": "t/0"})
    assert [env.reset()[0] for _ in range(10)] == [other.reset()[0] for _ in range(10)]


def test_unknown_tasks_are_refused_with_a_suggestion() -> None:
    env = QuestionEnv(TASKS, "exact")
    with pytest.raises(UnknownNameError, match=r"No task is called 't/33'. Did you mean"):
        env.reset(options={"task": "t/33"})
    with pytest.raises(UnknownNameError, match="must be the id of a task"):
        env.reset(options={"task": 3})
    with pytest.raises(InvalidInputError, match="unknown option"):
        env.reset(options={"game": "t/3"})


def test_several_turns_show_that_an_answer_was_not_right() -> None:
    env = QuestionEnv(TASKS, "exact", max_turns=3)
    env.reset(options={"task": "t/3"})
    assert env.step("5")[:4] == ("That is not right. Try again (2 tries left).", 0.0, False, False)
    assert env.step("7")[:4] == ("That is not right. Try again (1 try left).", 0.0, False, False)
    assert env.step("6")[:4] == ("", 1.0, True, False)
    env.reset(options={"task": "t/3"})
    assert [env.step("5")[2] for _ in range(3)] == [False, False, True]


def test_the_verifiers_reason_is_shown_if_asked_for() -> None:
    env = QuestionEnv(TASKS, Span(), max_turns=2, feedback="reason")
    env.reset()
    assert env.step("5")[0] == "That is not right. because of this. Try again (1 try left)."


def test_an_answer_longer_than_the_action_space_is_not_judged() -> None:
    env = QuestionEnv(TASKS, "exact")
    env.reset()
    _, reward, terminated, _, info = env.step("x" * (env.action_space.max_length + 1))
    assert (reward, terminated, info["verdict"].status) == (0.0, True, "undecided")
    assert "more than" in info["verdict"].reason


def test_frames_show_question_answer_and_verdict() -> None:
    env = QuestionEnv(TASKS, Span(), render_mode="ansi")
    env.reset(options={"task": "t/3"})
    assert env.render() == "What is 3+3?"
    env.step("\x1b7")
    assert env.render() == ("What is 3+3?\n> \\x1b7\nwrong: because of this\n  \\x1b7\n  ^^^^^ because of this")


def test_episodes_fork() -> None:
    env = QuestionEnv(TASKS, "exact", max_turns=3)
    assert isinstance(env, Forkable)
    env.reset(seed=2, options={"task": "t/3"})
    env.step("5")
    state = env.get_state()
    env.step("4")
    env.step("4")
    env.reset(seed=9)
    other = QuestionEnv(TASKS, "exact", max_turns=3)
    for fork in (env, other):
        fork.set_state(state)
        assert fork.step("6")[:3] == ("", 1.0, True)
        fork.set_state(state)
        assert fork.step("7")[:3] == ("That is not right. Try again (1 try left).", 0.0, False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"verifier": "exat"}, "Did you mean 'exact'"),
        ({"verifier": 3}, "a verifier has a method verify"),
        ({"verifier": ExactMatchVerifier(), "verifier_kwargs": {"ignore_case": True}}, "made already"),
        ({"verifier": "exact", "max_turns": 0}, "max_turns must be"),
        ({"verifier": "exact", "feedback": "all"}, "feedback must be one of"),
        ({"verifier": "exact", "render_mode": "rgb_array"}, "render_mode must be"),
    ],
)
def test_bad_arguments_say_what_was_expected(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises((InvalidInputError, UnknownNameError), match=message):
        QuestionEnv(TASKS, **arguments)


def test_verifiers_by_name_take_arguments() -> None:
    env = QuestionEnv([Task("a", "p", "yes")], "exact", verifier_kwargs={"ignore_case": True})
    env.reset()
    assert env.step("YES")[1] == 1.0


def test_instructions_are_those_given() -> None:
    assert QuestionEnv(TASKS, "exact").instructions == ""
    assert QuestionEnv(TASKS, "exact", instructions="one number").instructions == "one number"

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import gymnasium
import pytest

from stepgym.envs import PseudoToCppEnv, check_text_env
from stepgym.envs.programs import program_task, write_solution
from stepgym.errors import InvalidInputError, StepgymError, UnknownNameError
from stepgym.verifiers import Verdict

HEAD = "text\tcode\tworkerid\tprobid\tsubid\tline\tindent"
ROWS = [
    "\tint main() {\t7\t1A\t100\t0\t0",
    "create integer n\tint n;\t7\t1A\t100\t1\t1",
    "read n\tcin >> n;\t7\t1A\t100\t2\t1",
    "print n * 2\tcout << n * 2 << endl;\t7\t1A\t100\t3\t1",
    "\t}\t7\t1A\t100\t4\t0",
]


def why_not() -> str:
    """What is missing for programs to be compiled and run here."""
    if shutil.which("g++") is None:
        return "needs g++"
    try:
        PseudoToCppEnv()
    except StepgymError as error:
        return str(error)
    return ""


@pytest.fixture(scope="module", autouse=True)
def _compiler() -> None:
    reason = why_not()
    if reason:
        pytest.skip(reason)


def make(**arguments: Any) -> PseudoToCppEnv:
    env = PseudoToCppEnv(**arguments)
    env.reset(options={"task": "pseudo-to-cpp/1/conditionals/12"})
    return env


def files(folder: Path) -> Path:
    (folder / "testcases" / "1A").mkdir(parents=True)
    tests = "1\n###ENDINPUT###\n2\n###ENDOUTPUT###\n5\n###ENDINPUT###\n10\n###ENDOUTPUT###\n"
    (folder / "testcases" / "1A" / "1A_testcases_public.txt").write_text(tests)
    (folder / "train").mkdir()
    (folder / "train" / "spoc-train.tsv").write_text("\n".join([HEAD, *ROWS, ""]))
    return folder


def test_the_reference_is_right_and_others_are_wrong() -> None:
    env = make()
    solution = write_solution(env.task)
    assert env.step(solution)[1:3] == (1.0, True)
    env = make(max_turns=3)
    before = solution.splitlines()[-4]
    for wrong in (solution.replace("cin", "cim"), solution.replace(before, "  cout << 0 << endl;")):
        _, reward, over, _, info = env.step(wrong)
        assert (reward, over, info["verdict"].status) == (0.0, False, "wrong")


def test_a_message_of_the_compiler_is_shown_between_tries() -> None:
    env = make(max_turns=2, feedback="reason")
    solution = write_solution(env.task)
    wrong = solution.replace("cin", "cim")
    observation, _, _, _, info = env.step(wrong)
    assert "does not compile: 'cim' was not declared" in observation
    place = wrong.index("cim")
    verdict: Verdict = info["verdict"]
    assert any((f.start, f.end, f.severity) == (place, place + 3, "refuted") for f in verdict.findings)
    assert env.step(solution)[1] == 1.0


def test_reset_draws_the_settings_and_ids_make_any_task() -> None:
    env = PseudoToCppEnv(difficulty=[1, 3], families=["loops", "strings"], tests=2)
    seen = set()
    for seed in range(30):
        observation, info = env.reset(seed=seed)
        assert env.task.id == info["task"]
        assert env.task.prompt == observation
        assert len(env.task.reference["tests"]) == 2
        seen.add((env.task.meta["difficulty"], env.task.meta["family"]))
    assert seen == {(1, "loops"), (1, "strings"), (3, "loops"), (3, "strings")}
    env.reset(options={"task": "pseudo-to-cpp/5/functions/2"})
    assert env.task == program_task(5, "functions", 2, tests=2)
    with pytest.raises(UnknownNameError):
        env.reset(options={"task": "pseudo-to-cpp/9/functions/2"})


def test_programs_of_files(tmp_path: Path) -> None:
    env = PseudoToCppEnv(path=files(tmp_path))
    _, info = env.reset(seed=1)
    assert info["task"] == "spoc/train/1A-100-7"
    assert env.step(write_solution(env.task))[1] == 1.0
    with pytest.raises(UnknownNameError):
        env.reset(options={"task": "pseudo-to-cpp/1/loops/1"})


@pytest.mark.parametrize(
    "arguments",
    [
        {"difficulty": 0},
        {"difficulty": True},
        {"difficulty": []},
        {"difficulty": [1, 1]},
        {"families": "goto"},
        {"families": ["loops", "goto"]},
        {"tests": 0},
        {"tests": 9},
        {"split": "train"},
        {"path": "nowhere"},
        {"path": "nowhere", "difficulty": 3},
    ],
)
def test_arguments_that_make_no_sense_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        PseudoToCppEnv(**arguments)


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [{}, {"max_turns": 2, "feedback": "reason", "difficulty": [1, 2]}])
def test_the_promises_of_text_environments(arguments: dict[str, Any]) -> None:
    report = check_text_env(gymnasium.make("stepgym/PseudoToCpp-v0", **arguments))
    assert all(not promise.not_checked for promise in report.promises)


@pytest.mark.slow
def test_the_promises_hold_for_files(tmp_path: Path) -> None:
    check_text_env(gymnasium.make("stepgym/PseudoToCpp-v0", path=str(files(tmp_path))))

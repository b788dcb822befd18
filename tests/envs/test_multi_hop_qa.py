from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium
import pytest

from stepgym.envs import MultiHopQAEnv, check_text_env
from stepgym.envs.multi_hop import judge_step, searcher_steps
from stepgym.envs.tools import DenseIndex, Document, FullTextIndex
from stepgym.errors import InvalidInputError, UnknownNameError

TASK = {"task": "multihop/0-60/ilse-grendoro/birthplace.country.capital"}
ROW = {
    "_id": "5a8b",
    "question": "Which city is the birthplace of the painter of The Blue Mill?",
    "answer": "Haarbeek",
    "supporting_facts": [["The Blue Mill", 0], ["Jan Verlo", 1]],
    "context": [["The Blue Mill", ["A painting by Jan Verlo."]], ["Jan Verlo", ["A painter,", " born in Haarbeek."]]],
}


def env_at(**arguments: Any) -> MultiHopQAEnv:
    env = MultiHopQAEnv(**arguments)
    env.reset(options=TASK)
    return env


def query(text: str) -> str:
    return f"<search_query>{text}</search_query>"


def play(env: MultiHopQAEnv) -> tuple[float, bool]:
    """The reward of the expert, and whether all of its steps were good."""
    good, terminated, reward = True, False, 0.0
    while not terminated:
        action = env.expert_action()
        good = good and judge_step(env.state, action, format=env.action_format).good
        _, reward, terminated, _, _ = env.step(action)
    return reward, good


def test_a_question_is_answered_by_several_searches() -> None:
    env = MultiHopQAEnv()
    observation, info = env.reset(options=TASK)
    assert observation == "What is the capital of the country of the birthplace of Ilse Grendoro?"
    assert (info["call"], info["calls_left"]) == ("", 5)
    observation, reward, terminated, truncated, info = env.step("First: " + query("birthplace of Ilse Grendoro"))
    shown = "birthplace of Ilse Grendoro -> Ilse Grendoro: The birthplace of Ilse Grendoro is Kesford."
    assert (observation, reward, terminated, truncated) == (shown, 0.0, False, False)
    assert (info["verdict"].status, info["calls_left"]) == ("undecided", 4)
    env.step(query("country of Kesford"))
    env.step(query("capital of Norstan"))
    observation, reward, terminated, _, info = env.step("<answer>the Eldford.</answer>")
    assert (observation, reward, terminated, info["verdict"].status) == ("", 1.0, True, "correct")


def test_a_wrong_answer_is_refuted_where_it_stands() -> None:
    action = "I guess <answer>Quinstead</answer>"
    _, reward, terminated, _, info = env_at().step(action)
    assert (reward, terminated) == (0.0, True)
    assert [action[f.start : f.end] for f in info["verdict"].findings] == ["Quinstead"]
    assert info["verdict"].findings[0].evidence["f1"] == 0.0


@pytest.mark.parametrize(
    ("action", "observation"),
    [
        (query("xyzzy"), "xyzzy -> nothing was found"),
        (query('" OR title:*'), '" OR title:* -> nothing was found'),
        (query("a" * 1_000_000), "Nothing was done: there are 1,000,000 characters inside <search_query>"),
        ("<search_query>Kesford", "Nothing was done: <search_query> is never closed."),
        (query(" "), "Nothing was done: there is nothing inside"),
        ("<math_exp>1</math_exp>", "Nothing was done: <math_exp> is no tag here"),
    ],
)
def test_whatever_is_written_is_answered_in_words(action: str, observation: str) -> None:
    shown, reward, terminated, _, info = env_at().step(action)
    assert shown.startswith(observation)
    assert (reward, terminated, info["calls_left"]) == (0.0, False, 4)


def test_several_queries_and_queries_with_answers_and_repeated_ones() -> None:
    env = env_at()
    both = query("country of Kesford") + "<answer>Norstan</answer>"
    assert env.step(both)[0].endswith("(a call or an answer, never both: only the call was read)")
    assert env.step(query("mayor of Kesford") + query("x"))[0].endswith("(one call per turn: only the first was read)")
    assert env.step(query("country of Kesford"))[0].endswith("(this was asked before)")


def test_after_the_last_search_only_an_answer_counts() -> None:
    env = env_at(max_calls=1)
    assert env.step(query("x"))[0].endswith("write <answer>your answer</answer> now)")
    _, reward, terminated, truncated, info = env.step(query("y"))
    assert (reward, terminated, truncated, info["verdict"].status) == (0.0, True, False, "wrong")


@pytest.mark.parametrize("arguments", [{}, {"passages": "articles"}, {"results": 3}, {"size": 12, "world_seed": 9}])
def test_the_expert_finds_every_answer_by_good_steps(arguments: dict[str, Any]) -> None:
    env = MultiHopQAEnv(**arguments)
    for seed in range(40):
        env.reset(seed=seed)
        assert play(env) == (1.0, True)


def test_in_a_noisy_world_good_steps_may_end_wrong() -> None:
    env, results = MultiHopQAEnv(noise=0.3), []
    for seed in range(120):
        env.reset(seed=seed)
        results.append(play(env))
    solved = sum(reward for reward, _ in results) / len(results)
    # (0.7**2 + 0.7**3 + 0.7**4) / 3 = 0.36
    assert 0.24 < solved < 0.48
    assert all(good for _, good in results)


def test_the_state_of_an_episode_is_that_of_its_log() -> None:
    env = env_at()
    steps = searcher_steps(env.task, env.call, slips=["wrong-entity", "repeat"])
    for step in steps[:-1]:
        assert judge_step(env.state, step.action) == (step.good, step.why)
        assert env.step(step.action)[0].split("\n")[0] == step.observation
    assert env.step(steps[-1].action)[1] == 1.0


def test_episodes_branch() -> None:
    env, other = env_at(), MultiHopQAEnv()
    env.step(query("birthplace of Ilse Grendoro"))
    state = env.get_state()
    other.reset(seed=5)
    other.set_state(state)
    assert other.state == env.state
    assert other.step(query("birthplace of Ilse Grendoro"))[0].endswith("(this was asked before)")
    env.set_state(state)
    assert play(env) == (1.0, True)


def test_environments_of_one_world_share_an_index() -> None:
    assert MultiHopQAEnv(hops=2).index is MultiHopQAEnv(hops=3, results=2).index
    assert MultiHopQAEnv().index is not MultiHopQAEnv(noise=0.1).index


def by_letters(documents: Sequence[Document]) -> DenseIndex:
    return DenseIndex(documents, lambda texts: [[text.lower().count(c) for c in "abcdefghijklmnop"] for text in texts])


def test_retrieval_of_ones_own() -> None:
    env = env_at(retrieval=by_letters)
    assert isinstance(env.index, DenseIndex)
    assert " -> " in env.step(query("birthplace of Ilse Grendoro"))[0]
    with pytest.raises(UnknownNameError, match="search index"):
        MultiHopQAEnv(retrieval="nothing")


def test_questions_and_paragraphs_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "hotpot_dev.json"
    path.write_text(json.dumps([ROW]))
    env = MultiHopQAEnv(path=path, results=2)
    observation, info = env.reset(seed=0)
    assert (observation, info["task"]) == (ROW["question"], "hotpot/5a8b")
    shown = env.step(query("painter of The Blue Mill"))[0]
    assert shown.startswith("painter of The Blue Mill -> \n[1] The Blue Mill: A painting by Jan Verlo.\n[2] Jan Verlo:")
    with pytest.raises(InvalidInputError, match="no solution"):
        env.expert_action()
    assert env.step("<answer>Haarbeek</answer>")[1] == 1.0
    with pytest.raises(InvalidInputError, match="HotPotQA is not part of stepgym"):
        MultiHopQAEnv(path=tmp_path / "missing.json")
    with pytest.raises(InvalidInputError, match="leave them out"):
        MultiHopQAEnv(path=path, noise=0.2)
    with pytest.raises(UnknownNameError):
        env.reset(options=TASK)


def test_questions_of_another_world_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="another world than world_seed=1, size=60"):
        MultiHopQAEnv(world_seed=1).reset(options=TASK)


@pytest.mark.parametrize(
    "arguments",
    [{"results": 0}, {"results": 11}, {"noise": 2}, {"hops": 5}, {"size": 5}, {"passages": "x"}, {"world_seed": -1}],
)
def test_arguments_out_of_bounds(arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match="must be"):
        MultiHopQAEnv(**arguments)


@pytest.mark.parametrize("arguments", [{}, {"noise": 0.2, "passages": "articles", "hops": [2, 3]}])
def test_it_keeps_the_promises_of_a_text_environment(arguments: dict[str, Any]) -> None:
    report = check_text_env(gymnasium.make("stepgym/MultiHopQA-v0", **arguments))
    assert all(not promise.not_checked for promise in report.promises)


def test_function_calls_instead_of_tags() -> None:
    env = env_at(actions="stepgym.envs.tools:FunctionCalls", instructions="Search, then answer.")
    action = 'Hm.\n<tool_call>{"name": "search", "arguments": {"query": "birthplace of Ilse Grendoro"}}</tool_call>'
    assert env.step(action)[0].endswith("The birthplace of Ilse Grendoro is Kesford.")
    assert play(env) == (1.0, True)
    assert isinstance(env.index, FullTextIndex)

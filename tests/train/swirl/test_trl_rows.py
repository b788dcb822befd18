from __future__ import annotations

import pytest

from stepgym.agents import Judgement
from stepgym.agents.judges import JudgedEpisode
from stepgym.errors import InvalidInputError
from stepgym.train.swirl import good_steps, judge_as_trl_reward, to_step_grpo, to_step_kto, to_step_sft


@pytest.fixture
def judged(make_episode):
    episode = make_episode([("a?", "g"), ("c?", "b"), ("d?", "?")])
    return [JudgedEpisode(episode, (Judgement(True), Judgement(False), Judgement(None)))]


def test_rows_hold_the_state_as_a_conversation_and_one_action(judged):
    rows = list(to_step_sft(judged))
    assert rows[1] == {
        "prompt": [
            {"role": "user", "content": "a?"},
            {"role": "assistant", "content": "g"},
            {"role": "user", "content": "c?"},
        ],
        "completion": [{"role": "assistant", "content": "b"}],
    }
    assert len(rows) == 3
    assert list(to_step_sft(judged, steps=good_steps(judged))) == rows[:1]


def test_labels_are_judgements(judged):
    assert [row["label"] for row in to_step_kto(judged)] == [True, False]


def test_stored_states_go_through_the_reward_function_of_grpo(judged, judge):
    rows = list(to_step_grpo(judged))
    assert set(rows[2]) == {"prompt", "task_id", "observations", "actions"}
    reward = judge_as_trl_reward(judge)
    assert reward.__name__ == "good-g"
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    chats = [[{"role": "assistant", "content": text}] for text in ("good", "bad", "?")]
    assert reward(prompts=columns.pop("prompt"), completions=chats, **columns) == [1.0, 0.0, None]
    assert reward(completions=["g", "g", "b"], **columns) == [1.0, 1.0, 0.0]
    with pytest.raises(InvalidInputError, match="to_step_grpo"):
        reward(completions=["g"])
    with pytest.raises(InvalidInputError, match="chat messages"):
        reward(completions=[1, 2, 3], **columns)

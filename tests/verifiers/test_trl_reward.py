from __future__ import annotations

import pytest

from stepgym.errors import InvalidInputError
from stepgym.verifiers import ExactMatchVerifier, as_trl_reward, from_function


def judge(response, reference, context):
    return None if response == "?" else response == reference and (not context or context == "q")


def test_plain_texts_as_trl_passes_them():
    reward = as_trl_reward(from_function(judge, name="judge/1"))
    scores = reward(
        prompts=["q", "q", "q"],
        completions=["4", "5", "?"],
        completion_ids=[[1], [2], [3]],
        reference=["4", "4", "4"],
        trainer_state=object(),
    )
    assert scores == [1.0, 0.0, None]
    assert reward.__name__ == "judge"


def test_chat_messages():
    reward = as_trl_reward(from_function(judge, name="judge/1"), reference_column="solution", name="mine")
    prompt = [{"role": "system", "content": "be brief"}, {"role": "user", "content": [{"type": "text", "text": "q"}]}]
    completion = [
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "tool", "content": "5"},
        {"role": "assistant", "content": "4"},
    ]
    assert reward(prompts=[prompt], completions=[completion], solution=["4"]) == [1.0]
    assert reward(prompts=[prompt], completions=[[{"role": "tool", "content": "4"}]], solution=["4"]) == [0.0]
    assert reward.__name__ == "mine"


def test_errors_name_what_is_missing():
    reward = as_trl_reward(ExactMatchVerifier())
    with pytest.raises(InvalidInputError, match=r"no column 'reference'; it has \['answer'\]"):
        reward(prompts=["q"], completions=["4"], answer=["4"])
    with pytest.raises(InvalidInputError, match="2 completions, 1 references"):
        reward(prompts=["q", "q"], completions=["4", "4"], reference=["4"])
    with pytest.raises(InvalidInputError, match="chat messages"):
        reward(prompts=["q"], completions=[4], reference=["4"])

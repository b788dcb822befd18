from __future__ import annotations

import asyncio
import re

import pytest

from stepgym.agents import LLMJudge, PolicyError, Sampling, TransformersPolicy
from stepgym.agents.judges import JudgementCache, StepState, judge_all
from stepgym.errors import InvalidInputError, UnknownNameError

GOOD = "<search_query>mayor of Valhar</search_query>"


def judged(judge, state, action=GOOD):
    return asyncio.run(judge.judge(state, action))


def says(word):
    return lambda prompt: f"Some reasons.\n{marker(prompt)} {word}"


def marker(prompt: str) -> str:
    return re.findall(r"VERDICT-[0-9a-f]{8}:", prompt)[-1]


def test_reasons_come_before_the_verdict(asked, state):
    found = judged(LLMJudge(asked(says("GOOD"))), state)
    assert (found.good, found.reason, found.judge, found.problem) == (True, "Some reasons.", "asked", "")
    assert judged(LLMJudge(asked(says("**bad**."))), state).good is False
    assert len(found.prompt_hash) == 16


def test_the_judge_reads_the_whole_state_and_the_rules_of_its_tool(asked, state):
    policy = asked(says("GOOD"))
    judged(LLMJudge(policy), state)
    judged(LLMJudge(policy, prompt="calculator"), state)
    for shown in (*state.observations, *state.actions, GOOD):
        assert shown in policy.prompts[0]
    assert "search engine" in policy.prompts[0]
    assert "calculator" in policy.prompts[1]
    assert marker(policy.prompts[0]) != marker(policy.prompts[1])


@pytest.mark.parametrize(
    "answer", ["", "I cannot tell.", "VERDICT: GOOD", "GOOD", "{m}", "{m} GOOD or BAD?", "{m} maybe"]
)
def test_neither_verdict_is_none_and_counted(asked, state, answer):
    policy = asked(lambda prompt: answer.replace("{m}", marker(prompt)))
    judge = LLMJudge(policy, attempts=3)
    found = judged(judge, state)
    assert found.good is None
    assert found.problem == "neither"
    assert judge.counts == {"asked": 1, "neither": 1}
    assert len(policy.prompts) == 3


def test_the_last_marker_of_the_judge_counts(asked, state):
    policy = asked(lambda p: f"{marker(p)} GOOD\nNo, on second thoughts:\n{marker(p)} BAD\nThat is all.")
    assert judged(LLMJudge(policy), state).good is False


class Failing:
    name = "failing"

    async def generate(self, request):
        raise ConnectionError("nobody answers")


def test_a_failing_server_is_a_clear_error_or_counted(state):
    with pytest.raises(PolicyError, match=r"judge failing failed at step 2 of task 'me/1'.*nobody answers.*on_failure"):
        judge_all(LLMJudge(Failing()), [(state, GOOD), (state, "x"), (state, "y")])
    judge = LLMJudge(Failing(), on_failure="count")
    found = judged(judge, state)
    assert (found.good, found.problem) == (None, "failed")
    assert "nobody answers" in found.reason
    assert judge.counts == {"asked": 1, "failed": 1}
    assert len(judge.cache) == 0, "a failure is asked again"


def test_a_step_longer_than_the_context_of_the_judge_is_none(make_llama, char_tokenizer, state):
    policy = TransformersPolicy(make_llama(char_tokenizer, context=64), char_tokenizer)
    judge = LLMJudge(policy, sampling=Sampling(max_tokens=4))
    found = judged(judge, state)
    assert (found.good, found.problem) == (None, "cut")
    assert "context holds 64" in found.reason
    assert judge.counts["cut"] == 1


def test_what_was_judged_is_not_asked_again_by_the_next_process(tmp_path, asked, state):
    first, second = asked(says("BAD")), asked(says("GOOD"))
    with JudgementCache(tmp_path) as cache:
        assert judged(LLMJudge(first, cache=cache), state).good is False
    with (tmp_path / "judgements.jsonl").open("ab") as file:
        file.write(b'{"key": 1}\nnonsense\n{"cut')
    with JudgementCache(tmp_path) as cache:
        judge = LLMJudge(second, cache=cache)
        assert judged(judge, state).good is False
        assert judge.counts == {"remembered": 1}
        assert cache.unreadable == 2
        judged(judge, state, "another action")
        judged(LLMJudge(second, cache=cache, prompt="calculator"), state)
    assert len(first.prompts) == 1
    assert len(second.prompts) == 2, "another action and another prompt are other questions"


def test_equal_steps_are_judged_once(asked, state):
    policy = asked(says("GOOD"))
    assert len(judge_all(LLMJudge(policy), [(state, GOOD)] * 5 + [(state, "x")])) == 6
    assert len(policy.prompts) == 2


def test_prompts_of_your_own(tmp_path, asked, state):
    own = tmp_path / "judge.txt"
    own.write_text("{conversation} then {action} fenced by {nonce}; write {marker} and GOOD or BAD")
    policy = asked(says("GOOD"))
    assert judged(LLMJudge(policy, prompt=own), state).good
    # A place that stands in what others wrote is no place.
    judged(LLMJudge(policy, prompt=own), state, "{marker} {conversation}")
    assert "| {marker} {conversation}" in policy.prompts[1]
    own.write_text("{conversation} {action}")
    with pytest.raises(InvalidInputError, match=r"lacks \{marker\}, \{nonce\}"):
        LLMJudge(policy, prompt=own)
    with pytest.raises(InvalidInputError, match="cannot read"):
        LLMJudge(policy, prompt=tmp_path / "none.txt")
    with pytest.raises(UnknownNameError, match="search"):
        LLMJudge(policy, prompt="serach")


def test_states_refuse_what_does_not_fit(make_episode):
    with pytest.raises(InvalidInputError, match="one observation more"):
        StepState("t", ("a",), ("b",))
    with pytest.raises(InvalidInputError, match="no step 1"):
        StepState.of(make_episode(["only"]), 1)

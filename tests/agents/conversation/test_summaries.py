"""Summaries by a policy, in the conversation and in its identity."""

from __future__ import annotations

from typing import Any

import pytest

from stepgym.agents import Agent, ChatPrompt, Completion, LastTurns, ScriptedPolicy, WithHistory
from stepgym.agents.agent import PolicyError
from stepgym.agents.conversation.prompts import template_hash
from stepgym.agents.conversation.summaries import PolicySummary
from stepgym.agents.policy import Request
from stepgym.agents.running import run_sync


class Listener:
    name = "listener"

    def __init__(self, answer: str = " It was dark. ", tokenizer: Any = None) -> None:
        self.answer, self.tokenizer = answer, tokenizer
        self.asked: list[Request] = []

    async def generate(self, request: Request) -> list[Completion]:
        self.asked.append(request)
        return [Completion(self.answer)]


def talk(agent: Agent, turns: int) -> Any:
    conversation = agent.start()
    for n in range(turns):
        run_sync(agent.act(conversation, f"see {n}"))
    return conversation


def test_the_summary_of_a_policy_stands_for_what_is_dropped() -> None:
    listener = Listener()
    player = Listener("go")
    talk(Agent(player, WithHistory(ChatPrompt(), LastTurns(1), summarize=PolicySummary(listener))), 4)
    assert len(listener.asked) == 2
    first, second = (request.messages[-1]["content"] for request in listener.asked)
    assert first.endswith("User: see 0\n\nAssistant: go")
    assert "What happened before:\nIt was dark." in second
    assert second.endswith("User: see 1\n\nAssistant: go")
    assert player.asked[3].messages[0]["content"] == "see 0\n\nIt was dark.\n\nsee 2"
    assert listener.asked[0].sampling.temperature == 0


def test_a_policy_with_a_tokenizer_is_asked_in_ids(shaped: Any) -> None:
    _, tokenizer = shaped("qwen2")
    listener = Listener(tokenizer=tokenizer)
    talk(Agent(Listener("go"), WithHistory(ChatPrompt(), LastTurns(0), summarize=PolicySummary(listener))), 2)
    text = tokenizer.decode(listener.asked[0].prompt_token_ids)
    assert text.endswith("Assistant: go<|im_end|>\n<|im_start|>assistant\n")


def test_no_summary_is_an_error_of_the_episode_and_settings_tell_summaries_apart(shaped: Any) -> None:
    empty = WithHistory(ChatPrompt(), LastTurns(0), summarize=PolicySummary(Listener(" ")))
    with pytest.raises(PolicyError, match="gave no summary"):
        talk(Agent(ScriptedPolicy(["a", "b"]), empty), 2)
    _, tokenizer = shaped("qwen2")
    summaries = [PolicySummary(Listener()), PolicySummary(ScriptedPolicy(["a"])), PolicySummary(Listener(), task="?")]
    prompts = [WithHistory(ChatPrompt(), summarize=summary) for summary in summaries]
    assert len({template_hash(prompt, tokenizer) for prompt in prompts}) == 3

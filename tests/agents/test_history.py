"""Histories: which turns a policy still reads, and that the log keeps its ids whatever is dropped."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepgym.agents import Agent, ChatPrompt, Completion, PlainPrompt, Sampling, ScriptedPolicy, collect
from stepgym.agents.agent import PolicyError
from stepgym.agents.conversation.conversation import Conversation, PromptEncoder
from stepgym.agents.conversation.history import FitContext, FullHistory, LastTurns, WithHistory
from stepgym.agents.conversation.prompts import PromptFormat, template_hash
from stepgym.agents.conversation.step_prompt import StepPrompt
from stepgym.agents.running import run_sync
from stepgym.errors import InvalidInputError

HISTORIES = {"full": FullHistory(), "last": LastTurns(1), "none": LastTurns(0), "fit": FitContext(160)}
TEMPLATES = ("chatml", "llama3", "gemma", "minicpm", "thinking")


def play(prompt: PromptFormat, turns: list[tuple[str, str]], tokenizer: Any = None, **kwargs: Any) -> list[Any]:
    """Prompts and records of a dialogue with given answers, in the ids of `tokenizer` if there is one."""
    encoder = None if tokenizer is None else PromptEncoder(prompt, tokenizer)
    conversation = Conversation(prompt, encoder, **kwargs)
    played = []
    for observation, answer in turns:
        asked = conversation.ask(observation)
        ids = None if encoder is None else encoder.action_ids(answer)
        text = answer if encoder is None else tokenizer.decode(ids, skip_special_tokens=True)
        played.append((asked, conversation.record(Completion(text, prompt_token_ids=asked.token_ids, token_ids=ids))))
    return played


def texts(played: list[Any]) -> list[list[str]]:
    """What each prompt showed."""
    return [[message["content"] for message in asked.messages] for asked, _ in played]


def assert_token_exact(prompt: PromptFormat, played: list[Any], tokenizer: Any) -> None:
    """Logged ids are the prompts, re-decode to the rendered text, and grow by prefixes within a segment."""
    whole: tuple[int, ...] = ()
    for asked, record in played:
        before = whole
        whole = record.prompt_token_ids if record.new_segment else whole + record.prompt_token_ids
        assert whole == asked.token_ids
        assert record.new_segment or whole[: len(before)] == before
        rendered = prompt.render(asked.messages, tokenizer)
        assert tokenizer.decode(whole, skip_special_tokens=False) == rendered
        whole += record.token_ids


LONG = [(f"room {n}, look: apple {n}", f"<think>it is {n}</think>take apple {n}") for n in range(7)]


@pytest.mark.parametrize("history", HISTORIES)
@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("keep_thoughts", [True, False])
def test_ids_are_exact_with_every_history(
    make_byte_tokenizer: Any, chat_templates: Any, history: str, template: str, keep_thoughts: bool
) -> None:
    text, eos, bos = chat_templates[template]
    tokenizer = make_byte_tokenizer(text, eos=eos, bos=bos)
    prompt = WithHistory(ChatPrompt(instructions="user"), HISTORIES[history], keep_thoughts=keep_thoughts)
    played = play(prompt, LONG, tokenizer, instructions="Answer né.")
    assert_token_exact(prompt, played, tokenizer)
    begun = [record.new_segment for _, record in played]
    if history == "full":
        assert all(begun) == (template == "thinking" or not keep_thoughts)
    elif history == "last":
        assert begun[2:] == [True] * 5
    shown = [any("<think>" in text for text in contents) for contents in texts(played)]
    assert any(shown) == (keep_thoughts and history != "none")


def test_a_window_that_drops_turns_begins_a_segment_and_fitting_does_so_rarely(chat_tokenizer: Any) -> None:
    turns = [(f"see {n}", f"go {n}") for n in range(40)]
    starts = {}
    for name, history in (("last", LastTurns(4)), ("fit", FitContext(300)), ("full", FullHistory())):
        prompt = WithHistory(ChatPrompt(), history)
        played = play(prompt, turns, chat_tokenizer)
        assert_token_exact(prompt, played, chat_tokenizer)
        starts[name] = sum(record.new_segment for _, record in played)
        if name == "fit":
            assert max(len(asked.token_ids) for asked, _ in played) <= 300
    assert starts["full"] == 1
    assert starts["last"] == 1 + (40 - 5)
    assert 2 < starts["fit"] < 15


def test_what_is_shown_in_place_of_dropped_turns() -> None:
    turns = [("task: find it", "a"), ("b", "c"), ("d", "e"), ("f", "g")]
    played = play(WithHistory(ChatPrompt(), LastTurns(1)), turns)
    note = "[Earlier turns that are not shown: {}]"
    assert texts(played)[1] == ["task: find it", "a", "b"]
    assert texts(played)[3] == [f"task: find it\n\n{note.format(2)}\n\nd", "e", "f"]
    assert [m["role"] for m in played[3][0].messages] == ["user", "assistant", "user"]
    assert texts(play(WithHistory(ChatPrompt(), LastTurns(0), note=""), turns))[3] == ["task: find it\n\nf"]
    plain = WithHistory(PlainPrompt(prefix="Q: ", suffix="\nA: "), LastTurns(0), note="...")
    assert plain.render(play(plain, turns)[3][0].messages, None) == "Q: task: find it\n\n...\n\nf\nA: "


def test_dropped_turns_are_summarized_once_and_in_order() -> None:
    calls: list[tuple[str, list[str]]] = []

    def summarize(before: str, dropped: Any) -> str:
        calls.append((before, [message["content"] for message in dropped]))
        return f"so far: {sum(len(texts) for _, texts in calls) // 2} turns"

    turns = [(f"o{n}", f"a{n}") for n in range(5)]
    played = play(WithHistory(ChatPrompt(), LastTurns(2), summarize=summarize), turns)
    assert calls == [("", ["o0", "a0"]), ("so far: 1 turns", ["o1", "a1"])]
    assert texts(played)[4] == ["o0\n\nso far: 2 turns\n\no2", "a2", "o3", "a3", "o4"]


def test_a_summary_may_be_asked_of_a_model_and_its_failure_is_the_episodes(echo_env: Any) -> None:
    async def summarize(before: str, dropped: Any) -> str:
        return f"{before}{len(dropped) // 2};"

    async def broken(before: str, dropped: Any) -> str:
        raise ZeroDivisionError("no summary today")

    seen: list[str] = []
    policy = ScriptedPolicy(lambda text: seen.append(text) or "wrong")  # type: ignore[func-returns-value]
    prompt = WithHistory(ChatPrompt(), LastTurns(0), summarize=summarize)
    collect(lambda: echo_env(turns=3), Agent(policy, prompt), episodes=1, progress=False)
    assert "1;1;" in seen[2]
    prompt = WithHistory(ChatPrompt(), LastTurns(0), summarize=broken)
    done = collect(lambda: echo_env(turns=3), Agent(policy, prompt), episodes=2, progress=False)
    assert done.ends == {"error": 2}
    assert "no summary today" in next(iter(done.errors))
    conversation = Conversation(prompt)
    conversation.ask("a")
    conversation.record(Completion("b"))
    with pytest.raises(InvalidInputError, match="ask_async"):
        conversation.ask("c")
    agent = Agent(policy, WithHistory(ChatPrompt(), LastTurns(0), summarize=lambda *_: 3))  # type: ignore[arg-type,return-value]
    conversation = agent.start()
    run_sync(agent.act(conversation, "a"))
    with pytest.raises(PolicyError, match="must be a text"):
        run_sync(agent.act(conversation, "b"))


def test_the_oldest_turns_make_room_in_a_real_models_context(
    make_llama: Any, chat_tokenizer: Any, echo_env: Any
) -> None:
    from stepgym.agents import TransformersPolicy

    policy = TransformersPolicy(make_llama(chat_tokenizer, context=220), chat_tokenizer)
    sampling = Sampling(max_tokens=24, temperature=1.0, stop=("e", "a", "o", "1", " "))
    full = collect(lambda: echo_env(turns=14), Agent(policy, ChatPrompt(), sampling), episodes=4, progress=False)
    assert full.ends.get("context", 0) >= 3, "overflow is recorded and drops the episode"
    prompt = WithHistory(ChatPrompt(), FitContext())
    done = collect(lambda: echo_env(turns=14), Agent(policy, prompt, sampling), episodes=4, progress=False)
    lengths = [len(episode.steps) for episode in done.episodes]
    assert max(lengths) == 14
    for episode in done.episodes:
        whole: tuple[int, ...] = ()
        for step in episode.steps:
            completion = step.completion
            assert completion is not None
            whole = completion.prompt_token_ids if completion.new_segment else whole + completion.prompt_token_ids
            assert len(whole) <= 220 - 24
            whole += completion.token_ids
    begun = [sum(step.completion.new_segment for step in episode.steps) for episode in done.episodes]
    assert 2 <= max(begun) < 8
    hashes = {template_hash(p, chat_tokenizer) for p in (ChatPrompt(), prompt, WithHistory(ChatPrompt(), LastTurns(2)))}
    assert len(hashes) == 3


def test_a_full_context_is_no_error_of_any_policy(chat_tokenizer: Any) -> None:
    class Small:
        name, context, tokenizer = "small", 10, chat_tokenizer

        async def generate(self, request: Any) -> list[Completion]:
            raise ValueError("This model's maximum context length is 10 tokens")

    agent = Agent(Small(), ChatPrompt())
    done = run_sync(agent.act(agent.start(), "a question that is far longer than ten tokens"))
    assert (done.text, done.finish_reason, done.token_ids) == ("", "length", ())


def test_text_policies_are_fitted_by_an_estimate() -> None:
    turns = [("x" * 300, "y" * 300)] * 6
    played = play(WithHistory(ChatPrompt(), FitContext(500)), turns)
    assert max(sum(map(len, contents)) for contents in texts(played)) <= 1500
    assert len(played[1][0].messages) == 3
    assert play(WithHistory(ChatPrompt(), FitContext()), turns)[-1][0].messages[0]["content"] == "x" * 300


@settings(max_examples=60, deadline=None)
@given(
    turns=st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), min_size=1, max_size=8),
    history=st.one_of(
        st.builds(LastTurns, st.integers(0, 3)),
        st.builds(FitContext, st.integers(1, 200), st.floats(0.1, 1.0)),
    ),
)
def test_any_dialogue_with_any_history(chat_tokenizer: Any, turns: list[tuple[str, str]], history: Any) -> None:
    prompt = WithHistory(ChatPrompt(), history)
    clean = [(observation.replace("<", ""), answer.replace("<", "")) for observation, answer in turns]
    played = play(prompt, clean, chat_tokenizer)
    assert_token_exact(prompt, played, chat_tokenizer)
    for (observation, _), (asked, _) in zip(clean, played, strict=True):
        assert asked.messages[-1]["content"].endswith(observation)
        assert asked.messages[0]["content"].startswith(clean[0][0])


def test_wrong_settings_are_refused() -> None:
    for make in (
        lambda: LastTurns(-1),
        lambda: FitContext(0),
        lambda: FitContext(share=0),
        lambda: FitContext(share=2),
    ):
        with pytest.raises(InvalidInputError):
            make()
    for prompt in (WithHistory(ChatPrompt()), StepPrompt()):
        with pytest.raises(InvalidInputError, match="history of its own"):
            WithHistory(prompt, LastTurns(2))

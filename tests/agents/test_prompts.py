"""Prompts: what the policy reads, turn by turn, in text and in ids."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepgym.agents import (
    Agent,
    ChatPrompt,
    Completion,
    PlainPrompt,
    Sampling,
    ScriptedPolicy,
    TransformersPolicy,
    collect,
)
from stepgym.agents.conversation.conversation import Conversation, PromptEncoder
from stepgym.agents.conversation.prompts import PromptFormat, template_hash
from stepgym.errors import InvalidInputError


@pytest.fixture(scope="module", params=["chatml", "llama3", "gemma", "minicpm"])
def tokenizer(request: Any, make_byte_tokenizer: Any, chat_templates: Any) -> Any:
    template, eos, bos = chat_templates[request.param]
    return make_byte_tokenizer(template, eos=eos, bos=bos)


class Dialogue:
    """Plays given answers against a prompt format and keeps the ids a policy would have read and written."""

    def __init__(self, tokenizer: Any, prompt: PromptFormat, instructions: str = "") -> None:
        self.tokenizer = tokenizer
        self.conversation = Conversation(prompt, PromptEncoder(prompt, tokenizer), instructions=instructions)
        self.prompts: list[tuple[int, ...]] = []
        self.records: list[Completion] = []

    def turn(self, observation: str, answer: str, *, end: bool = True) -> Completion:
        asked = self.conversation.ask(observation)
        ids = tuple(self.tokenizer.encode(answer, add_special_tokens=False))
        ids += (self.tokenizer.eos_token_id,) if end else ()
        text = self.tokenizer.decode(ids, skip_special_tokens=True)
        self.prompts.append(asked.token_ids or ())
        self.records.append(self.conversation.record(Completion(text, prompt_token_ids=asked.token_ids, token_ids=ids)))
        return self.records[-1]

    def text(self) -> str:
        """The text of the last prompt as the policy read it."""
        return str(self.tokenizer.decode(self.prompts[-1], skip_special_tokens=False))


def assert_segments_hold(dialogue: Dialogue) -> None:
    """Within a segment, prompt and completion are a prefix of the next prompt, and the log holds only what is new."""
    whole: tuple[int, ...] = ()
    for prompt, record in zip(dialogue.prompts, dialogue.records, strict=True):
        whole = (record.prompt_token_ids or ()) if record.new_segment else whole + (record.prompt_token_ids or ())
        assert whole == prompt
        whole += record.token_ids or ()
    for (before, written), (after, record) in pairwise(zip(dialogue.prompts, dialogue.records, strict=True)):
        if not record.new_segment:
            assert after[: len(before) + len(written.token_ids or ())] == before + (written.token_ids or ())


def test_the_text_is_the_template_turn_by_turn(tokenizer: Any) -> None:
    dialogue = Dialogue(tokenizer, ChatPrompt(instructions="user"), "Answer with a number.")
    messages: list[dict[str, str]] = []
    for turn, (observation, answer) in enumerate([("what is 12 * 3?", "36"), ("né à 你好?", "é"), ("again", "x\ny")]):
        record = dialogue.turn(observation, answer)
        shown = f"Answer with a number.\n\n{observation}" if turn == 0 else observation
        messages.append({"role": "user", "content": shown})
        assert dialogue.text() == tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        messages.append({"role": "assistant", "content": answer})
        assert record.new_segment == (turn == 0)
    assert_segments_hold(dialogue)


def test_an_end_of_turn_token_is_neither_doubled_nor_lost(tokenizer: Any) -> None:
    for end in (True, False):
        dialogue = Dialogue(tokenizer, ChatPrompt())
        dialogue.turn("first", "36", end=end)
        second = dialogue.turn("second", "37")
        assert not second.new_segment
        # The policy's own where it wrote it, else the template's.
        written = dialogue.prompts[0] + (dialogue.records[0].token_ids or ())
        assert dialogue.prompts[1][: len(written)] == written
        said = [("user", "first"), ("assistant", "36"), ("user", "second")]
        messages = [{"role": role, "content": content} for role, content in said]
        plain = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        assert dialogue.prompts[1].count(tokenizer.eos_token_id) == plain.count(tokenizer.eos_token)
        assert (second.prompt_token_ids or ())[0] == tokenizer.eos_token_id or end
    assert_segments_hold(dialogue)


def test_the_same_text_the_same_ids_with_and_without_sampled_end(tokenizer: Any) -> None:
    one, two = Dialogue(tokenizer, ChatPrompt()), Dialogue(tokenizer, ChatPrompt())
    one.turn("first", "36", end=True)
    two.turn("first", "36", end=False)
    one.turn("second", "x")
    two.turn("second", "x")
    assert one.prompts[1] == two.prompts[1]


def test_a_template_that_rewrites_history_begins_a_segment(make_byte_tokenizer: Any, chat_templates: Any) -> None:
    tokenizer = make_byte_tokenizer(chat_templates["thinking"][0])
    dialogue = Dialogue(tokenizer, ChatPrompt())
    dialogue.turn("first", "12 * 3 is</think>36")
    record = dialogue.turn("second", "37")
    assert record.new_segment
    assert "is</think>" not in dialogue.text()
    assert not dialogue.turn("third", "38").new_segment  # the second answer had no thoughts
    assert_segments_hold(dialogue)


def test_white_space_a_template_strips_begins_a_segment(make_byte_tokenizer: Any, chat_templates: Any) -> None:
    template, eos, bos = chat_templates["llama3"]
    dialogue = Dialogue(make_byte_tokenizer(template, eos=eos, bos=bos), ChatPrompt())
    dialogue.turn("first", " 36\n", end=False)
    assert dialogue.turn("second", "37").new_segment
    assert_segments_hold(dialogue)


def test_ids_are_not_encoded_again(chat_tokenizer: Any) -> None:
    """The policy wrote a text in other tokens than the tokenizer would use: its own ids stay."""
    odd = tuple(i for c in "the" for i in chat_tokenizer.encode(c))
    assert odd != tuple(chat_tokenizer.encode("the"))
    prompt = ChatPrompt()
    conversation = Conversation(prompt, PromptEncoder(prompt, chat_tokenizer))
    asked = conversation.ask("first")
    conversation.record(Completion("the", prompt_token_ids=asked.token_ids, token_ids=odd))
    again = conversation.ask("second")
    assert not again.new_segment
    assert again.token_ids[: len(asked.token_ids) + len(odd)] == asked.token_ids + odd


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=12), st.text(max_size=12), st.booleans()), min_size=1, max_size=4))
def test_any_dialogue_keeps_its_ids(chat_tokenizer: Any, turns: list[tuple[str, str, bool]]) -> None:
    for prompt in (ChatPrompt(), PlainPrompt(prefix="Q: ", suffix="\nA: ")):
        dialogue = Dialogue(chat_tokenizer, prompt, "Be brief.")
        for observation, answer, end in turns:
            dialogue.turn(observation.replace("<", ""), answer.replace("<", ""), end=end)
        assert_segments_hold(dialogue)
        messages = prompt.messages(dialogue.conversation.turns[:-1], instructions="Be brief.")
        if isinstance(prompt, ChatPrompt):
            assert dialogue.text() == prompt.render(messages, chat_tokenizer)
        else:
            assert dialogue.text().replace("<|im_end|>", "") == prompt.render(messages)
            assert sum(record.new_segment for record in dialogue.records) == 1


def test_special_text_in_an_observation_is_what_the_template_makes_of_it(chat_tokenizer: Any) -> None:
    """An observation with the text of a special token cannot make two renderings disagree."""
    dialogue = Dialogue(chat_tokenizer, ChatPrompt())
    dialogue.turn("a <|im_end|> b", "x")
    dialogue.turn("c", "y<|im_end|>")
    dialogue.turn("d", "z")
    assert_segments_hold(dialogue)


def test_plain_prompt() -> None:
    prompt = PlainPrompt(prefix="Q: ", suffix="\nA:", separator="\n\n", instructions=True)
    turns = [
        {"role": "user", "content": "1+1"},
        {"role": "assistant", "content": " 2"},
        {"role": "user", "content": "2"},
    ]
    messages = prompt.messages(turns, instructions="Add.")  # type: ignore[arg-type]
    assert prompt.render(messages) == "Add.\n\nQ: 1+1\nA: 2\n\nQ: 2\nA:"
    assert PlainPrompt().render(PlainPrompt().messages(turns[:1], instructions="Add.")) == "1+1"  # type: ignore[arg-type]


def test_plain_prompts_begin_with_the_tokenizers_bos(make_byte_tokenizer: Any) -> None:
    from tokenizers import processors

    tokenizer = make_byte_tokenizer(None, eos="<|endoftext|>", bos="<|begin_of_text|>")
    bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<|begin_of_text|> $A <|endoftext|>", special_tokens=[("<|begin_of_text|>", bos), ("<|endoftext|>", eos)]
    )
    dialogue = Dialogue(tokenizer, PlainPrompt())
    dialogue.turn("look", "take", end=False)
    dialogue.turn("desk", "take", end=False)
    assert dialogue.prompts[0] == (bos, *tokenizer.encode("look", add_special_tokens=False))
    assert dialogue.prompts[1].count(bos) == 1
    assert eos not in dialogue.prompts[1]


def test_forced_actions_are_encoded_with_their_end(chat_tokenizer: Any) -> None:
    prompt = ChatPrompt()
    conversation = Conversation(prompt, PromptEncoder(prompt, chat_tokenizer))
    conversation.ask("look")
    done = conversation.force("take apple 1")
    assert chat_tokenizer.decode(done.token_ids) == "take apple 1<|im_end|>"
    assert not conversation.ask("desk").new_segment


def test_unusable_templates_are_explained(char_tokenizer: Any, make_byte_tokenizer: Any, chat_templates: Any) -> None:
    message = ({"role": "user", "content": "a"},)
    with pytest.raises(InvalidInputError, match="no chat template"):
        ChatPrompt().render(message, char_tokenizer)  # type: ignore[arg-type]
    gemma = make_byte_tokenizer(chat_templates["gemma"][0], eos="<end_of_turn>", bos="<bos>")
    with pytest.raises(InvalidInputError, match="instructions='user'"):
        Dialogue(gemma, ChatPrompt(), "Be brief.").turn("a", "b")
    with pytest.raises(InvalidInputError, match="instructions must be"):
        ChatPrompt(instructions="first")  # type: ignore[arg-type]
    own = ChatPrompt(template="{{ messages[0]['content'] }}!")
    assert own.render(message, char_tokenizer) == "a!"  # type: ignore[arg-type]


def test_template_hash_tells_formats_and_tokenizers_apart(char_tokenizer: Any, chat_tokenizer: Any) -> None:
    formats = [PlainPrompt(), PlainPrompt(suffix=" "), ChatPrompt(), ChatPrompt(template_kwargs={"thinking": False})]
    hashes = [template_hash(p, t) for p in formats for t in (char_tokenizer, chat_tokenizer)]
    assert len(set(hashes)) == len(hashes)
    assert hashes == [template_hash(p, t) for p in formats for t in (char_tokenizer, chat_tokenizer)]
    assert Agent(ScriptedPolicy(["a"])).template_hash == ""


def test_a_chat_model_plays_turns_with_exact_ids(chat_policy: TransformersPolicy, echo_env: Any) -> None:
    agent = Agent(chat_policy, ChatPrompt(), Sampling(max_tokens=60, temperature=2.0, stop=("e",)))
    done = collect(lambda: echo_env(turns=3), agent, episodes=20, progress=False)
    whole: tuple[int, ...] = ()
    several = 0
    for episode in done.episodes:
        turns: list[dict[str, str]] = [{"role": "system", "content": "Repeat the number."}]
        for step in episode.steps:
            completion = step.completion
            assert completion is not None
            turns.append({"role": "user", "content": step.observation})
            whole = completion.prompt_token_ids if completion.new_segment else whole + completion.prompt_token_ids
            text = chat_policy.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
            assert chat_policy.tokenizer.decode(whole) == text
            whole += completion.token_ids
            turns.append({"role": "assistant", "content": completion.text})
            several += not completion.new_segment
    assert several > 5


def test_template_hash_survives_use_and_saving(chat_tokenizer: Any, tmp_path: Any) -> None:
    """The same tokenizer after padding a batch, and read from disk, continues the same log."""
    from transformers import AutoTokenizer

    before = template_hash(ChatPrompt(), chat_tokenizer)
    chat_tokenizer(["a", "long text"], padding=True, truncation=True, max_length=8)
    assert template_hash(ChatPrompt(), chat_tokenizer) == before
    chat_tokenizer.save_pretrained(tmp_path)
    assert template_hash(ChatPrompt(), AutoTokenizer.from_pretrained(tmp_path)) == before

"""Actions read out of what models write: what is found, where it stands, and nothing that takes long or raises."""

from __future__ import annotations

import json
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepgym.envs.actions import Reading, ToolCall, action_format, read_action
from stepgym.envs.actions.names import FORMATS
from stepgym.envs.actions.reading import LONGEST
from stepgym.errors import InvalidInputError, UnknownNameError
from stepgym.verifiers import Finding, Verdict

NAMES = [*FORMATS, "think+react", "think+tool-call", "think+tags", "think+last-line", "react+last-line"]


def call(**arguments: object) -> str:
    return f"<tool_call>\n{json.dumps({'name': 'act', 'arguments': arguments})}\n</tool_call>"


@pytest.mark.parametrize(
    ("actions", "text", "expected"),
    [
        ("whole", " look \n", " look \n"),
        ("last-line", "I look.\n  go to desk 1 \n\n", "go to desk 1"),
        ("react", "Thought: the desk.\nAction: go to desk 1", "go to desk 1"),
        ("react", "THOUGHT: the desk.\n ACTION: go to desk 1\n", "go to desk 1"),
        ("react", "Thought 2: the desk. Action 2: search[desk]", "search[desk]"),
        ("react", "**Thought:** my last Action: failed\n**Action:** look", "look"),
        ("react", "Action: look\nObservation: a desk.\nAction: take it", "look"),
        ("react", "Action: x = 1\nprint(x)\nThought: done", "x = 1\nprint(x)"),
        ("think", "<think>hm\n</think>\n\nlook", "look"),
        ("think", "hm</think>look", "look"),
        ("think", "go to <think>which?</think>desk 1", "go to desk 1"),
        ("think", "answer 3<think>sure", "answer 3"),
        ("think", "<think>a<think>b</think>c</think>look", "look"),
        ("think", "look", "look"),
        ("tags", "well <action> look </action> <action>go</action>", "look"),
        ("tool-call", call(command="go to desk 1"), "go to desk 1"),
        ("tool-call", call(command='say "hi"\n'), 'say "hi"\n'),
        ("tool-call", call(move=[1, 2]), "[1, 2]"),
        ("tool-call", call(), "act"),
        ("tool-call", call(command="look")[:-12], "look"),
        ("tool-call", ' {"name": "act", "parameters": {"command": "look"}}', "look"),
        ("tool-call", f"Let me see. {call(a='look')}{call(a='go')}", "look"),
        ({"format": "tool-call", "argument": "b"}, call(a="x", b="y"), "y"),
        ({"format": "tags", "tag": "answer"}, "<action>a</action><answer>b</answer>", "b"),
        ({"format": "react", "label": "Command"}, "Action: a\nCommand: b", "b"),
        ("think+react", "<think>Action: no</think>Thought: t\nAction: look", "look"),
        ("think+tool-call", f"<think>{call(a='no')}</think>{call(a='look')}", "look"),
    ],
)
def test_what_is_found(actions: object, text: str, expected: str) -> None:
    reading = read_action(action_format(actions), text)  # type: ignore[arg-type]
    assert (reading.text, reading.problem) == (expected, "")
    if reading.verbatim:
        assert "".join(text[start:end] for start, end in reading.spans) == expected


@pytest.mark.parametrize(
    ("actions", "text", "why"),
    [
        ("last-line", " \n\t", "nothing was written"),
        ("react", "I will look", "no 'Action:'"),
        ("react", "Thought: hm\nAction:  \n", "nothing after"),
        ("react", "my reaction: none", "no 'Action:'"),
        ("think", "<think>I will look", "no </think>"),
        ("think", "<think>look</think>", "nothing besides"),
        ("tags", "look", "no <action>"),
        ("tags", "<action>look", "no </action>"),
        ("tool-call", "look", "no <tool_call>"),
        ("tool-call", "<tool_call>look</tool_call>", "no JSON object"),
        ("tool-call", '<tool_call>{"name": "act", </tool_call>', "not valid JSON"),
        ("tool-call", '<tool_call>{"arguments": {}}', 'no "name"'),
        ("tool-call", '<tool_call>{"name": "a", "arguments": [1]}', "must be an object"),
        ("tool-call", call(a="1", b="2"), "2 arguments"),
        ({"format": "tool-call", "argument": "c"}, call(a="1"), "no argument 'c'"),
        ({"format": "tool-call", "name": "move"}, call(a="1"), "is called 'move'"),
        ("think+react", "<think>Action: look", "no </think>"),
    ],
)
def test_what_cannot_be_read_says_why(actions: object, text: str, why: str) -> None:
    reading = read_action(action_format(actions), text)  # type: ignore[arg-type]
    assert reading.text == ""
    assert why in reading.problem


HOSTILE = {
    "opening tags": "<think>" * 140_000,
    "closing tags": "</think>" * 130_000,
    "pairs": "<think>x</think>y" * 60_000,
    "empty pairs": "<think></think>" * 69_000 + "look",
    "nested": "<think>" * 70_000 + "</think>" * 60_000,
    "action tags": "<action>" * 130_000,
    "calls": "<tool_call>" * 95_000,
    "deep JSON": '<tool_call>{"name":' + "[" * 60_000,
    "deep objects": '<tool_call>{"name":' * 50_000,
    "a megabyte of JSON": '<tool_call>{"name": "act", "arguments": {"a": "' + "x" * 1_000_000 + '"}}',
    "a number": '<tool_call>{"name": ' + "9" * 60_000 + "}",
    "quotes": '<tool_call>{"name": "a", "arguments": {"a": "' + '\\"' * 30_000 + '"}}',
    "labels": "Action: " * 130_000,
    "lines of labels": "Thought: x\n" * 95_000,
    "stars": "*" * 1_000_000 + "Action",
    "spaces": " " * 1_000_000 + "x",
    "lines": "\n" * 1_000_000,
    "half a character": '<tool_call>{"name": "act", "arguments": {"a": "\\ud800"}}',
    "too long": "x" * (LONGEST + 1),
    "control characters": "\x00\x1b[31m\u202e</think>",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_texts_take_linear_time_and_never_raise(text: str) -> None:
    for name in NAMES:
        began = time.process_time()
        reading = read_action(action_format(name), text)
        assert time.process_time() - began < 1.0, name
        assert len(reading.text) <= len(text)
        assert len(reading.spans) <= 1_000
        reading.text.encode()


PARTS = ["<think>", "</think>", "Action:", "Thought:", "\n", "<action>", "</action>", "<tool_call>", "</tool_call>"]
PARTS += ['{"name": "a", "arguments": {"b": "look"}}', "go to desk 1", " ", "é", "x"]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(NAMES), st.lists(st.sampled_from(PARTS) | st.text(max_size=4), max_size=14).map("".join))
def test_every_character_of_an_action_has_its_place(name: str, text: str) -> None:
    reading = read_action(action_format(name), text)
    assert all(0 <= start <= end <= len(text) for start, end in reading.spans)
    assert all(before[1] <= after[0] for before, after in pairwise(reading.spans))
    if reading.problem:
        assert (reading.text, reading.spans) == ("", ())
    elif reading.verbatim:
        assert "".join(text[start:end] for start, end in reading.spans) == reading.text
        for position, character in enumerate(reading.text):
            start, end = reading.place(position, position + 1)
            assert text[start:end] == character
    if reading.text:
        start, end = reading.place(0, len(reading.text))
        assert (start, end) == (reading.spans[0][0], reading.spans[-1][1])


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(NAMES),
    st.from_regex(r"[a-z]{1,5}( [a-z0-9]{1,5}){0,3}", fullmatch=True),
    st.text("ab \n", max_size=9),
)
def test_what_is_written_is_what_is_read(name: str, action: str, thought: str) -> None:
    format = action_format(name)
    text = format.write(action, thought)
    reading = read_action(format, text)
    assert (reading.text, reading.problem) == (action, "")
    assert name in ("whole", "react+last-line") or " ".join(thought.split()) in " ".join(text.split())


def test_findings_are_put_where_they_belong() -> None:
    text = "3 + <think>hm</think>4 = 8"
    reading = read_action(action_format("think"), text)
    assert reading.text == "3 + 4 = 8"
    verdict = reading.placed(Verdict.wrong(Finding(8, 9, "sum"), Finding(0, 5, "left"), Finding(9, 9, "end")))
    assert [text[f.start : f.end] for f in verdict.findings] == ["8", "3 + <think>hm</think>4", ""]
    decoded = ToolCall().read(text := f"so: {call(a='3 +' + chr(10) + '4')}")
    assert not decoded.verbatim
    (finding,) = decoded.placed(Verdict.wrong(Finding(0, 1, "sum"))).findings
    assert text[finding.start : finding.end].startswith('{"name"')
    assert Reading.failed("no").place(3, 5) == (0, 0)


class Shouted:
    """A format of one's own."""

    instructions = "Shout."

    def read(self, text: str) -> Reading:
        spans = [(n, n + 1) for n, character in enumerate(text) if character.isupper()]
        return Reading.of(text, spans) if spans else Reading.failed("nobody shouted")

    def write(self, action: str, thought: str = "") -> str:
        return f"{thought.lower()}{action}"


def test_formats_are_named_and_may_be_ones_own() -> None:
    assert read_action(action_format(Shouted()), "aLbOc").text == "LO"
    assert read_action(action_format(f"{__name__}:Shouted"), "aLbOc").text == "LO"
    with pytest.raises(UnknownNameError, match="react"):
        action_format("reakt")
    for wrong in (
        {"tag": "x"},
        {"format": "tags", "tog": "x"},
        {"format": "tags", "tag": "<"},
        Shouted,
        3,
        "json:none",
    ):
        with pytest.raises(InvalidInputError):
            action_format(wrong)  # type: ignore[arg-type]

from __future__ import annotations

import asyncio
import io
from typing import Any

import pytest

from stepgym.agents import HumanPolicy, RandomPolicy, Request, Sampling, ScriptedPolicy, generate_batch
from stepgym.agents.policy import registry
from stepgym.errors import InvalidInputError


def ask(policy: Any, *contents: str, **settings: Any) -> list[str]:
    roles = ["user", "assistant"] * len(contents)
    messages = tuple({"role": role, "content": text} for role, text in zip(roles, contents, strict=False))
    request = Request(messages, **settings)  # type: ignore[arg-type]
    return [completion.text for completion in generate_batch(policy, [request])[0]]


def test_scripts() -> None:
    assert ask(ScriptedPolicy(str.upper), "a", n=2) == ["A", "A"]
    assert ask(ScriptedPolicy({"a": "b"}), "a") == ["b"]
    by_turn = ScriptedPolicy(["one", "two"])
    assert ask(by_turn, "x") == ["one"]
    assert ask(by_turn, "x", "one", "y") == ["two"]
    with pytest.raises(InvalidInputError, match="2 answers, turn 3"):
        ask(by_turn, "x", "one", "y", "two", "z")
    with pytest.raises(InvalidInputError, match="no answer to 'z'"):
        ask(ScriptedPolicy({"a": "b"}), "z")
    with pytest.raises(InvalidInputError, match="got str"):
        ScriptedPolicy("one")


def test_stop_strings_cut_scripts_too() -> None:
    assert ask(ScriptedPolicy(["one\ntwo.three"]), "x", sampling=Sampling(stop=(".", "\n"))) == ["one\n"]


def test_random_choices_repeat_by_seed() -> None:
    policy = RandomPolicy(["a", "b", "c", "d", "e", "f"])
    drawn = ask(policy, "x", n=100, seed=1)
    assert drawn == ask(policy, "x", n=100, seed=1)
    assert drawn != ask(policy, "x", n=100, seed=2)
    assert set(drawn) == set("abcdef")
    assert set(ask(policy, "x", n=9, sampling=Sampling(temperature=0))) == {"a"}
    for wrong in ([], "abc"):
        with pytest.raises(InvalidInputError):
            RandomPolicy(wrong)


def test_a_person_answers_line_by_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("go north\n\n"))
    policy = HumanPolicy()
    assert ask(policy, "a room\x1b[2J\r\nwith \x07 noise") == ["go north"]
    assert capsys.readouterr().out == "a room\\x1b[2J\\r\nwith \\x07 noise\n> "
    assert ask(policy, "next") == [""]
    with pytest.raises(EOFError):
        ask(policy, "over")


def test_a_person_is_asked_one_question_at_a_time() -> None:
    open_questions, most = 0, 0

    def answer(text: str) -> str:
        nonlocal open_questions, most
        open_questions += 1
        most = max(most, open_questions)
        open_questions -= 1
        return text

    policy = HumanPolicy(ask=answer)
    requests = [Request(({"role": "user", "content": str(i)},)) for i in range(8)]
    assert [c[0].text for c in generate_batch(policy, requests)] == [str(i) for i in range(8)]
    assert most == 1


def test_policies_are_found_by_name() -> None:
    assert {"human", "random", "scripted", "transformers"} <= set(registry.names())
    assert registry.get("random") is RandomPolicy
    policy = registry.get("scripted")(["x"])
    assert asyncio.run(policy.generate(Request(())))[0].text == "x"

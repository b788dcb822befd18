"""What is made of the answers of servers, and what is refused."""

from __future__ import annotations

import asyncio
import pickle
from dataclasses import replace
from typing import Any

import pytest
from asking import HELLO, answers, choice, ids_request, policy, refused, vllm_card
from fault_server import serving

from stepgym.agents import Completion, Sampling, ServingError, generate_batch


def test_text_has_no_ids_unless_the_server_tells_them() -> None:
    with serving() as server:
        (plain,) = answers(server, HELLO)
    assert (plain.token_ids, plain.prompt_token_ids, plain.logprobs) == (None, None, None)
    told = choice("7", token_ids=[5, 1], logprobs={"content": [{"logprob": -1.0}, {"logprob": 1e-7}]})
    with serving(fixed=(200, told | {"prompt_token_ids": [3, 4]}), cards=vllm_card()) as server:
        (exact,) = answers(server, HELLO)
    assert (exact.prompt_token_ids, exact.token_ids, exact.logprobs) == ((3, 4), (5, 1), (-1.0, 0.0))


def test_thoughts_that_are_kept_apart_leave_no_ids_that_are_not_the_text() -> None:
    told = {"finish_reason": "stop", "token_ids": [5, 1], "message": {"content": "7", "reasoning": "3 and 4"}}
    with serving(fixed=(200, {"choices": [told], "prompt_token_ids": [3, 4]})) as server:
        (completion,) = answers(server, HELLO)
    assert (completion.text, completion.token_ids) == ("7", None)


def test_a_stop_string_that_the_server_cut_off_is_put_back() -> None:
    request = replace(HELLO, sampling=Sampling(stop=("好", "\n")))
    with serving(fixed=(200, choice("你", stop_reason="好"))) as server:
        assert answers(server, request)[0].text == "你好"
    with serving(fixed=(200, choice("你好", stop_reason="好"))) as server:
        assert answers(server, request)[0].text == "你好"


@pytest.mark.parametrize("content", ["", None])
def test_an_empty_generation_is_an_empty_text(content: str | None) -> None:
    with serving(
        fixed=(200, choice() | {"choices": [{"finish_reason": "stop", "message": {"content": content}}]})
    ) as s:
        assert answers(s, HELLO)[0] == Completion("", finish_reason="stop")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("{", "malformed"),
        ("[]", "malformed"),
        ('"text"', "malformed"),
        ("{}", "malformed"),
        ({"choices": "many"}, "malformed"),
        ({"choices": [{"finish_reason": "stop"}]}, "malformed"),
        ({"choices": [{"finish_reason": "stop", "message": {"content": 3}}]}, "malformed"),
        ({"choices": [{"finish_reason": None, "message": {"content": ""}}]}, "malformed"),
        ({"choices": [{"index": 1, "finish_reason": "stop", "message": {"content": ""}}]}, "malformed"),
        ({"choices": []}, "too_few"),
        ({"choices": [{"finish_reason": "abort", "message": {"content": "half"}}]}, "server_error"),
    ],
)
def test_an_answer_that_is_none_is_asked_for_again_and_then_refused(answer: Any, kind: str) -> None:
    with serving(fixed=(200, answer)) as server:
        asking = policy(server)
        with pytest.raises(ServingError, match=kind) as caught:
            generate_batch(asking, [HELLO])
    assert caught.value.kind == kind
    assert caught.value.transient
    assert asking.failures == {kind: 3}
    assert len(server.bodies) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_what_will_not_pass_is_not_asked_again(status: int) -> None:
    with serving(fixed=(status, {"error": {"message": "no"}})) as server:
        error = refused(server)
    assert (error.kind, error.transient, len(server.bodies)) == ("rejected", False, 1)
    assert str(status) in str(error)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"token_ids": None}, "no token ids"),
        ({"token_ids": [9, 9]}, "tokenizer is not that of the served model"),
        ({"prompt_token_ids": [1]}, "other prompt ids"),
        ({"token_ids": [2] * 9, "text": "0" * 9}, "more than max_tokens"),
    ],
)
def test_ids_that_do_not_belong_are_refused(char_tokenizer: Any, changed: dict[str, Any], message: str) -> None:
    request = ids_request(char_tokenizer, max_tokens=8)
    good = {"index": 0, "finish_reason": "stop", "text": "7", "token_ids": char_tokenizer.encode("7")}
    with serving(fixed=(200, {"choices": [good]})) as server:
        assert answers(server, request, char_tokenizer)[0].text == "7"
    with serving(fixed=(200, {"choices": [good | changed]})) as server:
        error = refused(server, request, char_tokenizer)
    assert error.kind == "mismatch"
    assert message in str(error)


@pytest.mark.parametrize("values", [[-1.0], [None, -1.0], [float("nan"), 0.0], "none"])
def test_log_probabilities_are_checked(char_tokenizer: Any, values: Any) -> None:
    told = {"finish_reason": "stop", "text": "77", "token_ids": char_tokenizer.encode("77")}
    with serving(fixed=(200, {"choices": [told | {"logprobs": {"token_logprobs": values}}]})) as server:
        assert refused(server, ids_request(char_tokenizer), char_tokenizer).kind == "malformed"


def test_a_token_cut_inside_by_a_stop_string_keeps_its_whole_text(make_byte_tokenizer: Any) -> None:
    tokenizer = make_byte_tokenizer(None)
    ids = tokenizer.encode("answer 嗨")
    told = {"finish_reason": "stop", "text": "answer ", "stop_reason": " ", "token_ids": ids[:-2]}
    request = ids_request(tokenizer, stop=(" ",))
    with serving(fixed=(200, {"choices": [told]})) as server:
        found = answers(server, request, tokenizer)[0]
    # The last ids are the beginning of a character that was never finished.
    assert found.text == tokenizer.decode(ids[:-2])


def test_a_full_context_is_an_empty_completion(char_tokenizer: Any) -> None:
    with serving(cards=vllm_card(max_model_len=6), tokenizer=char_tokenizer) as server:
        asking = policy(server, char_tokenizer)
        asyncio.run(asking.check())
        assert asking.context == 6
        full, short = generate_batch(
            asking, [ids_request(char_tokenizer, "3+4+5="), ids_request(char_tokenizer, "3+4=")]
        )
    assert full[0].finish_reason == "length"
    assert (full[0].text, full[0].token_ids) == ("", ())
    assert (short[0].text, short[0].finish_reason) == ("42", "length")
    (body,) = server.bodies
    assert body["max_tokens"] == 2


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 256 tokens. However, your prompt contains 280 input tokens",
        "max_tokens must be at least 1, got 0. (parameter=max_tokens, value=0)",
        "The decoder prompt (length 256) is longer than the maximum model length of 256.",
        "context_length_exceeded",
    ],
)
def test_a_context_overflow_that_the_server_sees_is_no_crash(message: str) -> None:
    with serving(fixed=(400, {"error": {"message": message}})) as server:
        (completion,) = answers(server, HELLO)
    assert completion == Completion("", finish_reason="length")


def test_a_refusal_of_many_stop_strings_says_why() -> None:
    with serving(fixed=(400, {"error": {"message": "2 validation errors"}})) as server:
        error = refused(server, replace(HELLO, sampling=Sampling(stop=tuple("abcde"))))
    assert "2 validation errors (5 stop strings were asked for" in str(error)
    assert error.kind == "rejected"


def test_the_servers_count_stands_in_for_ids_and_changes_nothing_else() -> None:
    choices = [{"index": i, "finish_reason": "stop", "message": {"content": str(i)}} for i in range(3)]
    for usage, counts in (({"completion_tokens": 8}, [3, 3, 2]), ({"completion_tokens": -1}, None), ("8", None)):
        with serving(fixed=(200, {"choices": choices, "usage": usage})) as server:
            found = answers(server, replace(HELLO, n=3))
        plain = [Completion(str(i)) for i in range(3)]
        assert found == plain == found
        assert list(map(hash, found)) == list(map(hash, plain))
        assert [one.to_dict() for one in found] == [one.to_dict() for one in plain]
        copies = pickle.loads(pickle.dumps(found))
        assert counts == (None if type(found[0]) is Completion else [one.tokens_written for one in copies])

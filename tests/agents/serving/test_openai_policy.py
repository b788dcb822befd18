"""What is asked of servers."""

from __future__ import annotations

import asyncio
import pickle
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from asking import HELLO, answers, choice, ids_request, policy, vllm_card
from fault_server import serving

from stepgym.agents import (
    OpenAIPolicy,
    Request,
    Sampling,
    ServingError,
    check_policy,
    generate_batch,
    load_openai_policy,
)
from stepgym.errors import InvalidInputError


def test_every_sampling_setting_is_in_the_request() -> None:
    sampling = Sampling(temperature=0.7, top_p=0.9, top_k=5, max_tokens=30, stop=("\n",))
    request = replace(HELLO, sampling=sampling, n=2)
    with serving(answer=lambda body, i: f"{i}") as server:
        assert [c.text for c in answers(server, request)] == ["0", "1"]
    (body,) = server.bodies
    asked = {key: body[key] for key in ("temperature", "top_p", "top_k", "max_tokens", "stop", "seed", "n", "model")}
    assert asked == {
        "temperature": 0.7,
        "top_p": 0.9,
        "top_k": 5,
        "max_tokens": 30,
        "stop": ["\n"],
        "seed": 7,
        "n": 2,
        "model": "tiny",
    }
    assert body["messages"] == [{"role": "user", "content": "3+4="}]


def test_the_defaults_of_vllm_are_overridden(char_tokenizer: Any) -> None:
    with serving(cards=vllm_card(), tokenizer=char_tokenizer) as server:
        answers(server, HELLO)
        answers(server, ids_request(char_tokenizer, temperature=0, top_p=0.5, stop=("\n", "<eos>")), char_tokenizer)
    pinned = {"min_p": 0.0, "repetition_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0}
    for body in server.bodies:
        assert pinned.items() <= body.items()
        assert body["include_stop_str_in_output"] is True
        assert body["return_token_ids"] is True
        assert body["skip_special_tokens"] is True
    greedy = server.bodies[1]
    assert (greedy["temperature"], greedy["top_p"], greedy["top_k"]) == (0.0, 1.0, 0)
    # Special tokens are never in the text: one as a stop string is sent as its id.
    assert (greedy["stop"], greedy["stop_token_ids"]) == (["\n"], [char_tokenizer.eos_token_id])


def test_token_in_token_out(char_tokenizer: Any) -> None:
    request = replace(ids_request(char_tokenizer), n=2)
    with serving(answer=lambda body, i: f"7{i}", tokenizer=char_tokenizer) as server:
        found = answers(server, request, char_tokenizer)
    assert server.bodies[0]["prompt"] == list(request.prompt_token_ids)
    assert [c.text for c in found] == ["70", "71"]
    for completion in found:
        assert completion.prompt_token_ids == request.prompt_token_ids
        assert completion.token_ids == tuple(char_tokenizer.encode(completion.text))
        assert completion.logprobs == (-0.5, -0.5)


def test_a_faultless_server_keeps_the_promises_of_a_policy(char_tokenizer: Any) -> None:
    with serving(answer=written, tokenizer=char_tokenizer) as server:
        report = check_policy(policy(server, char_tokenizer), sampled=True)
    assert len(report.kept) >= 5, report


def written(body: Any, i: int) -> str:
    import random

    rng = random.Random(str((body["prompt"], body["temperature"] > 0 and (body["seed"], i))))
    text = "".join(rng.choice("0123456789") for _ in range(12))[: body["max_tokens"]]
    ends = [text.find(s) + len(s) for s in body.get("stop", ()) if s in text]
    return text[: min(ends)] if ends else text


def test_greedy_samples_are_drawn_once() -> None:
    with serving() as server:
        found = answers(server, replace(HELLO, n=3, sampling=Sampling(temperature=0)))
    assert [c.text for c in found] == ["42"] * 3
    assert [body["n"] for body in server.bodies] == [1]


def test_samples_can_be_split_over_requests() -> None:
    with serving(answer=lambda body, i: str(body["seed"])) as server:
        found = answers(server, replace(HELLO, n=5), samples_per_request=2)
    assert sorted(body["n"] for body in server.bodies) == [1, 2, 2]
    assert len({c.text for c in found}) == 3
    assert found[0].text == "7"


def test_an_unknown_model_names_those_that_are_served() -> None:
    cards = [{"id": "tiny"}, {"id": "large"}]
    with serving(cards=cards) as server:
        with pytest.raises(ServingError, match=r"no model 'tinny'; it serves: tiny, large") as caught:
            generate_batch(OpenAIPolicy("tinny", server.url), [HELLO])
        assert (caught.value.kind, caught.value.transient) == ("model", False)
        with pytest.raises(ServingError, match="serves 2 models"):
            load_openai_policy(server.url)
        assert load_openai_policy(f"{server.url}#large").name == "large"
        server.cards = cards[:1]
        assert load_openai_policy(server.url).name == "tiny"


def test_an_unreachable_server_is_named_with_what_to_do() -> None:
    with serving() as server:
        url = server.url
    with pytest.raises(ServingError, match="is a server running there") as caught:
        load_openai_policy(url)
    assert url in str(caught.value)
    assert caught.value.kind == "connection"


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://host/v1", "", "http://", "http://host/v1?x=1"])
def test_what_is_no_base_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidInputError, match="base URL"):
        OpenAIPolicy("tiny", url)


def test_a_url_with_a_password_is_refused_without_showing_it() -> None:
    with pytest.raises(InvalidInputError, match="environment") as caught:
        OpenAIPolicy("tiny", "http://user:hunter2@host/v1")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("wrong", [{"in_flight": 0}, {"attempts": 0}, {"timeout": 0}, {"requests_per_minute": -1}])
def test_settings_are_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        OpenAIPolicy("tiny", "http://127.0.0.1:1/v1", **wrong)


def test_requests_must_fit_the_policy(char_tokenizer: Any) -> None:
    with pytest.raises(InvalidInputError, match="messages"):
        generate_batch(OpenAIPolicy("tiny"), [Request(())])
    with pytest.raises(InvalidInputError, match="prompt_token_ids"):
        generate_batch(OpenAIPolicy("tiny", tokenizer=char_tokenizer), [HELLO])


def test_scores_come_from_the_prompt(char_tokenizer: Any) -> None:
    ids = char_tokenizer.encode("3+4")
    found = [None, {str(ids[1]): {"logprob": -1.5}, "9": {"logprob": -1}}, {str(ids[2]): {"logprob": -0.25}}]
    with serving(fixed=(200, choice(prompt_logprobs=found))) as server:
        assert asyncio.run(policy(server, char_tokenizer).score(ids)) == [-1.5, -0.25]
        assert asyncio.run(policy(server, char_tokenizer).score(ids[:1])) == []
    with serving(fixed=(200, choice())) as server, pytest.raises(ServingError, match="vLLM does"):
        asyncio.run(policy(server, char_tokenizer).score(ids))


def test_the_client_is_imported_when_it_is_used() -> None:
    code = "import sys, stepgym.agents, stepgym.cli; print('openai' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_policy_travels_to_worker_processes() -> None:
    with serving() as server:
        asking = policy(server)
        assert generate_batch(asking, [HELLO])[0][0].text == "42"
        copy = pickle.loads(pickle.dumps(asking))
        assert generate_batch(copy, [HELLO])[0][0].text == "42"
    error = pickle.loads(pickle.dumps(ServingError("timeout", "late", retry_after=2.0)))
    assert (error.kind, str(error), error.retry_after, error.transient) == ("timeout", "timeout: late", 2.0, True)

"""Requests to a `FaultServer`, and what it answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fault_server import FaultServer

from stepgym.agents import Completion, OpenAIPolicy, Request, Sampling, ServingError, generate_batch

HELLO = Request(({"role": "user", "content": "3+4="},), seed=7)


def policy(server: FaultServer, tokenizer: Any = None, **settings: Any) -> OpenAIPolicy:
    return OpenAIPolicy("tiny", server.url, tokenizer, **{"backoff": 0.01, "attempts": 3, **settings})


def answers(server: FaultServer, request: Request, tokenizer: Any = None, **settings: Any) -> list[Completion]:
    return generate_batch(policy(server, tokenizer, **settings), [request])[0]


def refused(server: FaultServer, request: Request = HELLO, tokenizer: Any = None, **settings: Any) -> ServingError:
    with pytest.raises(ServingError) as caught:
        answers(server, request, tokenizer, **settings)
    return caught.value


def ids_request(tokenizer: Any, text: str = "3+4=", **sampling: Any) -> Request:
    return replace(HELLO, prompt_token_ids=tuple(tokenizer.encode(text)), sampling=Sampling(**sampling))


def vllm_card(**more: Any) -> list[dict[str, Any]]:
    return [{"id": "tiny", "owned_by": "vllm", "root": "/nowhere", "max_model_len": 64, **more}]


def choice(text: str = "7", **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "finish_reason": "stop", "message": {"content": text}, **more}]}

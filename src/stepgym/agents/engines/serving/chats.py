"""`/chat/completions`: messages in, text out; with the ids where the server tells them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepgym.agents.engines.serving.completions import PINNED, choices_of, drawing, is_ids, reason_of
from stepgym.agents.engines.serving.counted_completion import CountedCompletion
from stepgym.agents.engines.serving.errors import ServingError
from stepgym.agents.engines.serving.model_server import ServedModel
from stepgym.agents.policy import Completion, Request


def chat_body(served: ServedModel, request: Request, *, max_tokens: int, n: int, seed: int | None) -> dict[str, Any]:
    """A request for `n` answers to the messages of `request`."""
    body: dict[str, Any] = {
        "messages": [{"role": m["role"], "content": m["content"]} for m in request.messages],
        **drawing(request.sampling),
        # Servers of OpenAI itself refuse the old name for some models, most others know only that.
        ("max_completion_tokens" if served.engine.startswith(("openai", "system")) else "max_tokens"): max_tokens,
        "n": n,
    }
    if seed is not None:
        body["seed"] = seed
    if request.sampling.stop:
        body["stop"] = list(request.sampling.stop)
    if served.engine == "vllm":
        return body | PINNED | {"include_stop_str_in_output": True, "return_token_ids": True, "logprobs": True}
    if body["top_k"] == 0:
        del body["top_k"]  # not in the protocol; off where it is unknown
    return body


def read_chat(answer: Mapping[str, Any], request: Request, *, n: int, mode: Any) -> list[Completion]:
    """The completions of an answer to `chat_body`."""
    read = answer.get("prompt_token_ids")
    shares = zip(choices_of(answer, n), _counts(answer, n), strict=True)
    return [_completion(choice, read, request, mode, count) for choice, count in shares]


def _counts(answer: Mapping[str, Any], n: int) -> list[int | None]:
    """The tokens written for each of `n` choices: the server tells their sum, or nothing."""
    usage = answer.get("usage")
    total = usage.get("completion_tokens") if isinstance(usage, dict) else None
    if not isinstance(total, int) or isinstance(total, bool) or total < 0:
        return [None] * n
    return [total // n + (i < total % n) for i in range(n)]


def _completion(choice: Mapping[str, Any], read: Any, request: Request, mode: Any, count: int | None) -> Completion:
    message = choice.get("message")
    if not isinstance(message, dict):
        raise ServingError("malformed", "a choice without a message")
    text = message.get("content")
    if text is None:
        text = ""
    if not isinstance(text, str):
        raise ServingError("malformed", "a message whose content is not text")
    reason = reason_of(choice)
    text = _with_stop(text, choice, request.sampling.stop)
    ids = choice.get("token_ids")
    # A server that keeps thoughts or tool calls apart gives ids of more than the text.
    apart = any(message.get(key) for key in ("reasoning", "reasoning_content", "tool_calls"))
    if apart or not is_ids(ids) or not is_ids(read):
        if count is None:
            return Completion(text, finish_reason=reason)
        return CountedCompletion(text, finish_reason=reason, tokens_written=count)
    return Completion(
        text,
        prompt_token_ids=tuple(read),
        token_ids=tuple(ids),
        logprobs=_logprobs(choice.get("logprobs"), len(ids)),
        logprob_mode=mode,
        finish_reason=reason,
    )


def _with_stop(text: str, choice: Mapping[str, Any], stop: tuple[str, ...]) -> str:
    """Puts the stop string back where the server cut it off and says which it was."""
    found = next((choice[key] for key in ("stop_reason", "matched_stop") if choice.get(key) in stop), None)
    return text if found is None or found in text else text + found


def _logprobs(found: Any, length: int) -> tuple[float, ...] | None:
    items = found.get("content") if isinstance(found, dict) else None
    if not isinstance(items, list) or len(items) != length:
        return None
    values = [item.get("logprob") if isinstance(item, dict) else None for item in items]
    return tuple(min(0.0, float(x)) for x in values if isinstance(x, (int, float))) if None not in values else None

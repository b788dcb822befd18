"""`/completions` with token ids in and token ids out, as vLLM serves it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard, cast

from stepgym.agents.engines.serving.errors import ServingError
from stepgym.agents.engines.stops import REPLACEMENT, decode
from stepgym.agents.policy import Completion, FinishReason, Request, Sampling

# What an engine's own defaults (generation_config.json) could set otherwise.
PINNED = {
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "min_tokens": 0,
    "ignore_eos": False,
    "skip_special_tokens": True,
    "spaces_between_special_tokens": True,
}


def stops_for(tokenizer: Any, stop: Sequence[str]) -> dict[str, Any]:
    """Stop strings; those that are the text of a special token, which never is in the text, as ids."""
    special = dict(zip(tokenizer.all_special_tokens, tokenizer.all_special_ids, strict=True))
    ids = [special[s] for s in stop if special.get(s) is not None]
    return {
        "stop": [s for s in stop if special.get(s) is None],
        "stop_token_ids": ids,
        "include_stop_str_in_output": True,
    }


def drawing(sampling: Sampling) -> dict[str, Any]:
    """Temperature and truncation; greedy decoding is said in full."""
    chosen = sampling.greedy() if sampling.temperature == 0 else sampling
    return {"temperature": chosen.temperature, "top_p": chosen.top_p, "top_k": chosen.top_k}


def ids_body(tokenizer: Any, request: Request, *, max_tokens: int, n: int, seed: int | None) -> dict[str, Any]:
    """A request for `n` samples that continue the ids of `request`."""
    return {
        **PINNED,
        **drawing(request.sampling),
        **stops_for(tokenizer, request.sampling.stop),
        "prompt": list(request.prompt_token_ids or ()),
        "max_tokens": max_tokens,
        "n": n,
        "seed": seed,
        "logprobs": 0,
        "return_token_ids": True,
        "add_special_tokens": False,
    }


def choices_of(answer: Mapping[str, Any], n: int) -> list[Mapping[str, Any]]:
    """The `n` choices of an answer, in the order of their index."""
    choices = answer.get("choices")
    if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
        raise ServingError("malformed", "the answer has no list of choices")
    if len(choices) < n:
        raise ServingError(
            "too_few", f"fewer samples than the {n} asked for; samples_per_request=1 is for servers that ignore n"
        )
    if len(choices) > n:
        raise ServingError("malformed", f"the server gave more samples than the {n} asked for")
    numbers = [choice.get("index", i) for i, choice in enumerate(choices)]
    if sorted(numbers, key=str) != sorted(range(n), key=str):
        raise ServingError("malformed", f"the choices are not numbered 0 to {n - 1}")
    return [choices[i] for i in sorted(range(n), key=numbers.__getitem__)]


def reason_of(choice: Mapping[str, Any]) -> FinishReason:
    """Either "stop" or "length"; whatever else ended a sample is an error."""
    reason = choice.get("finish_reason")
    if reason in ("stop", "length"):
        return cast(FinishReason, reason)
    if reason == "content_filter":
        raise ServingError("rejected", "the server's content filter cut the sample")
    if reason in ("abort", "error"):
        raise ServingError("server_error", f"the engine gave up: finish_reason {reason!r}")
    raise ServingError("malformed", f"expected finish_reason 'stop' or 'length', got {str(reason)[:40]!r}")


def read_ids(
    answer: Mapping[str, Any], request: Request, *, tokenizer: Any, n: int, mode: Any, where: str
) -> list[Completion]:
    """The completions of an answer to `ids_body`, every one checked."""
    return [_completion(c, request, tokenizer=tokenizer, mode=mode, where=where) for c in choices_of(answer, n)]


def _completion(choice: Mapping[str, Any], request: Request, *, tokenizer: Any, mode: Any, where: str) -> Completion:
    ids, text = choice.get("token_ids"), choice.get("text")
    if ids is None and isinstance(text, str):
        raise ServingError(
            "mismatch",
            f"{where} gives no token ids (vLLM does, from version 0.10.2 on); without a tokenizer text is collected",
        )
    if not isinstance(text, str) or not is_ids(ids):
        raise ServingError("malformed", "a choice without text and token ids")
    read = choice.get("prompt_token_ids")
    if read is not None and list(read) != list(request.prompt_token_ids or ()):
        raise ServingError("mismatch", f"{where} read other prompt ids than were sent")
    if len(ids) > request.sampling.max_tokens:
        raise ServingError("mismatch", f"{where} wrote more than max_tokens={request.sampling.max_tokens} tokens")
    decoded = decode(tokenizer, ids)
    cut = decode(tokenizer, ids[:-1]) if request.sampling.stop else decoded
    if not belongs(text, decoded, cut):
        raise ServingError(
            "mismatch", f"the ids from {where} do not decode to its text: the tokenizer is not that of the served model"
        )
    return Completion(
        decoded,
        prompt_token_ids=request.prompt_token_ids,
        token_ids=tuple(ids),
        logprobs=_logprobs(choice.get("logprobs"), len(ids)),
        logprob_mode=mode,
        finish_reason=reason_of(choice),
    )


def is_ids(value: Any) -> TypeGuard[list[int]]:
    """Whether `value` is a list of token ids."""
    return isinstance(value, list) and all(type(i) is int and i >= 0 for i in value)


def belongs(text: str, decoded: str, least: str) -> bool:
    """Whether a server's `text` is the beginning of `decoded`, and not shorter than `least`.

    Servers cut the text at a stop string inside the last token, and decode token by token, which shows the parts of
    broken characters otherwise than decoding them together.
    """
    told, whole, least = (s.replace(REPLACEMENT, "") for s in (text, decoded, least))
    return whole.startswith(told) and len(told) >= min(len(least), len(whole))


def _logprobs(found: Any, length: int) -> tuple[float, ...] | None:
    if found is None:
        return None
    values = found.get("token_logprobs") if isinstance(found, dict) else None
    if not isinstance(values, list) or len(values) != length:
        raise ServingError("malformed", f"expected {length} log-probabilities for as many ids")
    if not all(isinstance(x, (int, float)) and math.isfinite(x) for x in values):
        raise ServingError("malformed", "a log-probability is not a finite number")
    return tuple(min(0.0, float(x)) for x in values)


def score_body(token_ids: Sequence[int]) -> dict[str, Any]:
    """A request for the log-probabilities of a prompt."""
    return {
        **PINNED,
        "prompt": list(token_ids),
        "max_tokens": 1,
        "temperature": 0.0,
        "prompt_logprobs": 0,
        "add_special_tokens": False,
    }


def read_scores(answer: Mapping[str, Any], token_ids: Sequence[int]) -> list[float]:
    """The log-probability of each of `token_ids[1:]` from an answer to `score_body`."""
    (choice,) = choices_of(answer, 1)
    found = choice.get("prompt_logprobs")
    if not isinstance(found, list) or len(found) != len(token_ids):
        raise ServingError("mismatch", "the server gives no log-probabilities of prompts (vLLM does)")
    try:
        return [min(0.0, float(at[str(i)]["logprob"])) for i, at in zip(token_ids[1:], found[1:], strict=True)]
    except (KeyError, TypeError, ValueError):
        raise ServingError("malformed", "expected the log-probability of every prompt id") from None

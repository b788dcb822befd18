"""`ServedValue`: V from a server, beside the policy's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from stepgym.agents.engines.serving.backoff import Backoff
from stepgym.agents.engines.serving.errors import ContextOverflowError, ServingError
from stepgym.agents.engines.serving.model_server import ModelServer, ServedModel
from stepgym.agents.running import run_sync
from stepgym.errors import InvalidInputError


class ServedValue:
    """A value model behind vLLM's pooling server, as a `ValueFunction`.

    The value model of a trained folder (`value/`, a token-classification model with one label) is served as it is:

        vllm serve runs/oreo/value --runner pooling --port 8001

    V is the label's score after each token, asked for without the activation that the server would put on it. In
    float32 it equals what `stepgym.train.load` computes in process up to 1e-3; a server with `--dtype bfloat16`
    resolves V near 1 no finer than 0.008.

    Args:
        model: The model's name on the server; None takes the only one it serves.
        base_url: The server, such as `http://127.0.0.1:8001`; several share the requests.
        name: Name for logs; the model's if absent.
        api_key_env: The environment variable with the API key.
        timeout: Seconds for one request.
        in_flight: Most requests at once.
        attempts: How often a request is sent at most.
        backoff: Seconds before the second attempt; doubled from attempt to attempt, up to 30 s.

    Attributes:
        failures: How often a request failed, by kind (see `ServingError`); retried ones count too.
    """

    def __init__(
        self,
        model: str | None = None,
        base_url: str | Sequence[str] = "http://127.0.0.1:8001/v1",
        *,
        name: str | None = None,
        api_key_env: str = "OPENAI_API_KEY",
        timeout: float = 120.0,
        in_flight: int = 256,
        attempts: int = 8,
        backoff: float = 0.5,
    ) -> None:
        urls = [base_url] if isinstance(base_url, str) else list(base_url)
        self.server = ModelServer(
            [url if url.rstrip("/").endswith("/v1") else f"{url.rstrip('/')}/v1" for url in urls],
            model,
            key_variable=api_key_env,
            timeout=timeout,
            in_flight=in_flight,
            backoff=Backoff(attempts, backoff, max(backoff, 30.0)),
        )
        self.name = name or model or "served value"

    def __repr__(self) -> str:
        return f"ServedValue({self.server.model!r}, {str(self.server.endpoints)!r})"

    @property
    def failures(self) -> Mapping[str, int]:
        """How often a request failed, by kind."""
        return self.server.failures

    async def check(self) -> ServedModel:
        """Looks whether the servers are there and serve the model; raises `ServingError` if none does."""
        return await self.server.check()

    async def value(self, token_ids: Sequence[int]) -> float:
        """V after all of `token_ids`."""
        return (await self.values(token_ids))[-1]

    async def values(self, token_ids: Sequence[int]) -> list[float]:
        """V after each of `token_ids`, as many numbers as ids.

        Raises:
            ServingError: The servers failed for good, or what they serve is no value model.
            InvalidInputError: There are no ids, or more than the model reads.
        """
        ids = list(token_ids)
        if not ids:
            raise InvalidInputError("V needs at least one token")

        def body(served: ServedModel) -> dict[str, Any]:
            return {"input": ids, "task": "token_classify", "use_activation": False, "add_special_tokens": False}

        try:
            return await self.server.ask("//pooling", body, lambda answer: _values(answer, len(ids)))
        except ContextOverflowError as error:
            raise InvalidInputError(f"the value model does not read {len(ids)} tokens: {error.message}") from error

    async def close(self) -> None:
        """Closes the connections of this event loop; the value function can be used again."""
        await self.server.close()


def load_served_value(url: str, **settings: Any) -> ServedValue:
    """V from `url`, such as `http://127.0.0.1:8001` or, where a server has several models, `http://127.0.0.1:8001#MODEL`.

    Args:
        url: The server, with the model's name behind a "#". Several servers with commas between.
        settings: Arguments of `ServedValue`, by name.

    Raises:
        ServingError: Nobody answers, or the model is not served.
    """
    address, _, model = url.partition("#")
    value = ServedValue(model or None, [part for part in address.split(",") if part.strip()], **settings)

    async def look() -> None:
        try:
            await value.check()
        finally:
            await value.close()

    run_sync(look())
    return value


def _values(answer: Mapping[str, Any], length: int) -> list[float]:
    items = answer.get("data")
    if not isinstance(items, list) or len(items) != 1 or not isinstance(items[0], dict):
        raise ServingError("malformed", "expected one item of pooled data")
    rows = items[0].get("data")
    if not isinstance(rows, list) or len(rows) != length or not all(isinstance(row, list) for row in rows):
        raise ServingError("mismatch", f"expected a score after each of the {length} tokens: is it served per token?")
    if any(len(row) != 1 for row in rows):
        raise ServingError("mismatch", f"a value model has one label, the served model has {len(rows[0])}")
    values = [row[0] for row in rows]
    if not all(isinstance(x, (int, float)) and math.isfinite(x) for x in values):
        raise ServingError("malformed", "a score is not a finite number")
    return [float(x) for x in values]

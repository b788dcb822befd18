"""`ModelServer`: one model on one or several servers, asked until it answers or the attempts are used up."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from stepgym.agents.engines.serving.backoff import Backoff
from stepgym.agents.engines.serving.connections import Connections
from stepgym.agents.engines.serving.endpoints import Endpoint, Endpoints
from stepgym.agents.engines.serving.errors import ServingError
from stepgym.agents.engines.serving.limits import PerMinute

T = TypeVar("T")
_logger = logging.getLogger(__name__)
_LOOK_SECONDS = 10.0
_LISTED = 8


@dataclass(frozen=True, slots=True)
class ServedModel:
    """What a server says of a model in `GET /models`.

    Attributes:
        id: Its name.
        engine: Who serves it, such as "vllm"; "" if unknown.
        context: Most tokens of prompt and completion together; None if unknown.
        root: Folder or hub name it was loaded from; "" if unknown.
    """

    id: str
    engine: str = ""
    context: int | None = None
    root: str = ""


class ModelServer:
    """One model on servers that speak the OpenAI protocol.

    Every request goes to the server with the fewest requests in flight. A request that fails in a way that may pass is
    sent again, to another server at once or to the same one after waiting; a server that does not answer several times
    in a row rests, and is looked at (`GET /models`) before it gets requests again. That it rests is logged as a warning
    once per server and kind of failure, until it has answered a request.

    Args:
        urls: Base URLs.
        model: The model's name; None takes the only one that is served.
        key_variable: The environment variable with the API key.
        timeout: Seconds for one request.
        in_flight: Most requests at once.
        backoff: Attempts and waiting times.
        requests_per_minute: None is no limit.
        tokens_per_minute: Of prompt and completion; None is no limit.

    Attributes:
        failures: How often a request failed, by kind; one that is sent again and then succeeds counts too.
    """

    def __init__(
        self,
        urls: Sequence[str],
        model: str | None = None,
        *,
        key_variable: str = "OPENAI_API_KEY",
        timeout: float = 600.0,
        in_flight: int = 256,
        backoff: Backoff | None = None,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
    ) -> None:
        self.endpoints = Endpoints(urls)
        self.model = model
        self.failures: Counter[str] = Counter()
        self._served: ServedModel | None = None
        self._backoff = backoff or Backoff()
        self._connections = Connections(key_variable=key_variable, timeout=timeout, in_flight=in_flight)
        self._requests = PerMinute(requests_per_minute, what="requests_per_minute")
        self._tokens = PerMinute(tokens_per_minute, what="tokens_per_minute")

    @property
    def served(self) -> ServedModel:
        """What is known of the model; `check` or a first request finds out."""
        return self._served or ServedModel(self.model or "")

    async def check(self) -> ServedModel:
        """Looks at all servers, once each.

        Raises:
            ServingError: None answers, or one that answers does not serve the model.
        """
        failure: ServingError | None = None
        for endpoint in self.endpoints.all:
            try:
                await self._look(endpoint)
            except ServingError as error:
                if not error.transient:
                    raise
                failure = failure or error
        if failure is not None and not any(endpoint.known for endpoint in self.endpoints.all):
            raise failure
        return self.served

    async def ask(
        self,
        path: str,
        body: Callable[[ServedModel], Mapping[str, Any]],
        read: Callable[[Mapping[str, Any]], T],
        *,
        tokens: Callable[[Mapping[str, Any] | None], int] | None = None,
    ) -> T:
        """What `read` makes of the answer to `body`.

        Args:
            path: Below the base URL; with a leading "//" below the server's root.
            body: The request, made when a server is known; `model` is added.
            read: Raises `ServingError` for answers that are not what was asked for.
            tokens: The tokens the request may cost (given None) and did cost (given the answer), for the limit.

        Raises:
            ServingError: The last failure, when all attempts are used up or asking again does not help.
        """
        async with self._connections.slots:
            failed = 0
            while True:
                endpoint = self.endpoints.choose()
                try:
                    return await self._once(endpoint, path, body, read, tokens)
                except ServingError as error:
                    self.failures[error.kind] += 1
                    self._judge(endpoint, error)
                    failed += 1
                    if not error.transient or failed >= self._backoff.attempts:
                        raise
                    _logger.debug("attempt %d failed, %s", failed, error)
                    up = self.endpoints.up()
                    another = up and endpoint not in up and failed <= len(self.endpoints.all)
                    if not another:
                        await asyncio.sleep(self._backoff.delay(failed, retry_after=error.retry_after))

    async def close(self) -> None:
        """Closes the connections of this event loop."""
        await self._connections.close()

    async def _once(
        self,
        endpoint: Endpoint,
        path: str,
        body: Callable[[ServedModel], Mapping[str, Any]],
        read: Callable[[Mapping[str, Any]], T],
        tokens: Callable[[Mapping[str, Any] | None], int] | None,
    ) -> T:
        endpoint.in_flight += 1
        try:
            if not endpoint.known:
                await self._connections.share(endpoint, lambda: self._look(endpoint))
            await self._requests.take()
            reserved = 0 if tokens is None else tokens(None)
            await self._tokens.take(reserved)
            root = endpoint.url.removesuffix("/v1") if path.startswith("//") else endpoint.url
            asked = {"model": self.served.id, **body(self.served)}
            answer = await self._connections.post(endpoint, f"{root}/{path.lstrip('/')}", asked)
            self.endpoints.answered(endpoint)
            if tokens is not None:
                self._tokens.give_back(reserved - tokens(answer))
            made = read(answer)
            endpoint.warned.clear()
            return made
        finally:
            endpoint.in_flight -= 1

    def _judge(self, endpoint: Endpoint, error: ServingError) -> None:
        if error.kind in ("connection", "timeout", "server_error"):
            before = endpoint.known
            self.endpoints.lost(endpoint)
            # A server that fails at every request may well answer each look between its rests.
            if before and not endpoint.known and error.kind not in endpoint.warned:
                endpoint.warned.add(error.kind)
                _logger.warning("%s rests: %s", endpoint.url, error)
        elif error.kind == "rate_limit" and error.retry_after:
            self.endpoints.rests(endpoint, error.retry_after)

    async def _look(self, endpoint: Endpoint) -> None:
        """Sees whether `endpoint` is there and serves the model."""
        try:
            answer = await self._connections.get(endpoint, "/models", timeout=_LOOK_SECONDS)
        except ServingError as error:
            if error.kind != "rejected" or self.model is None or "HTTP 404" not in error.message:
                raise
            answer = None  # a server without a list: the first request will tell
        found = None if answer is None else _found(self.model, answer, endpoint)
        if found is not None and self._served is None:
            self._served = found
        self.endpoints.answered(endpoint)
        endpoint.known = True


def _found(model: str | None, answer: Any, endpoint: Endpoint) -> ServedModel:
    cards = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(cards, list) or not all(isinstance(card, dict) and card.get("id") for card in cards):
        raise ServingError("malformed", f"expected a list of models from {endpoint.url}/models")
    by_name = {str(card["id"]): card for card in cards}
    names = ", ".join([*list(by_name)[:_LISTED], *(["..."] if len(by_name) > _LISTED else [])]) or "none"
    if model is None and len(by_name) != 1:
        raise ServingError("model", f"{endpoint.url} serves {len(by_name)} models; choose with URL#NAME from: {names}")
    name = next(iter(by_name)) if model is None else model
    if name not in by_name:
        raise ServingError("model", f"{endpoint.url} serves no model {name!r}; it serves: {names}")
    card = by_name[name]
    parent = by_name.get(str(card.get("parent")), {})  # of an adapter
    context = card.get("max_model_len") or parent.get("max_model_len")
    return ServedModel(
        name,
        str(card.get("owned_by") or ""),
        context if isinstance(context, int) else None,
        str(parent.get("root") or card.get("root") or ""),
    )

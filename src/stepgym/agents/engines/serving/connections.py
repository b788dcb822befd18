"""`Connections`: the `openai` client as a line to servers; its exceptions become `ServingError`."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any
from weakref import WeakKeyDictionary

from stepgym.agents.engines.serving.endpoints import Endpoint
from stepgym.agents.engines.serving.errors import ContextOverflowError, ServingError
from stepgym.errors import InvalidInputError, require

_OVERFLOW = re.compile(
    r"context.?length|context.?window|maximum model length|max_tokens must be at least 1", re.IGNORECASE
)
_SHOWN = 200  # characters of a server's message


@dataclass(slots=True)
class _Line:
    """What belongs to one event loop."""

    client: Any
    slots: asyncio.Semaphore
    shared: dict[Endpoint, asyncio.Task[None]] = field(default_factory=dict)


class Connections:
    """Sends JSON and returns JSON; one client for each event loop that asks.

    The API key is read from the environment when a client is made and is nowhere else: not in this object, and cut out
    of every message of a server.

    Args:
        key_variable: The environment variable with the API key; servers that need none get a placeholder.
        timeout: Seconds for a request, from sending it to the last byte of the answer.
        in_flight: Most requests at once, in each event loop.
    """

    def __init__(self, *, key_variable: str, timeout: float, in_flight: int) -> None:
        if in_flight < 1:
            raise InvalidInputError(f"in_flight must be at least 1, got {in_flight}")
        if timeout <= 0:
            raise InvalidInputError(f"timeout must be positive, got {timeout}")
        self._openai = require("openai", extra="openai")
        self._key_variable = key_variable
        self._timeout = timeout
        self._in_flight = in_flight
        self._lines: WeakKeyDictionary[asyncio.AbstractEventLoop, _Line] = WeakKeyDictionary()

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k not in ("_openai", "_lines")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._openai = require("openai", extra="openai")
        self._lines = WeakKeyDictionary()

    @property
    def slots(self) -> asyncio.Semaphore:
        """Bounds the requests of this event loop."""
        return self._line().slots

    async def share(self, endpoint: Endpoint, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Runs `work`, or waits with others for the run that is under way."""
        shared = self._line().shared
        task = shared.get(endpoint)
        if task is None:
            task = shared[endpoint] = asyncio.create_task(work())
            task.add_done_callback(lambda done: (shared.pop(endpoint, None), done.cancelled() or done.exception()))
        await asyncio.shield(task)

    async def get(self, endpoint: Endpoint, path: str, *, timeout: float) -> Any:
        """The JSON at `path` under the endpoint's base URL, whatever it is."""
        call = self._line().client.get(endpoint.url + path, cast_to=object)
        return await self._answer(endpoint, call, min(timeout, self._timeout))

    async def post(self, endpoint: Endpoint, url: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The JSON object that answers `body`, posted to the absolute `url` of `endpoint`."""
        call = self._line().client.post(url, cast_to=object, body=body)
        answer = await self._answer(endpoint, call, self._timeout)
        if not isinstance(answer, dict):
            raise ServingError("malformed", f"expected a JSON object from {endpoint.url}, got something else")
        return answer

    async def close(self) -> None:
        """Closes the connections of this event loop."""
        line = self._lines.pop(asyncio.get_running_loop(), None)
        if line is not None:
            await line.client.close()

    def _line(self) -> _Line:
        loop = asyncio.get_running_loop()
        line = self._lines.get(loop)
        if line is None:
            client = self._openai.AsyncOpenAI(
                api_key=self._key() or "none", base_url="http://unused.invalid", timeout=self._timeout, max_retries=0
            )
            line = self._lines[loop] = _Line(client, asyncio.Semaphore(self._in_flight))
        return line

    def _key(self) -> str:
        return os.environ.get(self._key_variable, "").strip()

    async def _answer(self, endpoint: Endpoint, call: Any, timeout: float) -> Any:
        openai, shown = self._openai, endpoint.url
        failure: ServingError
        try:
            # The client's own limit is for each read: a server that trickles would never meet it.
            return await asyncio.wait_for(call, timeout)
        except (TimeoutError, openai.APITimeoutError):
            failure = ServingError("timeout", f"no whole answer from {shown} within {timeout:g} s")
        except openai.APIConnectionError:
            failure = ServingError(
                "connection",
                f"no answer from {shown}; is a server running there, and is the URL right (http://HOST:PORT/v1)?",
            )
        except openai.APIStatusError as error:
            failure = self._refused(endpoint, error)
        except (openai.OpenAIError, ValueError, RecursionError):  # what its JSON reader raises, too
            failure = ServingError("malformed", f"{shown} answered something that is not JSON")
        # Not chained: the client's exceptions hold the request, with its headers.
        raise failure from None

    def _refused(self, endpoint: Endpoint, error: Any) -> ServingError:
        status, shown = int(error.status_code), endpoint.url
        message = self._clean(_message(error))
        if status == 429 and "insufficient_quota" not in message:
            return ServingError("rate_limit", f"{shown} limits the rate", retry_after=_retry_after(error))
        if status in (408, 409) or status >= 500:
            return ServingError("server_error", f"{shown} answered HTTP {status}", retry_after=_retry_after(error))
        if _OVERFLOW.search(message):
            return ContextOverflowError(f"{shown}: {message}")
        if status in (401, 403):
            return ServingError(
                "rejected", f"{shown} answered HTTP {status}; the API key is taken from ${self._key_variable}"
            )
        return ServingError("rejected", f"{shown} answered HTTP {status}: {message}")

    def _clean(self, text: str) -> str:
        key = self._key()
        text = text.replace(key, "***") if key else text
        return " ".join(text.split())[:_SHOWN]


def _message(error: Any) -> str:
    body = error.body
    if isinstance(body, dict):
        inner = body.get("error", body)
        body = inner if isinstance(inner, str) else inner.get("message") if isinstance(inner, dict) else None
    return f"{body or error.message} {getattr(error, 'code', None) or ''}"


def _retry_after(error: Any) -> float | None:
    headers = error.response.headers
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        return max(0.0, float(headers["retry-after"]))
    except (KeyError, ValueError):
        return _until(headers.get("retry-after", ""))


def _until(date: str) -> float | None:
    from datetime import datetime
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, (parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None

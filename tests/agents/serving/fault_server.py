"""A model server that speaks the OpenAI protocol and fails on purpose; deterministic where it answers."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

_REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests"}


@dataclass
class Faults:
    """Shares of the requests that go wrong, drawn from `seed`; at most one fault a request. A delay has no end."""

    drop: float = 0.0
    delay: float = 0.0
    malformed: float = 0.0
    rate_limit: float = 0.0
    server_error: float = 0.0
    too_few: float = 0.0
    retry_after: str = "0.01"
    seed: int = 0

    def draw(self, number: int) -> str:
        """The fault of the `number`-th request, "" for none."""
        left = random.Random(f"{self.seed}/{number}").random()
        for name in ("drop", "delay", "malformed", "rate_limit", "server_error", "too_few"):
            left -= getattr(self, name)
            if left < 0:
                return name
        return ""


@dataclass
class FaultServer:
    """Serves one model in a thread of its own.

    Attributes:
        answer: Makes the text of sample `i` from the body of a request, seed and all.
        faults: What goes wrong.
        counts: How often each fault was done.
        bodies: The requests that were answered or failed, in order.
        headers: Their headers.
        fixed: If set, the (status, body) of every answer but that of /models.
        cards: The answer of /models.
        tokenizer: Where given, /completions answers with ids.
    """

    answer: Callable[[Mapping[str, Any], int], str] = lambda body, i: "42"
    faults: Faults = field(default_factory=Faults)
    counts: Counter[str] = field(default_factory=Counter)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    fixed: tuple[int, Any] | None = None
    cards: list[dict[str, Any]] = field(default_factory=lambda: [{"id": "tiny", "owned_by": "test"}])
    tokenizer: Any = None
    die_after: int | None = None  # requests, counted from the start; it stays dead until `start`
    port: int = 0
    most_at_once: int = 0
    pause: float = 0.0  # seconds before every answer

    def __post_init__(self) -> None:
        self._number = 0
        self._at_once = 0
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> None:
        """Listens; again on the same port after `stop`."""
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()

    def stop(self) -> None:
        """Refuses connections and cuts those that are open."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()

    def close(self) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answers one request; whether the connection stays open."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ", 2)
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
        raw = await reader.readexactly(int(headers.get("content-length", 0)))
        if path == "/v1/models" and method == "GET":
            await self._write(writer, 200, {"object": "list", "data": self.cards})
            return True
        body = json.loads(raw)
        self.bodies.append(body)
        self.headers.append(headers)
        self._number += 1
        if self.die_after is not None and self._number > self.die_after:
            self.die_after = None
            self.counts["die"] += 1
            await self._stop()
            return False
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            if self.pause:
                await asyncio.sleep(self.pause)
            return await self._answer(path, body, reader, writer)
        finally:
            self._at_once -= 1

    async def _answer(
        self, path: str, body: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        fault = self.faults.draw(self._number)
        if fault == "too_few" and body.get("n", 1) < 1:
            fault = ""
        self.counts[fault or "answered"] += 1
        if fault == "drop":
            return False
        if fault == "delay":
            await reader.read(1)  # until the client has enough of it
            return False
        if fault == "rate_limit":
            await self._write(
                writer, 429, {"error": {"message": "slow down"}}, f"retry-after: {self.faults.retry_after}"
            )
            return True
        if fault == "server_error":
            await self._write(writer, 503, {"error": {"message": "busy"}})
            return True
        status, made = self.fixed or (200, self._made(path, body))
        if fault == "too_few":
            made = made | {"choices": made["choices"][:-1]}
        text = made if isinstance(made, str) else json.dumps(made)
        await self._write(writer, status, text[: len(text) // 2] if fault == "malformed" else text)
        return True

    def _made(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        texts = [self.answer(body, i) for i in range(body.get("n", 1))]
        if path == "/v1/chat/completions":
            choices = [
                {"index": i, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
                for i, text in enumerate(texts)
            ]
            return {"choices": choices, "usage": {"total_tokens": 10}}
        ids = [self.tokenizer.encode(text, add_special_tokens=False) for text in texts]
        choices = [
            {
                "index": i,
                "finish_reason": "length" if len(ids[i]) >= body["max_tokens"] else "stop",
                "text": text,
                "token_ids": ids[i],
                "prompt_token_ids": body["prompt"],
                "logprobs": {"token_logprobs": [-0.5] * len(ids[i])},
            }
            for i, text in enumerate(texts)
        ]
        if "prompt_logprobs" in body:
            choices[0]["prompt_logprobs"] = [None, *({str(i): {"logprob": -0.5}} for i in body["prompt"][1:])]
        return {"choices": choices, "usage": {"total_tokens": len(body["prompt"]) + sum(map(len, ids))}}

    async def _write(self, writer: asyncio.StreamWriter, status: int, body: Any, *more: str) -> None:
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        head = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}", "content-type: application/json"]
        head += [f"content-length: {len(data)}", *more]
        writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + data)
        await writer.drain()


@contextmanager
def serving(**settings: Any) -> Iterator[FaultServer]:
    """A running server."""
    server = FaultServer(**settings)
    server.start()
    try:
        yield server
    finally:
        server.close()

"""`Endpoints`: several base URLs of one model; which of them gets the next request."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from stepgym.errors import InvalidInputError

_PATIENCE = 3  # failures in a row before a server counts as down: one dropped request says nothing
_FIRST_REST, _LONGEST_REST = 1.0, 30.0


@dataclass(slots=True, eq=False)
class Endpoint:
    """One server.

    Attributes:
        url: Its base URL, without a slash at the end.
        in_flight: Requests it works on.
        failures: How often it did not answer, since it last did.
        down_until: Time (of the monotonic clock) before which it gets nothing while others are up.
        known: Whether it was seen to serve the model, and not lost since.
        warned: The kinds of failure that were reported since it last answered a request.
    """

    url: str
    in_flight: int = 0
    failures: int = 0
    down_until: float = 0.0
    known: bool = False
    warned: set[str] = field(default_factory=set)


class Endpoints:
    """The servers of one model: the one with the fewest requests in flight gets the next.

    Args:
        urls: Base URLs, such as `http://127.0.0.1:8000/v1`.
    """

    def __init__(self, urls: Sequence[str]) -> None:
        self._all = [_endpoint(url) for url in urls]
        if not self._all:
            raise InvalidInputError("expected at least one base URL, such as http://127.0.0.1:8000/v1")
        if len({endpoint.url for endpoint in self._all}) < len(self._all):
            raise InvalidInputError(f"a base URL is given twice: {', '.join(e.url for e in self._all)}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ([endpoint.url for endpoint in self._all],)  # a copy has its own requests in flight

    @property
    def all(self) -> tuple[Endpoint, ...]:
        """All servers, in the order given."""
        return tuple(self._all)

    def __str__(self) -> str:
        return ", ".join(endpoint.url for endpoint in self._all)

    def choose(self) -> Endpoint:
        """The server for the next request; if all are down, the one that is to be tried again first."""
        up = self.up()
        if up:
            return min(up, key=lambda endpoint: endpoint.in_flight)
        return min(self._all, key=lambda endpoint: endpoint.down_until)

    def up(self) -> list[Endpoint]:
        """The servers that may get requests now; one that was down gets a single one first."""
        now = time.monotonic()
        return [
            endpoint
            for endpoint in self._all
            if endpoint.down_until <= now and (endpoint.failures < _PATIENCE or not endpoint.in_flight)
        ]

    def answered(self, endpoint: Endpoint) -> None:
        """`endpoint` is there."""
        endpoint.failures = 0
        endpoint.down_until = 0.0

    def lost(self, endpoint: Endpoint) -> None:
        """`endpoint` did not answer; after some times in a row it rests, and is looked at before it gets more."""
        now = time.monotonic()
        if endpoint.down_until > now:
            return  # requests that were under way when it went down say nothing new
        endpoint.failures += 1
        if endpoint.failures >= _PATIENCE:
            rest = min(_LONGEST_REST, _FIRST_REST * 2.0 ** min(endpoint.failures - _PATIENCE, 10))
            endpoint.down_until = now + rest
            endpoint.known = False

    def rests(self, endpoint: Endpoint, seconds: float) -> None:
        """`endpoint` asked for a pause."""
        endpoint.down_until = max(endpoint.down_until, time.monotonic() + seconds)


def _endpoint(url: str) -> Endpoint:
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidInputError(f"expected a base URL such as http://127.0.0.1:8000/v1, got {_shown(url)!r}")
    if "@" in parts.netloc:
        raise InvalidInputError(
            f"a base URL holds no user and no password (it is shown in messages): put a key into the environment, "
            f"the URL is {_shown(url)}"
        )
    if parts.query or parts.fragment:
        raise InvalidInputError(f"a base URL has no query and no fragment, got {_shown(url)!r}")
    return Endpoint(url.strip().rstrip("/"))


def _shown(url: str) -> str:
    parts = urlsplit(url.strip())
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))

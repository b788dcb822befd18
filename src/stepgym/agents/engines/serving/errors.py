"""`ServingError`: what went wrong with a model server, under a short stable kind."""

from __future__ import annotations

from typing import Any, Literal

from stepgym.errors import StepgymError

FailureKind = Literal[
    "connection",
    "timeout",
    "rate_limit",
    "server_error",
    "malformed",
    "too_few",
    "mismatch",
    "model",
    "rejected",
    "dead",
]
_TRANSIENT: frozenset[FailureKind] = frozenset(
    ("connection", "timeout", "rate_limit", "server_error", "malformed", "too_few")
)


class ServingError(StepgymError):
    """A model server did not give what was asked for.

    Attributes:
        kind: "connection" (nobody answers, or the line was cut), "timeout", "rate_limit" (HTTP 429), "server_error"
            (HTTP 5xx, or an engine that gave up on the request), "malformed" (not the JSON of the protocol), "too_few"
            (fewer samples than asked), "mismatch" (ids and text, or ids sent and read, do not belong together), "model"
            (the server does not serve it), "rejected" (any other HTTP 4xx), "dead" (the engine in this process ended).
        retry_after: Seconds the server asked to wait; None if it did not say.
    """

    def __init__(self, kind: FailureKind, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(kind, message)
        self.kind = kind
        self.message = message
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}"

    @property
    def transient(self) -> bool:
        """Whether asking again may help."""
        return self.kind in _TRANSIENT


class ContextOverflowError(ServingError):
    """The prompt, or the prompt and the tokens asked for, do not fit the model's context."""

    def __init__(self, message: str) -> None:
        super().__init__("rejected", message)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message,)

"""A verifier from a plain function."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from typing import Any

from stepgym.errors import ConformanceError, InvalidInputError
from stepgym.verifiers.verdict import Verdict


class FunctionVerifier:
    """The verifier that `from_function` returns."""

    def __init__(self, fn: Callable[..., Any], *, name: str) -> None:
        self.fn = fn
        self.name = name
        self._takes_context = _takes_context(fn, name)

    def verify(self, response: str, reference: Any, *, context: str = "") -> Verdict:
        """What the function says, as a verdict; raises `ConformanceError` when the function fails."""
        started = time.perf_counter()
        try:
            said = self.fn(response, reference, context) if self._takes_context else self.fn(response, reference)
        except InvalidInputError:
            raise
        except Exception as error:
            # A crash of the checker says nothing about the response: it must not become a score.
            raise ConformanceError(
                f"Verifier {self.name!r} raised {type(error).__name__}: {error} on a response of {len(response)} "
                "characters. Return None for what it cannot decide; raise InvalidInputError for a broken reference."
            ) from error
        verdict = self._as_verdict(said)
        return verdict.signed(verdict.verifier or self.name, time.perf_counter() - started)

    def _as_verdict(self, said: Any) -> Verdict:
        if isinstance(said, Verdict):
            return said
        if said is None:
            return Verdict.undecided(f"{self.name} did not decide")
        if isinstance(said, bool | int | float) and 0 <= said <= 1:
            score = float(said)
            return Verdict("correct", 1.0) if score == 1.0 else Verdict("wrong", score)
        raise ConformanceError(
            f"Verifier {self.name!r} must return True, False, None, a score in [0, 1] or a Verdict, got {said!r:.80} "
            f"({type(said).__name__})."
        )

    def __repr__(self) -> str:
        return f"from_function({getattr(self.fn, '__name__', self.fn)!s}, name={self.name!r})"


def from_function(fn: Callable[..., Any], *, name: str) -> FunctionVerifier:
    """A verifier that calls `fn(response, reference)` or `fn(response, reference, context)`.

    `fn` returns True (correct), False (wrong), None (undecided), a score in [0, 1] (1 is correct, anything less is
    wrong with that much partial credit), or a whole `Verdict`. An exception of `fn` is never a score: it becomes a
    `ConformanceError` that names the verifier; `InvalidInputError` (a broken reference) passes through.

    Args:
        fn: The function; it must be deterministic and usable from several threads.
        name: Name and version for verdicts and messages, for example "units/1".

    Example:
        >>> short = from_function(lambda response, reference: len(response) <= reference, name="short/1")
        >>> short.verify("four", 10).status
        'correct'
    """
    return FunctionVerifier(fn, name=name)


def _takes_context(fn: Callable[..., Any], name: str) -> bool:
    try:
        signature = inspect.signature(fn)
    except ValueError:  # Some functions written in C have no signature.
        return False
    for takes_context, arguments in ((True, ("", None, "")), (False, ("", None))):
        try:
            signature.bind(*arguments)
        except TypeError:
            continue
        return takes_context
    raise InvalidInputError(
        f"Verifier {name!r}: the function must take (response, reference[, context]), has {signature}"
    )

"""Many verdicts at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

from stepgym.errors import InvalidInputError
from stepgym.verifiers.verdict import Verdict
from stepgym.verifiers.verifier import Verifier

Item: TypeAlias = tuple[str, Any] | tuple[str, Any, str] | Mapping[str, Any]


def verify_many(verifier: Verifier, items: Iterable[Item], *, threads: int = 8) -> list[Verdict]:
    """The verdicts on `items`, in their order.

    Threads overlap what waits (worker processes, compilers, servers); a verifier that only computes gains nothing
    from them and loses nothing. The first exception is raised after the verdicts in progress have ended.

    Args:
        verifier: Any verifier.
        items: `(response, reference)`, `(response, reference, context)`, or mappings with these keys.
        threads: How many verdicts may be in progress at once.
    """
    if threads < 1:
        raise InvalidInputError(f"threads must be at least 1, got {threads}")
    calls = [_unpack(item, index) for index, item in enumerate(items)]
    if threads == 1 or len(calls) < 2:
        return [verifier.verify(response, reference, context=context) for response, reference, context in calls]
    with ThreadPoolExecutor(min(threads, len(calls)), thread_name_prefix="verify-many") as pool:
        futures = [pool.submit(verifier.verify, call[0], call[1], context=call[2]) for call in calls]
        try:
            return [future.result() for future in futures]
        finally:
            for future in futures:
                future.cancel()


def _unpack(item: Item, index: int) -> tuple[str, Any, str]:
    if isinstance(item, Mapping):
        if "response" in item and "reference" in item:
            return item["response"], item["reference"], item.get("context", "")
    elif isinstance(item, tuple | list) and len(item) in (2, 3):
        return item[0], item[1], item[2] if len(item) == 3 else ""
    raise InvalidInputError(
        f"item {index} must be (response, reference), (response, reference, context) or a mapping with these keys, "
        f"got {item!r:.80}"
    )

"""References of molecules, parsed once and kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from stepgym.errors import InvalidInputError

Parsed = TypeVar("Parsed")
_MAX_TEXT = 20_000


class ReferenceCache(Generic[Parsed]):
    """Keeps what a function made of the references seen last; a broken reference raises each time."""

    def __init__(self, parse: Callable[[Any], Parsed], *, size: int = 2_048) -> None:
        self._parse = parse
        self._size = size
        self._kept: OrderedDict[str, Parsed] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, reference: Any) -> Parsed:
        """What the function makes of a reference."""
        # The text, not the identity: a mapping may change between two calls.
        key = repr(reference)
        with self._lock:
            found = self._kept.get(key)
        if found is None:
            found = self._parse(reference)
            if len(key) <= _MAX_TEXT:
                with self._lock:
                    self._kept[key] = found
                    if len(self._kept) > self._size:
                        self._kept.popitem(last=False)
        return found


def mapping(reference: Any, who: str, *, required: tuple[str, ...], optional: tuple[str, ...]) -> Mapping[str, Any]:
    """The reference as a mapping with these keys; `InvalidInputError` if it is none."""
    known = {*required, *optional}
    if not isinstance(reference, Mapping) or not set(required) <= set(reference) <= known:
        wanted = ", ".join([*required, *(f"{name} (optional)" for name in optional)])
        raise InvalidInputError(f"{who}: the reference must be a mapping with {wanted}, got {reference!r:.120}")
    return reference

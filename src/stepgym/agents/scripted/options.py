"""The options of scripted players on the command line: `noise=0.3,strategy=wrong-object`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from stepgym.errors import InvalidInputError


def read_options(text: str, known: Mapping[str, Callable[[str], Any]], *, player: str) -> dict[str, Any]:
    """The options in `text`, each read by its function in `known`.

    Raises:
        InvalidInputError: One is not known, or its value cannot be read.
    """
    found: dict[str, Any] = {}
    for part in filter(None, text.split(",")):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or name not in known:
            raise InvalidInputError(
                f"{player} takes NAME=VALUE, divided by commas, of {', '.join(known)}; got {part!r:.80}"
            )
        found[name] = known[name](value)
    return found


def probability(text: str) -> float:
    """The number in `text`; its range is for the player to check."""
    try:
        return float(text)
    except ValueError:
        raise InvalidInputError(f"noise must be a probability from 0 to 1, got {text!r:.80}") from None

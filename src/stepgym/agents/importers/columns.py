"""Values of a row by dotted path, and what they mean: text, outcome, task id."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from stepgym.errors import InvalidInputError

_PLACEHOLDER = re.compile(r"\{\w*\}")
_WORDS = {"true": 1.0, "false": 0.0, "correct": 1.0, "wrong": 0.0, "incorrect": 0.0}


def value_at(row: Any, path: str) -> Any:
    """The value at a dotted `path` ("a.b", "messages.0.content"); a key that is spelled like the path wins.

    Raises:
        InvalidInputError: there is nothing at the path.
    """
    if isinstance(row, Mapping) and path in row:
        return row[path]
    head, _, rest = path.partition(".")
    if isinstance(row, Mapping) and head in row:
        value = row[head]
    elif isinstance(row, list) and head.isdecimal() and int(head) < len(row):
        value = row[int(head)]
    else:
        there = ", ".join(map(repr, list(row)[:8])) if isinstance(row, Mapping) else type(row).__name__
        raise InvalidInputError(f"no column {path!r}; there is {there or 'nothing'}")
    return value_at(value, rest) if rest else value


def has_placeholder(path: str) -> bool:
    """Whether the path holds a `{name}` that stands for several columns."""
    return _PLACEHOLDER.search(path) is not None


def filled(path: str, name: str) -> str:
    """The path with its placeholder replaced by `name`."""
    return _PLACEHOLDER.sub(lambda _: name, path)


def names_that_fit(row: Mapping[str, Any], path: str) -> list[str]:
    """Each key that can stand for the placeholder of the path so that it leads to a value."""
    before = path.partition("{")[0].rstrip(".")
    keys = value_at(row, before) if before else row
    return [key for key in keys if _leads_somewhere(row, filled(path, key))] if isinstance(keys, Mapping) else []


def name_at(row: Mapping[str, Any], path: str | None, default: str) -> str:
    """A name or number at `path` as text; `default` without a path and for null."""
    value = None if path is None else value_at(row, path)
    if value is None:
        return default
    if isinstance(value, str) or type(value) is int:
        return str(value)
    raise InvalidInputError(f"{path!r} must be a name or a whole number, got {type(value).__name__}")


def text_of(value: Any, column: str) -> str:
    """A text, or the texts of a list of chat messages, one after the other."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        return "\n\n".join(content_of(item) for item in value)
    raise InvalidInputError(f"{column!r} must be text, got {type(value).__name__}")


def content_of(message: Mapping[str, Any]) -> str:
    """The text of a chat message: "content" or "value", a string or a list of text parts."""
    content = message.get("content", message.get("value"))
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [part.get("text") if isinstance(part, Mapping) else part for part in content]
        texts = [part for part in parts if isinstance(part, str)]
        if len(texts) == len(parts):
            return "".join(texts)
    raise InvalidInputError(f"a message needs text in 'content' or 'value', got {type(content).__name__}")


def outcome_of(value: Any, column: str) -> float | None:
    """A reward as a number: numbers, true and false, also spelled as text; null is no outcome."""
    if value is None:
        return None
    if isinstance(value, str):
        word = value.strip().lower()
        try:
            value = _WORDS[word] if word in _WORDS else float(word)
        except ValueError:
            value = math.nan
    if isinstance(value, bool | int | float) and abs(value) < 1e300:
        return float(value)
    raise InvalidInputError(f"{column!r} must be a finite number, true or false, or null for none")


def prompt_id(prompt: str) -> str:
    """A task id made of the prompt: equal prompts, whatever their white space, are one task in every log."""
    return "prompt-" + blake2b(" ".join(prompt.split()).encode("utf-8", "replace"), digest_size=8).hexdigest()


def _leads_somewhere(row: Mapping[str, Any], path: str) -> bool:
    try:
        value_at(row, path)
    except InvalidInputError:
        return False
    return True

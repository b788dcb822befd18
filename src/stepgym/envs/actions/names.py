"""`action_format`: formats by name, so that the arguments of an environment stay plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from stepgym.envs.actions.formats import LastLine, ReAct, Tagged, Thinking, WholeText
from stepgym.envs.actions.reading import ActionFormat, Chain
from stepgym.envs.actions.tool_calls import ToolCall
from stepgym.errors import InvalidInputError, unknown_name
from stepgym.plugins import load_target

ActionsLike = str | Mapping[str, Any] | ActionFormat
"""A format, its name, or `{"format": name}` with its fields."""

FORMATS: Mapping[str, Callable[..., ActionFormat]] = MappingProxyType(
    {
        "whole": WholeText,
        "last-line": LastLine,
        "react": ReAct,
        "think": Thinking,
        "tags": Tagged,
        "tool-call": ToolCall,
    }
)
"""The formats by name."""


def action_format(actions: ActionsLike) -> ActionFormat:
    """The format called `actions`.

    Args:
        actions: "whole", "last-line", "react", "think", "tags" or "tool-call"; several joined by "+" are read one
            after the other, "think+react" for instance. `{"format": "tool-call", "argument": "command"}` sets fields.
            A format of your own is an object, or "module:Class".

    Raises:
        UnknownNameError: No format is called so.
        InvalidInputError: It is none of these, or has no such field.
    """
    if isinstance(actions, Mapping):
        fields = dict(actions)
        name = fields.pop("format", None)
        if not isinstance(name, str):
            raise InvalidInputError(f'a format as a mapping has a name under "format", got {dict(actions)!r:.120}')
        return _made(name, fields)
    if isinstance(actions, str):
        names = actions.split("+")
        return _made(actions, {}) if len(names) == 1 else Chain(tuple(_made(name, {}) for name in names))
    return _checked(actions)


def _made(name: str, fields: dict[str, Any]) -> ActionFormat:
    make: Any = FORMATS.get(name)
    if make is None and name.count(":") == 1:
        try:
            make = load_target(name)
        except (ImportError, AttributeError, ValueError) as error:
            raise InvalidInputError(f"the action format {name!r} cannot be loaded: {error}") from error
    if make is None:
        raise unknown_name("action format", name, FORMATS)
    try:
        return _checked(make(**fields))
    except TypeError as error:
        raise InvalidInputError(f"the action format {name!r}: {error}") from error


def _checked(found: Any) -> ActionFormat:
    if isinstance(found, type) or not isinstance(found, ActionFormat):
        raise InvalidInputError(
            f"an action format has `instructions`, `read(text)`, `write(action)`, got {found!r:.80}"
        )
    return found

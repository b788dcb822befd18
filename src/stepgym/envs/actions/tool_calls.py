"""`ToolCall`: the action is the argument of a function call, as the chat templates of tool-using models write it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stepgym.envs.actions.reading import Reading
from stepgym.errors import InvalidInputError

_OPEN = "<tool_call>"
_LONGEST_CALL = 1 << 16
_ARGUMENTS = ("arguments", "parameters")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class ToolCall:
    """`<tool_call>{"name": ..., "arguments": {...}}</tool_call>` (Hermes, Qwen), or such an object alone (Llama 3.1).

    The first call counts, whether its tag is closed or not. A call is at most 65,536 characters long.

    Attributes:
        name: The only function there is; "" allows any.
        argument: The argument that holds the action; "" takes the only one, or the name of a function without any.
            Values that are no text are taken as JSON.
    """

    name: str = ""
    argument: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not isinstance(self.argument, str):
            raise InvalidInputError(f"name and argument must be texts, got {self.name!r:.80}, {self.argument!r:.80}")

    @property
    def instructions(self) -> str:
        """What to write."""
        return f"Act by a call such as {self._call('your action')}."

    def read(self, text: str) -> Reading:
        """The argument of the first call."""
        tag = text.find(_OPEN)
        if tag < 0 and not text.lstrip().startswith("{"):
            return Reading.failed(f"there is no {_OPEN}")
        start = text.find("{", max(tag, 0))
        if start < 0 or text[max(tag, 0) + len(_OPEN) * (tag >= 0) : start].strip():
            return Reading.failed("the call is no JSON object")
        body = text[start : start + _LONGEST_CALL]
        try:
            call, length = _DECODER.raw_decode(body)
        except (ValueError, RecursionError):  # nested too deep, or a number of thousands of digits
            too_long = len(text) - start > _LONGEST_CALL
            return Reading.failed("the call is too long" if too_long else "the call is not valid JSON")
        found = self._action(call)
        if found.problem:
            return found
        place = _place(body[:length], found.text)
        if place is None:
            return Reading(found.text, ((start, start + length),), verbatim=False)
        return Reading.of(text, [(start + place, start + place + len(found.text))])

    def write(self, action: str, thought: str = "") -> str:
        """The thought, and a call with the action as its argument."""
        call = self._call(action, "\n")
        return f"{thought}\n{call}" if thought else call

    def _call(self, action: str, space: str = "") -> str:
        call = {"name": self.name or "act", "arguments": {self.argument or "action": action}}
        return f"{_OPEN}{space}{json.dumps(call, ensure_ascii=False)}{space}</tool_call>"

    def _action(self, call: Any) -> Reading:
        name = call.get("name") if isinstance(call, Mapping) else None
        if not isinstance(name, str):
            return Reading.failed('the call has no "name"')
        if self.name and name != self.name:
            return Reading.failed(f"the function is called {self.name!r}, not {name[:40]!r}")
        arguments: Any = next((call[key] for key in _ARGUMENTS if key in call), {})
        if not isinstance(arguments, Mapping):
            return Reading.failed('"arguments" must be an object')
        if self.argument:
            if self.argument not in arguments:
                return Reading.failed(f"the call has no argument {self.argument!r}")
            value = arguments[self.argument]
        elif len(arguments) > 1:
            return Reading.failed(f"the call has {len(arguments)} arguments, expected one")
        else:
            value = next(iter(arguments.values()), name)
        action = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return Reading(_without_surrogates(action))


def _place(body: str, action: str) -> int | None:
    """Where the action stands in the call, if it does so once and as it is."""
    first = body.find(f'"{action}"') if action else -1
    return first + 1 if first >= 0 and body.find(f'"{action}"', first + 1) < 0 else None


def _without_surrogates(text: str) -> str:
    """JSON can spell half a character, which cannot be written to a log."""
    return text.encode("utf-8", "replace").decode("utf-8")

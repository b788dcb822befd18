"""`FunctionCalls`: calls and answers as function calls, as the chat templates of tool-using models write them."""

from __future__ import annotations

from dataclasses import dataclass

from stepgym.envs.actions.reading import Reading
from stepgym.envs.actions.tool_calls import ToolCall
from stepgym.envs.tools.turns import ANSWER, read_turn
from stepgym.errors import InvalidInputError

_LONGEST = 1 << 16


@dataclass(frozen=True, slots=True)
class FunctionCalls:
    """`<tool_call>{"name": "search", "arguments": {"query": ...}}</tool_call>` in place of `<search_query>...`.

    An action format, to be given as `actions="stepgym.envs.tools:FunctionCalls"`. There are two functions, one for the
    tool and "answer", each with one argument of any name; calls are read as `ToolCall` reads them, the first counts.
    Instructions of the environment name its tags: give it `instructions=` in words of your own, without tags.

    Attributes:
        tag: The tag of the tool.
        function: The name of its function.
        argument: The name of the functions' argument in what `write` writes.
    """

    tag: str = "search_query"
    function: str = "search"
    argument: str = "query"

    def __post_init__(self) -> None:
        if not all(isinstance(name, str) and name for name in (self.tag, self.function, self.argument)):
            raise InvalidInputError("tag, function and argument must be texts that are not empty")

    @property
    def instructions(self) -> str:
        """What to write."""
        return f"Act by one call such as {self._call(self.function, '...')} or {self._call(ANSWER, '...')}."

    def read(self, text: str) -> Reading:
        """The first call, as the tags that the environment reads."""
        answer = ToolCall(ANSWER).read(text)
        if not answer.problem:
            return Reading(f"<{ANSWER}>{answer.text}</{ANSWER}>", answer.spans, verbatim=False)
        call = ToolCall(self.function).read(text)
        if call.problem:
            return call
        return Reading(f"<{self.tag}>{call.text}</{self.tag}>", call.spans, verbatim=False)

    def write(self, action: str, thought: str = "") -> str:
        """The thought, and the call or answer of an action in tags."""
        turn = read_turn(action, self.tag, longest=_LONGEST)
        if turn.kind == "nothing":
            return f"{thought}\n{action}" if thought else action
        call = self._call(ANSWER if turn.kind == "answer" else self.function, turn.text)
        return f"{thought}\n{call}" if thought else call

    def _call(self, function: str, value: str) -> str:
        return ToolCall(function, self.argument).write(value)

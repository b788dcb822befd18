"""`StepPrompt`: each step asked anew in one message, with the last steps and the possible actions told in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, ClassVar, cast

from stepgym.agents.conversation.prompts import ChatPrompt, Turn
from stepgym.agents.policy import Message
from stepgym.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class StepPrompt:
    """One user message a step: task, last steps, what is seen now, what is possible, and the answer format.

    Prompts stay short however long an episode is; every step begins a segment.

    Attributes:
        intro: The first sentence.
        history: How many of the last steps are told.
        task_after: The task is what follows these words in the first observation; "" takes the whole observation.
        choices: The key of `info` with the list of possible actions; "" shows none.
        hidden: Possible actions that are not shown.
        chat: How the message is rendered.
    """

    intro: str = ""
    history: int = 2
    task_after: str = ""
    choices: str = ""
    hidden: tuple[str, ...] = ()
    chat: ChatPrompt = field(default_factory=partial(ChatPrompt, instructions="none"))
    adds_special_tokens: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.history < 0:
            raise InvalidInputError(f"history must be >= 0, got {self.history}")

    @property
    def info_keys(self) -> tuple[str, ...]:
        """What is shown of `info`."""
        return (self.choices,) if self.choices else ()

    def action_of(self, text: str) -> str:
        """An earlier answer as it is told."""
        return text

    def messages(self, turns: Sequence[Message], *, instructions: str = "") -> tuple[Message, ...]:
        """One message that asks for the next step.

        Raises:
            InvalidInputError: The possible actions are to be shown and are not known.
        """
        now = turns[-1]["content"]
        done = len(turns) // 2
        told = [self.intro]
        if done:
            told.append(f"Your task: {self._task(turns[0]['content'])}")
            told += self._steps(turns, done)
            told.append(f"This is step {done + 1}. You see: {now}")
        else:
            told.append(f"This is step 1. You see: {now}")
        if self.choices:
            told.append("Possible actions: " + ", ".join(f"'{choice}'" for choice in self._choices(turns[-1])))
        told.append(instructions)
        return ({"role": "user", "content": "\n\n".join(part for part in told if part)},)

    def render(self, messages: Sequence[Message], tokenizer: Any) -> str:
        """The chat template of the tokenizer."""
        return self.chat.render(messages, tokenizer)

    def settings(self) -> dict[str, Any]:
        """The fields and the name of the format."""
        return {"format": type(self).__name__, **asdict(self), "chat": self.chat.settings()}

    def _task(self, first: str) -> str:
        _, found, task = first.partition(self.task_after) if self.task_after else ("", "", first)
        return task.strip() if found else first

    def _steps(self, turns: Sequence[Message], done: int) -> list[str]:
        begin = max(0, done - self.history)
        if begin == done:
            return [f"Steps taken: {done}."]
        lines = [f"Steps taken: {done}. The last of them:"]
        for number in range(begin, done):
            seen, answer = turns[2 * number]["content"], turns[2 * number + 1]["content"]
            lines.append(f"Seen in step {number + 1}: {seen}\nDone in step {number + 1}: {self.action_of(answer)}")
        return ["\n".join(lines)]

    def _choices(self, turn: Message) -> list[str]:
        info: Mapping[str, Any] = cast(Turn, turn).get("info", {})
        found = info.get(self.choices)
        if not isinstance(found, Sequence) or isinstance(found, str):
            raise InvalidInputError(
                f"this prompt shows the possible actions, a list of texts in info[{self.choices!r}], "
                f"got {found!r:.80}: pass it on, Agent.act(conversation, observation, info=info)"
            )
        return [str(choice) for choice in found if choice not in self.hidden]

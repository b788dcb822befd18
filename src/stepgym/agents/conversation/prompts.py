"""Prompt formats: how a conversation becomes the text, and then the token ids, that a policy reads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

from stepgym.agents.policy import Message
from stepgym.errors import InvalidInputError


class Turn(Message, total=False):
    """An observation with what a prompt format wants of the environment's `info`, see `PromptFormat`."""

    info: Mapping[str, Any]


@runtime_checkable
class PromptFormat(Protocol):
    """Arranges a conversation for a policy.

    A format that shows more than the observation names the keys of the environment's `info` in an attribute
    `info_keys`, a tuple of texts; `messages` then finds them under "info" in the messages of the user.
    """

    @property
    def adds_special_tokens(self) -> bool:
        """Whether the tokenizer shall add its BOS token when it encodes the text."""
        ...

    def messages(self, turns: Sequence[Message], *, instructions: str = "") -> tuple[Message, ...]:
        """The conversation with the environment's `instructions` where this format puts them."""
        ...

    def render(self, messages: Sequence[Message], tokenizer: Any) -> str:
        """The text after which the policy writes its next turn."""
        ...

    def settings(self) -> dict[str, Any]:
        """What makes this format differ from others, as JSON values, for the template hash."""
        ...


@dataclass(frozen=True, slots=True)
class PlainPrompt:
    r"""Text completion: observation, completion, separator, next observation, and so on.

    Attributes:
        prefix: Goes before each observation, for example "Question: ".
        suffix: Goes after each observation, for example "\\nAnswer: ".
        separator: Goes between a completion and what follows, and after the instructions.
        instructions: Whether the text begins with the environment's instructions.
        opening: Messages before the first observation, of user and assistant in turn: worked examples, for instance.
    """

    prefix: str = ""
    suffix: str = ""
    separator: str = "\n"
    instructions: bool = False
    opening: tuple[Message, ...] = ()
    adds_special_tokens: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check_opening(self.opening)

    def messages(self, turns: Sequence[Message], *, instructions: str = "") -> tuple[Message, ...]:
        """The turns after the opening, and a system message with the `instructions` first if they are to be shown."""
        turns = (*self.opening, *turns)
        if self.instructions and instructions:
            return ({"role": "system", "content": instructions}, *turns)
        return turns

    def render(self, messages: Sequence[Message], tokenizer: Any = None) -> str:
        """The turns one after the other; no tokenizer is needed."""
        parts = []
        for message in messages:
            if message["role"] == "user":
                parts.append(f"{self.prefix}{message['content']}{self.suffix}")
            else:
                parts.append(f"{message['content']}{self.separator}")
        return "".join(parts)

    def settings(self) -> dict[str, Any]:
        """The fields and the name of the format."""
        return _without_empty({"format": "plain", **asdict(self)}, "opening")


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """The chat template of the tokenizer.

    Attributes:
        instructions: Where the environment's instructions go: "system" message, start of the first "user" message (for
            templates without a system role), or "none".
        system: Further system text, before the instructions.
        template: A Jinja chat template to use in place of the tokenizer's own.
        template_kwargs: Switches of the template, for example `{"enable_thinking": False}`.
        opening: Messages before the first observation, of user and assistant in turn: worked examples, for instance.
        prefix: Goes before each observation but the first, for example "Observation: ".
    """

    instructions: Literal["system", "user", "none"] = "system"
    system: str = ""
    template: str | None = None
    template_kwargs: Mapping[str, Any] = field(default_factory=dict)
    opening: tuple[Message, ...] = ()
    prefix: str = ""
    adds_special_tokens: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.instructions not in ("system", "user", "none"):
            raise InvalidInputError(f"instructions must be 'system', 'user' or 'none', got {self.instructions!r}")
        _check_opening(self.opening)

    def messages(self, turns: Sequence[Message], *, instructions: str = "") -> tuple[Message, ...]:
        """The turns after the opening, with system text and `instructions` where they belong."""
        turns = (*self.opening, *turns[:1], *(self._prefixed(turn) for turn in turns[1:]))
        shown = instructions if self.instructions != "none" else ""
        text = "\n\n".join(part for part in (self.system, shown) if part)
        if not text:
            return turns
        if self.instructions == "user":
            first, *rest = turns
            return ({"role": first["role"], "content": f"{text}\n\n{first['content']}"}, *rest)
        return ({"role": "system", "content": text}, *turns)

    def render(self, messages: Sequence[Message], tokenizer: Any) -> str:
        """The rendered template with the header of the policy's next turn."""
        template = self.template or getattr(tokenizer, "chat_template", None)
        if not template:
            raise InvalidInputError(
                "this tokenizer has no chat template: use PlainPrompt(), or pass a template, ChatPrompt(template=...)"
            )
        from jinja2 import TemplateError

        try:
            text = tokenizer.apply_chat_template(
                [dict(message) for message in messages],
                chat_template=self.template,
                tokenize=False,
                add_generation_prompt=True,
                **self.template_kwargs,
            )
        except (TemplateError, ValueError) as error:  # ValueError: several templates, and none is the default
            hint = " (if it refuses a system message: ChatPrompt(instructions='user'))" if self._has_system() else ""
            raise InvalidInputError(f"the chat template refuses the conversation: {error}{hint}") from error
        return str(text)

    def settings(self) -> dict[str, Any]:
        """The fields and the name of the format."""
        found = {"format": "chat", **asdict(self), "template_kwargs": dict(self.template_kwargs)}
        return _without_empty(found, "opening", "prefix")

    def _prefixed(self, turn: Message) -> Message:
        if not self.prefix or turn["role"] != "user":
            return turn
        return {"role": "user", "content": self.prefix + turn["content"]}

    def _has_system(self) -> bool:
        return self.instructions == "system"


def _check_opening(opening: Sequence[Message]) -> None:
    roles = [message["role"] for message in opening]
    if roles != ["user", "assistant"] * (len(roles) // 2):
        raise InvalidInputError(f"opening must be pairs of user and assistant messages, got the roles {roles}")


def _without_empty(found: dict[str, Any], *later: str) -> dict[str, Any]:
    """Without empty fields that came later: logs from before there were these go on with the same hash."""
    return {name: value for name, value in found.items() if value or name not in later}


def template_hash(prompt: PromptFormat, tokenizer: Any) -> str:
    """16 hexadecimal digits that identify tokenizer, chat template and prompt format; "" without a tokenizer."""
    if tokenizer is None:
        return ""
    digest = sha256()
    backend = getattr(tokenizer, "backend_tokenizer", None)
    state = tokenizer.get_vocab() if backend is None else json.loads(backend.to_str())
    if backend is not None:
        # Left there by whoever used the tokenizer last; they are no part of it.
        state["truncation"] = state["padding"] = None
    parts = (
        json.dumps(state, sort_keys=True),
        json.dumps(sorted(map(str, tokenizer.all_special_tokens))),
        str(getattr(tokenizer, "chat_template", None)),
        json.dumps(prompt.settings(), sort_keys=True, default=str),
    )
    for part in parts:
        digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()[:16]

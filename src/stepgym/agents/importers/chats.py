"""Chats of one or many turns: `messages` or `conversations`, with a reward for the whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from stepgym.agents.episodes import Episode, Step
from stepgym.agents.importers.columns import content_of, name_at, outcome_of, prompt_id, value_at
from stepgym.agents.importers.report import ImportReport
from stepgym.agents.importers.rows import OnError, Source, episodes_of
from stepgym.errors import InvalidInputError

ASSISTANT = ("assistant", "gpt", "model", "chatgpt", "bot")
OTHERS = ("user", "human", "system", "developer", "tool", "function", "observation", "environment", "ipython")


def read_chats(
    source: Source,
    *,
    messages: str | None = None,
    reward: str | None = "reward",
    task: str | None = None,
    context_messages: int = 0,
    report: ImportReport | None = None,
    on_error: OnError = "skip",
    env_id: str = "imported",
    policy: str = "",
) -> Iterator[Episode]:
    """Episodes of chats, read as a stream: what the assistant wrote are actions, all else is observation.

    Messages are `{"role", "content"}` or `{"from", "value"}`. Several messages before an answer become one observation,
    separated by a blank line, a system message at the start of the first. What follows the last answer is left out.
    The reward sits on the last turn.

    Args:
        source: `.jsonl`, `.ndjson`, `.json` (each also with `.gz`) or `.parquet`.
        messages: Dotted path of the list of messages; "messages" or "conversations" if None.
        reward: Dotted path of the reward; None for chats without (the outcome is then None).
        task: Dotted path of the task id; made of the first observation if None.
        context_messages: How many messages at the beginning are all observation, whoever wrote them. The OREO code's
            ALFWorld data need 3: instruction, "OK", first observation.
        report: Is filled while the stream is read.
        on_error: "skip" counts bad rows in the report, "raise" stops at the first and names its line.
        env_id: The episodes' environment.
        policy: The episodes' policy.
    """
    if context_messages < 0:
        raise InvalidInputError(f"context_messages must be >= 0, got {context_messages}")

    def parse(row: Mapping[str, Any], row_id: str) -> Iterator[Episode]:
        steps = steps_of(_messages(row, messages), context_messages)
        outcome = None if reward is None else outcome_of(value_at(row, reward), reward)
        steps[-1] = replace(steps[-1], reward=outcome or 0.0, terminated=True)
        task_id = name_at(row, task, prompt_id(steps[0].observation))
        yield Episode(row_id, env_id, task_id, tuple(steps), outcome, policy=policy)

    return episodes_of(source, parse, report, on_error)


def steps_of(messages: Sequence[Any], context_messages: int = 0) -> list[Step]:
    """The turns of a chat; raises `InvalidInputError` for a strange message or if the assistant wrote nothing."""
    steps: list[Step] = []
    waiting: list[str] = []
    for number, message in enumerate(messages):
        if not isinstance(message, Mapping):
            raise InvalidInputError(f"message {number} must be an object, got {type(message).__name__}")
        role = message.get("role", message.get("from"))
        if role not in ASSISTANT and role not in OTHERS:
            raise InvalidInputError(f"message {number} has the role {role!r:.40}, expected user or assistant")
        if role in ASSISTANT and number >= context_messages:
            steps.append(Step("\n\n".join(waiting), content_of(message)))
            waiting = []
        else:
            waiting.append(content_of(message))
    if not steps:
        raise InvalidInputError("the assistant wrote no message")
    return steps


def _messages(row: Mapping[str, Any], path: str | None) -> Sequence[Any]:
    if path is not None:
        found = value_at(row, path)
    else:
        found = row.get("messages", row.get("conversations"))
    if not isinstance(found, list):
        where = "'messages' or 'conversations'" if path is None else repr(path)
        raise InvalidInputError(f"expected a list of messages in {where}, got {type(found).__name__}")
    return found

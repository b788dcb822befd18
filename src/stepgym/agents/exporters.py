"""Episodes as rows for other programs: the OREO code, chat data sets, TRL.

Every function is a stream of plain rows for `write_rows` or `datasets.Dataset.from_generator`. Rows that carry a
judgement leave undecided and cut episodes out, since they have none.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from stepgym.agents import jsonlines
from stepgym.agents.episodes import Episode
from stepgym.agents.policy import Message
from stepgym.errors import InvalidInputError

Row = dict[str, Any]


def to_oreo(episodes: Iterable[Episode]) -> Iterator[Row]:
    """Rows of the OREO code: `prompt`, `response`, `reward` for one turn, `conversations` and `reward` for several."""
    for episode in episodes:
        if episode.success is None or not episode.steps:
            continue
        if len(episode.steps) == 1:
            step = episode.steps[0]
            yield {"prompt": step.observation, "response": step.action, "reward": episode.outcome}
        else:
            yield {"conversations": chat_of(episode), "reward": episode.outcome}


def to_chat(episodes: Iterable[Episode], *, style: Literal["messages", "conversations"] = "messages") -> Iterator[Row]:
    """Chats with `id`, `task` and `reward` (null if undecided or cut).

    Args:
        episodes: All of them are exported.
        style: "messages" of `role` and `content`, or "conversations" of `from` ("human", "gpt") and `value`.
    """
    if style not in ("messages", "conversations"):
        raise InvalidInputError(f"style must be 'messages' or 'conversations', got {style!r}")
    for episode in episodes:
        messages: list[Any] = list(chat_of(episode))
        if style == "conversations":
            names = {"user": "human", "assistant": "gpt"}
            messages = [{"from": names[m["role"]], "value": m["content"]} for m in messages]
        reward = None if episode.success is None else episode.outcome
        yield {"id": episode.id, "task": episode.task_id, style: messages, "reward": reward}


def to_sft(episodes: Iterable[Episode]) -> Iterator[Row]:
    """Successes for TRL's SFTTrainer: `prompt` and `completion` for one turn, `messages` for several."""
    for episode in episodes:
        if not episode.success or not episode.steps:
            continue
        if len(episode.steps) == 1:
            yield {"prompt": episode.steps[0].observation, "completion": episode.steps[0].action}
        else:
            yield {"messages": chat_of(episode)}


def to_kto(episodes: Iterable[Episode]) -> Iterator[Row]:
    """All decided episodes for TRL's KTOTrainer: `prompt`, `completion`, `label`."""
    for episode in episodes:
        if episode.success is not None and episode.steps:
            prompt, completion = _split(episode)
            yield {"prompt": prompt, "completion": completion, "label": episode.success}


def to_dpo(episodes: Iterable[Episode], *, pairs_per_task: int = 6, seed: int = 0) -> Iterator[Row]:
    """Pairs for TRL's DPOTrainer: `prompt`, `chosen`, `rejected`, a success and a failure of the same task.

    Holds all decided episodes in memory. Only episodes that begin with the same observation make pairs; of all that
    are possible for a task at most `pairs_per_task` are drawn with `seed`, none twice.
    """
    if pairs_per_task < 1:
        raise InvalidInputError(f"pairs_per_task must be at least 1, got {pairs_per_task}")
    tasks: dict[tuple[str, str], tuple[list[Any], list[Any]]] = {}
    for episode in episodes:
        if episode.success is not None and episode.steps:
            prompt, completion = _split(episode)
            first = prompt if isinstance(prompt, str) else prompt[0]["content"]
            rejected, chosen = tasks.setdefault((episode.task_id, first), ([], []))
            (chosen if episode.success else rejected).append((prompt, completion))
    generator = np.random.default_rng(seed)
    for rejected, chosen in tasks.values():
        # A conversation and a plain text cannot stand in one pair.
        possible = [(c, r) for c in chosen for r in rejected if type(c[0]) is type(r[0])]
        for index in generator.permutation(len(possible))[:pairs_per_task]:
            (prompt, good), (_, bad) = possible[index]
            yield {"prompt": prompt, "chosen": good, "rejected": bad}


def write_rows(rows: Iterable[Mapping[str, Any]], path: str | os.PathLike[str]) -> int:
    """Write `rows` as JSON lines; returns how many. An existing file is refused."""
    target = Path(path)
    count = 0
    try:
        with target.open("xb") as file:
            for row in rows:
                file.write(jsonlines.encode(row))
                count += 1
    except FileExistsError:
        raise InvalidInputError(f"{target} exists; choose another name or delete it") from None
    except OSError as error:
        raise InvalidInputError(f"cannot write {target}: {error.strerror or error}") from error
    return count


def chat_of(episode: Episode) -> list[Message]:
    """The episode as a conversation of user and assistant; empty observations are left out."""
    messages: list[Message] = []
    for step in episode.steps:
        if step.observation:
            messages.append({"role": "user", "content": step.observation})
        messages.append({"role": "assistant", "content": step.action})
    return messages


def _split(episode: Episode) -> tuple[Any, Any]:
    """Prompt and completion: texts for one turn, messages for several."""
    if len(episode.steps) == 1:
        return episode.steps[0].observation, episode.steps[0].action
    messages = chat_of(episode)
    first = 1 if messages[0]["role"] == "user" else 0
    return messages[:first] or [{"role": "user", "content": ""}], messages[first:]

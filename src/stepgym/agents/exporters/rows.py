"""Episodes as rows for other programs: the OREO code, chat data sets, TRL.

Every function is a stream of plain rows for `write_rows` or `datasets.Dataset.from_generator`. Rows that carry a
judgement leave undecided and cut episodes out, since they have none.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from stepgym.agents.episodes import Episode, Step
from stepgym.agents.exporters.preference_pairs import (
    LoggedIds,
    PairOrder,
    check_pairing,
    context_ids,
    draw_pairs,
    logged_ids,
    step_pairs,
)
from stepgym.agents.log import jsonlines
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


def to_kto(episodes: Iterable[Episode], *, ids: bool = False) -> Iterator[Row]:
    """All decided episodes for TRL's KTOTrainer: `prompt`, `completion`, `label`.

    Args:
        episodes: A log.
        ids: Also write `prompt_ids`, `completion_ids` and `completion_mask` (1 where the agent wrote the token), in the
            ids of the log; None where an episode has none or its context was rewritten on the way.
    """
    for episode in episodes:
        if episode.success is not None and episode.steps:
            prompt, completion = _split(episode)
            row: Row = {"prompt": prompt, "completion": completion, "label": episode.success}
            if ids:
                logged = logged_ids(episode)
                row |= {"prompt_ids": None if logged is None else list(logged.prompt)} | _part("completion", logged)
            yield row


def to_dpo(
    episodes: Iterable[Episode],
    *,
    pairs_per_task: int = 6,
    order: PairOrder = "random",
    seed: int = 0,
    ids: bool = False,
) -> Iterator[Row]:
    """Pairs for TRL's DPOTrainer: `prompt`, `chosen`, `rejected`, a success and a failure of the same task.

    Holds all decided episodes in memory. Only episodes that begin with the same observation make pairs.

    Args:
        episodes: A log.
        pairs_per_task: Of all pairs that are possible for a task at most so many, none twice. The paper of OREO took
            6 (1.5 B), 10 (7 B) and 5 (ALFWorld).
        order: "random" draws them with `seed`, "shortest" takes those with the fewest tokens (characters where the log
            has no ids).
        seed: Of the draw.
        ids: Also write `prompt_ids`, `chosen_ids`, `chosen_mask`, `rejected_ids` and `rejected_mask` (1 where the agent
            wrote the token), in the ids of the log; None where they have none or do not share the prompt's ids.
    """
    check_pairing(pairs_per_task, order)
    # A conversation and a plain text cannot stand in one pair.
    tasks: dict[tuple[str, str, bool], tuple[list[Episode], list[Episode]]] = {}
    for episode in episodes:
        if episode.success is not None and episode.steps:
            key = (episode.task_id, episode.steps[0].observation, len(episode.steps) == 1)
            tasks.setdefault(key, ([], []))[episode.success].append(episode)
    generator = np.random.default_rng(seed)
    for rejected, chosen in tasks.values():
        drawn = draw_pairs(chosen, rejected, pairs_per_task, order=order, generator=generator, length=_length)
        for good, bad in drawn:
            prompt, completion = _split(good)
            row: Row = {"prompt": prompt, "chosen": completion, "rejected": _split(bad)[1]}
            if ids:
                won, lost = logged_ids(good), logged_ids(bad)
                if won is None or lost is None or won.prompt != lost.prompt:
                    won = lost = None
                row |= {"prompt_ids": None if won is None else list(won.prompt)}
                row |= _part("chosen", won) | _part("rejected", lost)
            yield row


def to_step_dpo(
    episodes: Iterable[Episode], *, pairs_per_step: int = 1, margin: float = 0.0, ids: bool = False
) -> Iterator[Row]:
    """Pairs of single actions for TRL's DPOTrainer, from the forks of a log with branches.

    `prompt` holds the conversation up to the fork, `chosen` and `rejected` one message each; `chosen_score` and
    `rejected_score` are the mean outcomes of the episodes that took the action.

    Args:
        episodes: A log with branches, see `stepgym.agents.Episode` and `preference_pairs.step_pairs`.
        pairs_per_step: At most so many pairs from one fork, those with the largest difference first.
        margin: Differences of mean outcomes up to this are no preference.
        ids: As in `to_dpo`.
    """
    for pair in step_pairs(episodes, pairs_per_step=pairs_per_step, margin=margin):
        good, bad = (episode.steps[pair.step] for episode in (pair.chosen, pair.rejected))
        context = replace(pair.chosen, steps=pair.chosen.steps[: pair.step + 1])
        row: Row = {
            "prompt": chat_of(context)[:-1] or [{"role": "user", "content": ""}],
            "chosen": [{"role": "assistant", "content": good.action}],
            "rejected": [{"role": "assistant", "content": bad.action}],
            "chosen_score": pair.chosen_score,
            "rejected_score": pair.rejected_score,
        }
        if ids:
            before = context_ids(pair.chosen, pair.step)
            known = before is not None and before == context_ids(pair.rejected, pair.step)
            row |= {"prompt_ids": list(before or ()) if known else None}
            row |= _part("chosen", _action_ids(good) if known else None)
            row |= _part("rejected", _action_ids(bad) if known else None)
        yield row


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


def _length(episode: Episode) -> int:
    """Tokens the agent wrote; characters where they are not known."""
    ids = [step.completion.token_ids if step.completion is not None else None for step in episode.steps]
    if any(written is None for written in ids):
        return sum(len(step.action) for step in episode.steps)
    return sum(len(written or ()) for written in ids)


def _action_ids(step: Step) -> LoggedIds | None:
    written = None if step.completion is None else step.completion.token_ids
    return None if written is None else LoggedIds((), written, (True,) * len(written))


def _part(name: str, logged: LoggedIds | None) -> Row:
    if logged is None:
        return {f"{name}_ids": None, f"{name}_mask": None}
    return {f"{name}_ids": list(logged.completion), f"{name}_mask": [int(w) for w in logged.written]}

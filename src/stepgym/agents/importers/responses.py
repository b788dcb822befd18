"""Rows with a prompt, a response and a reward, under whatever names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stepgym.agents.episodes import Episode
from stepgym.agents.importers.columns import (
    filled,
    has_placeholder,
    name_at,
    names_that_fit,
    outcome_of,
    prompt_id,
    text_of,
    value_at,
)
from stepgym.agents.importers.report import ImportReport
from stepgym.agents.importers.rows import OnError, Source, episodes_of, single_step
from stepgym.errors import InvalidInputError, unknown_name

OREO_COLUMNS: Mapping[str, str] = {"prompt": "prompt", "response": "response", "reward": "reward"}
_FIELDS = ("prompt", "response", "reward", "task", "id", "policy")


def read_oreo(
    source: Source,
    *,
    report: ImportReport | None = None,
    on_error: OnError = "skip",
    env_id: str = "imported",
    policy: str = "",
) -> Iterator[Episode]:
    """Episodes of the OREO code's rows `{"prompt": text, "response": text, "reward": 0 or 1}`."""
    return read_responses(source, columns=OREO_COLUMNS, report=report, on_error=on_error, env_id=env_id, policy=policy)


def read_responses(
    source: Source,
    *,
    columns: Mapping[str, str],
    each: Sequence[str] = (),
    report: ImportReport | None = None,
    on_error: OnError = "skip",
    env_id: str = "imported",
    policy: str = "",
) -> Iterator[Episode]:
    """Episodes of one turn from any rows, read as a stream.

    Args:
        source: `.jsonl`, `.ndjson`, `.json` (each also with `.gz`) or `.parquet`.
        columns: Where the fields are, as dotted paths: "prompt" and "response" are required; "reward" (a number, true
            or false; null or no such entry in the map means no outcome), "task", "id" and "policy" are optional.
            Without "task" the task id is made of the prompt. A `{name}` in the path of the response stands for each
            key that fits, `{"response": "{model}.solution", "reward": "{model}.is_correct"}`: one episode for each
            such key, which becomes the episode's policy. A response that is a list of texts gives one episode for
            each, its reward then is a list of the same length.
        each: The keys `{name}` shall stand for, if not all that fit.
        report: Is filled while the stream is read.
        on_error: "skip" counts bad rows in the report, "raise" stops at the first and names its line.
        env_id: The episodes' environment.
        policy: The episodes' policy where no column names it.

    Raises:
        InvalidInputError: the file is missing or cannot be read, the map is wrong, or a row is bad and refused.
    """
    _check_columns(columns, each)

    def parse(row: Mapping[str, Any], row_id: str) -> Iterator[Episode | InvalidInputError]:
        prompt = text_of(value_at(row, columns["prompt"]), columns["prompt"])
        task = name_at(row, columns.get("task"), prompt_id(prompt))
        base = name_at(row, columns.get("id"), row_id)
        who = name_at(row, columns.get("policy"), policy)
        for suffix, name, action, reward in _responses(row, columns, each):
            if isinstance(action, InvalidInputError):
                yield action
                continue
            steps = single_step(prompt, action, reward)
            yield Episode(base + suffix, env_id, task, steps, reward, policy=who or name)

    return episodes_of(source, parse, report, on_error)


def read_references(source: Source, *, columns: Mapping[str, str], after: str = "") -> dict[str, Any]:
    """What verifiers need, by the task ids that `read_responses` gives.

    Args:
        source: As for `read_responses`.
        columns: Dotted paths of "reference" and of "task" or "prompt". Rows without a reference are left out.
        after: For references that are whole solutions: only what follows the last occurrence of this text is kept,
            for example "####" in GSM8K.
    """
    if "reference" not in columns or not ("task" in columns or "prompt" in columns):
        raise InvalidInputError('columns must map "reference" and one of "prompt" and "task"')
    references: dict[str, Any] = {}

    def parse(row: Mapping[str, Any], row_id: str) -> Iterator[Episode]:
        task = name_at(row, columns.get("task"), "")
        if not task and "prompt" in columns:
            task = prompt_id(text_of(value_at(row, columns["prompt"]), columns["prompt"]))
        reference = value_at(row, columns["reference"])
        references[task] = reference.rpartition(after)[2].strip() if after and isinstance(reference, str) else reference
        return iter(())

    for _ in episodes_of(source, parse, None, "skip"):
        pass
    return references


_Response = tuple[str, str, str | InvalidInputError, float | None]
"""End of the id, name of the key, text (or what is wrong), reward."""


def _responses(row: Mapping[str, Any], columns: Mapping[str, str], each: Sequence[str]) -> Iterator[_Response]:
    path, reward_path = columns["response"], columns.get("reward")
    if not has_placeholder(path):
        yield from _values(row, path, reward_path, "", "")
        return
    names = list(each) or names_that_fit(row, path)
    if not names:
        raise InvalidInputError(f"no column fits {path!r}; there is {', '.join(map(repr, row)) or 'nothing'}")
    for name in names:
        try:
            filled_reward = None if reward_path is None else filled(reward_path, name)
            yield from _values(row, filled(path, name), filled_reward, f":{name}", name)
        except InvalidInputError as error:
            yield "", name, error, None


def _values(row: Mapping[str, Any], path: str, reward_path: str | None, suffix: str, name: str) -> Iterator[_Response]:
    response = value_at(row, path)
    reward = None if reward_path is None else value_at(row, reward_path)
    if isinstance(response, list) and all(isinstance(text, str) for text in response):
        if not response:
            raise InvalidInputError(f"{path!r} holds no response")
        rewards = [None] * len(response) if reward_path is None else reward
        if not isinstance(rewards, list) or len(rewards) != len(response):
            raise InvalidInputError(
                f"{path!r} holds {len(response)} responses, {reward_path!r} must hold as many rewards"
            )
        for number, (text, value) in enumerate(zip(response, rewards, strict=True)):
            yield f"{suffix}:{number}", name, text, outcome_of(value, reward_path or "")
    else:
        yield suffix, name, text_of(response, path), outcome_of(reward, reward_path or "")


def _check_columns(columns: Mapping[str, str], each: Sequence[str]) -> None:
    for name, path in columns.items():
        if name not in _FIELDS:
            hint = 'columns maps fields of an episode to columns of your data: {"prompt": "question"}.'
            raise unknown_name("field of an episode", name, _FIELDS, hint=hint)
        if not isinstance(path, str) or not path:
            raise InvalidInputError(f"the column for {name!r} must be a name or a dotted path, got {path!r}")
        if has_placeholder(path) and name not in ("response", "reward"):
            raise InvalidInputError(f"a placeholder is possible in 'response' and 'reward', not in {name!r}: {path!r}")
    for name in ("prompt", "response"):
        if name not in columns:
            raise InvalidInputError(f'columns must say where the {name} is, for example {{"{name}": "..."}}')
    if each and not has_placeholder(columns["response"]):
        raise InvalidInputError('each= needs a placeholder in the response, for example "{model}.solution"')
    if "reward" in columns and has_placeholder(columns["reward"]) and not has_placeholder(columns["response"]):
        raise InvalidInputError("a placeholder in the reward needs one in the response too")

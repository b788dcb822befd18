"""Questions and paragraphs from files in the format of HotPotQA, which you bring along.

Yang et al., "HotpotQA: A Dataset for Diverse, Explainable Multi-hop Question Answering",
https://arxiv.org/abs/1809.09600.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from stepgym.envs.rows import read_rows
from stepgym.envs.sources import OnError, collect_tasks, find_file
from stepgym.envs.tasks import Task, TaskList
from stepgym.envs.tools.search_index import Document
from stepgym.errors import InvalidInputError

HOTPOT_HELP = (
    "HotPotQA is not part of stepgym. Get hotpot_train_v1.1.json or hotpot_dev_distractor_v1.json, named in "
    "https://github.com/hotpotqa/hotpot, and pass path='hotpot_dev_distractor_v1.json', or a file of yours with rows "
    '{"_id": ..., "question": ..., "answer": ..., "context": [["title", ["a sentence.", ...]], ...]}.'
)


@dataclass(frozen=True, slots=True)
class QuestionFile:
    """What a file holds.

    Attributes:
        tasks: The questions; ids are "hotpot/" and the row's `_id`, `meta` has "type", "level" and "supporting", the
            titles of the paragraphs that are needed, as far as the row tells them.
        documents: All paragraphs of all questions, each one once, in their order.
    """

    tasks: TaskList
    documents: tuple[Document, ...]


def load_hotpot(path: str | PathLike[str], *, on_error: OnError = "raise") -> QuestionFile:
    """The questions and paragraphs of a file; read once while it does not change.

    Args:
        path: .json, .jsonl (each also with .gz) or .parquet, see `HOTPOT_HELP`.
        on_error: "raise" or "skip" for rows that cannot be read, see `load_tasks`.

    Raises:
        InvalidInputError: The file is missing or empty, or a row is bad.
    """
    try:
        place = find_file(fspath(path))
    except InvalidInputError as error:
        raise InvalidInputError(f"{str(error).rstrip('.')}. {HOTPOT_HELP}") from error
    stamp = place.stat()
    return _loaded(place, stamp.st_mtime_ns, stamp.st_size, on_error)


@lru_cache(maxsize=4)
def _loaded(place: Path, changed: int, size: int, on_error: OnError) -> QuestionFile:
    documents: dict[Document, None] = {}

    def build(row: Mapping[str, Any], position: int, source: str) -> Task:
        question, answer = row.get("question"), row.get("answer")
        if not isinstance(answer, str) or not answer.strip():
            raise InvalidInputError(f"expected an 'answer', got {answer!r:.80}")
        paragraphs = [_document(paragraph) for paragraph in _pairs(row.get("context"), "context")]
        meta: dict[str, Any] = {name: row[name] for name in ("type", "level") if isinstance(row.get(name), str)}
        facts = [fact[0] for fact in _pairs(row.get("supporting_facts", []), "supporting_facts")]
        meta["supporting"] = sorted({title for title in facts if isinstance(title, str)})
        task_id = row.get("_id", row.get("id", position))
        documents.update(dict.fromkeys(paragraphs))
        return Task(f"hotpot/{task_id}", question, answer, meta)  # type: ignore[arg-type]

    tasks = collect_tasks(read_rows(place), build, name=str(place), on_error=on_error)
    return QuestionFile(tasks, tuple(documents))


def _pairs(value: Any, name: str) -> list[tuple[Any, Any]]:
    """Pairs as published, [[title, x], ...], or in two columns as on the Hugging Face hub."""
    if isinstance(value, Mapping):
        value = list(zip(value.get("title", ()), value.get("sentences", value.get("sent_id", ())), strict=False))
    if not isinstance(value, list) or any(not isinstance(pair, list | tuple) or len(pair) != 2 for pair in value):
        raise InvalidInputError(f"expected '{name}' as pairs of a title and its sentences, got {value!r:.80}")
    return [(pair[0], pair[1]) for pair in value]


def _document(pair: tuple[Any, Any]) -> Document:
    title, sentences = pair
    sentences = [sentences] if isinstance(sentences, str) else sentences
    if not isinstance(title, str) or not isinstance(sentences, list) or not all(isinstance(s, str) for s in sentences):
        raise InvalidInputError(f"expected a paragraph as a title and a list of sentences, got {pair!r:.80}")
    return Document(title, " ".join("".join(sentences).split()))

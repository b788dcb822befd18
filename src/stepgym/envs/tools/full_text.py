"""`FullTextIndex`: BM25 by SQLite's FTS5, which comes with Python: nothing to install, no server, quick to build."""

from __future__ import annotations

import os
import re
import sqlite3
import threading
from collections.abc import Sequence

from stepgym.envs.tools.search_index import Document
from stepgym.errors import MissingExtraError

_MOST_WORDS = 64
_LONGEST = 10_000
_LONGEST_WORD = 64
_WORD = re.compile(r"\w+")
# A word of so many documents, and of such a share of them, takes time and hardly changes a rank.
_COMMON, _COMMON_SHARE = 1_000, 0.2
_MOST_COUNTED = 1 << 16


class FullTextIndex:
    """Documents ranked by BM25 (k1 = 1.2, b = 0.75), any word of the query counting; words are stemmed (Porter).

    A word in the title weighs as much as `title_weight` words in the text. Equally good documents come in their own
    order, so results are the same everywhere. Of a query the first 10,000 characters and 64 different words are read;
    no query syntax is understood, every character between words is a space. Words that more than 1,000 and more than
    a fifth of the documents have count only where there are no others. The index lives in memory and may be used by
    many threads; after a fork the child builds its own.

    Args:
        documents: What can be found.
        title_weight: Weight of the title, at least 0.

    Raises:
        MissingExtraError: This Python's SQLite was built without FTS5.
    """

    def __init__(self, documents: Sequence[Document], *, title_weight: float = 2.0) -> None:
        self.documents = tuple(documents)
        self.title_weight = float(title_weight)
        self._lock = threading.Lock()
        self._build()

    def search(self, query: str, k: int) -> list[Document]:
        """The at most `k` documents with the best rank; none if no word of the query occurs anywhere."""
        words = dict.fromkeys(word[:_LONGEST_WORD].lower() for word in _WORD.findall(_clean(query[:_LONGEST])))
        if not words or k < 1:
            return []
        with self._lock:
            if self._pid != os.getpid():
                self._build()
            some = list(words)[:_MOST_WORDS]
            match = " OR ".join(_quoted(word) for word in [w for w in some if not self._is_common(w)] or some)
            rows = self._connection.execute(
                "SELECT rowid FROM passages WHERE passages MATCH ? ORDER BY bm25(passages, ?, 1.0), rowid LIMIT ?",
                (match, self.title_weight, k),
            ).fetchall()
        return [self.documents[row - 1] for (row,) in rows]

    def __len__(self) -> int:
        return len(self.documents)

    def __deepcopy__(self, memo: dict[int, object]) -> FullTextIndex:
        return self  # read only; Gymnasium copies the arguments of every environment it makes

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuilt, (self.documents, self.title_weight)

    def _is_common(self, word: str) -> bool:
        if len(self.documents) <= _COMMON:
            return False
        if word not in self._counts:
            if len(self._counts) >= _MOST_COUNTED:
                self._counts.clear()
            statement = "SELECT count(*) FROM passages WHERE passages MATCH ?"
            self._counts[word] = self._connection.execute(statement, (_quoted(word),)).fetchone()[0]
        return self._counts[word] > max(_COMMON, _COMMON_SHARE * len(self.documents))

    def _build(self) -> None:
        self._pid = os.getpid()
        self._counts: dict[str, int] = {}
        self._connection = sqlite3.connect(":memory:", check_same_thread=False)
        try:
            self._connection.execute(
                "CREATE VIRTUAL TABLE passages USING fts5(title, text, tokenize='porter unicode61')"
            )
        except sqlite3.OperationalError as error:
            raise MissingExtraError(
                f"the SQLite {sqlite3.sqlite_version} of this Python has no full-text search (FTS5): {error}. Take a "
                'Python that has it, or give retrieval="module:function" with an index of your own'
            ) from error
        with self._connection:
            self._connection.executemany(
                "INSERT INTO passages VALUES (?, ?)", ((_clean(d.title), _clean(d.text)) for d in self.documents)
            )


def _rebuilt(documents: Sequence[Document], title_weight: float) -> FullTextIndex:
    return FullTextIndex(documents, title_weight=title_weight)


def _quoted(word: str) -> str:
    """Quoted, a word is a word: AND, NEAR and column names mean nothing."""
    return f'"{word}"'


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()

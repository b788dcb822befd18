"""`SearchIndex`: what a search tool needs of retrieval, and `make_index`, which finds one by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

from stepgym.errors import InvalidInputError, unknown_name
from stepgym.plugins import load_target


@dataclass(frozen=True, slots=True)
class Document:
    """One passage that can be found.

    Attributes:
        title: What it is about.
        text: What it says.
    """

    title: str
    text: str

    def __str__(self) -> str:
        return f"{self.title}: {self.text}"


@runtime_checkable
class SearchIndex(Protocol):
    """Finds documents. Deterministic, bounded for any query, and usable from several threads at once."""

    def search(self, query: str, k: int) -> list[Document]:
        """The at most `k` documents nearest to `query`, a text that a model wrote, best first."""
        ...


IndexLike: TypeAlias = str | Callable[[Sequence[Document]], SearchIndex]
"""A function that makes an index of documents, or its name: "full-text", or "module:function"."""

INDEXES = {"full-text": "stepgym.envs.tools.full_text:FullTextIndex"}
"""The indexes by name."""


def make_index(documents: Sequence[Document], retrieval: IndexLike = "full-text") -> SearchIndex:
    """An index over `documents`.

    Args:
        documents: At least one.
        retrieval: "full-text" for `FullTextIndex`; a function (or "module:function") that takes the documents, for
            instance one that returns `DenseIndex(documents, embed)`.

    Raises:
        InvalidInputError: There is no document, or what was made has no `search`.
        UnknownNameError: No index is called so.
    """
    if not documents:
        raise InvalidInputError("a search index needs at least one document, got none")
    make: object = retrieval
    if isinstance(retrieval, str):
        target = INDEXES.get(retrieval, retrieval)
        if target.count(":") != 1:
            raise unknown_name("search index", retrieval, INDEXES, hint='One of your own is "module:function".')
        try:
            make = load_target(target)
        except (ImportError, AttributeError, ValueError) as error:
            raise InvalidInputError(f"the search index {retrieval!r} cannot be loaded: {error}") from error
    if not callable(make):
        raise InvalidInputError(f"retrieval must be a name or a function of documents, got {retrieval!r:.80}")
    index = make(documents)
    if not isinstance(index, SearchIndex):
        raise InvalidInputError(f"a search index has search(query, k), {type(index).__name__} has not")
    return index

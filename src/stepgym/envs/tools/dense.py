"""`DenseIndex`: retrieval by any function that turns texts into vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stepgym.envs.tools.search_index import Document
from stepgym.errors import InvalidInputError

Embed: TypeAlias = Callable[[list[str]], Any]
"""Texts to an array of shape (number of texts, dimensions)."""

_LONGEST = 10_000


class DenseIndex:
    """Documents ranked by the cosine between their vector and that of the query, the first of equal ones first.

    A vector of zeros is near to nothing and never found. Every document is compared, which is fine for up to some
    hundred thousand.

    Args:
        documents: What can be found.
        embed: Texts to vectors, for instance `SentenceTransformer(...).encode`; it must be deterministic and usable
            from the threads that search.
        batch: How many documents are embedded at once.

    Raises:
        InvalidInputError: `embed` does not return one finite vector per text.
    """

    def __init__(self, documents: Sequence[Document], embed: Embed, *, batch: int = 256) -> None:
        self.documents = tuple(documents)
        self.embed = embed
        texts = [str(document) for document in self.documents]
        parts = [self._vectors(texts[start : start + batch]) for start in range(0, len(texts), batch)]
        self._matrix = np.concatenate(parts) if parts else np.zeros((0, 1))

    def search(self, query: str, k: int) -> list[Document]:
        """The at most `k` documents with the largest positive cosine; of a query 10,000 characters are read."""
        if not query.strip() or k < 1 or not self.documents:
            return []
        scores = self._matrix @ self._vectors([query[:_LONGEST]])[0]
        order = np.argsort(-scores, kind="stable")[:k]
        return [self.documents[int(i)] for i in order if scores[i] > 0]

    def __len__(self) -> int:
        return len(self.documents)

    def __deepcopy__(self, memo: dict[int, object]) -> DenseIndex:
        return self  # read only; Gymnasium copies the arguments of every environment it makes

    def _vectors(self, texts: list[str]) -> NDArray[np.float64]:
        """One unit vector per text; zeros stay zeros."""
        found: NDArray[np.float64] = np.array(self.embed(texts), dtype=np.float64)
        if found.ndim != 2 or len(found) != len(texts) or not np.isfinite(found).all():
            raise InvalidInputError(
                f"embed must return finite numbers of shape ({len(texts)}, dimensions), got shape {found.shape}"
            )
        length = np.linalg.norm(found, axis=1, keepdims=True)
        found /= np.where(length > 0, length, 1.0)
        return found

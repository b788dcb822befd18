from __future__ import annotations

import copy
import multiprocessing
import pickle
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepgym.envs.tools import DenseIndex, Document, FullTextIndex, SearchIndex, make_index
from stepgym.errors import InvalidInputError, MissingExtraError, UnknownNameError

DOCUMENTS = [
    Document("Paris", "Paris is the capital of France."),
    Document("Lyon", "Lyon is a city in France, founded by the Romans."),
    Document("Rome", "Rome is the capital of Italy."),
    Document("The Founder", "A film about a salesman."),
    Document("Rome", "Rome is the capital of Italy."),
]
INDEX = FullTextIndex(DOCUMENTS)


def embed(texts: list[str]) -> np.ndarray:
    """Letters counted."""
    return np.array([[text.lower().count(letter) for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts])


def dense(documents) -> DenseIndex:
    return DenseIndex(documents, embed, batch=2)


def titles(query: str, k: int = 3) -> list[str]:
    return [document.title for document in INDEX.search(query, k)]


def test_words_are_found_in_titles_and_texts_stemmed_and_in_any_case():
    assert titles("capital of FRANCE")[0] == "Paris"
    assert titles("Who was the founding salesman?", 1) == ["The Founder"]
    assert titles("city cities", 1) == ["Lyon"]


def test_equal_documents_come_in_their_own_order():
    found = INDEX.search("Rome", 5)
    assert [found[0] is DOCUMENTS[2], found[1] is DOCUMENTS[4]] == [True, True]


def test_common_words_of_a_large_index_count_only_where_there_is_nothing_else():
    documents = [Document(f"n{i}", f"the number {i} of the list") for i in range(5_000)]
    index = FullTextIndex(
        [*documents, Document("Lyon", "A city."), Document("number", "the number number of the list")]
    )
    assert index.search("the number of Lyon", 5) == [Document("Lyon", "A city.")]
    assert index.search("the number", 1) == [Document("number", "the number number of the list")]
    assert index.search("number 17", 2) == [documents[17]]


@pytest.mark.parametrize(
    "query", ["", "  ", "???", "nothingofthekind", '" OR 1', "\x00", "\ud800", "title:", "NEAR(", "(*)", "-", "😀"]
)
def test_queries_without_a_known_word_find_nothing(query):
    assert INDEX.search(query, 3) == []


@pytest.mark.parametrize(
    "query", ['"Paris', "Paris*", "Paris AND NOT", "title : Paris", "^Paris", "NEAR(Paris, 2)", "Paris; DROP"]
)
def test_query_syntax_means_nothing(query):
    assert titles(query, 1) == ["Paris"]


@given(st.text(max_size=200), st.integers(-1, 4))
def test_any_text_is_a_query(query, k):
    found = INDEX.search(query, k)
    assert len(found) <= max(k, 0)
    assert all(document in DOCUMENTS for document in found)


@pytest.mark.parametrize("query", ["Paris " * 200_000, "x" * 1_000_000, " ".join(map(str, range(200_000)))])
def test_a_megabyte_is_read_in_part_and_quickly(query):
    started = time.perf_counter()
    INDEX.search(query, 3)
    assert time.perf_counter() - started < 1


def test_many_threads_get_the_same():
    expected = titles("capital of Italy")
    with ThreadPoolExecutor(8) as pool:
        assert all(found == expected for found in pool.map(lambda _: titles("capital of Italy"), range(200)))


def _titles_elsewhere(index: FullTextIndex, queue) -> None:
    queue.put([document.title for document in index.search("capital France", 1)])


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_other_processes_search_too(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no start method {method} here")
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    process = context.Process(target=_titles_elsewhere, args=(INDEX, queue))
    process.start()
    assert queue.get(timeout=60) == ["Paris"]
    process.join(10)


def test_it_travels_and_is_not_copied_within_a_process():
    assert pickle.loads(pickle.dumps(INDEX)).search("Lyon", 1) == INDEX.search("Lyon", 1)
    assert copy.deepcopy(INDEX) is INDEX
    assert len(INDEX) == 5


def test_a_sqlite_without_full_text_search_is_told(monkeypatch):
    class Connection:
        def execute(self, statement):
            raise sqlite3.OperationalError("no such module: fts5")

    monkeypatch.setattr(sqlite3, "connect", lambda *args, **kwargs: Connection())
    with pytest.raises(MissingExtraError, match=r"no full-text search \(FTS5\).*retrieval="):
        FullTextIndex(DOCUMENTS)


def test_dense_retrieval_by_any_function():
    index = dense(DOCUMENTS)
    assert [document.title for document in index.search("Lyon Lyon Romans", 1)] == ["Lyon"]
    assert index.search("123", 3) == []
    assert index.search("", 3) == []
    assert len(index.search("e", 50)) <= len(index) == 5


@settings(max_examples=25)
@given(st.text(alphabet="abcdefg ", min_size=1, max_size=20), st.integers(1, 5))
def test_dense_results_are_the_nearest_by_cosine(query, k):
    vector, matrix = embed([query])[0], embed([str(document) for document in DOCUMENTS])
    scores = matrix @ vector / np.linalg.norm(matrix, axis=1)
    found = [DOCUMENTS.index(document) for document in dense(DOCUMENTS).search(query, k)]
    assert sorted(round(-scores[i], 9) for i in found) == sorted(round(s, 9) for s in -scores if s < 0)[:k]


@pytest.mark.parametrize(
    "bad", [lambda t: np.zeros(len(t)), lambda t: np.zeros((1, 2)), lambda t: np.full((len(t), 2), np.nan)]
)
def test_an_embedding_of_another_shape_is_refused(bad):
    with pytest.raises(InvalidInputError, match="finite numbers of shape"):
        DenseIndex(DOCUMENTS, bad)


def test_indexes_by_name_or_function():
    assert isinstance(make_index(DOCUMENTS), FullTextIndex)
    assert isinstance(make_index(DOCUMENTS, dense), SearchIndex)
    assert isinstance(make_index(DOCUMENTS, "stepgym.envs.tools:FullTextIndex"), FullTextIndex)
    with pytest.raises(UnknownNameError, match="search index"):
        make_index(DOCUMENTS, "full text")
    with pytest.raises(InvalidInputError, match="at least one document"):
        make_index([])
    with pytest.raises(InvalidInputError, match="cannot be loaded"):
        make_index(DOCUMENTS, "stepgym.nowhere:Index")
    with pytest.raises(InvalidInputError, match="has search"):
        make_index(DOCUMENTS, list)
    with pytest.raises(InvalidInputError, match="a name or a function"):
        make_index(DOCUMENTS, 3)

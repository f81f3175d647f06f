"""Simple ways to search, each behind a function from a question to positions, best first."""

import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from math import log
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.scale.peers import chosen
from mcp_learning.embed.embedder import Embedder

K1, B = 1.2, 0.75
"""Of BM25, as in Lucene and in SQLite's FTS5."""

Search = Callable[[str], Sequence[int]]

_WORD = re.compile(r"\w+")


def installed(
    records: Sequence[str], embedder: Embedder, limit: int
) -> Iterator[tuple[str, Search | None]]:
    """Each way with its name; None if what it needs isn't installed.

    Args:
        records: Texts to search, at least one.
        embedder: Makes the vectors, one of each whole text.
        limit: Positions in an answer.
    """
    vectors = embedder.embed(records)
    yield "raw vectors", _cosine(vectors, embedder, limit)
    yield "BM25", _bm25(records, limit)
    yield "SQLite FTS5", _fts5(records, limit)
    (qdrant,) = chosen("qdrant-local")
    if qdrant.missing:
        yield "qdrant-client", None
        return
    nearest = qdrant.build(vectors, Path())  # in memory: the directory isn't used
    yield "qdrant-client", lambda text: list(nearest(embedder.embed([text])[0], limit))


def _cosine(vectors: NDArray[np.float32], embedder: Embedder, limit: int) -> Search:
    def search(text: str) -> Sequence[int]:
        likeness = vectors @ embedder.embed([text])[0]
        return [int(row) for row in np.argsort(-likeness, kind="stable")[:limit]]

    return search


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _bm25(records: Sequence[str], limit: int) -> Search:
    """Robertson and Zaragoza (2009), The Probabilistic Relevance Framework, with Lucene's idf."""
    counts = [Counter(_words(text)) for text in records]
    lengths = [one.total() for one in counts]
    average = max(1.0, sum(lengths) / len(lengths))
    postings: dict[str, dict[int, float]] = defaultdict(dict)
    for row, one in enumerate(counts):
        norm = K1 * (1 - B + B * lengths[row] / average)
        for word, times in one.items():
            postings[word][row] = times * (K1 + 1) / (times + norm)

    def search(text: str) -> Sequence[int]:
        scores: dict[int, float] = defaultdict(float)
        for word in set(_words(text)):
            rows = postings.get(word, {})
            idf = log(1 + (len(records) - len(rows) + 0.5) / (len(rows) + 0.5))
            for row, score in rows.items():
                scores[row] += idf * score
        return sorted(scores, key=lambda row: (-scores[row], row))[:limit]

    return search


def _fts5(records: Sequence[str], limit: int) -> Search:
    database = sqlite3.connect(":memory:")
    database.execute("CREATE VIRTUAL TABLE records USING fts5(text)")
    rows = enumerate(records, 1)
    database.executemany("INSERT INTO records(rowid, text) VALUES (?, ?)", rows)
    ranked = "SELECT rowid FROM records WHERE records MATCH ? ORDER BY bm25(records), rowid LIMIT ?"

    def search(text: str) -> Sequence[int]:
        words = " OR ".join(f'"{word}"' for word in dict.fromkeys(_words(text)))
        found = database.execute(ranked, (words, limit)) if words else ()
        return [row - 1 for (row,) in found]

    return search

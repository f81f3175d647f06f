"""A query, and how similar rows are to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mcp_learning.models.requests import Filters, WantedMode
from mcp_learning.search import fusion
from mcp_learning.search.arrays import is_in_sorted, top_k, top_k_bound
from mcp_learning.search.lexical.word_index import LexicalScores
from mcp_learning.search.snapshot import Snapshot

MatchedBy = Literal["meaning", "words", "both"]

ROUNDING = 1e-5
"""Error of a float32 similarity; the same text has to reach a floor of 1."""

_LEAST_COVERAGE = 1e-30


@dataclass(frozen=True)
class Query:
    """What to search for.

    Attributes:
        text: Without secrets.
        task_key: Of the text; runs of the same task have similarity 1.
        vector: (dimension,) float32, L2-normalised; None searches by words alone.
        filters: Which executions may be returned.
        limit: Tasks wanted, at least 1.
        now: The time that `filters.since_days` counts back from.
        floor: Least similarity, 0..1; None: `fusion.FLOOR`.
        noise: `Embedder.floor` of the model.
        mode: How candidates are found; configured: by settings and size.
    """

    text: str
    task_key: int
    vector: NDArray[np.float32] | None
    filters: Filters
    limit: int
    now: datetime
    floor: float | None = None
    noise: float = fusion.REFERENCE_NOISE
    mode: WantedMode = "configured"


class Scorer:
    """Scores the rows of a snapshot for one query.

    Args:
        snapshot: Its rows.
        query: What they are compared with.
        words: Scores of its words.

    Attributes:
        with_error: (m,) ascending rows that have the error that the query quotes.
    """

    def __init__(self, snapshot: Snapshot, query: Query, words: LexicalScores) -> None:
        self._snapshot = snapshot
        self._query = query
        self._coverage = snapshot.coverage(words.coverage)
        self._named = words.with_identifiers[words.with_identifiers < len(snapshot.view)]
        self.with_error, overlaps = snapshot.with_error(query.text)
        self._by_error = fusion.of_quoted_error(overlaps, self._coverage[self.with_error])
        self._same = snapshot.rows_of_task(query.task_key)
        self._weight = 1.0 if query.vector is None else fusion.lexical_weight(words)
        self._all: NDArray[np.float32] | None = None
        self._all_meaning: NDArray[np.float32] | None = None

    def similarities(self, rows: NDArray[np.int64] | None) -> NDArray[np.float32]:
        """(m,) float32, 0..1, of m ascending rows; (n,) of all rows for None."""
        if rows is None:
            if self._all is None:
                self._all_meaning = self._meaning(None)
                self._all = self._fuse(self._all_meaning, None)
            return self._all
        if self._all is not None:
            return self._all[rows]
        return self._fuse(self._meaning(rows), rows)

    def bounds(self) -> NDArray[np.float32] | None:
        """(n,) float32 upper bounds of the similarities; None if there are none."""
        vector = self._query.vector
        bounds = None if vector is None else self._snapshot.cosine_bounds(vector)
        if bounds is None:
            return None
        meaning = fusion.meaning(bounds, self._query.noise)
        return self._fuse(meaning, None)

    def most_covered(self, k: int) -> NDArray[np.int64]:
        """The k rows that match the query's words best and pass the filters, and ties.

        At most k rows with all identifiers of the query come on top, and k with its error.
        """
        passing = self._snapshot.passing
        found = self._coverage if passing is None else self._coverage * passing
        rows = np.flatnonzero(found >= max(top_k_bound(found, k), _LEAST_COVERAGE))
        named = self._snapshot.passes(self._named.astype(np.int64))[:k]
        closest = self.with_error[np.argsort(-self._by_error, kind="stable")]
        failed = self._snapshot.passes(closest)[:k]
        return np.concatenate([rows[top_k(found[rows], k)], named, failed])

    def matched_by(self, rows: Sequence[int]) -> list[MatchedBy]:
        """Which of words and meaning reach the floor by themselves; `both` also if neither does."""
        at = np.array(rows, np.int64)
        by_meaning = self._meaning(at) >= fusion.FLOOR
        by_words = (self._coverage[at] >= fusion.FLOOR**2) | is_in_sorted(at, self._named)
        by_words |= is_in_sorted(at, self.with_error)
        return [
            "both" if meaning == words else "meaning" if meaning else "words"
            for meaning, words in zip(by_meaning.tolist(), by_words.tolist(), strict=True)
        ]

    def _meaning(self, rows: NDArray[np.int64] | None) -> NDArray[np.float32]:
        if rows is not None and self._all_meaning is not None:
            return self._all_meaning[rows]
        if self._query.vector is None:
            count = len(self._snapshot.view) if rows is None else len(rows)
            return np.zeros(count, np.float32)
        found = self._snapshot.cosines(self._query.vector, rows)
        return fusion.meaning(found, self._query.noise)

    def _fuse(
        self, meaning: NDArray[np.float32], rows: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        coverage = self._coverage if rows is None else self._coverage[rows]
        fused = fusion.similarities(meaning, coverage, self._weight)
        named = self._named if rows is None else np.flatnonzero(is_in_sorted(rows, self._named))
        same = self._same if rows is None else np.flatnonzero(is_in_sorted(rows, self._same))
        fused[named] = np.maximum(fused[named], np.float32(fusion.MIN_WITH_IDENTIFIERS))
        if len(self.with_error):
            self._raise_with_error(fused, rows)
        fused[same] = 1.0
        return fused

    def _raise_with_error(self, fused: NDArray[np.float32], rows: NDArray[np.int64] | None) -> None:
        if rows is None:
            fused[self.with_error] = np.maximum(fused[self.with_error], self._by_error)
            return
        here = np.flatnonzero(is_in_sorted(rows, self.with_error))
        at = np.searchsorted(self.with_error, rows[here])
        fused[here] = np.maximum(fused[here], self._by_error[at])

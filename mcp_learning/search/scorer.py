"""A query, and how similar rows are to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mcp_learning.models.requests import Filters, WantedMode
from mcp_learning.search import fusion, relevance
from mcp_learning.search.arrays import is_in_sorted, top_k, top_k_bound
from mcp_learning.search.everyday import is_everyday
from mcp_learning.search.lexical.word_index import LexicalScores
from mcp_learning.search.snapshot import Snapshot

MatchedBy = Literal["meaning", "words", "both"]

ROUNDING = 1e-5
"""Tolerance for float32 similarities: an identical text has to reach a floor of 1."""

_LEAST_COVERAGE = 1e-30


@dataclass(frozen=True)
class Query:
    """What to search for.

    Attributes:
        text: The text, without secrets.
        task_key: Task key of the text; runs of the same task have similarity 1.
        vector: (dimension,) float32, L2-normalised; None searches by words alone.
        filters: Which executions may be returned.
        limit: Tasks wanted, at least 1.
        now: The time that `filters.since_days` counts back from.
        floor: Least similarity, 0..1; None: `relevance` decides.
        noise: `Embedder.floor` of the model.
        background: The cosine with sentences without content from `embed_query`, -1..1.
        unknown: Share of word pieces that the model doesn't know, 0..1.
        least_weight: Least weight of words, 0..1.
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
    background: float = 0.0
    unknown: float = 0.0
    least_weight: float = fusion.LEAST_LEXICAL_WEIGHT
    mode: WantedMode = "configured"

    @property
    def background_meaning(self) -> float:
        """The background, rescaled by `fusion.meaning`, 0..1."""
        return float(fusion.meaning(np.array([self.background], np.float32), self.noise)[0])

    @property
    def has_background(self) -> bool:
        """Whether meanings are rescaled by the background, or the model can't read all words."""
        excess = fusion.BACKGROUND_SHARE * self.background_meaning
        return self.unknown > 0 or excess > fusion.BACKGROUND


class Scorer:
    """Scores the rows of a snapshot for one query.

    Args:
        snapshot: The rows.
        query: The query.
        words: Lexical scores of the query.

    Attributes:
        snapshot: As given.
        with_error: (m,) rows that have the error that the query quotes, ascending.
    """

    def __init__(self, snapshot: Snapshot, query: Query, words: LexicalScores) -> None:
        self.snapshot = snapshot
        self._query = query
        self._coverage = snapshot.coverage(words.coverage)
        self._named = words.with_identifiers[words.with_identifiers < len(snapshot.view)]
        self.with_error, overlaps = snapshot.with_error(query.text)
        self._by_error = fusion.of_quoted_error(overlaps, self._coverage[self.with_error])
        self._same = snapshot.rows_of_task(query.task_key)
        self._weight = 1.0
        if query.vector is not None:
            self._weight = fusion.lexical_weight(words, query.unknown, query.least_weight)
        self._unembedded = np.flatnonzero(snapshot.view["version"] == 0)
        self._offset = relevance.offset(self._weight, snapshot.eligible)
        self._background = query.background_meaning
        self._all: NDArray[np.float32] | None = None
        self._all_meaning: NDArray[np.float32] | None = None

    def similarities(self, rows: NDArray[np.int64] | None) -> NDArray[np.float32]:
        """(m,) float32, 0..1, of m rows; (n,) of all rows for None."""
        if rows is None:
            if self._all is None:
                self._all_meaning = self.meanings(None)
                self._all = self._fuse(self._all_meaning, None)
            return self._all
        if self._all is not None:
            return self._all[rows]
        return self._fuse(self.meanings(rows), rows)

    def meanings(self, rows: NDArray[np.int64] | None) -> NDArray[np.float32]:
        """(m,) float32, 0..1, of m rows by their vectors alone; (n,) of all rows for None."""
        if rows is not None and self._all_meaning is not None:
            return self._all_meaning[rows]
        if self._query.vector is None:
            count = len(self.snapshot.view) if rows is None else len(rows)
            return np.zeros(count, np.float32)
        return self._rescaled(self.snapshot.cosines(self._query.vector, rows))

    @property
    def least_similarity(self) -> float:
        """Least similarity, 0..1, of a row that may be relevant."""
        weights = {self._weight}
        if len(self._unembedded):
            weights.add(fusion.MAX_LEXICAL_WEIGHT)
        return min(relevance.least_similarity(one, self.snapshot.eligible) for one in weights)

    def above_background(self, meanings: NDArray[np.float32]) -> NDArray[np.float32]:
        """As `fusion.above_background`, for the query's background."""
        return fusion.above_background(meanings, self._background)

    def bounds(self) -> NDArray[np.float32] | None:
        """(n,) float32 upper bounds of the similarities; None if there are none."""
        vector = self._query.vector
        bounds = None if vector is None else self.snapshot.cosine_bounds(vector)
        if bounds is None:
            return None
        return self._fuse(self._rescaled(bounds), None)

    def most_covered(self, k: int) -> NDArray[np.int64]:
        """The k rows that pass the filters and match the query's words best, and ties.

        At most k rows with all identifiers of the query are added, and at most k with its error.
        """
        passing = self.snapshot.passing
        found = self._coverage if passing is None else self._coverage * passing
        rows = np.flatnonzero(found >= max(top_k_bound(found, k), _LEAST_COVERAGE))
        named = self.snapshot.passes(self._named.astype(np.int64))[:k]
        closest = self.with_error[np.argsort(-self._by_error, kind="stable")]
        failed = self.snapshot.passes(closest)[:k]
        return np.concatenate([rows[top_k(found[rows], k)], named, failed])

    def relevances(self, tasks: Sequence[NDArray[np.int64]]) -> list[float]:
        """Log odds that each task answers the query (`relevance`).

        Args:
            tasks: The rows of each task's runs, at least one; the most relevant run counts.
        """
        if not tasks:
            return []
        rows = np.concatenate(tasks)
        found = relevance.of_meaning(self.meanings(rows), self._weight) + np.float32(self._offset)
        found += relevance.of_words(self._coverage[rows], self._weight)
        bare = is_in_sorted(rows, self._unembedded)
        found[bare] = self._of_words_alone(rows[bare])
        if is_everyday(self._query.text):
            np.minimum(found, np.float32(relevance.UNCERTAIN), out=found)
        for certain in (self._named, self.with_error, self._same):
            if len(certain):
                known = is_in_sorted(rows, certain)
                found[known] = np.maximum(found[known], np.float32(relevance.LIKELY))
        starts = np.cumsum([0, *map(len, tasks[:-1])])
        best: list[float] = np.maximum.reduceat(found, starts).tolist()
        return best

    def matched_by(self, rows: Sequence[int]) -> list[MatchedBy]:
        """Which of words and meaning would suffice alone; `both` also if neither would."""
        at = np.array(rows, np.int64)
        least = relevance.POSSIBLE - self._offset
        by_meaning = relevance.of_meaning(self.meanings(at), 0.0) >= least
        by_words = relevance.of_words(self._coverage[at], 1.0) >= least
        by_words |= is_in_sorted(at, self._named) | is_in_sorted(at, self.with_error)
        return [
            "both" if meaning == words else "meaning" if meaning else "words"
            for meaning, words in zip(by_meaning.tolist(), by_words.tolist(), strict=True)
        ]

    def _of_words_alone(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        most = fusion.MAX_LEXICAL_WEIGHT  # the regression has seen no greater one
        offset = np.float32(relevance.offset(most, self.snapshot.eligible))
        return relevance.of_words(self._coverage[rows], most) + offset

    def _rescaled(self, found: NDArray[np.float32]) -> NDArray[np.float32]:
        return self.above_background(fusion.meaning(found, self._query.noise))

    def _fuse(
        self, meaning: NDArray[np.float32], rows: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        coverage = self._coverage if rows is None else self._coverage[rows]
        fused = fusion.similarities(meaning, coverage, self._weight)
        bare = self._unembedded
        if rows is not None:
            bare = np.flatnonzero(is_in_sorted(rows, bare))
        fused[bare] = np.sqrt(coverage[bare])  # rows without a vector are compared by words alone
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

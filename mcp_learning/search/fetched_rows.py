"""Rows that were fetched for questions, whose words are no sample of the words of all rows."""

from collections.abc import Iterable, Mapping
from itertools import islice
from uuid import UUID

import numpy as np

from mcp_learning.search.catalog import Catalog
from mcp_learning.search.lexical.query_terms import SampledRows
from mcp_learning.store.types import Changes

MOST_FREQUENCIES = 10_000
"""Terms whose document frequencies are kept: the last ones counted."""


class FetchedRows:
    """Which rows of a table were fetched. Not thread-safe: its owner locks.

    Attributes:
        ids: Their task_ids as integers; the catalog may not have all of them yet.
        total: Number of executions of the team, of which the other rows are a sample; 0: unknown.
        frequencies: Document frequencies among these, of terms for which they were counted.
    """

    def __init__(self) -> None:
        self.ids: set[int] = set()
        self.total = 0
        self.frequencies: Mapping[int, int] = {}

    def add(self, catalog: Catalog, task_ids: Iterable[int], total: int) -> None:
        """Marks executions, also ones that the catalog doesn't have yet."""
        new = set(task_ids)
        self.ids |= new
        self.total = total
        self._mark(catalog, new)

    def set_frequencies(self, counted: Mapping[int, int], total: int) -> None:
        """Adds document frequencies of terms among `total` executions."""
        kept = {term: n for term, n in self.frequencies.items() if term not in counted}
        kept |= counted
        self.frequencies = dict(islice(kept.items(), max(len(kept) - MOST_FREQUENCIES, 0), None))
        self.total = total

    def follow(self, catalog: Catalog, changes: Changes) -> None:
        """Marks rows that changes added, and forgets executions that they deleted."""
        if not self.ids:
            return
        halves = zip(changes.rows.high.tolist(), changes.rows.low.tolist(), strict=True)
        self._mark(catalog, {high << 64 | low for high, low in halves} & self.ids)
        self.ids -= {high << 64 | low for high, low in changes.deleted.tolist()}

    def sample(self, catalog: Catalog, tokenised: int) -> SampledRows | None:
        """What the word index's rows are a sample of; None: they are all there is.

        Args:
            catalog: The rows.
            tokenised: Number of rows, the first ones, that are in the word index.
        """
        if not self.ids and not self.frequencies:
            return None
        view, first = catalog.view(), slice(0, tokenised)
        fetched = view["fetched"][first] & view["alive"][first]
        return SampledRows(np.append(fetched, False), self.total, self.frequencies)

    def _mark(self, catalog: Catalog, ids: set[int]) -> None:
        rows = catalog.rows_of([UUID(int=one) for one in ids])
        catalog.set_fetched(rows[rows >= 0])

"""Rows that were fetched for questions: how often words occur in them says nothing of all rows."""

from collections.abc import Iterable, Mapping
from itertools import islice
from uuid import UUID

import numpy as np

from mcp_learning.search.catalog import Catalog
from mcp_learning.search.lexical.query_terms import SampledRows
from mcp_learning.store.types import Changes

MOST_FREQUENCIES = 10_000
"""Terms whose document frequencies are kept, those that were counted last."""


class FetchedRows:
    """Which rows of a table were fetched. Not thread-safe: its owner locks.

    Attributes:
        ids: Their executions, as numbers, here or to come.
        total: How many executions the others are a sample of; 0: not known.
        frequencies: Document frequencies of terms among all these, where they were counted.
    """

    def __init__(self) -> None:
        self.ids: set[int] = set()
        self.total = 0
        self.frequencies: Mapping[int, int] = {}

    def add(self, catalog: Catalog, task_ids: Iterable[int], total: int) -> None:
        """Marks executions, also those that aren't in the catalog yet."""
        new = set(task_ids)
        self.ids |= new
        self.total = total
        self._mark(catalog, new)

    def set_frequencies(self, counted: Mapping[int, int], total: int) -> None:
        """Adds document frequencies of terms among so many executions."""
        kept = {term: n for term, n in self.frequencies.items() if term not in counted}
        kept |= counted
        self.frequencies = dict(islice(kept.items(), max(len(kept) - MOST_FREQUENCIES, 0), None))
        self.total = total

    def follow(self, catalog: Catalog, changes: Changes) -> None:
        """Marks those that changes brought, and lets go of those that were deleted."""
        if not self.ids:
            return
        halves = zip(changes.rows.high.tolist(), changes.rows.low.tolist(), strict=True)
        self._mark(catalog, {high << 64 | low for high, low in halves} & self.ids)
        self.ids -= {high << 64 | low for high, low in changes.deleted.tolist()}

    def sample(self, catalog: Catalog, tokenised: int) -> SampledRows | None:
        """What the first rows stand for; None: for themselves.

        Args:
            catalog: Of the rows.
            tokenised: How many of them are in the word index.
        """
        if not self.ids and not self.frequencies:
            return None
        view, first = catalog.view(), slice(0, tokenised)
        fetched = view["fetched"][first] & view["alive"][first]
        return SampledRows(np.append(fetched, False), self.total, self.frequencies)

    def _mark(self, catalog: Catalog, ids: set[int]) -> None:
        rows = catalog.rows_of([UUID(int=one) for one in ids])
        catalog.set_fetched(rows[rows >= 0])

"""A history in memory, up to a moment that moves forward, from which recommendations are made.

It fills the row table that searches use, so that related executions, evidence and rates are found
by the functions that answer an agent. No store is needed.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np

from mcp_learning.models.identifiers import description_hash
from mcp_learning.models.requests import Filters
from mcp_learning.recommend.compare import Compared, compare
from mcp_learning.recommend.gather import Comparison
from mcp_learning.recommend.history import HistoryCache
from mcp_learning.search.catalog import OUTCOMES
from mcp_learning.search.found import Related
from mcp_learning.search.related import related
from mcp_learning.search.row_table import RowTable
from mcp_learning.search.scorer import Query
from mcp_learning.store.past_run import PastRun
from mcp_learning.store.types import (
    CODED,
    Changes,
    Columns,
    IndexedTexts,
    Mark,
    Unembedded,
    Vote,
)

_EPOCH, _MICROSECOND = datetime(1970, 1, 1), timedelta(microseconds=1)
_NO_VOTE = Vote(0.0, 0.0)
_64_BITS = 0xFFFF_FFFF_FFFF_FFFF
_NONE = np.zeros((0, 2), np.uint64)
_MARK = Mark(0, 0, 0)


class Past:
    """The executions recorded up to a moment. Executions are numbered by the caller, from 0.

    Vectors get versions in the order of recording, as if each had been embedded at once.

    Args:
        by: The label that `PastRun.label` has.
        dimension: Length of the vectors.
        noise: `Embedder.floor` of the model that made them.
        half_life_days: Age at which evidence counts half, in days.
    """

    def __init__(self, by: str, dimension: int, noise: float, half_life_days: float) -> None:
        self._by = by
        self._noise = noise
        self._half_life_days = half_life_days
        self._rows = RowTable(None, dimension)
        self._histories = HistoryCache()
        self._embedded: set[int] = set()
        self._votes: dict[UUID, Vote] = {}

    def record(self, runs: Mapping[int, PastRun]) -> None:
        """Adds executions by their numbers, or replaces those with the same numbers.

        The description and the vector of a replaced execution have to be the same.
        """
        if not runs:
            return
        texts = {hash((number, run.texts)) & _64_BITS: run.texts for number, run in runs.items()}
        self._rows.apply(Changes(False, self._columns(runs, list(texts)), _NONE, _MARK))
        self._embed({n: run for n, run in runs.items() if n not in self._embedded})
        while self._rows.untokenised:
            wanted = self._rows.next_untokenised()
            some = [IndexedTexts(one, texts[one]) for one in wanted.text_hashes]
            self._rows.add_texts(wanted, some)

    def vote(self, number: int, *, pro: bool) -> None:
        """Adds a vote for or against an execution, which needn't be recorded yet."""
        vote = self._votes.get(UUID(int=number), _NO_VOTE)
        self._votes[UUID(int=number)] = Vote(vote.pro + pro, vote.contra + (not pro))

    def related(self, run: PastRun) -> tuple[Query, Related]:
        """The executions related to the task of an execution when it was recorded."""
        query = Query(
            text=run.texts[0] or "",
            task_key=run.task_key,
            vector=run.vector,
            filters=Filters(),
            limit=1,
            now=run.recorded_at.replace(tzinfo=UTC),
            noise=self._noise,
        )
        return query, related(self._rows.snapshot(query.filters, query.now), query)

    def compare(self, query: Query, found: Related, comparison: Comparison) -> Compared:
        """Compares options for a task, given the result of `related`."""
        votes, half_life = self._votes, self._half_life_days
        return compare(found, query, comparison, votes, half_life, self._histories)

    def _columns(self, runs: Mapping[int, PastRun], text_hashes: Sequence[int]) -> Columns:
        numbers, values = np.array(list(runs), np.int64), list(runs.values())
        labels = dict.fromkeys(CODED, [""] * len(values))
        labels["repo"] = [run.repo for run in values]
        labels["task_type"] = [run.task_type for run in values]
        labels[self._by] = [run.label for run in values]
        times = [(run.recorded_at - _EPOCH) // _MICROSECOND for run in values]
        hashes = [description_hash(run.texts[0] or "") for run in values]
        return Columns(
            high=np.zeros(len(values), np.uint64),
            low=numbers.astype(np.uint64),
            sequence=numbers,
            text_hash=np.array(text_hashes, np.uint64),
            task_key=np.array([run.task_key for run in values], np.int64),
            timestamp=np.array(times, np.int64),
            outcome=np.array([_outcome(run) for run in values], np.int8),
            confidence=np.array([run.confidence for run in values], np.float32),
            has_solution=np.array([run.texts[1] is not None for run in values], bool),
            description_hash=np.array(hashes, np.uint64),
            labels={name: np.array(column, object) for name, column in labels.items()},
        )

    def _embed(self, runs: Mapping[int, PastRun]) -> None:
        rows, vectors = [], []
        for number, run in runs.items():
            if run.vector is not None:
                rows.append(Unembedded(UUID(int=number), number, run.texts[0] or ""))
                vectors.append(run.vector)
        if rows:
            first = len(self._embedded) + 1
            versions = {row.task_id: version for version, row in enumerate(rows, first)}
            self._rows.put(rows, np.stack(vectors), versions)
            self._embedded.update(row.sequence for row in rows)


def _outcome(run: PastRun) -> int:
    if run.success is None:
        return OUTCOMES.index("pending")
    return OUTCOMES.index("success" if run.success else "failure")

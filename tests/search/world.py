"""Executions with vectors, kept in a database and a retriever, and what a search should find."""

from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from search.planted import DIMENSION, MODEL, Vectors
from store.rows import NOW, OUTCOMES, execution, passes

from mcp_learning.models.requests import Filters
from mcp_learning.models.results import Execution
from mcp_learning.search.hybrid import Found, Query, Retriever
from mcp_learning.settings import SearchMode
from mcp_learning.store import embeddings, executions
from mcp_learning.store.duckdb import Cursor
from mcp_learning.store.embeddings import TaskRef

TASKS = 60


def _distinct_signs() -> Vectors:
    """(TASKS, DIMENSION) unit vectors whose similarities are multiples of 1/8, exact in floats."""
    numbers = np.random.default_rng(1).choice(2**DIMENSION, TASKS, replace=False)
    bits = (numbers[:, np.newaxis] >> np.arange(DIMENSION)) & 1
    return np.asarray(bits * 0.5 - 0.25, np.float32)


VECTORS = _distinct_signs()


def vector_of(task_key: int) -> Vectors:
    """Same task, same vector."""
    return np.asarray(VECTORS[task_key], np.float32)


def like(task: int, flips: int) -> Vectors:
    """A query: the vector of a task with some signs turned; each costs 1/8 of similarity."""
    vector: Vectors = VECTORS[task].copy()
    vector[:flips] *= -1
    return vector


class World:
    """All changes go to the database and the retriever, as the service makes them."""

    def __init__(self, cursor: Cursor, directory: Path, mode: SearchMode = "exact") -> None:
        self.cursor = cursor
        self.retriever = Retriever(directory, mode, 0, 128)
        self.rows: dict[UUID, tuple[Execution, int]] = {}
        self.versions: dict[UUID, int] = {}
        self.retriever.load(cursor, MODEL, DIMENSION)

    def record(self, task: int, **values: Any) -> UUID:
        """One run of a task, not embedded yet."""
        row = execution(**values)
        self.rows[row.task_id] = (row, task)
        executions.insert(self.cursor, row, task)
        return row.task_id

    def change(self, task_id: UUID, task: int, **values: Any) -> None:
        """Gives an execution another description, and embeds it."""
        row = self.rows[task_id][0].model_copy(update=values)
        self.rows[task_id] = (row, task)
        executions.update(self.cursor, row, task)
        embeddings.remove(self.cursor, task_id)
        self.versions.pop(task_id, None)
        self.embed()

    def delete(self, task_id: UUID) -> None:
        """Takes it out of the database; the indexes are not told."""
        executions.delete(self.cursor, [task_id])
        del self.rows[task_id]
        self.versions.pop(task_id, None)

    def embed(self) -> None:
        """Drains the embedding queue."""
        pending = embeddings.pending(self.cursor, 1000)
        if not pending:
            return
        vectors = np.stack([vector_of(row.task_key) for row in pending])
        stored = embeddings.store(self.cursor, pending, vectors, MODEL)
        row_of = {row.task_id: number for number, row in enumerate(pending)}
        refs = {
            version: TaskRef(task_id, pending[row_of[task_id]].task_key)
            for task_id, version in stored.items()
        }
        self.retriever.add(refs, vectors[[row_of[task_id] for task_id in stored]])
        self.versions |= stored

    def search(
        self, vector: Vectors, filters: Filters | None = None, limit: int = 5, floor: float = 0.25
    ) -> Found:
        """What the retriever finds."""
        query = Query(vector, filters or Filters(), limit, floor, NOW)
        return self.retriever.search(self.cursor, query)

    def expected(
        self, vector: Vectors, filters: Filters, limit: int
    ) -> list[tuple[UUID, float, dict[str, int]]]:
        """By brute force: (representative, similarity, runs) of the best tasks, any similarity."""
        eligible = [
            (float(vector_of(key) @ vector), self.versions[task_id], task_id, key)
            for task_id, (row, key) in self.rows.items()
            if task_id in self.versions and passes(row, filters)
        ]
        best: dict[int, tuple[UUID, float]] = {}
        for similarity, _, task_id, key in sorted(eligible, reverse=True):
            best.setdefault(key, (task_id, similarity))
        chosen = list(best.items())[:limit]
        return [(*found, self.runs(key, filters)) for key, found in chosen]

    def runs(self, key: int, filters: Filters) -> dict[str, int]:
        """Outcomes of all runs of a task that pass the filters."""
        outcomes = Counter(
            row.outcome
            for row, other in self.rows.values()
            if other == key and passes(row, filters)
        )
        return {"total": outcomes.total(), **{outcome: outcomes[outcome] for outcome in OUTCOMES}}


def told(found: Found) -> list[tuple[UUID, float, dict[str, int]]]:
    """The answer in the shape of `World.expected`."""
    return [
        (ranked.execution.task_id, ranked.similarity, ranked.runs.model_dump())
        for ranked in found.ranked
    ]

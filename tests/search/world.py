"""A database, a retriever that follows it, and the expected result of a search by brute force.

All changes are real ones, committed to a DuckDB file; vectors are planted, for speed. What should
be found is computed from a plain dict of the living executions, with nothing but formulas.
"""

import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import numpy as np
from anyio.from_thread import BlockingPortal
from search.by_hand import errors_quoted, most_useful, relevances, terms
from search.planted import DIMENSION, MODEL, SIGNS, Vectors, build
from store.rows import NOW, OUTCOMES, execution, passes

from mcp_learning.models.identifiers import task_key
from mcp_learning.models.requests import Filters
from mcp_learning.models.results import Execution
from mcp_learning.search import fusion, relevance
from mcp_learning.search.found import Found
from mcp_learning.search.hnsw import FILE_NAME
from mcp_learning.search.lexical.terms import TokenisedQuery
from mcp_learning.search.lexical.word_index import WordIndex
from mcp_learning.search.retriever import Retriever
from mcp_learning.search.scorer import ROUNDING, Query
from mcp_learning.service.index_sync import IndexSync
from mcp_learning.settings import SearchMode
from mcp_learning.store.duckdb import bulk, embeddings, executions, migrations
from mcp_learning.store.duckdb.connection import Cursor, Database
from mcp_learning.store.duckdb.store import DuckDBStore
from mcp_learning.store.types import Selection

T = TypeVar("T")

TASKS = 1_000

ASKED = ("mend", "speed up", "rename", "translate", "test")
THINGS = ("the login page", "parseConfig", "src/billing/invoice.py", "the CSV export")
WORDS = ("timeout", "locale", "ERR_4012", "migration", "cache")


def description_of(task: int) -> str:
    """What was asked: tasks share some of their words, three of four have an identifier."""
    thing = THINGS[task // len(ASKED) % len(THINGS)]
    return f"{ASKED[task % len(ASKED)]} {thing} after the {WORDS[task % 7 % len(WORDS)]} no. {task}"


def _distinct_signs() -> Vectors:
    """(TASKS, DIMENSION) unit vectors whose similarities are multiples of 1/8, exact in floats."""
    numbers = np.random.default_rng(1).choice(2**SIGNS, TASKS, replace=False)
    bits = (numbers[:, np.newaxis] >> np.arange(SIGNS)) & 1
    vectors = np.zeros((TASKS, DIMENSION), np.float32)
    vectors[:, :SIGNS] = bits * 0.5 - 0.25
    return vectors


VECTORS = _distinct_signs()
key_of = cache(task_key)  # for the same descriptions, again and again
_NUMBER = {key_of(description_of(task)): task for task in range(TASKS)}


@cache
def vector_of(description: str) -> Vectors:
    """Same task, same vector."""
    return np.asarray(VECTORS[_NUMBER[key_of(description)]], np.float32)


def like(task: int, flips: int) -> Vectors:
    """A question's vector: that of a task with some signs turned; each costs 1/8 of similarity."""
    vector: Vectors = VECTORS[task].copy()
    vector[:flips] *= -1
    return vector


def ask(text: str, vector: Vectors | None, **values: Any) -> Query:
    """A question without filters or a floor, but for what `values` say."""
    defaults: dict[str, Any] = {"filters": Filters(), "limit": 5, "floor": 0.0, "now": NOW}
    return Query(text, task_key(text), vector, **(defaults | values))


class Match(NamedTuple):
    """One task that should be found, or was."""

    task_id: UUID
    similarity: float
    confidence: str
    matched_by: str
    runs: dict[str, int]


class Model:
    """An embedding model as far as `IndexSync` has to know it: vectors are planted."""

    def __init__(self, name: str = MODEL, dimension: int = DIMENSION) -> None:
        self.model = self.fingerprint = name
        self.dimension = dimension

    def load(self) -> None:
        """There is nothing to load."""


class World:
    """One store, the retriever, and the living executions, the latest changed one last.

    Args:
        portal: To an event loop.
        path: The database file.
        directory: Of derived files.
        mode: Of searches.
        hnsw_min_rows: See the settings.
        rows: Executions that are in the database with their vectors.
        options: Of the retriever.
    """

    def __init__(
        self,
        portal: BlockingPortal,
        path: Path,
        directory: Path,
        mode: SearchMode = "exact",
        hnsw_min_rows: int = 0,
        rows: Iterable[Execution] = (),
        **options: Any,
    ) -> None:
        self.directory = directory
        self.rows = {row.task_id: row for row in rows}
        self._portal = portal
        self._database = Database(path)
        # Descriptions of the vectors in the database, and in memory.
        self._stored = {row.task_id: row.task_description for row in self.rows.values()}
        self._known: dict[UUID, str] = {}
        self.store = DuckDBStore(self._database)
        self.retriever = Retriever(directory, mode, hnsw_min_rows, 128, **options)
        self.load()

    def write(self, fn: Callable[[Cursor], T]) -> T:
        """Changes the database; returns after the commit."""
        return self._portal.call(self._database.write, fn)

    def load(self, model: str = MODEL) -> None:
        """Starts anew, as a new process does."""
        known: Any = Model(model)
        self._sync = IndexSync(self.directory, self.store, known, self.retriever)
        self._portal.call(self._sync.load)
        self._known = {} if self._sync.reembed_due else dict(self._stored)

    def sync(self) -> None:
        """Takes in what was committed."""
        self._portal.call(self._sync.sync)
        self._forget_outdated()

    def close(self) -> None:
        """Closes all files."""
        self.retriever.close()
        self._portal.call(self._database.close)

    def fill(self, rows: list[Execution]) -> None:
        """Records many executions with their vectors."""
        vectors = np.stack([vector_of(row.task_description) for row in rows])
        self.write(lambda cursor: bulk.insert(cursor, rows, vectors, MODEL))
        self.rows |= {row.task_id: row for row in rows}
        self._stored |= {row.task_id: row.task_description for row in rows}
        self.load()

    def record(self, task: int, task_id: UUID | None = None, **values: Any) -> UUID:
        """One run of a task, not embedded yet."""
        given = {"task_description": description_of(task)} | values
        row = execution(**given, **({"task_id": task_id} if task_id else {}))
        self.write(lambda c: executions.insert(c, row))
        self.rows[row.task_id] = row
        return row.task_id

    def change(self, task_id: UUID, **values: Any) -> None:
        """Updates an execution; one with another description waits for another vector."""
        old = self.rows.pop(task_id)
        row = self.rows[task_id] = old.model_copy(update=values)

        def update(cursor: Cursor) -> None:
            executions.update(cursor, row)
            if row.task_description != old.task_description:
                embeddings.remove(cursor, task_id)

        self.write(update)
        if row.task_description != old.task_description:
            self._stored.pop(task_id, None)

    def delete(self, *task_ids: UUID) -> None:
        """Takes executions out of the database; the next search notices."""
        self._portal.call(self.store.delete, Selection(task_ids))
        for task_id in task_ids:
            del self.rows[task_id]
            self._stored.pop(task_id, None)

    def embed(self) -> None:
        """Drains the embedding queue."""
        pending = self._portal.call(self.store.unembedded, 10_000)
        if not pending:
            return
        self.sync()
        vectors = np.stack([vector_of(row.task_description) for row in pending])
        stored = self._portal.call(self.store.put_vectors, pending, vectors, MODEL)
        assert len(stored) == len(pending)
        self.retriever.rows.put(pending, vectors, stored)
        fresh = {row.task_id: row.task_description for row in pending}
        self._stored |= fresh
        self._known |= fresh

    def compact(self) -> None:
        """Saves the words and leaves out what is dead, as far as it is worth it."""
        self.sync()
        self._portal.call(self._sync.compact)

    def search(self, query: Query) -> Found:
        """What the retriever finds."""
        self.sync()
        self._portal.call(self._sync.tokenise, sys.maxsize)
        return self.retriever.search(query)

    def find(self, text: str, vector: Vectors | None, **values: Any) -> Found:
        """What the retriever finds for `ask`."""
        return self.search(ask(text, vector, **values))

    def build(self, directory: Path) -> Any:
        """A finished index of all vectors in the database, and what it was made from."""
        return build(directory, *self.vectors())

    def vectors(self) -> tuple[Any, Vectors]:
        """Versions and vectors in the database."""
        parts: list[tuple[Any, Vectors]] = []
        take = lambda _, versions, vectors, _passages: parts.append((versions, vectors))  # noqa: E731
        self._portal.call(self.store.vectors, take)
        versions, vectors = zip(*parts, strict=True)
        return np.concatenate(versions), np.concatenate(vectors)

    def install(self) -> None:
        """Builds an index and puts it where a start finds it."""
        path, _ = self.build(self.directory)
        path.rename(self.directory / FILE_NAME)

    def eligible(self, filters: Filters) -> int:
        """Executions that pass the filters."""
        return sum(passes(row, filters) for row in self.rows.values())

    def expected(self, query: Query) -> list[Match]:
        """By brute force: all tasks that pass the filters, best first, however similar."""
        return [match for match, _ in self._ranked(query)]

    def answer(self, query: Query) -> list[Match]:
        """By brute force: the best tasks that are similar enough, or relevant."""
        best = self._ranked(query)[: query.limit]
        if query.floor is None:
            return [
                best[at][0] for at in relevance.shown([value for _, value in best], query.limit)
            ]
        return [match for match, _ in best if match.similarity >= query.floor - ROUNDING]

    def _ranked(self, query: Query) -> list[tuple[Match, float]]:
        living = list(self.rows.values())
        words = WordIndex()
        words.add([terms(row) for row in living])
        scores = words.score(TokenisedQuery.of(query.text))
        vectors = np.zeros((len(living), DIMENSION), np.float32)
        for at, row in enumerate(living):
            if self._known.get(row.task_id) == row.task_description:
                vectors[at] = vector_of(row.task_description)
        if query.vector is None:
            weight, meanings = 1.0, np.zeros(len(living), np.float32)
        else:
            weight = fusion.lexical_weight(scores, query.unknown)
            meanings = fusion.meaning(vectors @ query.vector, query.noise)
        bare = np.logical_not(vectors.any(axis=1))
        fused = fusion.similarities(meanings, scores.coverage, weight)
        fused[bare] = np.sqrt(scores.coverage[bare])
        named = scores.with_identifiers
        fused[named] = np.maximum(fused[named], np.float32(fusion.MIN_WITH_IDENTIFIERS))
        errors = errors_quoted(living, query.text)
        for at, overlap in errors.items():
            (least,) = fusion.of_quoted_error(np.array([overlap], "f4"), scores.coverage[[at]])
            fused[at] = max(fused[at], least)
        offset = relevance.offset(weight, eligible := self.eligible(query.filters))
        values = relevances(query.text, meanings, scores.coverage, weight, bare, eligible)
        tasks: dict[int, list[int]] = {}
        for at, row in enumerate(living):
            key = key_of(row.task_description)
            if key == query.task_key:
                fused[at] = 1
            if key == query.task_key or at in scores.with_identifiers or at in errors:
                values[at] = max(values[at], relevance.LIKELY)
            if passes(row, query.filters):
                tasks.setdefault(key, []).append(at)
        rounded = enumerate(np.round(fused, 6).tolist())
        rank = [(value, living[at].recorded_at, at) for at, value in rounded]
        best = {key: max(rank[at] for at in runs) for key, runs in tasks.items()}
        found = []
        for key in sorted(best, key=lambda key: best[key], reverse=True):
            shown = most_useful(tasks[key], living, fused, query.text, errors)
            enough = relevance.POSSIBLE - offset
            meant = relevance.of_meaning(meanings[[shown]], 0.0)[0] >= enough
            worded = relevance.of_words(scores.coverage[[shown]], 1.0)[0] >= enough
            worded |= shown in named or shown in errors
            why = "both" if meant == worded else "meaning" if meant else "words"
            sure = relevance.confidence(value := float(values[tasks[key]].max()))
            outcomes = Counter(living[at].outcome for at in tasks[key])
            runs = {"total": len(tasks[key])}
            runs |= {name: outcomes[name] for name in OUTCOMES}
            found.append((Match(living[shown].task_id, best[key][0], sure, why, runs), value))
        return found

    def _forget_outdated(self) -> None:
        """What the retriever does when it notices changes: a vector goes with its description."""
        self._known = {
            task_id: description
            for task_id, description in self._known.items()
            if task_id in self.rows and self.rows[task_id].task_description == description
        }


def told(found: Found) -> list[Match]:
    """The answer in the shape of `World.expected`."""
    return [
        Match(one.task_id, one.similarity, one.confidence, one.matched_by, one.runs.model_dump())
        for one in found.ranked
    ]


def assert_exact(world: World, query: Query, found: Found) -> None:
    """The answer is the one of brute force."""
    kept = world.answer(query)
    assert told(found) == kept
    assert found.mode == "exact"
    shown = sum(match.runs["total"] for match in kept)
    full = len(kept) == query.limit
    assert found.below_floor == (0 if full else world.eligible(query.filters) - shown)
    assert found.candidates == world.eligible(query.filters)


def recalled(world: World, query: Query, found: Found) -> int:
    """How many of the truly best tasks were found; whatever was found is true, and enough.

    Args:
        world: What is searched.
        query: Without a floor.
        found: The answer by index. Which of equals are in it is open.
    """
    expected = world.expected(query)
    best = expected[: query.limit]
    keys = {key_of(world.rows[match.task_id].task_description): match for match in expected}
    shown = [key_of(world.rows[one.task_id].task_description) for one in found.ranked]
    assert len(set(shown)) == len(shown) == len(best)
    for one, key in zip(found.ranked, shown, strict=True):
        assert passes(world.rows[one.task_id], query.filters)
        true = keys[key]
        assert one.similarity <= true.similarity + 1e-6
        assert one.runs.model_dump() == true.runs
    similarities = [one.similarity for one in found.ranked]
    assert similarities == sorted(similarities, reverse=True)
    least = best[-1].similarity - 1e-6 if best else 0.0
    return sum(similarity >= least for similarity in similarities)


def empty_database(path: Path, portal: BlockingPortal) -> None:
    """Makes a database file with the current schema, for planted vectors."""

    def prepare(cursor: Cursor) -> None:
        migrations.apply(cursor)
        embeddings.reset(cursor, DIMENSION)

    database = Database(path, prepare=prepare)
    portal.call(database.open)
    portal.call(database.close)


@contextmanager
def opened(
    portal: BlockingPortal,
    template: Path,
    directory: Path,
    mode: SearchMode = "exact",
    **values: Any,
) -> Iterator[World]:
    """A world on a copy of the database in `template`, with its index if it has one."""
    shutil.copytree(template, directory, dirs_exist_ok=True)
    world = World(portal, directory / "learning.duckdb", directory, mode, **values)
    try:
        yield world
    finally:
        world.close()


def hours_ago(hours: int) -> Any:
    """A time that filters can compare."""
    return NOW - timedelta(hours=hours)

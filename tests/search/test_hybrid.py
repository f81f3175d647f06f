"""The one search of the product against brute force over the truth, in both modes."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search.planted import DIMENSION, MODEL, Vectors, build
from search.world import TASKS, World, like, told
from store import rows
from store.rows import NOW, OUTCOMES, migrated, undone

from mcp_learning.models.requests import Filters
from mcp_learning.models.results import Execution
from mcp_learning.search.hnsw import FILE_NAME, HnswIndex
from mcp_learning.search.hybrid import Found
from mcp_learning.store import embeddings
from mcp_learning.store.duckdb import Cursor

NOTHING = Filters()
BASE = 240
"""Executions in the prepared index: four runs of each task."""

attributes = st.fixed_dictionaries(
    {
        "outcome": st.sampled_from(OUTCOMES),
        "repo": st.sampled_from([None, "a", "b"]),
        "task_type": st.sampled_from(["a", "b"]),
        "recorded_at": st.sampled_from([NOW, NOW.replace(day=1, month=5)]),
    }
)
tasks = st.integers(0, 9)
steps = st.lists(
    st.tuples(st.just("record"), tasks, attributes)
    | st.tuples(st.just("change"), tasks, attributes)
    | st.tuples(st.just("delete"), st.integers(0, 300), st.none())
    | st.tuples(st.just("embed"), st.none(), st.none())
    | st.tuples(st.just("search"), st.none(), st.none()),
    max_size=25,
)
queries = st.fixed_dictionaries(
    {
        "vector": st.builds(like, tasks, st.integers(0, 4)),
        "filters": st.just(NOTHING) | rows.filters,
        "limit": st.sampled_from([1, 2, 5, 50]),
        "floor": st.sampled_from([-1.0, 0.0, 0.25, 0.5, 0.875]),
    }
)


@pytest.fixture(scope="module")
def cursor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cursor]:
    with migrated(tmp_path_factory.mktemp("store") / "learning.duckdb") as cursor:
        embeddings.create_table(cursor, "embeddings", DIMENSION)
        yield cursor


class Prepared(NamedTuple):
    """`BASE` executions in a database and in an index."""

    cursor: Cursor
    directory: Path
    rows: dict[UUID, tuple[Execution, int]]
    versions: dict[UUID, int]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    directory = tmp_path_factory.mktemp("index")
    with migrated(directory / "learning.duckdb") as cursor:
        embeddings.create_table(cursor, "embeddings", DIMENSION)
        world = World(cursor, directory)
        for number in range(BASE):
            world.record(
                number % TASKS,
                repo=(None, "a", "b", "it's")[number % 7 % 4],
                task_type="ab"[number % 2],
                outcome=OUTCOMES[number % 5 % 3],
            )
        world.embed()
        path, _ = build(directory, *embeddings.read(cursor))
        path.rename(directory / FILE_NAME)
        yield Prepared(cursor, directory, world.rows, world.versions)


@contextmanager
def indexed(base: Prepared, directory: Path) -> Iterator[World]:
    """A world in which the first `BASE` executions are in the index, the later in memory."""
    with undone(base.cursor):
        world = World(base.cursor, directory, "hnsw")
        world.rows, world.versions = dict(base.rows), dict(base.versions)
        assert world.retriever.mode == "hnsw"
        assert len(world.retriever._matrix) == 0
        try:
            yield world
        finally:
            world.retriever.close()


def take(world: World, step: tuple[str, Any, Any]) -> None:
    kind, number, values = step
    ids = list(world.rows)
    if kind == "record":
        world.record(number, **values)
    elif kind == "change" and ids:
        world.change(ids[number * 7 % len(ids)], number, **values)
    elif kind == "delete" and ids:
        world.delete(ids[number % len(ids)])
    elif kind == "embed":
        world.embed()


def assert_exact(world: World, query: dict[str, Any], found: Found) -> None:
    best = world.expected(query["vector"], query["filters"], query["limit"])
    kept = [entry for entry in best if entry[1] >= query["floor"]]
    assert told(found) == [(task_id, max(score, 0.0), runs) for task_id, score, runs in kept]
    assert found.mode == "exact"
    assert found.below_floor <= len(best) - len(kept)


def assert_complete_and_true(world: World, query: dict[str, Any], found: Found) -> None:
    """Which of equals is found is open; that enough are found, and that they are true, is not."""
    vector, filters = query["vector"], query["filters"]
    everything = world.expected(vector, filters, TASKS)
    relevant = [entry for entry in everything if entry[1] >= query["floor"]]
    assert len(found.ranked) == min(query["limit"], len(relevant))
    scores = {world.rows[task_id][1]: (score, runs) for task_id, score, runs in relevant}
    for ranked in found.ranked:
        row, key = world.rows[ranked.execution.task_id]
        assert rows.passes(row, filters)
        score, runs = scores.pop(key)
        assert ranked.similarity == pytest.approx(max(score, 0.0), abs=1e-6)
        assert ranked.runs.model_dump() == runs
    similarities = [ranked.similarity for ranked in found.ranked]
    assert similarities == sorted(similarities, reverse=True)
    assert found.mode == "hnsw"


@given(steps=steps, query=queries)
@settings(deadline=None, max_examples=60)
def test_an_exact_search_equals_brute_force_whatever_was_recorded_changed_or_deleted(
    cursor: Cursor,
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[str, Any, Any]],
    query: dict[str, Any],
) -> None:
    with undone(cursor):
        world = World(cursor, tmp_path_factory.getbasetemp() / "no-index")
        for step in [*steps, ("embed", None, None), ("search", None, None)]:
            take(world, step)
            if step[0] == "search":
                assert_exact(world, query, world.search(**query))


@given(steps=steps, query=queries)
@settings(deadline=None, max_examples=25)
def test_a_search_by_index_is_complete_and_true_whatever_came_after_it_was_built(
    prepared: Prepared, steps: list[tuple[str, Any, Any]], query: dict[str, Any]
) -> None:
    with indexed(prepared, prepared.directory) as world:
        for step in [*steps, ("search", None, None)]:
            take(world, step)
            if step[0] == "search":
                assert_complete_and_true(world, query, world.search(**query))


def test_a_search_by_index_is_complete_when_nearly_everything_in_it_is_gone(
    prepared: Prepared,
) -> None:
    with indexed(prepared, prepared.directory) as world:
        for task_id in list(world.rows)[: BASE - 5]:
            world.delete(task_id)
        query: dict[str, Any] = {
            "vector": like(3, 1),
            "filters": NOTHING,
            "limit": 5,
            "floor": -1.0,
        }
        found = world.search(**query)
        assert_complete_and_true(world, query, found)
        assert len(found.ranked) == 5


def test_runs_of_one_task_are_one_match_and_the_limit_counts_tasks(
    cursor: Cursor, tmp_path: Path
) -> None:
    with undone(cursor):
        world = World(cursor, tmp_path)
        for outcome, count in (("success", 30), ("failure", 12), ("pending", 3)):
            for _ in range(count):
                newest = world.record(1, outcome=outcome)
        others = [world.record(2), world.record(3)]
        world.embed()
        found = world.search(like(1, 0), limit=3, floor=-1.0)
        first, *rest = found.ranked
        assert first.runs.model_dump() == {
            "total": 45,
            "success": 30,
            "failure": 12,
            "pending": 3,
        }
        assert first.execution.task_id == newest
        assert {ranked.execution.task_id for ranked in rest} == set(others)
        failures = world.search(like(1, 0), Filters(outcome="failure"), floor=-1.0)
        assert [ranked.runs.total for ranked in failures.ranked] == [12]


def test_what_is_below_the_floor_is_counted_and_left_out(cursor: Cursor, tmp_path: Path) -> None:
    with undone(cursor):
        world = World(cursor, tmp_path)
        same = world.record(1)
        world.embed()
        for flips, floor, kept in ((0, 1.0, 1), (2, 0.75, 1), (2, 0.76, 0), (4, 0.6, 0)):
            found = world.search(like(1, flips), floor=floor)
            assert [ranked.execution.task_id for ranked in found.ranked] == [same] * kept
            assert found.below_floor == 1 - kept


@pytest.mark.parametrize("filters", [NOTHING, Filters(repo="a")])
def test_an_empty_database_has_no_matches(cursor: Cursor, tmp_path: Path, filters: Filters) -> None:
    with undone(cursor):
        found = World(cursor, tmp_path).search(like(1, 0), filters)
        assert (found.ranked, found.candidates, found.below_floor) == ([], 0, 0)


def test_an_index_of_another_model_is_not_used(prepared: Prepared) -> None:
    with indexed(prepared, prepared.directory) as world:
        world.retriever.load(world.cursor, "another model", DIMENSION)
        assert (world.retriever.mode, world.retriever.index) == ("exact", None)
        assert "another embedding model" in str(world.retriever.index_problem)
        query: dict[str, Any] = {"vector": like(3, 1), "filters": NOTHING, "limit": 5, "floor": 0.0}
        assert_exact(world, query, world.search(**query))
    assert (prepared.directory / FILE_NAME).exists()


def test_an_index_that_fails_in_a_search_is_discarded_and_the_search_is_exact(
    prepared: Prepared, tmp_path: Path
) -> None:
    path = Path(shutil.copy(prepared.directory / FILE_NAME, tmp_path))
    with indexed(prepared, tmp_path) as world:
        with path.open("r+b") as file:  # after it was opened, before its graph is read
            file.seek(3 * 4096)
            file.write(bytes(path.stat().st_size - 3 * 4096))
        query: dict[str, Any] = {"vector": like(3, 1), "filters": NOTHING, "limit": 5, "floor": 0.0}
        for _ in range(2):
            assert_exact(world, query, world.search(**query))
        assert "discarded" in str(world.retriever.index_problem)
        assert not path.exists()
        world.record(3)
        world.embed()
        assert_exact(world, query, world.search(**query))


def test_an_index_replaced_while_it_is_searched_leaves_the_new_one_in_use(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(shutil.copy(prepared.directory / FILE_NAME, tmp_path))
    with indexed(prepared, tmp_path) as world:
        old = world.retriever.index
        assert old is not None
        world.record(3)
        world.embed()
        newer, _ = build(tmp_path, *embeddings.read(world.cursor))
        search = HnswIndex.search

        def after_the_swap(self: HnswIndex, vector: Vectors, k: int) -> Any:
            if self is old:
                world.retriever.replace_index(world.cursor, newer, MODEL)
            return search(self, vector, k)

        monkeypatch.setattr(HnswIndex, "search", after_the_swap)
        query: dict[str, Any] = {"vector": like(3, 1), "filters": NOTHING, "limit": 5, "floor": 0.0}
        assert_complete_and_true(world, query, world.search(**query))
        assert world.retriever.index not in (None, old)
        assert world.retriever.index_problem is None
        assert path.exists()


def test_vectors_that_were_read_already_are_taken_in_once(cursor: Cursor, tmp_path: Path) -> None:
    with undone(cursor):
        world = World(cursor, tmp_path)
        world.record(1)
        world.embed()
        world.retriever.add(embeddings.refs(cursor), embeddings.read(cursor)[1])
        assert len(world.retriever._matrix) == 1
        assert world.search(like(1, 0)).candidates == 1

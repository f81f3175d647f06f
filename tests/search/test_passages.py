"""The vectors of further passages: a row is as near as its best passage, whatever came and went."""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from anyio.from_thread import BlockingPortal
from hypothesis import given
from hypothesis import strategies as st
from search.planted import DIMENSION, MODEL
from search.world import VECTORS, World, description_of, like, opened, told, vector_of
from store.rows import execution

from mcp_learning.models.requests import Filters
from mcp_learning.search.passages import Passages
from mcp_learning.search.row_table import Upkeep
from mcp_learning.store.duckdb import bulk

OTHER_WORDS = "something else altogether"
ROWS = 12

steps = st.lists(
    st.tuples(st.just("add"), st.lists(st.integers(0, ROWS - 1), max_size=8))
    | st.tuples(st.just("move"), st.tuples(st.integers(0, ROWS - 1), st.integers(0, ROWS - 1)))
    | st.tuples(st.just("drop"), st.sets(st.integers(0, ROWS - 1), max_size=4)),
    max_size=8,
)


@given(steps=steps, asked=st.sets(st.integers(0, ROWS - 1)).map(sorted), bounded=st.booleans())
def test_each_row_has_its_own_passages_whatever_came_moved_or_went(
    steps: list[tuple[str, Any]], asked: list[int], bounded: bool
) -> None:
    """The model is a plain dict from rows to the versions of their passages."""
    known, model, version = Passages(DIMENSION, None, 4), dict[int, list[int]](), 1
    for kind, what in steps:
        if kind == "add":
            versions = np.arange(version, version + len(what))
            known.add(np.array(what, np.int64), versions % 30 + 1, versions, VECTORS[versions])
            for row in what:
                model.setdefault(row, []).append(version)
                version += 1
        elif kind == "move" and what[0] != what[1] and what[1] not in model:
            moved, rows = known.move(*(np.array([row]) for row in what))
            assert sorted(moved.tolist()) == model.get(what[0], [])
            assert set(rows.tolist()) <= {what[1]}
            if what[0] in model:
                model[what[1]] = model.pop(what[0])
        elif kind == "drop":
            kept = np.array([row not in what for row in range(ROWS)])
            number = np.where(kept, np.cumsum(kept) - 1, -1)
            known = known.compacted(number)
            model = {int(number[row]): some for row, some in model.items() if kept[row]}
        if bounded:
            known.matrix.prepare_bounds(nullcontext())
    view, rows = known.view(ROWS), np.array(asked, np.int64)
    at, places = view.of(rows)
    found: dict[int, list[int]] = {}
    for one, place in zip(at.tolist(), places.tolist(), strict=True):
        found.setdefault(asked[one], []).append(int(view.versions[place]))
        assert view.numbers[place] == view.versions[place] % 30 + 1
    assert {row: sorted(some) for row, some in found.items()} == {
        row: some for row, some in model.items() if row in asked
    }
    question = like(5, 3)
    cosines = [[float(VECTORS[v] @ question) for v in model.get(row, ())] for row in range(ROWS)]
    best = [max([-0.5, *some]) for some in cosines]
    everywhere = np.full(ROWS, -0.5, np.float32)
    view.raise_cosines(everywhere, question, None)
    assert everywhere.tolist() == pytest.approx(best)
    some = np.full(len(rows), -0.5, np.float32)
    view.raise_cosines(some, question, rows)
    assert some.tolist() == pytest.approx([best[row] for row in asked])
    bounds = np.full(ROWS, -0.5, np.float32)
    view.raise_bounds(bounds, question)
    assert (bounds >= everywhere - 1e-6).all()


@pytest.fixture
def world(portal: BlockingPortal, empty: Path, tmp_path: Path) -> Iterator[World]:
    upkeep = Upkeep(min_dead=2, min_bounded=4)
    with opened(portal, empty, tmp_path / "exact", upkeep=upkeep) as world:
        yield world


def embed(world: World, passages: dict[UUID, list[int]], portal: BlockingPortal) -> None:
    """Drains the queue; the further passages of executions have the vectors of these tasks."""
    rows = portal.call(world.store.unembedded, 10_000)
    world.sync()
    vectors = np.stack([vector_of(row.task_description) for row in rows])
    further = [VECTORS[passages.get(row.task_id, [])] for row in rows]
    stored = portal.call(world.store.put_vectors, rows, vectors, MODEL, "current", further)
    world.retriever.rows.put(rows, vectors, stored, further)


def nearest(world: World, task: int, **values: Any) -> tuple[UUID, float, int | None]:
    (found, *_) = world.find(OTHER_WORDS, like(task, 0), **values).ranked
    return found.task_id, found.similarity, found.passage


def test_an_execution_is_as_near_as_its_best_passage(world: World, portal: BlockingPortal) -> None:
    short, long = world.record(1), world.record(2)
    embed(world, {long: [3, 4, 5]}, portal)
    alike = nearest(world, 1)[1]
    assert nearest(world, 1) == (short, alike, 0)
    for task, passage in ((2, 0), (3, 1), (4, 2), (5, 3)):
        found = nearest(world, task)
        assert (found[0], found[2]) == (long, passage)
        assert found[1] == pytest.approx(alike)


def test_passages_stay_with_their_execution_over_changes_and_starts(
    world: World, portal: BlockingPortal
) -> None:
    long = world.record(2, repo="a")
    others = [world.record(task) for task in range(10, 20)]
    embed(world, {long: [3, 4], others[0]: [7]}, portal)
    before = nearest(world, 4)
    assert before[0] == long
    world.change(long, solution_summary="told")  # another row in memory
    assert nearest(world, 4) == before
    world.delete(*others[1:])
    world.compact()
    assert nearest(world, 4) == before
    assert nearest(world, 7)[0] == others[0]
    world.load()
    assert nearest(world, 4) == before
    assert nearest(world, 4, filters=Filters(repo="a")) == before
    assert world.find(OTHER_WORDS, like(4, 0), filters=Filters(repo="b")).ranked == []
    world.change(long, task_description=description_of(6))
    world.sync()
    assert nearest(world, 4)[1] < before[1]
    world.load()
    assert nearest(world, 4)[1] < before[1]
    assert world.retriever.rows.vectors == world.retriever.rows.embedded + 1


def test_the_index_finds_passages_and_agrees_with_comparing_all(
    portal: BlockingPortal, empty: Path, tmp_path: Path
) -> None:
    with opened(portal, empty, tmp_path / "hnsw", "hnsw") as world:
        rows = [execution(task_description=description_of(task)) for task in range(300)]
        world.write(lambda c: bulk.insert(c, rows))
        world.rows |= {row.task_id: row for row in rows}
        spread = {row.task_id: [300 + 2 * at, 301 + 2 * at] for at, row in enumerate(rows)}
        embed(world, spread, portal)
        world.install()
        world.load()
        assert world.retriever.mode == "hnsw"
        later = world.record(950)
        embed(world, {later: [960, 961]}, portal)
        newer = world.retriever.index_manager.state.info
        assert newer is not None
        assert newer.rows == 900
        assert world.retriever.newer_than(newer) == 3
        for task in (5, 299, 300, 451, 899, 950, 960, 961):
            by_index = world.find(OTHER_WORDS, like(task, 0))
            exact = world.find(OTHER_WORDS, like(task, 0), mode="exact")
            assert by_index.mode == "hnsw"
            assert told(by_index)[0] == told(exact)[0]
            assert by_index.ranked[0].passage == exact.ranked[0].passage


def test_a_text_whose_passages_are_all_near_leaves_room_for_others(
    portal: BlockingPortal, empty: Path, tmp_path: Path
) -> None:
    with opened(portal, empty, tmp_path / "hnsw", "hnsw") as world:
        long = [world.record(task) for task in range(8)]
        others = [world.record(task) for task in range(100, 104)]
        embed(world, dict.fromkeys(long, [50] * 31), portal)
        world.install()
        world.load()
        question = like(50, 0)
        found = world.find(OTHER_WORDS, question, limit=12)
        assert found.mode == "hnsw"
        assert {one.task_id for one in found.ranked} == {*long, *others}

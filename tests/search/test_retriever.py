"""The one search of the product: tasks, their runs, the floor, and an index that goes wrong."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from anyio.from_thread import BlockingPortal
from search.planted import Vectors
from search.world import (
    World,
    ask,
    assert_exact,
    description_of,
    like,
    opened,
    recalled,
    told,
)
from store.rows import execution

from mcp_learning.models.requests import Filters
from mcp_learning.models.results import Execution
from mcp_learning.search.hnsw import FILE_NAME, HnswIndex
from mcp_learning.search.related import related
from mcp_learning.search.row_table import Upkeep
from mcp_learning.store.types import Unembedded

TASKS = 60
BASE = 4 * TASKS
"""Executions in the prepared index: four runs of each task."""

OTHER_WORDS = "nothing of the sort"


@pytest.fixture
def world(portal: BlockingPortal, empty: Path, tmp_path: Path) -> Iterator[World]:
    with opened(portal, empty, tmp_path / "exact") as world:
        yield world


@pytest.fixture(scope="module")
def prepared(
    portal: BlockingPortal, empty: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[Execution]]:
    directory = tmp_path_factory.mktemp("index")
    base = [execution(task_description=description_of(at % TASKS)) for at in range(BASE)]
    with opened(portal, empty, directory, "hnsw") as world:
        world.fill(base)
        world.install()
    return directory, base


@pytest.fixture
def indexed(
    portal: BlockingPortal, prepared: tuple[Path, list[Execution]], tmp_path: Path
) -> Iterator[World]:
    """A world in which `BASE` executions are in the index."""
    directory, base = prepared
    with opened(portal, directory, tmp_path / "hnsw", "hnsw", rows=base) as world:
        assert world.retriever.mode == "hnsw"
        yield world


def assert_by_index(world: World, **values: Any) -> None:
    query = ask(description_of(3), like(3, 1), **values)
    found = world.search(query)
    assert found.mode == "hnsw"
    assert recalled(world, query, found) == len(found.ranked) == query.limit


def assert_without_index(world: World) -> None:
    query = ask(description_of(3), like(3, 1))
    assert_exact(world, query, world.search(query))


def test_a_search_by_index_finds_what_came_after_it_was_built(indexed: World) -> None:
    assert_by_index(indexed)
    newer = indexed.record(3, outcome="success", solution_summary="told")
    for _ in range(2):  # by its words, and by its vector
        assert_by_index(indexed)
        assert told(indexed.search(ask(description_of(3), like(3, 0))))[0].task_id == newer
        indexed.embed()
    indexed.delete(newer)
    assert_by_index(indexed)


def test_a_search_by_index_is_complete_when_nearly_everything_in_it_is_gone(
    indexed: World,
) -> None:
    indexed.delete(*list(indexed.rows)[: BASE - 5])
    assert_by_index(indexed)


def test_a_search_by_index_finds_nothing_when_everything_in_it_is_gone(indexed: World) -> None:
    indexed.delete(*list(indexed.rows))
    found = indexed.find(description_of(3), like(3, 0))
    assert (found.ranked, found.candidates, found.below_floor) == ([], 0, 0)


def test_many_tasks_are_found_by_index_though_each_has_many_runs(indexed: World) -> None:
    for _ in range(3):
        indexed.fill([execution(task_description=description_of(3)) for _ in range(200)])
    indexed.embed()
    assert_by_index(indexed, limit=TASKS)


def test_runs_of_one_task_are_one_match_and_the_limit_counts_tasks(world: World) -> None:
    for outcome, count in (("success", 30), ("failure", 12), ("pending", 3)):
        for _ in range(count):
            world.record(1, outcome=outcome)
    others = {world.record(2), world.record(3)}
    world.embed()
    first, *rest = told(world.find(description_of(1), like(1, 0), limit=3))
    assert first.runs == {"total": 45, "success": 30, "failure": 12, "pending": 3}
    assert {match.task_id for match in rest} == others
    failures = Filters(outcome="failure")
    found = told(world.find(description_of(1), like(1, 0), filters=failures))
    assert [match.runs["total"] for match in found] == [12]


def test_the_most_useful_run_of_a_task_is_shown(world: World) -> None:
    """A success before a failure before a pending one, then one with a solution, then the last."""
    values: dict[str, Any]
    for values in (
        {"outcome": "pending"},
        {"outcome": "failure"},
        {"outcome": "failure", "solution_summary": "tried"},
        {"outcome": "success", "solution_summary": "told"},
        {"outcome": "success", "solution_summary": "told again"},
    ):
        world.record(1, outcome="pending")
        best = world.record(1, None, **values)
        world.embed()
        (match,) = told(world.find(description_of(1), like(1, 0), floor=0.9))
        assert match.task_id == best
    world.record(1, outcome="success")  # without a solution
    exact = world.record(1, task_description=description_of(1).upper(), outcome="failure")
    world.embed()
    assert told(world.find(description_of(1), like(1, 0)))[0].task_id == best
    assert told(world.find(description_of(1).upper(), like(1, 0)))[0].task_id == exact


def test_a_run_that_is_less_similar_is_not_shown_for_its_outcome(world: World) -> None:
    asked = world.record(1, outcome="failure", error_message="KeyError: spam_ham in frobnicate.py")
    world.record(1, outcome="success")
    world.embed()
    found = told(world.find("spam_ham in frobnicate.py", like(1, 4), floor=0.0))
    assert found[0].task_id == asked


def test_the_same_task_is_alike_to_one_with_or_without_a_vector(world: World) -> None:
    same = world.record(1)
    for vector in (like(1, 0), like(1, 16), None):
        for text in (description_of(1), f"  {description_of(1).upper()}\n"):
            (match,) = told(world.find(text, vector, floor=1.0))
            assert (match.task_id, match.similarity) == (same, 1.0)
    world.embed()
    assert told(world.find(description_of(1), like(1, 16), floor=1.0))[0].task_id == same


@pytest.mark.parametrize("flips", [0, 2, 4])
def test_what_is_below_the_floor_is_counted_and_left_out(flips: int, world: World) -> None:
    same = world.record(1)
    world.embed()
    (match,) = world.expected(ask(OTHER_WORDS, like(1, flips)))
    for more, kept in ((0.0, 1), (0.01, 0)):
        found = world.find(OTHER_WORDS, like(1, flips), floor=match.similarity + more)
        assert [one.task_id for one in found.ranked] == [same] * kept
        assert found.below_floor == 1 - kept


def test_without_a_floor_relevance_decides_and_what_is_only_possible_is_told(world: World) -> None:
    world.record(1)
    world.embed()
    told_by_flips = []
    for flips in range(9):
        query = ask(OTHER_WORDS, like(1, flips), floor=None)
        found = world.search(query)
        assert told(found) == world.answer(query)
        assert found.below_floor == 1 - len(found.ranked)
        told_by_flips.append([one.confidence for one in found.ranked])
    assert told_by_flips[0] == ["likely"]
    assert ["possible"] in told_by_flips
    assert told_by_flips[-1] == []


def test_a_query_with_a_background_that_nothing_answers_is_related_to_nothing(
    world: World,
) -> None:
    world.record(1)
    world.embed()
    asked: dict[str, Any] = {"vector": like(1, 4), "background": 0.9}
    assert not len(world.retriever.related(ask(OTHER_WORDS, **asked)).rows)
    clear = world.retriever.related(ask(OTHER_WORDS, **asked | {"background": 0.0}))
    assert clear.similarities[0] > 0.3


@pytest.mark.parametrize("filters", [Filters(), Filters(repo="a")])
def test_bounds_leave_all_related_rows_with_their_similarities(
    portal: BlockingPortal, empty: Path, tmp_path: Path, filters: Filters
) -> None:
    with opened(portal, empty, tmp_path / "bounds", upkeep=Upkeep(min_bounded=2)) as world:
        repos = ("a", "b")
        world.fill(
            [
                execution(task_description=description_of(at), repo=repos[at % 2])
                for at in range(200)
            ]
        )
        world.compact()
        for task in range(0, 200, 7):
            query = ask(description_of(task), like(task, task % 4), filters=filters)
            snapshot = world.retriever.rows.snapshot(filters, query.now)
            assert snapshot.bounds is not None
            found, all_compared = (
                related(snapshot, query),
                related(replace(snapshot, bounds=None), query),
            )
            assert found.rows.tolist() == all_compared.rows.tolist()
            assert 0 < len(found.rows) < snapshot.eligible
            assert np.allclose(found.similarities, all_compared.similarities, atol=1e-6)


def test_what_matched_is_told(world: World) -> None:
    named = world.record(1, error_message="KeyError: spam_ham")
    world.embed()

    def why(text: str, vector: Vectors | None) -> str:
        (match,) = told(world.find(text, vector))
        assert match.task_id == named
        return match.matched_by

    assert why("spam_ham", like(1, 16)) == "words"
    assert why("spam_ham", None) == "words"
    assert why(OTHER_WORDS, like(1, 1)) == "meaning"
    assert why("spam_ham", like(1, 1)) == "both"


@pytest.mark.parametrize("filters", [Filters(), Filters(repo="a")])
def test_an_empty_database_has_no_matches(world: World, filters: Filters) -> None:
    found = world.find(description_of(1), like(1, 0), filters=filters)
    assert (found.ranked, found.candidates, found.below_floor) == ([], 0, 0)


def test_vectors_of_another_model_are_not_compared_but_words_are_found(world: World) -> None:
    world.record(1)
    world.embed()
    world.load("another")
    assert world.retriever.rows.embedded == 0
    assert len(world.find(description_of(1), None).ranked) == 1


def test_an_index_of_another_model_is_not_used(indexed: World) -> None:
    indexed.retriever.use(indexed.retriever.rows, "another model")
    assert (indexed.retriever.mode, indexed.retriever.index_manager.index) == ("exact", None)
    assert "another embedding model" in str(indexed.retriever.index_manager.state.problem)
    assert_without_index(indexed)
    assert (indexed.directory / FILE_NAME).exists()


def test_an_index_that_fails_in_a_search_is_discarded_and_the_search_is_exact(
    indexed: World,
) -> None:
    path = indexed.directory / FILE_NAME
    manager = indexed.retriever.index_manager
    with path.open("r+b") as file:  # after it was opened, before its graph is read
        file.seek(3 * 4096)
        file.write(bytes(path.stat().st_size - 3 * 4096))
    for _ in range(2):
        assert_without_index(indexed)
    assert "discarded" in str(manager.state.problem)
    assert not path.exists()
    indexed.record(3)
    indexed.embed()
    assert_without_index(indexed)


def test_an_index_replaced_while_it_is_searched_leaves_the_new_one_in_use(
    indexed: World, tmp_path: Path
) -> None:
    manager = indexed.retriever.index_manager
    indexed.record(3)
    indexed.embed()
    newer, info = indexed.build(tmp_path)

    class ReplacedInSearch(HnswIndex):
        def search(self, vector: Vectors, k: int) -> Any:
            indexed.retriever.replace_index(newer, info)
            return super().search(vector, k)

    assert manager.index is not None
    manager.index.close()
    old = manager.index = ReplacedInSearch(indexed.directory / FILE_NAME, 128)
    assert_by_index(indexed)
    assert manager.index not in (None, old)
    assert manager.state.problem is None
    assert (indexed.directory / FILE_NAME).exists()


def test_vectors_that_were_read_already_are_taken_in_once(world: World) -> None:
    task_id = world.record(1)
    world.embed()
    world.load()
    rows = world.retriever.rows
    world.sync()
    world.sync()
    assert (len(rows), rows.embedded) == (1, 1)
    found = world.find(OTHER_WORDS, like(1, 0))
    assert (told(found)[0].task_id, found.candidates) == (task_id, 1)


def test_a_vector_that_comes_after_its_description_changed_is_not_taken_in(world: World) -> None:
    task_id = world.record(1)
    world.embed()
    versions, vectors = world.vectors()
    outdated = Unembedded(task_id, 1, description_of(1))
    world.change(task_id, task_description=description_of(2))
    world.sync()
    world.retriever.rows.put([outdated], vectors, {task_id: int(versions[0])})
    assert world.retriever.rows.embedded == 0
    query = ask(OTHER_WORDS, like(1, 0))
    assert_exact(world, query, world.search(query))


def test_the_nearest_by_meaning_alone_are_the_same_in_both_modes(indexed: World) -> None:
    by_index = indexed.retriever.nearest(like(3, 0), 4)
    indexed.retriever.use(indexed.retriever.rows, "another model")  # whose index there is not
    assert indexed.retriever.mode == "exact"
    exact = indexed.retriever.nearest(like(3, 0), 4)
    assert by_index.similarities.tolist() == exact.similarities.tolist() == [1.0] * 4
    assert set(by_index.versions.tolist()) == set(exact.versions.tolist())

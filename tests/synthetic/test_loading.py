from datetime import UTC, datetime
from pathlib import Path

import anyio
import numpy as np
import pytest
from numpy.typing import NDArray

from mcp_learning.embed.recipe import passages
from mcp_learning.errors import IndexUnavailable
from mcp_learning.models.requests import FindSimilarTasks
from mcp_learning.models.results import Execution, SimilarTasks
from mcp_learning.service.learning import LearningService
from mcp_learning.settings import Settings
from mcp_learning.store import open_store
from mcp_learning.synthetic.generator import make_runs, make_tasks
from mcp_learning.synthetic.loading import Filled, Plan, generate, insert, opened, send

SEED = 5


def settings_in(directory: Path) -> Settings:
    return Settings.model_construct(data_dir=directory)


def ignore(what: str, done: int, total: int) -> None:
    pass


def fill(directory: Path, count: int, *, seed: int = SEED, embed: bool = True) -> Filled:
    plan = Plan(count, seed)
    return anyio.run(lambda: generate(settings_in(directory), plan, embed=embed, progress=ignore))


def counts(directory: Path) -> tuple[int, int]:
    """Executions, and those of them that wait for a vector."""

    async def work() -> tuple[int, int]:
        async with opened(settings_in(directory)) as (store, _):
            health = await store.health()
            return health.rows, health.unembedded

    return anyio.run(work)


def random_vectors(count: int) -> NDArray[np.float32]:
    vectors = np.random.default_rng(0).standard_normal((count, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def test_bulk_insert_stores_what_it_was_given(tmp_path: Path) -> None:
    tasks = make_tasks(20, seed=SEED)
    runs = list(make_runs(tasks, 60, seed=SEED, until=datetime(2025, 6, 1, tzinfo=UTC)))
    vectors = random_vectors(len(tasks))

    async def work() -> tuple[list[Execution | None], NDArray[np.float32]]:
        parts: list[NDArray[np.float32]] = []
        async with opened(settings_in(tmp_path)) as (store, _):
            await insert(store, runs, vectors, "some model")
            found = [await store.get(run.execution.task_id) for run in runs]
            await store.vectors(lambda _numbers, _versions, some, _passages: parts.append(some))
        stored = [None if one is None else one.execution for one in found]
        return stored, np.concatenate(parts)  # in the order in which they were inserted

    stored, kept = anyio.run(work)
    assert stored == [run.execution for run in runs]
    np.testing.assert_array_equal(kept, vectors[[run.task for run in runs]])


def test_all_passages_of_a_long_description_have_a_vector(tmp_path: Path) -> None:
    fill(tmp_path, 60)
    runs = make_runs(make_tasks(20, seed=SEED), 60, seed=SEED, until=datetime.now(UTC))
    further = [len(passages(run.execution.task_description)) - 1 for run in runs]

    async def work() -> list[int]:
        counted: list[int] = []
        async with opened(settings_in(tmp_path)) as (store, _):
            await store.vectors(lambda *found: counted.append(int((found[3] > 0).sum())))
        return counted

    assert sum(anyio.run(work)) == sum(further) > 0


def test_generated_executions_are_found_by_their_description(tmp_path: Path) -> None:
    filled = fill(tmp_path, 60)
    wanted = make_tasks(20, seed=SEED)[0].description

    async def work() -> SimilarTasks:
        settings = settings_in(tmp_path)
        service = LearningService(settings, open_store(settings))
        try:
            return await service.find(FindSimilarTasks(task_description=wanted))
        finally:
            await service.close()

    found = anyio.run(work)
    assert filled.rows == 60
    assert found.search.candidates == 60
    assert found.matches[0].task_description == wanted
    assert found.matches[0].similarity > 0.999


def test_what_was_generated_is_not_added_again(tmp_path: Path) -> None:
    fill(tmp_path, 30)
    again = fill(tmp_path, 30)
    assert (again.rows, again.present) == (0, 30)
    assert counts(tmp_path) == (30, 0)
    assert fill(tmp_path, 30, seed=SEED + 1).rows == 30
    assert counts(tmp_path) == (60, 0)


def test_a_service_stores_the_same_as_a_direct_insert(tmp_path: Path) -> None:
    plan = Plan(30, SEED, ("docs", "spring cleaning"), ("acme/shop",))

    async def through_service() -> Filled:
        settings = settings_in(tmp_path)
        service = LearningService(settings, open_store(settings))
        try:
            return await send(service, plan, embed=True, progress=ignore)
        finally:
            await service.close()

    sent = anyio.run(through_service)
    assert (sent.rows, sent.present) == (30, 0)
    assert counts(tmp_path) == (30, 0)
    anyio.run(lambda: generate(settings_in(tmp_path), plan, embed=True, progress=ignore))
    assert counts(tmp_path) == (30, 0)


def test_without_embedding_the_executions_wait_in_the_queue(tmp_path: Path) -> None:
    filled = fill(tmp_path, 30, embed=False)
    assert filled.embed_seconds == 0
    assert counts(tmp_path) == (30, 30)


def test_vectors_of_two_models_are_not_mixed(tmp_path: Path) -> None:
    tasks = make_tasks(5, seed=SEED)
    runs = list(make_runs(tasks, 5, seed=SEED, until=datetime(2025, 6, 1, tzinfo=UTC)))

    async def work() -> None:
        async with opened(settings_in(tmp_path)) as (store, _):
            await insert(store, runs, random_vectors(len(tasks)), "some model")

    anyio.run(work)
    with pytest.raises(IndexUnavailable, match=r"another model.*--no-embed"):
        fill(tmp_path, 10)

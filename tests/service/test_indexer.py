"""The HNSW index: built beside what is in use, cancelled without a trace, kept over restarts."""

import os
import shutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import anyio
import anyio.to_thread
import duckdb
import psutil
import pytest
from child_startup import hold_at_start, run_at_start
from service.examples import EXPORT, LOGIN, LOGIN_PARAPHRASE, database_of, find, found_ids, record
from services import opened

from mcp_learning.errors import IndexUnavailable, StoreError
from mcp_learning.models.health import IndexHealth
from mcp_learning.models.requests import RebuildIndex
from mcp_learning.service.learning import LearningService
from mcp_learning.service.protocol import ignore_progress
from mcp_learning.settings import Settings

pytestmark = pytest.mark.anyio

Report = Callable[[float, str], Awaitable[None]]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Searches use the index as soon as there is one."""
    return settings.model_copy(update={"search_mode": "hnsw"})


class Indexed(NamedTuple):
    """A data directory with one execution, and its index."""

    directory: Path
    task_id: UUID


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Indexed:
    """Not to be changed; tests use copies."""
    directory = tmp_path_factory.mktemp("indexed") / "data"

    async def make() -> UUID:
        async with opened(Settings.load(data_dir=directory, search_mode="hnsw")) as service:
            task_id = (await record(service)).task_id
            await service.rebuild(RebuildIndex(), ignore_progress)
            return task_id

    return Indexed(directory, anyio.run(make))


@pytest.fixture
def indexed(prepared: Indexed, settings: Settings) -> UUID:
    """The one execution that the settings' database and index hold."""
    shutil.copytree(prepared.directory, settings.data_dir)
    return prepared.task_id


async def index_of(service: LearningService) -> IndexHealth:
    """What is known of the index, but for its age, which grows meanwhile."""
    return (await service.health()).index.model_copy(update={"age_seconds": None})


def children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


async def test_a_rebuild_reports_rising_progress_up_to_the_end(service: LearningService) -> None:
    for page in range(30):
        await record(service, f"{LOGIN} on page {page}")
    shares: list[float] = []

    async def note(share: float, message: str) -> None:
        assert message
        shares.append(share)

    built = await service.rebuild(RebuildIndex(preset="high_recall"), note)

    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert 0 <= shares[0] < 1
    assert (built.rows, built.m, built.ef_construction, built.reembedded) == (30, 32, 200, 0)
    assert built.bytes > 0
    assert built.recall_at_10 is not None
    assert built.recall_at_10 > 0.9
    health = await index_of(service)
    assert (health.state, health.rows, health.bytes) == ("ready", 30, built.bytes)
    assert (await find(service, LOGIN)).search.mode == "hnsw"


async def test_everything_is_served_while_an_index_is_built(service: LearningService) -> None:
    task_id = (await record(service)).task_id
    await service.rebuild(RebuildIndex(preset="fast"), ignore_progress)
    first = await index_of(service)
    newer: list[UUID] = []
    seen: list[str] = []

    async def use_it_meanwhile(share: float, message: str) -> None:
        if seen:
            return
        seen.append((await index_of(service)).state)
        with pytest.raises(IndexUnavailable, match="under way"):
            await service.rebuild(RebuildIndex(), ignore_progress)
        newer.append((await record(service, EXPORT)).task_id)
        assert await found_ids(service, EXPORT) == newer
        found = await find(service, LOGIN_PARAPHRASE)
        assert [match.task_id for match in found.matches] == [task_id]
        assert found.search.mode == "hnsw"

    await service.rebuild(RebuildIndex(preset="balanced"), use_it_meanwhile)

    assert seen == ["building"]
    second = await index_of(service)
    assert (first.m, second.m) == (8, 16)
    assert await found_ids(service, EXPORT) == newer
    await service.rebuild(RebuildIndex(), ignore_progress)  # the refused one left no mark


async def test_an_empty_database_has_nothing_to_index(
    service: LearningService, settings: Settings
) -> None:
    with pytest.raises(IndexUnavailable, match="record executions first"):
        await service.rebuild(RebuildIndex(), ignore_progress)
    assert list(settings.index_dir.glob("*")) == []


async def test_parameters_of_one_s_own_are_used(service: LearningService) -> None:
    await record(service)
    wanted = RebuildIndex(preset="custom", m=5, ef_construction=23)
    built = await service.rebuild(wanted, ignore_progress)
    assert (built.m, built.ef_construction, built.recall_at_10) == (5, 23, None)


@pytest.mark.skipif(sys.platform == "win32", reason="needs named pipes")
async def test_a_cancelled_rebuild_leaves_the_old_index_and_nothing_else(
    service: LearningService, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_id = (await record(service)).task_id
    await service.rebuild(RebuildIndex(preset="fast"), ignore_progress)
    before = await index_of(service)
    hold = hold_at_start(tmp_path, monkeypatch)
    others = set(children())  # of other tests that share this process

    async with anyio.create_task_group() as group:
        group.start_soon(service.rebuild, RebuildIndex(), ignore_progress)
        writer = await anyio.to_thread.run_sync(os.open, hold, os.O_WRONLY)  # the child runs
        assert list(settings.index_dir.glob("building.*"))
        assert len(set(children()) - others) == 1
        group.cancel_scope.cancel()
    os.close(writer)

    assert set(children()) <= others
    assert [file.name for file in settings.index_dir.iterdir()] == ["hnsw.duckdb"]
    assert await index_of(service) == before
    found = await find(service, LOGIN_PARAPHRASE)
    assert [match.task_id for match in found.matches] == [task_id]
    assert found.search.mode == "hnsw"
    monkeypatch.delenv("PYTHONPATH")
    assert (await service.rebuild(RebuildIndex(), ignore_progress)).m == 16


async def test_a_failed_build_leaves_the_old_index(
    service: LearningService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await record(service)
    await service.rebuild(RebuildIndex(preset="fast"), ignore_progress)
    before = await index_of(service)
    run_at_start(tmp_path, monkeypatch, "import os; os._exit(9)")

    with pytest.raises(IndexUnavailable, match="failed"):
        await service.rebuild(RebuildIndex(), ignore_progress)

    assert await index_of(service) == before
    assert (await find(service, LOGIN)).search.mode == "hnsw"


async def test_an_index_survives_a_restart_with_what_came_after_it(settings: Settings) -> None:
    async with opened(settings) as service:
        indexed = (await record(service)).task_id
        await service.rebuild(RebuildIndex(), ignore_progress)
        newer = (await record(service, EXPORT)).task_id
        await service.ready()
        before = await index_of(service)
        assert before.newer_rows == 1

    async with opened(settings) as service:
        found = await find(service, LOGIN_PARAPHRASE)
        assert [match.task_id for match in found.matches] == [indexed]
        assert found.search.mode == "hnsw"
        assert await found_ids(service, EXPORT) == [newer]
        assert await index_of(service) == before


def of_another_model(file: Path) -> None:
    with duckdb.connect(str(file)) as connection:
        connection.execute(
            "UPDATE info SET description = "
            'json_merge_patch(description, \'{"model": "another@0/recipe-1"}\')'
        )


def of_another_format(file: Path) -> None:
    with duckdb.connect(str(file)) as connection:
        connection.execute("UPDATE info SET format = 999")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (of_another_model, "another embedding model"),
        (of_another_format, "another format"),
        (lambda file: file.write_bytes(b"not a database" * 999), "damaged"),
        (lambda file: os.truncate(file, 300_000), ""),
    ],
    ids=["another model", "another format", "not a database", "cut short"],
)
async def test_an_index_that_does_not_fit_is_not_used_and_can_be_rebuilt(
    spoil: Callable[[Path], None], reason: str, settings: Settings, indexed: UUID
) -> None:
    spoil(settings.index_dir / "hnsw.duckdb")

    async with opened(settings) as service:
        found = await find(service, LOGIN_PARAPHRASE)
        assert [match.task_id for match in found.matches] == [indexed]
        assert (found.search.mode, found.search.degraded) == ("exact", True)
        assert reason in (found.search.reason or "")
        assert (await index_of(service)).state == "stale"

        await service.rebuild(RebuildIndex(), ignore_progress)
        found = await find(service, LOGIN_PARAPHRASE)
        assert (found.search.mode, found.search.degraded) == ("hnsw", False)


async def test_the_index_directory_can_be_deleted_at_any_time(
    settings: Settings, indexed: UUID
) -> None:
    (settings.index_dir / "hnsw.duckdb").unlink()

    async with opened(settings) as service:
        found = await find(service, LOGIN_PARAPHRASE)
        assert [match.task_id for match in found.matches] == [indexed]
        assert (found.search.mode, found.search.degraded) == ("exact", True)
        assert "rebuild_index builds one" in (found.search.reason or "")


async def test_an_index_that_is_not_needed_degrades_nothing_when_it_is_damaged(
    settings: Settings, indexed: UUID
) -> None:
    by_size = settings.model_copy(update={"search_mode": "auto"})
    async with opened(by_size) as service:
        await service.ready()
        assert (await index_of(service)).state == "ready"
    (settings.index_dir / "hnsw.duckdb").write_bytes(b"not a database")

    async with opened(by_size) as service:
        found = await find(service, LOGIN_PARAPHRASE)
        assert (found.search.mode, found.search.degraded) == ("exact", False)
        assert (await index_of(service)).state == "stale"


async def test_the_embedding_queue_survives_a_restart(settings: Settings) -> None:
    async with opened(settings) as service:
        task_id = (await record(service)).task_id
        assert (await service.health()).pending == 1

    async with opened(settings) as service:
        assert (await service.health()).pending == 1
        assert await found_ids(service, LOGIN_PARAPHRASE) == [task_id]
        assert (await service.health()).pending == 0


def fail_fatally(_: object) -> None:
    raise duckdb.FatalException("an error after which the engine's instance is unusable")


async def test_a_database_that_was_opened_again_is_read_again(settings: Settings) -> None:
    async with opened(settings) as service:
        await record(service, LOGIN)
        assert len(await found_ids(service, LOGIN)) == 1
        with pytest.raises(StoreError):
            await database_of(service).write(fail_fatally)
        for file in settings.data_dir.glob("learning.duckdb*"):
            file.unlink()

        task_id = (await record(service, EXPORT)).task_id

        assert await found_ids(service, EXPORT) == [task_id]
        assert await found_ids(service, LOGIN) == []


async def test_a_description_that_is_changed_and_changed_back_is_embedded_again(
    service: LearningService,
) -> None:
    task_id = (await record(service, LOGIN)).task_id
    await service.ready()
    await record(service, EXPORT, task_id=task_id)
    await record(service, LOGIN, task_id=task_id)
    await service.ready()
    health = await service.health()
    assert (health.embedded, health.pending) == (1, 0)

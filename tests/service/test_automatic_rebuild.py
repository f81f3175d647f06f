"""The HNSW index that the service builds by itself: when, and what happens when that fails."""

import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from child_startup import run_at_start
from search.extension import without_vss
from service.examples import LOGIN, find, record
from services import open_service
from waiting import until

from mcp_learning.models.requests import RebuildIndex
from mcp_learning.search.hnsw import FILE_NAME
from mcp_learning.search.retriever import Retriever
from mcp_learning.service.learning import LearningService
from mcp_learning.service.protocol import ignore_progress
from mcp_learning.settings import Settings

LEAST = 10
"""Rows that are worth an index here, instead of a thousand."""

pytestmark = pytest.mark.anyio


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"search_mode": "hnsw"})


def service_of(settings: Settings) -> LearningService:
    retriever = Retriever(settings.index_dir, "hnsw", 0, 128, min_indexed=LEAST)
    return open_service(settings, retriever)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[LearningService]:
    service = service_of(settings)
    async with anyio.create_task_group() as group:
        group.start_soon(service.run)
        yield service
        group.cancel_scope.cancel()
    await service.close()


async def indexed(service: LearningService) -> None:
    """Waits until searches use an index."""
    await until((service.settings.index_dir / FILE_NAME).exists)  # a search each time would slow it

    async def used() -> bool:
        return (await find(service, LOGIN)).search.mode == "hnsw"

    await until(used)


async def record_pages(service: LearningService, count: int, where: str = "page") -> None:
    for page in range(count):
        await record(service, f"{LOGIN} on {where} {page}")


def damaged(file: Path) -> None:
    file.write_bytes(b"no database" * 9_999)


@pytest.mark.parametrize("spoil", [Path.unlink, damaged], ids=["deleted", "damaged"])
async def test_an_index_that_was_deleted_or_damaged_is_rebuilt_without_being_asked_for(
    spoil: Callable[[Path], None], settings: Settings
) -> None:
    async with running(settings) as service:
        await record_pages(service, LEAST)
        await indexed(service)
    spoil(settings.index_dir / FILE_NAME)

    async with running(settings) as service:
        await indexed(service)
        assert len((await find(service, LOGIN)).matches) == 5
        assert (await service.health()).index.rows == LEAST
        assert not (await find(service, LOGIN)).search.degraded


async def test_too_few_rows_are_not_indexed_without_being_asked_for(settings: Settings) -> None:
    async with running(settings) as service:
        await record_pages(service, LEAST - 1)
        await service.ready()
        found = await find(service, LOGIN)
        assert (found.search.mode, found.search.degraded) == ("exact", True)
        assert (await service.health()).index.state == "none"
        await record(service, f"{LOGIN} on the last page")
        await indexed(service)


class Builds:
    """The build processes that were started, of which the first is held or fails.

    Args:
        directory: For what they write.
        monkeypatch: Undoes it.
        first: What the first one does instead of going on; `began` is a pipe to write to.
    """

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch, first: str) -> None:
        self._log, self._began = directory / "builds", directory / "began"
        os.mkfifo(self._began)
        code = (
            "import os, sys\n"
            f"if 'mcp_learning.search.hnsw_build' in sys.orig_argv:\n"
            f"    is_first = not os.path.exists({str(self._log)!r})\n"
            f"    with open({str(self._log)!r}, 'a') as log:\n"
            "        print(sys.orig_argv[-1], file=log)\n"
            "    if is_first:\n"
            f"        began = open({str(self._began)!r}, 'w')\n"
            f"        {first}\n"
        )
        run_at_start(directory, monkeypatch, code)

    @property
    def parameters(self) -> list[tuple[int, int]]:
        """(M, ef_construction) of each."""
        infos = map(json.loads, self._log.read_text().splitlines())
        return [(info["m"], info["ef_construction"]) for info in infos]

    async def first(self) -> int:
        """Waits until the first has begun; returns a pipe that ends when it has ended."""
        return await anyio.to_thread.run_sync(os.open, self._began, os.O_RDONLY)


@pytest.mark.skipif(os.name != "posix", reason="needs named pipes")
async def test_a_rebuild_that_nobody_asked_for_gives_way_to_one_that_is(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builds = Builds(tmp_path, monkeypatch, "import signal; signal.pause()")
    async with running(settings) as service:
        await record_pages(service, LEAST)
        first = await builds.first()
        assert (await service.health()).index.state == "building"
        wanted = RebuildIndex(preset="custom", m=7, ef_construction=33)
        report = await service.rebuild(wanted, ignore_progress)
        assert os.read(first, 1) == b"", "the first has ended"
        os.close(first)
        assert (report.m, report.ef_construction) == (7, 33)
        assert builds.parameters == [RebuildIndex().parameters, (7, 33)]
        health = await service.health()
        assert (health.index.state, health.index.m) == ("ready", 7)
        assert [file.name for file in settings.index_dir.glob("*.duckdb")] == [FILE_NAME]


@pytest.mark.skipif(os.name != "posix", reason="needs named pipes")
async def test_a_rebuild_that_failed_is_not_tried_again_before_there_is_more(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builds = Builds(tmp_path, monkeypatch, "os._exit(9)")
    async with running(settings) as service:
        await record_pages(service, LEAST)
        os.close(await builds.first())

        async def failed() -> bool:
            return (await service.health()).index.state != "building"

        await until(failed)
        found = await find(service, LOGIN)
        assert (found.search.mode, len(found.matches)) == ("exact", 5)
        await record(service, LOGIN)
        await service.ready()
        assert len(builds.parameters) == 1
        await record_pages(service, LEAST, "another page")
        await indexed(service)
        assert len(builds.parameters) == 2


async def test_without_the_extension_answers_are_exact_and_degraded_is_said(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(settings) as service:
        await record(service)
        await service.rebuild(RebuildIndex(), ignore_progress)
        assert (await find(service, LOGIN)).search.mode == "hnsw"
    without_vss(tmp_path, monkeypatch)

    service = service_of(settings)
    found = await find(service, LOGIN)
    assert len(found.matches) == 1
    assert (found.search.mode, found.search.degraded) == ("exact", True)
    assert "duckdb-extension-vss" in str(found.search.reason)
    assert (await service.health()).index.state == "stale"
    await service.close()

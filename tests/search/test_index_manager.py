"""The place of the HNSW index: what is refused, when it is stale, when it is rebuilt and used."""

import shutil
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import anyio.to_thread
import duckdb
import pytest
from anyio.from_thread import BlockingPortal
from search.world import World, ask, assert_exact, description_of, like, opened
from service.examples import LOGIN, find, record
from store.rows import execution

from mcp_learning.errors import IndexUnavailable
from mcp_learning.models.requests import RebuildIndex
from mcp_learning.models.results import Execution
from mcp_learning.search import retriever, vss
from mcp_learning.search.build_process import BuildProcess
from mcp_learning.search.hnsw import FILE_NAME, IndexInfo
from mcp_learning.search.index_manager import MAX_UNINDEXED, MIN_RECALL
from mcp_learning.service.learning import LearningService
from mcp_learning.settings import SearchMode, Settings
from mcp_learning.store import open_store

BASE = 100
LEAST = 10
"""Rows that are worth an index here, instead of thousands."""

PATIENCE = 60


@pytest.fixture(scope="module")
def base() -> list[Execution]:
    return [execution(task_description=description_of(at)) for at in range(BASE)]


@pytest.fixture(scope="module")
def prepared(
    portal: BlockingPortal,
    empty: Path,
    base: list[Execution],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    directory = tmp_path_factory.mktemp("index")
    with opened(portal, empty, directory, "hnsw") as world:
        world.fill(base)
        world.install()
    return directory


@pytest.fixture
def world(
    portal: BlockingPortal, prepared: Path, base: list[Execution], tmp_path: Path
) -> Iterator[World]:
    """`BASE` executions, all of them in the index that is in use."""
    with opened(portal, prepared, tmp_path / "world", "hnsw", rows=base) as world:
        assert world.retriever.mode == "hnsw"
        yield world


def describe(file: Path, **values: object) -> None:
    """Makes an index file say something else of itself."""
    with vss.connect(file) as connection:
        connection.execute("SET hnsw_enable_experimental_persistence = true")
        (text,) = connection.execute("SELECT description FROM info").fetchone() or ("",)
        info = replace(IndexInfo.from_json(text), **values)  # type: ignore[arg-type]
        connection.execute("UPDATE info SET description = ?", [info.to_json()])


def of_another_format(file: Path) -> None:
    with vss.connect(file) as connection:
        connection.execute("SET hnsw_enable_experimental_persistence = true")
        connection.execute("UPDATE info SET format = format + 1")


def lacking_rows(file: Path) -> None:
    with vss.connect(file) as connection:
        connection.execute("SET hnsw_enable_experimental_persistence = true")
        connection.execute("DELETE FROM vectors WHERE version % 3 = 0")


def of_another_database(file: Path) -> None:
    with vss.connect(file) as connection:
        connection.execute("SET hnsw_enable_experimental_persistence = true")
        connection.execute("UPDATE vectors SET version = version % 100 + 1")


def lacking_recall(file: Path) -> None:
    describe(file, recall_at_10=MIN_RECALL - 0.01)


def damaged(file: Path) -> None:
    file.write_bytes(b"no database" * 9_999)


SPOILT = {
    "of another model": lambda file: describe(file, model="another"),
    "of another format": of_another_format,
    "lacking rows": lacking_rows,
    "said to lack rows": lambda file: describe(file, rows=BASE - 1),
    "of another database": of_another_database,
    "of too low recall": lacking_recall,
    "damaged": damaged,
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_new_index_that_is_not_what_was_to_be_built_is_refused_and_the_old_one_stays(
    spoil: Callable[[Path], None], world: World, tmp_path: Path
) -> None:
    manager = world.retriever.index_manager
    old, state = manager.index, manager.state
    built, info = world.build(tmp_path)
    spoil(built)
    with pytest.raises(IndexUnavailable):
        world.retriever.replace_index(built, info)
    assert (manager.index, manager.state) == (old, state)
    found = world.find(description_of(3), like(3, 0))
    assert (found.mode, found.ranked[0].similarity) == ("hnsw", 1.0)
    world.load()  # and after a restart
    assert world.retriever.mode == "hnsw"


def test_an_index_of_barely_enough_recall_is_used(world: World, tmp_path: Path) -> None:
    old = world.retriever.index_manager.index
    built, info = world.build(tmp_path)
    describe(built, recall_at_10=MIN_RECALL)
    world.retriever.replace_index(built, info)
    assert world.retriever.index_manager.index not in (None, old)
    assert world.retriever.index_manager.state.info == replace(info, recall_at_10=MIN_RECALL)
    assert not built.exists()


@pytest.mark.parametrize("name", sorted(SPOILT.keys() - {"of too low recall"}))
def test_an_index_file_that_does_not_fit_is_left_aside_at_the_start(
    name: str, world: World
) -> None:
    world.retriever.close()
    SPOILT[name](world.directory / FILE_NAME)
    world.load()
    assert (world.retriever.mode, world.retriever.index_manager.index) == ("exact", None)
    assert world.retriever.index_manager.state.info is None
    assert world.retriever.index_manager.state.problem
    assert world.retriever.stale
    query = ask(description_of(3), like(3, 1))
    assert_exact(world, query, world.search(query))


def test_an_index_of_vectors_that_are_all_gone_is_of_another_database(world: World) -> None:
    world.retriever.close()
    world.delete(*world.rows)
    world.record(1)
    world.embed()
    world.load()
    assert world.retriever.index_manager.index is None
    assert "another database" in str(world.retriever.index_manager.state.problem)


def test_an_index_is_stale_when_too_many_rows_are_newer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retriever, "MIN_INDEXED", LEAST)
    info = world.retriever.index_manager.state.info
    assert info is not None
    for number in range(int(MAX_UNINDEXED * BASE)):
        assert world.retriever.newer_than(info) == number
        assert not world.retriever.stale
        world.record(number)
        world.embed()
    assert not world.retriever.stale
    world.record(1)
    assert not world.retriever.stale  # it has no vector that an index could have
    world.embed()
    assert world.retriever.stale


def test_an_index_is_stale_when_too_much_of_it_is_gone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retriever, "MIN_INDEXED", LEAST)
    gone = list(world.rows)[: int(MAX_UNINDEXED * BASE) + 1]
    world.delete(*gone[1:])
    world.sync()
    assert not world.retriever.stale
    world.change(gone[0], task_description=description_of(BASE))  # its vector is gone, too
    world.sync()
    assert world.retriever.stale


def test_few_newer_rows_do_not_make_a_small_index_stale(world: World) -> None:
    world.delete(*list(world.rows)[: BASE // 2])
    for number in range(BASE // 2):
        world.record(number)
    world.embed()
    assert not world.retriever.stale


def test_no_index_is_stale_where_none_is_wanted(
    portal: BlockingPortal, prepared: Path, base: list[Execution], tmp_path: Path
) -> None:
    (tmp_path / "world").mkdir()
    shutil.copy(prepared / "learning.duckdb", tmp_path / "world")
    cases: list[tuple[SearchMode, int, bool]] = [
        ("exact", 0, False),
        ("auto", BASE + 1, False),
        ("auto", BASE, True),
        ("hnsw", BASE + 1, True),
    ]
    for mode, least, wanted in cases:
        path = tmp_path / "world" / "learning.duckdb"
        world = World(portal, path, path.parent, mode, least, rows=base)
        assert world.retriever.wants_index == wanted
        assert not world.retriever.stale  # too few for one that nobody asked for
        damaged(path.parent / FILE_NAME)
        world.load()
        assert world.retriever.stale == wanted
        (path.parent / FILE_NAME).unlink()
        world.close()


class Clock:
    """Tells the seconds that two kinds of work are said to take, one after the other."""

    def __init__(self, near: float, comparing: float) -> None:
        self._steps = (0.0, near, comparing)
        self._now = 0.0
        self._at = 0

    def __call__(self) -> float:
        self._now += self._steps[self._at % 3]
        self._at += 1
        return self._now


@pytest.mark.parametrize(
    ("near", "comparing", "mode"), [(0.002, 0.001, "exact"), (0.001, 0.002, "hnsw")]
)
def test_auto_uses_the_index_only_where_it_was_measured_to_be_faster(
    near: float,
    comparing: float,
    mode: str,
    portal: BlockingPortal,
    prepared: Path,
    base: list[Execution],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retriever, "perf_counter", Clock(near, comparing))
    with opened(portal, prepared, tmp_path / "world", "auto", rows=base) as world:
        for _ in range(2):
            assert world.retriever.mode == mode
            assert world.retriever.index_manager.index is not None
            assert world.find(description_of(3), like(3, 0)).mode == mode
            built, info = world.build(tmp_path)
            world.retriever.replace_index(built, info)


@pytest.mark.parametrize(("mode", "least"), [("exact", 0), ("auto", BASE + 1)])
def test_an_index_that_was_built_is_not_used_where_searches_are_to_be_exact(
    mode: SearchMode,
    least: int,
    portal: BlockingPortal,
    prepared: Path,
    base: list[Execution],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retriever, "perf_counter", Clock(0.001, 0.002))
    values = {"hnsw_min_rows": least, "rows": base}
    with opened(portal, prepared, tmp_path / "world", mode, **values) as world:
        assert world.retriever.mode == "exact"
        built, info = world.build(tmp_path)
        world.retriever.replace_index(built, info)
        assert world.retriever.mode == "exact"
        assert world.find(description_of(3), like(3, 0)).mode == "exact"


def test_a_configured_index_is_used_however_slow_it_is(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retriever, "perf_counter", Clock(9.0, 0.001))
    world.load()
    assert world.retriever.mode == "hnsw"


def test_without_the_extension_searches_are_exact_and_say_how_to_mend_it(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_vss(tmp_path, monkeypatch)
    world.load()
    assert (world.retriever.mode, world.retriever.index_manager.index) == ("exact", None)
    assert f"duckdb-extension-vss=={duckdb.__version__}" in str(
        world.retriever.index_manager.state.problem
    )
    query = ask(description_of(3), like(3, 1))
    assert_exact(world, query, world.search(query))
    assert (world.directory / FILE_NAME).exists()


def without_vss(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No copy of the extension, and nowhere to install one: its place is taken by a file."""
    monkeypatch.setattr(vss, "bundled_extension", lambda: None)
    (directory / ".duckdb").write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("HOME", str(directory))


# The service, its background task, and a built index over a few executions.


@pytest.fixture
def indexing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Searches want an index, from a few rows on."""
    monkeypatch.setattr(retriever, "MIN_INDEXED", LEAST)
    return settings.model_copy(update={"search_mode": "hnsw"})


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[LearningService]:
    service = LearningService(settings, open_store(settings))
    async with anyio.create_task_group() as group:
        group.start_soon(service.run)
        yield service
        group.cancel_scope.cancel()
    await service.close()


async def until(service: LearningService, mode: str) -> None:
    """Searches, which awaits threads, until the answer comes by `mode`."""
    with anyio.fail_after(PATIENCE):
        while (await find(service, LOGIN)).search.mode != mode:
            pass


async def ignore(share: float, message: str) -> None:
    pass


@pytest.mark.anyio
@pytest.mark.parametrize("spoil", [Path.unlink, damaged], ids=["deleted", "damaged"])
async def test_an_index_that_was_deleted_or_damaged_is_rebuilt_without_being_asked_for(
    spoil: Callable[[Path], None], indexing: Settings
) -> None:
    async with running(indexing) as service:
        for page in range(LEAST):
            await record(service, f"{LOGIN} on page {page}")
        await until(service, "hnsw")
    spoil(indexing.index_dir / FILE_NAME)

    async with running(indexing) as service:
        await until(service, "hnsw")
        assert len((await find(service, LOGIN)).matches) == 5
        assert (await service.health()).index.rows == LEAST
        assert not (await find(service, LOGIN)).search.degraded


@pytest.mark.anyio
async def test_too_few_rows_are_not_indexed_without_being_asked_for(indexing: Settings) -> None:
    async with running(indexing) as service:
        for page in range(LEAST - 1):
            await record(service, f"{LOGIN} on page {page}")
        await service.ready()
        found = await find(service, LOGIN)
        assert (found.search.mode, found.search.degraded) == ("exact", True)
        assert (await service.health()).index.state == "none"
        await record(service, f"{LOGIN} on the last page")
        await until(service, "hnsw")


@pytest.mark.anyio
async def test_a_rebuild_that_nobody_asked_for_gives_way_to_one_that_is(
    indexing: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[tuple[int, int]] = []
    begun, cancelled = anyio.Event(), threading.Event()
    really_run, really_cancel = BuildProcess.run, BuildProcess.cancel

    def run(self: BuildProcess, info: IndexInfo) -> IndexInfo:
        built.append((info.m, info.ef_construction))
        if len(built) == 1:
            anyio.from_thread.run_sync(begun.set)
            assert cancelled.wait(PATIENCE)
        return really_run(self, info)

    def cancel(self: BuildProcess) -> None:
        really_cancel(self)
        cancelled.set()

    monkeypatch.setattr(BuildProcess, "run", run)
    monkeypatch.setattr(BuildProcess, "cancel", cancel)
    async with running(indexing) as service:
        for page in range(LEAST):
            await record(service, f"{LOGIN} on page {page}")
        with anyio.fail_after(PATIENCE):
            await begun.wait()
            assert (await service.health()).index.state == "building"
            wanted = RebuildIndex(preset="custom", m=7, ef_construction=33)
            report = await service.rebuild(wanted, ignore)
        assert (report.m, report.ef_construction) == (7, 33)
        assert built == [RebuildIndex().parameters, (7, 33)]
        health = await service.health()
        assert (health.index.state, health.index.m) == ("ready", 7)
        assert [file.name for file in indexing.index_dir.glob("*.duckdb")] == [FILE_NAME]


@pytest.mark.anyio
async def test_a_rebuild_that_failed_is_not_tried_again_before_there_is_more(
    indexing: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = anyio.Event()
    tries = 0

    def run(self: BuildProcess, info: IndexInfo) -> IndexInfo:
        nonlocal tries
        tries += 1
        if tries == 1:
            anyio.from_thread.run_sync(failed.set)
            raise IndexUnavailable("no luck")
        return really(self, info)

    really = BuildProcess.run
    monkeypatch.setattr(BuildProcess, "run", run)
    async with running(indexing) as service:
        for page in range(LEAST):
            await record(service, f"{LOGIN} on page {page}")
        with anyio.fail_after(PATIENCE):
            await failed.wait()
        found = await find(service, LOGIN)
        assert (found.search.mode, len(found.matches)) == ("exact", 5)
        await record(service, LOGIN)
        await service.ready()
        assert tries == 1
        for page in range(LEAST):
            await record(service, f"{LOGIN} on another page {page}")
        await until(service, "hnsw")
        assert tries == 2


@pytest.mark.anyio
async def test_without_the_extension_answers_are_exact_and_degraded_is_said(
    indexing: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(indexing) as service:
        await record(service)
        await service.rebuild(RebuildIndex(), ignore)
        assert (await find(service, LOGIN)).search.mode == "hnsw"
    without_vss(tmp_path, monkeypatch)

    service = LearningService(indexing, open_store(indexing))
    found = await find(service, LOGIN)
    assert len(found.matches) == 1
    assert (found.search.mode, found.search.degraded) == ("exact", True)
    assert "duckdb-extension-vss" in str(found.search.reason)
    assert (await service.health()).index.state == "stale"
    await service.close()


def test_an_index_that_fails_again_and_again_is_not_built_again_by_itself(
    portal: BlockingPortal, prepared: Path, base: list[Execution], tmp_path: Path
) -> None:
    with opened(portal, prepared, tmp_path / "world", "hnsw", rows=base) as world:
        for due in (True, False):
            index = world.retriever.index_manager.index
            assert index is not None
            index.close()  # every search on it fails from now on
            assert world.find(description_of(3), like(3, 0)).mode == "exact"
            assert world.retriever.stale is due
            built, info = world.build(tmp_path)
            world.retriever.replace_index(built, info)

        assert world.find(description_of(3), like(3, 0)).mode == "hnsw"


def test_an_index_may_use_as_much_memory_as_it_has_bytes(tmp_path: Path) -> None:
    path = tmp_path / "large.duckdb"
    vss.connect(path).close()
    with path.open("r+b") as file:
        file.truncate(3 * 2**30)  # sparse: a gigabyte was too little for a file of four

    with vss.connect(path, read_only=True) as connection:
        (limit,) = connection.execute("SELECT current_setting('memory_limit')").fetchone() or ("",)

    assert limit == "3.0 GiB"

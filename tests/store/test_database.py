"""Async access to the database file: durable, serial writes; parallel reads; clear errors."""

import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import duckdb
import pytest

from mcp_learning.errors import StoreError
from mcp_learning.settings import Settings
from mcp_learning.store.duckdb.connection import MAX_READERS, Cursor, Database
from mcp_learning.store.duckdb.migrations import open_database

pytestmark = pytest.mark.anyio

CHILDREN = Path(__file__).with_name("children.py")
PATIENCE = 30
"""Seconds after which a wait that should end at once counts as hanging."""

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes, limits and signals")


def make_table(cursor: Cursor) -> None:
    cursor.execute("CREATE TABLE IF NOT EXISTS numbers (n INTEGER PRIMARY KEY)")


def put(number: int) -> Any:
    def write(cursor: Cursor) -> None:
        cursor.execute("INSERT INTO numbers VALUES (?)", [number])

    return write


def numbers(cursor: Cursor) -> list[int]:
    return [row[0] for row in cursor.execute("SELECT n FROM numbers ORDER BY n").fetchall()]


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(tmp_path / "made" / "numbers.duckdb", prepare=make_table)
    yield opened
    await opened.close()


async def test_a_write_is_visible_to_the_next_read(database: Database) -> None:
    for number in range(5):
        await database.write(put(number))
        assert await database.read(numbers) == list(range(number + 1))


@pytest.mark.parametrize("fault", ["in the function", "in the database"])
async def test_a_failed_write_leaves_nothing_and_the_next_one_works(
    database: Database, fault: str
) -> None:
    def failing(cursor: Cursor) -> None:
        put(1)(cursor)
        if fault == "in the function":
            raise ZeroDivisionError
        put(1)(cursor)

    expected = ZeroDivisionError if fault == "in the function" else StoreError
    with pytest.raises(expected):
        await database.write(failing)
    assert await database.read(numbers) == []
    await database.write(put(1))
    assert await database.read(numbers) == [1]


async def test_a_cancelled_caller_leaves_the_write_to_finish(database: Database) -> None:
    started, go = threading.Event(), threading.Event()

    def slow(cursor: Cursor) -> None:
        put(1)(cursor)
        started.set()
        assert go.wait(PATIENCE)
        put(2)(cursor)

    async with anyio.create_task_group() as group:
        group.start_soon(database.write, slow)
        assert await anyio.to_thread.run_sync(started.wait, PATIENCE)
        group.cancel_scope.cancel()
    assert await database.read(numbers) == []
    go.set()
    await database.write(put(3))  # behind the other in the queue
    assert await database.read(numbers) == [1, 2, 3]


async def test_a_caller_cancelled_in_the_queue_gets_its_write_done_too(database: Database) -> None:
    go = threading.Event()
    queued = anyio.Event()

    async def second() -> None:
        queued.set()
        await database.write(put(2))

    async with anyio.create_task_group() as group:
        group.start_soon(database.write, lambda _: go.wait(PATIENCE))
        group.start_soon(second)
        await queued.wait()
        await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    go.set()
    await database.write(put(3))
    assert await database.read(numbers) == [2, 3]


async def test_writes_of_many_tasks_run_one_at_a_time_on_one_thread(database: Database) -> None:
    busy, threads = threading.Lock(), set()

    def next_number(cursor: Cursor) -> None:
        assert busy.acquire(blocking=False)
        threads.add(threading.current_thread().name)
        put(len(numbers(cursor)))(cursor)
        busy.release()

    async with anyio.create_task_group() as group:
        for _ in range(40):
            group.start_soon(database.write, next_number)
    assert await database.read(numbers) == list(range(40))
    assert threads == {"writer of numbers.duckdb"}


async def test_two_reads_run_at_the_same_time_even_while_a_write_is_under_way(
    database: Database,
) -> None:
    all_in = threading.Barrier(3, timeout=PATIENCE)
    seen: list[list[int]] = []

    def read(cursor: Cursor) -> None:
        all_in.wait()
        seen.append(numbers(cursor))
        all_in.wait()

    def write(cursor: Cursor) -> None:
        put(2)(cursor)
        all_in.wait()
        all_in.wait()

    await database.write(put(1))
    async with anyio.create_task_group() as group:
        group.start_soon(database.write, write)
        group.start_soon(database.read, read)
        group.start_soon(database.read, read)
    assert seen == [[1], [1]]
    assert await database.read(numbers) == [1, 2]


@pytest.mark.usefixtures("nothing_blocks_the_loop")
async def test_nothing_runs_on_the_event_loop(tmp_path: Path) -> None:
    database = Database(tmp_path / "made" / "numbers.duckdb", prepare=make_table)
    await database.write(put(1))
    assert await database.read(numbers) == [1]
    await database.checkpoint()
    await database.close()


async def test_the_log_is_merged_into_the_file_while_the_database_is_open(
    settings: Settings,
) -> None:
    database = open_database(settings)
    log = settings.database_path.with_name("learning.duckdb.wal")
    await database.write(lambda cursor: cursor.execute("CREATE TABLE t AS FROM range(9)") and None)
    assert log.stat().st_size > 0
    await database.checkpoint()
    assert not log.exists()
    await database.close()


def kept_bytes(cursor: Cursor) -> int:
    row = cursor.execute("SELECT sum(memory_usage_bytes)::BIGINT FROM duckdb_memory()").fetchone()
    assert row is not None
    return int(row[0])


def limit(cursor: Cursor) -> str:
    (value,) = cursor.execute("SELECT current_setting('memory_limit')").fetchall()
    return str(value[0])


async def spilled(database: Database) -> bool:
    """Whether the database has a directory for temporary files."""
    return await anyio.Path(f"{database.path}.tmp").exists()


async def fill(database: Database) -> int:
    """Stores 4 MB that don't compress, and reads them; returns the bytes that are kept of them."""
    await database.write(
        lambda cursor: (
            cursor.execute("CREATE TABLE hashes AS SELECT hash(i) AS h FROM range(500000) r(i)")
            and None
        )
    )
    await database.checkpoint()
    await database.read(lambda cursor: cursor.execute("SELECT sum(h) FROM hashes").fetchall())
    kept = await database.read(kept_bytes)
    assert kept > 3_000_000
    return kept


async def test_freeing_memory_drops_what_was_read_and_leaves_the_limit(database: Database) -> None:
    before = await database.read(limit)
    kept = await fill(database)
    await database.free_memory()
    assert await database.read(kept_bytes) < kept / 4
    assert await database.read(limit) == before
    assert await database.read(
        lambda cursor: cursor.execute("SELECT count(DISTINCT h) FROM hashes").fetchall()
    ) == [(500_000,)]
    await database.write(put(1))
    assert await database.read(numbers) == [1]


async def test_rows_in_the_log_stay_in_memory_when_it_is_freed(database: Database) -> None:
    await fill(database)
    await database.write(
        lambda cursor: cursor.execute("CREATE TABLE new AS FROM range(50000)") and None
    )
    await database.free_memory()
    assert not await spilled(database)
    assert await database.read(
        lambda cursor: cursor.execute("SELECT count(*) FROM new").fetchall()
    ) == [(50_000,)]


async def test_queries_can_still_use_the_disk_after_memory_was_freed(tmp_path: Path) -> None:
    database = Database(tmp_path / "hashes.duckdb", memory_limit_mb=20)
    await fill(database)
    await database.free_memory()
    numbered = "SELECT row_number() OVER (ORDER BY h, j) FROM hashes, range(4) r(j)"
    assert await database.read(
        lambda cursor: cursor.execute(f"SELECT count(*) FROM ({numbered})").fetchall()
    ) == [(2_000_000,)]
    assert await spilled(database)
    await database.free_memory()
    await database.close()


async def test_memory_is_not_freed_under_a_read(database: Database) -> None:
    kept = await fill(database)
    reading, go = threading.Event(), threading.Event()

    def slow(_: Cursor) -> None:
        reading.set()
        assert go.wait(PATIENCE)

    async with anyio.create_task_group() as group:
        group.start_soon(database.read, slow)
        assert await anyio.to_thread.run_sync(reading.wait, PATIENCE)
        await database.free_memory()
        assert await database.read(kept_bytes) >= kept
        go.set()


@posix_only
async def test_the_directory_and_the_file_are_private(database: Database) -> None:
    await database.open()
    assert database.path.parent.stat().st_mode & 0o777 == 0o700
    assert database.path.stat().st_mode & 0o777 == 0o600


async def test_a_read_that_waits_while_a_failed_write_closes_the_file_reads_the_next_opening(
    database: Database,
) -> None:
    release = threading.Event()
    answers: list[list[int]] = []

    def hold(cursor: Cursor) -> None:
        assert release.wait(60)

    def fail(cursor: Cursor) -> None:
        raise duckdb.FatalException("FATAL Error: no room")

    async def read() -> None:
        answers.append(await database.read(numbers))

    await database.write(put(1))
    opened = database.openings
    async with anyio.create_task_group() as tasks:
        for _ in range(MAX_READERS):
            tasks.start_soon(database.read, hold)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(read)  # finds the file open, and waits for its turn
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(StoreError):
            await database.write(fail)
        release.set()
    assert answers == [[1]]
    assert database.openings == opened + 1

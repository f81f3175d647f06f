"""The files at the path are others than those that are open: nothing of either is lost."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import duckdb
import pytest
from store.test_database import make_table, numbers, put

from mcp_learning.errors import StoreReplaced
from mcp_learning.store.duckdb.connection import Cursor, Database

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="a file that is open can't be replaced"),
]

MAKE = """
import os, sys, duckdb
connection = duckdb.connect(sys.argv[1])
connection.execute("CREATE TABLE IF NOT EXISTS numbers (n INTEGER PRIMARY KEY)")
connection.execute("INSERT INTO numbers VALUES (100)")
if sys.argv[2] == "closed":
    connection.close()
os._exit(0)
"""


def other(path: Path, state: str) -> None:
    """Another process makes a database; "killed", it leaves its row in the write-ahead log."""
    path.parent.mkdir(exist_ok=True)
    subprocess.run([sys.executable, "-c", MAKE, str(path), state], check=True, timeout=60)
    assert path.with_name(f"{path.name}.wal").exists() == (state == "killed")


def rows(path: Path) -> list[int]:
    with duckdb.connect(str(path)) as connection:
        return [row[0] for row in connection.execute("SELECT n FROM numbers ORDER BY n").fetchall()]


def rows_if_any(path: Path) -> list[int] | None:
    return rows(path) if path.exists() else None


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "numbers.duckdb"


def moved_with_another_in_its_place(path: Path) -> Path:
    path.parent.rename(path.parent.with_name("moved"))
    other(path, "killed")
    return path.parent.with_name("moved") / path.name


def moved(path: Path) -> Path:
    path.parent.rename(path.parent.with_name("moved"))
    return path.parent.with_name("moved") / path.name


def removed(path: Path) -> None:
    shutil.rmtree(path.parent)


def file_replaced(path: Path) -> Path:
    """Only the database is moved; its log stays behind."""
    path.rename(path.with_name("moved"))
    other(path.parent.with_name("backup"), "closed")
    path.parent.with_name("backup").rename(path)
    return path.with_name("moved")


def copied_over(path: Path) -> None:
    """As `cp backup database` does it: the file is the same one, with another content."""
    other(path.parent.with_name("backup"), "closed")
    shutil.copyfile(path.parent.with_name("backup"), path)


def copied_over_with_its_log(path: Path) -> None:
    backup = path.parent.with_name("backup")
    other(backup, "killed")
    shutil.copyfile(backup, path)
    shutil.copyfile(f"{backup}.wal", f"{path}.wal")


Change = Callable[[Path], Path | None]
CHANGES: list[tuple[Change, list[int] | None]] = [
    (moved_with_another_in_its_place, [100]),
    (moved, None),
    (removed, None),
    (file_replaced, [100]),
    (copied_over, [100]),
    (copied_over_with_its_log, [100]),
]


@pytest.mark.parametrize("noticed_by", ["a write", "a look", "closing"])
@pytest.mark.parametrize(("change", "left"), CHANGES)
async def test_what_is_at_the_path_now_is_left_alone_and_what_was_there_keeps_its_rows(
    change: Change, left: list[int] | None, noticed_by: str, path: Path
) -> None:
    database = Database(path, prepare=make_table)
    await database.write(put(1))
    await database.checkpoint()
    await database.write(put(2))

    old = await anyio.to_thread.run_sync(change, path)

    if noticed_by == "a write":
        with pytest.raises(StoreReplaced, match=r"numbers\.duckdb is not the file .* call again"):
            await database.write(put(3))
    elif noticed_by == "a look":
        with pytest.raises(StoreReplaced):
            await database.verify()
    if noticed_by != "closing":
        assert database.closing
        for _ in range(2):
            with pytest.raises(StoreReplaced):
                await database.read(numbers)
    await database.close()
    assert await anyio.to_thread.run_sync(rows_if_any, path) == left
    if old is not None:
        assert await anyio.to_thread.run_sync(rows, old) == [1, 2]


async def test_a_file_that_changes_during_a_write_is_noticed_before_its_commit(path: Path) -> None:
    database = Database(path, prepare=make_table)
    await database.write(put(1))

    def write(cursor: Cursor) -> None:
        put(2)(cursor)
        moved_with_another_in_its_place(path)

    with pytest.raises(StoreReplaced):
        await database.write(write)
    await database.close()
    assert await anyio.to_thread.run_sync(rows, path) == [100]
    assert await anyio.to_thread.run_sync(rows, moved_to(path)) == [1]


def moved_to(path: Path) -> Path:
    return path.parent.with_name("moved") / path.name


async def test_who_still_reads_finishes_before_the_old_file_is_closed(path: Path) -> None:
    database = Database(path, prepare=make_table)
    await database.write(put(1))
    reading, go_on = anyio.Event(), anyio.Event()
    found = []

    def read(cursor: Cursor) -> list[int]:
        anyio.from_thread.run_sync(reading.set)
        anyio.from_thread.run(go_on.wait)
        return numbers(cursor)

    async def reader() -> None:
        found.append(await database.read(read))

    async with anyio.create_task_group() as group:
        group.start_soon(reader)
        await reading.wait()
        await anyio.to_thread.run_sync(moved_with_another_in_its_place, path)
        group.start_soon(refused, database)
        while not database.closing:
            await anyio.lowlevel.checkpoint()
        go_on.set()
    await database.close()
    assert found == [[1]]
    assert await anyio.to_thread.run_sync(rows, path) == [100]


async def refused(database: Database) -> None:
    with pytest.raises(StoreReplaced):
        await database.write(put(2))


@pytest.mark.parametrize("replacement", [None, b"another log"])
@pytest.mark.parametrize("noticed_by", ["a write", "a look", "closing"])
async def test_what_a_log_held_that_was_taken_away_is_in_the_database(
    replacement: bytes | None, noticed_by: str, path: Path
) -> None:
    database = Database(path, prepare=make_table)
    await database.write(put(1))
    log = path.with_name(f"{path.name}.wal")

    def take_away() -> None:
        log.unlink()
        if replacement is not None:
            log.with_name("other").write_bytes(replacement)
            log.with_name("other").replace(log)

    await anyio.to_thread.run_sync(take_away)
    if noticed_by == "a write":
        await database.write(put(2))
    elif noticed_by == "a look":
        await database.verify()
        assert await anyio.to_thread.run_sync(log.exists) is False
    await database.close()
    expected = [1, 2] if noticed_by == "a write" else [1]
    assert await anyio.to_thread.run_sync(rows, path) == expected
    kept = [file.read_bytes() for file in path.parent.glob("*.wal.*")]
    assert kept == ([] if replacement is None else [replacement])


async def test_checkpoints_and_rewriting_the_file_are_no_change(path: Path) -> None:
    database = Database(path, prepare=make_table)
    for number in range(3):
        await database.write(put(number))
        await database.checkpoint()
        await database.verify()
    await database.write(
        lambda c: (
            c.execute(
                "INSERT INTO numbers SELECT i FROM range(10, 3000000) r(i)"  # checkpoints by itself
            )
            and None
        )
    )
    await database.verify()
    await database.close()
    again = Database(path)
    await again.verify()
    assert len(await again.read(numbers)) == 2_999_993
    await again.close()

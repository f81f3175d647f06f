"""Copies of whole databases: equal, private, without what is gone, and refused when they differ."""

import os
import sys
from pathlib import Path
from uuid import UUID

import duckdb
import pytest
from store.rows import execution, migrated

from mcp_learning.errors import StoreDamaged, StoreError, StoreFull
from mcp_learning.store.duckdb import archives, backups, copies, executions
from mcp_learning.store.duckdb.connection import Cursor, Database
from mcp_learning.store.duckdb.files import staging_of
from mcp_learning.store.duckdb.migrations import apply

pytestmark = pytest.mark.anyio


def filled(path: Path, rows: int = 3) -> None:
    with migrated(path) as cursor:
        for number in range(rows):
            executions.insert(cursor, execution(task_description=f"task {number}"))


def test_a_copy_holds_the_same_and_goes_on_counting(tmp_path: Path) -> None:
    source, target = tmp_path / "learning.duckdb", tmp_path / "it's a copy; of it.duckdb"
    filled(source)
    with duckdb.connect(str(source)) as connection:
        held = copies.copy(connection, target)
        assert held == copies.contents(connection) == copies.examine(target)
    assert held.counts["executions"] == 3
    if os.name == "posix":
        assert target.stat().st_mode & 0o777 == 0o600
    with duckdb.connect(str(target)) as connection:
        apply(connection)
        executions.insert(connection, execution(task_description="another"))
        numbers = connection.execute("SELECT sequence FROM executions ORDER BY 1").fetchall()
        outcomes = connection.execute("SELECT outcome FROM runs ORDER BY task_id").fetchall()
    assert numbers == [(1,), (2,), (3,), (4,)]
    assert outcomes == [("success",)] * 4  # views are copied, too


def test_contents_tell_apart_what_differs_in_one_value(tmp_path: Path) -> None:
    with migrated(tmp_path / "a.duckdb") as cursor:
        executions.insert(cursor, execution(task_description="one"))
        before = copies.contents(cursor)
        cursor.execute("UPDATE executions SET metadata = '{}'")
        assert copies.contents(cursor) != before
        cursor.execute("UPDATE executions SET metadata = NULL")
        assert copies.contents(cursor) == before


def test_a_copy_that_can_t_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    filled(tmp_path / "learning.duckdb")
    (tmp_path / "taken").mkdir()
    with (
        duckdb.connect(str(tmp_path / "learning.duckdb")) as connection,
        pytest.raises((OSError, duckdb.Error)),
    ):
        copies.copy(connection, tmp_path / "absent" / "copy.duckdb")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["learning.duckdb", "taken"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_a_disk_without_room_for_an_archive_is_named(tmp_path: Path) -> None:
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    kept = execution()
    with migrated(tmp_path / "learning.duckdb") as cursor:
        executions.insert(cursor, kept)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
        try:
            with pytest.raises(StoreFull, match="nothing was forgotten: free some space"):
                archives.write(cursor, [kept.task_id], tmp_path / "archive" / "a.parquet")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert not list((tmp_path / "archive").iterdir())


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_not_said_to_need_writing(tmp_path: Path) -> None:
    filled(path := tmp_path / "backup.duckdb")
    path.chmod(0)
    with pytest.raises(StoreError, match="can't be read; change its permissions"):
        copies.examine(path)


def test_what_can_t_be_examined_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no file"):
        copies.examine(tmp_path / "absent.duckdb")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(StoreDamaged, match="not a DuckDB database"):
        copies.examine(tmp_path / "text")


async def test_a_database_is_replaced_while_it_is_read_and_written(tmp_path: Path) -> None:
    path = tmp_path / "learning.duckdb"
    filled(path, 200)
    database = Database(path, prepare=migrate)
    before = await database.read(copies.contents)
    await database.write(lambda cursor: executions.delete(cursor, _ids(cursor)[:150]))
    openings = database.openings

    held = await database.replace(copies.copy)

    assert database.openings == openings + 1
    assert held.counts["executions"] == before.counts["executions"] - 150 == 50
    assert await database.read(copies.contents) == held
    await database.write(
        lambda cursor: executions.insert(cursor, execution(task_description="later"))
    )
    await database.close()
    assert copies.examine(path).counts["executions"] == 51
    assert os.listdir(tmp_path) == ["learning.duckdb"]  # noqa: PTH208 - not awaited


async def test_a_database_that_a_link_leads_to_is_replaced_where_it_is(tmp_path: Path) -> None:
    linked, elsewhere = tmp_path / "learning.duckdb", tmp_path / "disk" / "mine.duckdb"
    elsewhere.parent.mkdir()
    filled(elsewhere)
    linked.symlink_to(elsewhere)
    database = Database(linked, prepare=migrate)
    await database.write(lambda cursor: executions.delete(cursor, _ids(cursor)[:2]))
    before = await database.replace(copies.copy)
    await database.close()
    assert (linked.is_symlink(), copies.examine(elsewhere)) == (True, before)

    filled(staging_of(linked), 5)
    kept = backups.swap(linked, tmp_path / "kept" / "before.duckdb")

    assert kept is not None
    assert (kept.is_symlink(), copies.examine(kept)) == (False, before)
    assert (linked.is_symlink(), copies.examine(elsewhere).counts["executions"]) == (True, 5)
    assert os.listdir(elsewhere.parent) == ["mine.duckdb"]  # noqa: PTH208 - not awaited


async def test_a_replacement_that_fails_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "learning.duckdb"
    filled(path)
    database = Database(path, prepare=migrate)
    held = await database.read(copies.contents)

    def fail(cursor: object, new: Path) -> None:
        new.write_bytes(b"half")
        raise StoreError("no")

    with pytest.raises(StoreError, match="no"):
        await database.replace(fail)

    assert await database.read(copies.contents) == held
    await database.close()
    assert os.listdir(tmp_path) == ["learning.duckdb"]  # noqa: PTH208 - not awaited


def migrate(cursor: Cursor) -> None:
    apply(cursor)


def _ids(cursor: Cursor) -> list[UUID]:
    return [row[0] for row in cursor.execute("SELECT task_id FROM executions").fetchall()]

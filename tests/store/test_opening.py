"""Files that can't be opened: refused by name, untouched, and served once the cause is gone."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import duckdb
import pytest

from mcp_learning.errors import StoreDamaged, StoreError, StoreLocked, StoreTooNew
from mcp_learning.settings import Settings
from mcp_learning.store.duckdb import executions
from mcp_learning.store.duckdb.connection import Cursor, Database
from mcp_learning.store.duckdb.migrations import open_database

pytestmark = pytest.mark.anyio

CHILDREN = Path(__file__).with_name("children.py")
PATIENCE = 30
"""Seconds after which a wait that should end at once counts as hanging."""


def make_table(cursor: Cursor) -> None:
    cursor.execute("CREATE TABLE IF NOT EXISTS numbers (n INTEGER PRIMARY KEY)")


def put_one(cursor: Cursor) -> None:
    cursor.execute("INSERT INTO numbers VALUES (1)")


def numbers(cursor: Cursor) -> list[int]:
    return [row[0] for row in cursor.execute("SELECT n FROM numbers ORDER BY n").fetchall()]


def child(command: str, data_dir: Path, *arguments: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(CHILDREN), command, str(data_dir), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def hear(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdout is not None
    line: dict[str, Any] = json.loads(process.stdout.readline())
    return line


def assert_plain(error: StoreError, path: Path) -> None:
    """The message names the file, is one line, and shows neither SQL nor the engine's words."""
    message = str(error)
    assert str(path) in message
    assert "\n" not in message
    for word in ("SELECT", "PRAGMA", "IO Error", "Exception", "duckdb.org"):
        assert word not in message


async def test_an_unexpected_error_at_opening_reaches_each_caller(tmp_path: Path) -> None:
    def fail(_: Cursor) -> None:
        raise ZeroDivisionError

    database = Database(tmp_path / "numbers.duckdb", prepare=fail)
    with anyio.fail_after(PATIENCE):
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                await database.write(put_one)
    await database.close()


async def test_a_directory_below_a_regular_file_is_refused_until_it_is_possible(
    tmp_path: Path,
) -> None:
    file = tmp_path / "file"
    file.write_text("not a directory", encoding="utf-8")
    database = Database(file / "below" / "numbers.duckdb", prepare=make_table)
    with pytest.raises(StoreError, match="MCP_LEARNING_DATA_DIR") as caught:
        await database.write(put_one)
    assert_plain(caught.value, file / "below")
    file.unlink()
    await database.write(put_one)
    assert await database.read(numbers) == [1]
    await database.close()


async def test_a_file_that_is_no_database_is_refused_untouched_until_it_is_gone(
    tmp_path: Path,
) -> None:
    path = tmp_path / "numbers.duckdb"
    path.write_bytes(b"something of value" * 1000)
    database = Database(path, prepare=make_table)
    for attempt in (database.read(numbers), database.write(put_one)):
        with pytest.raises(StoreDamaged, match="mcp-learning recover") as caught:
            await attempt
        assert_plain(caught.value, path)
    assert path.read_bytes() == b"something of value" * 1000
    path.rename(tmp_path / "kept")
    await database.write(put_one)
    assert await database.read(numbers) == [1]
    await database.close()


async def test_a_database_cut_short_anywhere_is_refused_untouched_until_it_is_restored(
    tmp_path: Path,
) -> None:
    path = tmp_path / "numbers.duckdb"
    with duckdb.connect(str(path)) as plain:
        make_table(plain)
        plain.execute("INSERT INTO numbers FROM range(200_000)")
    whole = path.read_bytes()
    block = 262_144
    cuts = [0, 1, 4096, 8192, 12_288, 12_289, len(whole) // 2, len(whole) - block, len(whole) - 1]
    database = Database(path, prepare=make_table)
    for cut in cuts:
        path.write_bytes(whole[:cut])
        with pytest.raises(StoreDamaged, match="backup") as caught:
            await database.read(numbers)
        assert_plain(caught.value, path)
        assert path.read_bytes() == whole[:cut]
    path.write_bytes(whole)
    assert len(await database.read(numbers)) == 200_000
    await database.close()


async def test_free_blocks_that_duckdb_cut_off_itself_are_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "numbers.duckdb"
    for statement in ("INSERT INTO numbers FROM range(200_000)", "DELETE FROM numbers", "FROM x"):
        with duckdb.connect(str(path)) as plain:
            make_table(plain)
            row = plain.execute("PRAGMA database_size").fetchone()
            if statement != "FROM x":
                plain.execute(statement)
    assert row is not None
    assert path.stat().st_size < 3 * 4096 + row[2] * row[3]  # what makes it look cut short
    database = Database(path, prepare=make_table)
    await database.write(put_one)
    assert await database.read(numbers) == [1]
    await database.close()


async def test_a_database_in_use_by_another_process_is_served_once_that_is_gone(
    settings: Settings,
) -> None:
    database = open_database(settings)
    with child("hold", settings.data_dir) as holder:
        assert hear(holder) == {"pid": holder.pid}
        with pytest.raises(StoreLocked, match=rf"\b{holder.pid}\b") as caught:
            await database.read(executions.count)
        assert_plain(caught.value, settings.database_path)
        assert "MCP_LEARNING_DATA_DIR" in str(caught.value)
        holder.communicate()
    assert await database.read(executions.count) == 0
    await database.close()


async def test_a_database_of_a_newer_schema_is_refused_by_name_until_it_fits(
    settings: Settings,
) -> None:
    database = open_database(settings)
    await database.open()
    await database.close()
    with duckdb.connect(str(settings.database_path)) as plain:
        plain.execute("INSERT INTO schema_version VALUES (999, 'future', now()::TIMESTAMP)")
    database = open_database(settings)
    with pytest.raises(StoreTooNew, match="update mcp-learning") as caught:
        await database.read(executions.count)
    assert_plain(caught.value, settings.database_path)
    with duckdb.connect(str(settings.database_path)) as plain:
        plain.execute("DELETE FROM schema_version WHERE version = 999")
    assert await database.read(executions.count) == 0
    await database.close()

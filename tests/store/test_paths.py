"""DuckDB takes every path as it is, or it is refused with the reason."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from store.rows import execution, migrated

from mcp_learning.errors import StoreError
from mcp_learning.store.duckdb import backups, copies, executions, legacy, parquet, paths
from mcp_learning.store.duckdb.opening import connect

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows refuses such names itself")


@pytest.mark.parametrize("name", ["md:x", ":memory:", "s3:x", "sqlite:x", "file:x", "a\\b"])
def test_a_relative_path_is_never_taken_for_a_kind_of_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with migrated(tmp_path / "learning.duckdb") as cursor:
        executions.insert(cursor, execution())
        held = backups.write(cursor, tmp_path / "learning.duckdb", Path(name))
    assert copies.examine(Path(name)) == held == backups.verified_contents(Path(name))
    with legacy.open_legacy(Path(name)) as database:
        assert database.layout.rows == 1
    with connect(Path(name)) as cursor:
        assert executions.count(cursor) == 1
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted((name, "learning.duckdb"))


@pytest.mark.parametrize("name", ["key=value", "a?b", "[!a]", "a*b", "**", "a\\b", "md:x"])
def test_a_parquet_file_is_written_and_read_whatever_its_directory_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    directory = Path(name)
    directory.mkdir()
    (directory / "lines").write_text('{"a": 1}\n')
    parquet.write(directory / "a.parquet", {"a": "INTEGER"}, directory / "lines")
    with parquet.ParquetFile(directory / "a.parquet") as file:
        assert file.columns == {"a": "INTEGER"}
        assert [batch.rows for batch in file.batches(["a"])] == [[(1,)]]


@pytest.mark.parametrize(
    "use",
    [
        paths.database_name,
        connect,
        copies.examine,
        backups.verified_contents,
        lambda path: legacy.open_legacy(path).__enter__(),
    ],
)
def test_a_database_with_a_question_mark_in_its_path_is_refused(
    tmp_path: Path, use: Callable[[Path], object]
) -> None:
    path = tmp_path / "a?b.duckdb"
    path.touch()
    with pytest.raises(StoreError, match=r"can't have \? in its path"):
        use(path)
    assert path.stat().st_size == 0


def test_a_backup_with_a_question_mark_in_its_path_is_refused(tmp_path: Path) -> None:
    with (
        migrated(tmp_path / "learning.duckdb") as cursor,
        pytest.raises(StoreError, match=r"can't have \? in its path"),
    ):
        backups.write(cursor, tmp_path / "learning.duckdb", tmp_path / "a?b.duckdb")
    assert [one.name for one in tmp_path.iterdir()] == ["learning.duckdb"]


@pytest.mark.parametrize(
    ("name", "problem"), [("a\\*b", "both a backslash and"), ("\udcff", "is not UTF-8")]
)
def test_what_no_pattern_matches_is_refused_by_name(name: str, problem: str) -> None:
    with pytest.raises(StoreError, match=problem):
        paths.pattern(Path("/", name))

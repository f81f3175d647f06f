"""Learning databases of the original design are read whatever state their index is in."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import duckdb
import pytest
from store import legacy_files
from store.rows import execution, migrated

from mcp_learning.errors import InvalidInput, StoreDamaged, StoreError, StoreLocked
from mcp_learning.search import vss
from mcp_learning.store.duckdb import executions, legacy

CHILDREN = Path(__file__).with_name("children.py")
READ = ("task_id", "task_description", "success", "timestamp", "actual_cost", "embedding")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "old.duckdb"


def descriptions(path: Path) -> list[str | None]:
    with legacy.open_legacy(path) as database:
        return [
            row["task_description"]
            for batch in database.batches(["task_description"])
            for row in batch.rows or ()
        ]


def all_of(count: int) -> list[str]:
    return [f"mend part {number}" for number in range(count)]


@pytest.mark.parametrize(
    ("vectors", "length", "index"),
    [
        ("FLOAT[384]", 384, True),
        ("FLOAT[384]", 384, False),
        ("FLOAT[]", 1536, False),
        ("DOUBLE[]", 3, False),
        (None, 0, False),
    ],
)
def test_all_rows_are_read_whatever_the_vectors_are(
    path: Path, vectors: str | None, length: int, index: bool
) -> None:
    legacy_files.make(path, 600, vectors=vectors, length=length, index=index)
    with legacy.open_legacy(path) as database:
        layout = database.layout
        rows = [row for batch in database.batches(READ) for row in batch.rows or ()]
    assert layout.rows == 600
    assert len(layout.columns) == (27 if vectors else 26)
    assert layout.vectors == (("embedding",) if vectors else ())
    assert layout.hnsw_indexes == (("executions_hnsw",) if index else ())
    assert (layout.schema_version, layout.log_lost) == (0, False)
    assert [row["task_description"] for row in rows] == all_of(600)
    first = {name: value for name, value in rows[1].items() if name != "embedding"}
    assert first == {
        "task_id": "00000000-0000-4000-8000-000000000001",
        "task_description": "mend part 1",
        "success": "false",
        "timestamp": "2024-03-01 10:01:00.25",
        "actual_cost": "0.25",
    }


def test_reading_changes_nothing_and_a_broken_index_does_no_harm(path: Path) -> None:
    legacy_files.make(path)
    legacy_files.break_index(path)
    before = path.read_bytes()
    with vss.connect(path) as connection, pytest.raises(duckdb.Error):
        connection.execute("DELETE FROM executions")
    path.write_bytes(before)
    assert descriptions(path) == all_of(600)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def killed(path: Path) -> Path:
    """Makes a file as a killed process leaves it; returns its log."""
    maker = Path(legacy_files.__file__)
    subprocess.run([sys.executable, str(maker), str(path)], check=True)
    return path.with_name(path.name + ".wal")


def test_what_a_killed_process_left_in_the_log_is_read_too(path: Path) -> None:
    log = killed(path)
    before = path.read_bytes(), log.read_bytes()
    assert descriptions(path) == all_of(601)
    assert (path.read_bytes(), log.read_bytes()) == before


def test_without_a_readable_log_the_rest_is_read_and_said_to_be_incomplete(path: Path) -> None:
    log = killed(path)
    content = bytearray(log.read_bytes())
    content[len(content) // 2] ^= 0xFF
    log.write_bytes(content)
    with legacy.open_legacy(path) as database:
        assert database.layout.log_lost
        assert database.layout.rows == 600
    assert descriptions(path) == all_of(600)
    assert log.read_bytes() == content


def test_columns_may_be_of_other_types_and_names_in_capitals(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE TABLE Executions (Task_Description VARCHAR, TIMESTAMP TIMESTAMPTZ, "
            'metadata STRUCT(a INTEGER, b VARCHAR[]), "odd "" name" INTEGER)'
        )
        connection.execute(
            "INSERT INTO executions SELECT 'pump', to_timestamp(0), {'a': 1, 'b': ['x']}, 3"
        )
    with legacy.open_legacy(path) as database:
        (batch,) = database.batches(["timestamp", "metadata", 'odd " name'])
    assert batch.rows == [
        {"timestamp": "1970-01-01 00:00:00", "metadata": '{"a":1,"b":["x"]}', 'odd " name': "3"}
    ]


def test_a_gigantic_value_is_cut_and_its_neighbours_are_whole(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE executions AS SELECT 'pump' AS task_description")
        connection.execute("INSERT INTO executions SELECT repeat('x', 30_000_000)")
        connection.execute("INSERT INTO executions SELECT 'valve'")
    found = descriptions(path)
    assert [len(text or "") for text in found] == [4, legacy.LONGEST_VALUE, 5]


def test_rows_on_a_damaged_block_are_told_and_all_others_are_read(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE TABLE executions AS SELECT 'mend part ' || i AS task_description, "
            "md5(i::VARCHAR) || sha256(i::VARCHAR) AS repo FROM range(200_000) t(i)"
        )
    with duckdb.connect(str(path), read_only=True) as connection:
        ((block,),) = connection.execute(
            "SELECT block_id FROM pragma_storage_info('executions') WHERE column_name = 'repo' "
            "AND segment_type = 'VARCHAR' ORDER BY start LIMIT 1 OFFSET 3"
        ).fetchall()
    with path.open("r+b") as file:
        file.seek(3 * 4096 + block * 2**18 + 5_000)
        file.write(b"\xff" * 64)
    with legacy.open_legacy(path) as database:
        batches = list(database.batches(["task_description", "repo"]))
    lost = {
        n for batch in batches if batch.rows is None for n in range(batch.first, batch.last + 1)
    }
    assert lost
    read = [row["task_description"] for batch in batches for row in batch.rows or ()]
    assert read == [f"mend part {n}" for n in range(200_000) if n not in lost]
    assert len(lost) < 130_000  # a row group, and the batches at its edges


def test_deleted_rows_are_gone(path: Path) -> None:
    legacy_files.make(path, 600, index=False)
    with duckdb.connect(str(path)) as connection:
        connection.execute("DELETE FROM executions WHERE file_count = 3")
    assert descriptions(path) == [f"mend part {n}" for n in range(600) if n % 7 != 3]


def test_feedback_and_uses_hang_on_the_executions_of_our_own_files(path: Path) -> None:
    one = execution()
    with migrated(path) as cursor:
        executions.insert(cursor, one)
        cursor.execute(
            "INSERT INTO feedback VALUES (uuid(), ?, '2025-01-01', 4, true, NULL, NULL, 'fine')",
            [one.task_id],
        )
        cursor.execute("INSERT INTO uses VALUES (?, uuid(), '2025-01-02')", [one.task_id])
    with legacy.open_legacy(path) as database:
        assert database.layout.schema_version >= 1
        (feedback,) = database.details("feedback", 0, 0)
        (use,) = database.details("uses", 0, 0)
        assert database.details("feedback", 1, 9) == []
    assert (feedback["task_id"], feedback["rating"]) == (str(one.task_id), "4")
    assert (use["task_id"], use["recorded_at"]) == (str(one.task_id), "2025-01-02 00:00:00")


@pytest.mark.parametrize("content", [b"", b"not a database" * 1_000, b"\x00" * 300_000])
def test_what_is_no_database_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with (
        pytest.raises((StoreDamaged, InvalidInput), match=r"old\.duckdb"),
        legacy.open_legacy(path),
    ):
        pass
    assert path.read_bytes() == content


def test_a_file_cut_in_half_gives_what_is_left_or_is_refused(path: Path) -> None:
    legacy_files.make(path, 1_000, index=False)
    whole = path.read_bytes()
    for share in (0.1, 0.5, 0.9):
        path.write_bytes(whole[: int(len(whole) * share)])
        with suppress(StoreDamaged):
            assert set(descriptions(path)) <= set(all_of(1_000))


def test_a_database_without_executions_is_refused(path: Path) -> None:
    duckdb.connect(str(path)).close()
    with (
        pytest.raises(InvalidInput, match=r"^path: .*no table executions"),
        legacy.open_legacy(path),
    ):
        pass


def test_a_directory_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.duckdb"):
        with pytest.raises(InvalidInput, match=r"^path: .*not a file"), legacy.open_legacy(path):
            pass


def test_a_file_that_another_process_has_open_is_refused_by_its_number(tmp_path: Path) -> None:
    held = subprocess.Popen(
        [sys.executable, str(CHILDREN), "hold", str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with held:
        assert held.stdout is not None
        held.stdout.readline()
        with (
            pytest.raises(StoreLocked, match=f"open in process {held.pid}") as caught,
            legacy.open_legacy(tmp_path / "learning.duckdb"),
        ):
            pass
        held.communicate()
    assert isinstance(caught.value, StoreError)

"""A damaged database yields what can be read, row group by row group, column by column."""

import os
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import pytest
from store.rows import execution, migrated

from mcp_learning.errors import StoreDamaged
from mcp_learning.models.identifiers import task_key
from mcp_learning.models.results import Execution
from mcp_learning.store.duckdb import bulk, copies, executions, votes
from mcp_learning.store.duckdb.opening import connect
from mcp_learning.store.duckdb.salvage import Salvaged, salvage

HEADERS = 3 * 4_096
BLOCK = 262_144
ROWS = 4_500


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with vectors first, so that they fill most of its blocks."""
    path = tmp_path_factory.mktemp("whole") / "learning.duckdb"
    made = [
        execution(
            task_description=f"task {number} {os.urandom(40).hex()}",
            solution_summary=f"solution {number} {os.urandom(40).hex()}",
        )
        for number in range(ROWS)
    ]
    vectors = np.random.default_rng(1).normal(size=(ROWS, 384)).astype(np.float32)
    with migrated(path) as cursor:
        bulk.insert(cursor, made, [task_key(e.task_description) for e in made], vectors, "model")
        votes.add_recalls(cursor, {made[0].task_id: 3, made[-1].task_id: 1}, datetime.now(UTC))
        cursor.execute("CHECKPOINT")
        cursor.execute("UPDATE schema_version SET name = 'again'")
        cursor.execute("CHECKPOINT")  # so that both headers know of the rows
    return path


@pytest.fixture
def damaged(whole: Path, tmp_path: Path) -> Path:
    path = tmp_path / "damaged.duckdb"
    path.write_bytes(whole.read_bytes())
    return path


def smash(path: Path, at: int, size: int = 64) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(os.urandom(size))


def block_of(path: Path, table: str, column: str) -> int:
    """Where in the file a block is that holds values of this column alone."""
    with closing(connect(path, read_only=True)) as cursor:
        row = cursor.execute(
            "SELECT min(block_id) FROM (SELECT block_id, list(DISTINCT column_name) AS names "
            "FROM pragma_storage_info(?) WHERE block_id >= 0 GROUP BY block_id) "
            "WHERE names = [?]",
            [table, column],
        ).fetchone()
    assert row is not None
    return HEADERS + BLOCK * int(row[0])


def rows_of(held: copies.Contents) -> dict[str, copies.Rows]:
    """All but the times of the migrations."""
    return {name: rows for name, rows in held.tables.items() if name != "schema_version"}


def saved(damaged: Path) -> tuple[Salvaged, copies.Contents]:
    before = damaged.read_bytes()
    target = damaged.with_name("saved.duckdb")
    result = salvage(damaged, target, task_key)
    assert damaged.read_bytes() == before
    assert sorted(p.name for p in damaged.parent.iterdir()) == [damaged.name, target.name]
    return result, copies.examine(target)


@pytest.mark.parametrize("header", [0, 1, 2], ids=["main", "first", "second"])
def test_a_damaged_header_costs_nothing(header: int, whole: Path, damaged: Path) -> None:
    smash(damaged, header * 4_096, 4_096)
    with pytest.raises(StoreDamaged):
        copies.examine(damaged)

    result, held = saved(damaged)

    assert rows_of(held) == rows_of(copies.examine(whole))
    assert len(result.mended) == 1


def test_damaged_vectors_cost_those_vectors_alone(whole: Path, damaged: Path) -> None:
    smash(damaged, block_of(damaged, "embeddings", "embedding") + 5_000)

    result, held = saved(damaged)

    assert held.tables["executions"] == copies.examine(whole).tables["executions"]
    assert 0 < result.tables["embeddings"].rows < ROWS
    assert held.counts["embeddings"] == result.tables["embeddings"].rows
    assert result.tables["executions"].incomplete == {}


def test_a_damaged_column_costs_its_values_not_its_rows(damaged: Path) -> None:
    smash(damaged, block_of(damaged, "executions", "solution_summary") + 5_000)

    result, held = saved(damaged)

    table = result.tables["executions"]
    assert (table.expected, table.rows) == (ROWS, ROWS)
    assert "solution_summary" in table.incomplete
    assert held.counts["executions"] == ROWS


def test_a_lost_description_is_replaced_by_the_solution(damaged: Path) -> None:
    smash(damaged, block_of(damaged, "executions", "task_description") + 5_000)

    result, _ = saved(damaged)

    lost = result.tables["executions"].incomplete["task_description"]
    with duckdb.connect(str(damaged.with_name("saved.duckdb"))) as connection:
        rows = connection.execute(
            "SELECT task_description, task_key, task_id IN (SELECT task_id FROM embeddings) "
            "FROM executions WHERE starts_with(task_description, 'solution')"
        ).fetchall()
        assert 0 < len(rows) <= lost
        assert all(key == task_key(text) and not embedded for text, key, embedded in rows)
        executions.insert(connection, _another(), 1)
        numbers = connection.execute("SELECT count(DISTINCT sequence), count(*) FROM executions")
        assert len(set(numbers.fetchall()[0])) == 1


@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_of_a_file_cut_short_the_rest_is_saved_or_nothing_is_touched(
    share: float, damaged: Path
) -> None:
    os.truncate(damaged, int(damaged.stat().st_size * share))
    try:
        result, held = saved(damaged)
    except StoreDamaged:
        assert list(damaged.parent.iterdir()) == [damaged]
    else:
        assert held.counts["embeddings"] <= result.tables["embeddings"].rows <= ROWS


def test_a_damaged_log_is_read_up_to_the_damage(tmp_path: Path) -> None:
    path = tmp_path / "damaged.duckdb"
    with migrated(path):
        pass
    for number in range(3):
        cursor = connect(path)
        cursor.execute("PRAGMA disable_checkpoint_on_shutdown")
        executions.insert(cursor, execution(task_description=f"task {number}"), number + 1)
        cursor.close()
    log = path.with_name(f"{path.name}.wal")
    content = bytearray(log.read_bytes())
    content[-40:-20] = os.urandom(20)
    log.write_bytes(content)
    with pytest.raises(StoreDamaged):
        copies.examine(path)

    result = salvage(path, tmp_path / "saved.duckdb", task_key)

    assert copies.examine(tmp_path / "saved.duckdb").counts["executions"] == 2
    assert any("log" in line for line in result.mended)
    assert log.read_bytes() == content


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"this is no database\n" * 1_000),
        lambda path: smash(path, 4_096, 8_192),
        lambda path: os.truncate(path, 6_000),
    ],
    ids=["empty", "text", "both headers", "cut in the headers"],
)
def test_where_nothing_can_be_read_nothing_is_left_behind(
    spoil: Callable[[Path], object], damaged: Path
) -> None:
    spoil(damaged)
    with pytest.raises(StoreDamaged, match="restore a backup"):
        salvage(damaged, damaged.with_name("saved.duckdb"), task_key)
    assert list(damaged.parent.iterdir()) == [damaged]


def _another() -> Execution:
    return execution(task_description="recorded after the recovery")

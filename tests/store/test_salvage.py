"""A damaged database yields nearly all of its rows; what is lost is reported."""

import json
import os
import random
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import pytest
from store.rows import execution, migrated

from mcp_learning.errors import StoreDamaged, StoreError
from mcp_learning.models.identifiers import task_key
from mcp_learning.models.maintenance import RecoveryReport
from mcp_learning.store.duckdb import bulk, copies, executions, votes
from mcp_learning.store.duckdb.block_checksums import BLOCK, BLOCKS_START, HEADER, checksum
from mcp_learning.store.duckdb.opening import connect
from mcp_learning.store.duckdb.salvage import salvage

ROWS = 3_055
BIG = 7_000
"""Rows of which a column fills blocks of its own."""


def fill(path: Path, rows: int) -> Path:
    """A database of both headers' checkpoint; half of the solutions are incompressible."""
    rng = random.Random(rows)
    made = [
        execution(
            task_description=f"task {number} é {rng.randbytes(30).hex()}",
            solution_summary=f"solution {number} {rng.randbytes(100).hex()}",
            metadata={"number": number},
        )
        for number in range(rows)
    ]
    vectors = np.random.default_rng(1).normal(size=(rows, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with migrated(path) as cursor:
        bulk.insert(cursor, made, vectors, "model")
        votes.add_recalls(cursor, {made[0].task_id: 3, made[-1].task_id: 1}, datetime.now(UTC))
        cursor.execute("CHECKPOINT")
        cursor.execute("UPDATE schema_version SET name = 'again'")
        cursor.execute("CHECKPOINT")  # so that both headers know of the rows
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("whole") / "learning.duckdb", ROWS)


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("big") / "learning.duckdb", BIG)


@pytest.fixture
def damaged(whole: Path, tmp_path: Path) -> Path:
    path = tmp_path / "damaged.duckdb"
    path.write_bytes(whole.read_bytes())
    return path


def overwrite(path: Path, at: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)


def flip(path: Path, at: int, bit: int) -> None:
    overwrite(path, at, bytes([path.read_bytes()[at] ^ 1 << bit]))


def blocks_of(path: Path, table: str, column: str | None = None) -> list[int]:
    """Where in the file the blocks are that hold values of a table, or of one column alone."""
    with closing(connect(path, read_only=True)) as cursor:
        rows = cursor.execute(
            "SELECT block_id FROM pragma_storage_info(?) WHERE block_id >= 0 "
            "GROUP BY block_id HAVING ? IS NULL OR list_distinct(list(column_name)) = [?] "
            "ORDER BY block_id",
            [table, column, column],
        ).fetchall()
    assert rows
    return [BLOCKS_START + BLOCK * int(block) for (block,) in rows]


def rows_of(held: copies.DatabaseContents) -> dict[str, tuple[int, int]]:
    """All but the times of the migrations."""
    return {name: rows for name, rows in held.tables.items() if name != "schema_version"}


def saved(damaged: Path) -> tuple[RecoveryReport, copies.DatabaseContents]:
    before = damaged.read_bytes()
    with pytest.raises(StoreDamaged):
        copies.examine(damaged)
    target = damaged.with_name("saved.duckdb")
    result = salvage(damaged, target)
    assert damaged.read_bytes() == before
    assert sorted(p.name for p in damaged.parent.iterdir()) == [damaged.name, target.name]
    return result, copies.examine(target)


def descriptions(path: Path) -> dict[str, str]:
    """By id, of every execution; each value of each row is read."""
    with closing(connect(path, read_only=True)) as cursor:
        rows = cursor.execute(
            "SELECT task_id::VARCHAR, task_description, metadata, * FROM executions"
        ).fetchall()
    assert all(isinstance(json.loads(row[2]), dict) for row in rows if row[2] is not None)
    return {row[0]: row[1] for row in rows}


def test_the_checksums_of_a_sound_file_are_computed_as_duckdb_does(whole: Path) -> None:
    content = whole.read_bytes()
    pages = [content[at : at + HEADER] for at in range(0, BLOCKS_START, HEADER)]
    pages += [content[at : at + BLOCK] for at in range(BLOCKS_START, len(content), BLOCK)]
    assert len(pages) > 10
    for page in pages:
        assert checksum(page[8:]) == int.from_bytes(page[:8], "little")


@pytest.mark.parametrize("seed", range(5))
def test_a_flipped_bit_costs_at_most_a_hundredth_of_the_rows(
    seed: int, whole: Path, damaged: Path
) -> None:
    rng = random.Random(seed)
    block = rng.choice([*blocks_of(whole, "executions"), *blocks_of(whole, "embeddings")])
    flip(damaged, block + rng.randrange(8, BLOCK), rng.randrange(8))

    result, held = saved(damaged)

    table = result.tables["executions"]
    assert table.expected == ROWS
    assert table.saved >= 0.99 * ROWS
    assert held.counts["executions"] == table.saved
    assert any("1 of" in line and "checksums" in line for line in result.mended)


@pytest.mark.parametrize("seed", range(3))
def test_flipped_bits_in_every_text_leave_rows_that_can_be_read(
    seed: int, whole: Path, damaged: Path
) -> None:
    rng = random.Random(seed)
    for block in blocks_of(whole, "executions"):
        for _ in range(10):
            flip(damaged, block + rng.randrange(8, BLOCK), rng.randrange(8))

    result, _ = saved(damaged)

    assert result.tables["executions"].saved >= 0.99 * ROWS
    found = descriptions(damaged.with_name("saved.duckdb"))
    assert len(found) == result.tables["executions"].saved
    with closing(connect(damaged.with_name("saved.duckdb"), read_only=True)) as cursor:
        keys = dict(cursor.execute("SELECT task_id::VARCHAR, task_key FROM executions").fetchall())
        embedded = cursor.execute("SELECT task_id::VARCHAR FROM embeddings").fetchall()
    assert all(keys[task_id] == task_key(text) for task_id, text in found.items())
    assert not {task_id for (task_id,) in embedded} & set(result.changed)


def test_a_changed_description_is_named(whole: Path, damaged: Path) -> None:
    before = set(descriptions(whole).values())
    blocks = blocks_of(whole, "executions")
    for seed in range(40):
        rng = random.Random(seed)
        flip(damaged, rng.choice(blocks) + rng.randrange(8, BLOCK), rng.randrange(8))

    result, _ = saved(damaged)

    now = descriptions(damaged.with_name("saved.duckdb"))
    differ = {task_id for task_id, text in now.items() if text not in before}
    assert differ
    assert differ <= set(result.changed)


@pytest.mark.parametrize("number", [0, 1, 2], ids=["main", "first", "second"])
@pytest.mark.parametrize("size", [1, HEADER - 2_000], ids=["a flipped bit", "overwritten"])
def test_a_damaged_header_costs_nothing(number: int, size: int, whole: Path, damaged: Path) -> None:
    if size == 1:
        flip(damaged, number * HEADER + 3_000, 3)
    else:
        overwrite(damaged, number * HEADER, random.Random(number).randbytes(HEADER))

    result, held = saved(damaged)

    assert rows_of(held) == rows_of(copies.examine(whole))
    assert len(result.mended) == 1
    assert "header" in result.mended[0]


def test_a_block_of_zeros_costs_the_values_in_it(big: Path, damaged: Path) -> None:
    damaged.write_bytes(big.read_bytes())
    overwrite(damaged, blocks_of(big, "executions", "solution_summary")[0], bytes(BLOCK))

    result, held = saved(damaged)

    table = result.tables["executions"]
    assert (table.expected, table.saved) == (BIG, BIG)
    assert 0 < table.incomplete["solution_summary"] < BIG
    assert set(table.incomplete) == {"solution_summary"}
    assert held.counts["embeddings"] == BIG


def test_a_lost_description_is_replaced_by_the_solution(big: Path, damaged: Path) -> None:
    damaged.write_bytes(big.read_bytes())
    overwrite(damaged, blocks_of(big, "executions", "task_description")[0], bytes(BLOCK))

    result, _ = saved(damaged)

    lost = result.tables["executions"].incomplete["task_description"]
    with duckdb.connect(str(damaged.with_name("saved.duckdb"))) as connection:
        rows = connection.execute(
            "SELECT task_description, task_key, task_id IN (SELECT task_id FROM embeddings) "
            "FROM executions WHERE starts_with(task_description, 'solution')"
        ).fetchall()
        assert len(rows) == lost > 0
        assert all(key == task_key(text) and not embedded for text, key, embedded in rows)
        executions.insert(connection, execution(task_description="recorded afterwards"))
        numbers = connection.execute("SELECT count(DISTINCT sequence), count(*) FROM executions")
        assert len(set(numbers.fetchall()[0])) == 1


def test_zeroed_vectors_cost_those_vectors_alone(whole: Path, damaged: Path) -> None:
    overwrite(damaged, blocks_of(whole, "embeddings", "embedding")[0], bytes(BLOCK))

    result, held = saved(damaged)

    assert held.tables["executions"] == copies.examine(whole).tables["executions"]
    assert held.counts["embeddings"] == result.tables["embeddings"].saved < ROWS
    assert result.tables["executions"].incomplete == {}


def test_a_block_whose_damage_crashes_duckdb_costs_the_values_in_it(
    whole: Path, damaged: Path
) -> None:
    for block in blocks_of(whole, "embeddings"):
        overwrite(damaged, block, bytes(BLOCK))  # one holds a dictionary: a segmentation fault

    result, held = saved(damaged)

    assert held.tables["executions"] == copies.examine(whole).tables["executions"]
    assert result.tables["embeddings"].saved == 0


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
        assert held.counts["embeddings"] <= result.tables["embeddings"].saved <= ROWS


def logged(path: Path) -> Path:
    """A database whose three executions, and the deletion of the first, are in its log alone."""
    with migrated(path):
        pass
    made = [execution(task_description=f"task {number}") for number in range(3)]
    for one in made:
        with closing(connect(path)) as cursor:
            cursor.execute("PRAGMA disable_checkpoint_on_shutdown")
            executions.insert(cursor, one)
    with closing(connect(path)) as cursor:
        cursor.execute("PRAGMA disable_checkpoint_on_shutdown")
        cursor.execute("DELETE FROM executions WHERE task_id = ?", [made[0].task_id])
    return path.with_name(f"{path.name}.wal")


def test_a_garbled_log_is_read_up_to_there_and_the_report_says_what_is_undone(
    tmp_path: Path,
) -> None:
    path = tmp_path / "damaged.duckdb"
    log = logged(path)
    content = bytearray(log.read_bytes())
    content[-30:-20] = os.urandom(10)
    log.write_bytes(content)
    with pytest.raises(StoreDamaged):
        copies.examine(path)

    result = salvage(path, tmp_path / "saved.duckdb")

    assert copies.examine(tmp_path / "saved.duckdb").counts["executions"] == 3
    assert any("log was cut" in line and "undone" in line for line in result.mended)
    assert log.read_bytes() == content


def test_a_log_that_is_cut_short_holds_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "cut.duckdb"
    log = logged(path)
    os.truncate(log, log.stat().st_size - 20)

    assert copies.examine(path).counts["executions"] == 3  # DuckDB takes it for a torn write
    assert salvage(path, tmp_path / "saved.duckdb").tables["executions"].saved == 3


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"this is no database\n" * 1_000),
        lambda path: overwrite(path, HEADER, os.urandom(2 * HEADER)),
        lambda path: os.truncate(path, 6_000),
        lambda path: overwrite(path, BLOCKS_START, bytes(path.stat().st_size - BLOCKS_START)),
    ],
    ids=["empty", "text", "both headers", "cut in the headers", "zeros"],
)
def test_where_nothing_can_be_read_nothing_is_left_behind(
    spoil: Callable[[Path], object], damaged: Path
) -> None:
    spoil(damaged)
    with pytest.raises(StoreDamaged, match="`mcp-learning restore`, or move the file away"):
        salvage(damaged, damaged.with_name("saved.duckdb"))
    assert list(damaged.parent.iterdir()) == [damaged]


@pytest.mark.parametrize(
    ("option", "reason"),
    [("ENCRYPTION_KEY 'secret'", "encrypted"), ("BLOCK_SIZE 16384", "16,384 bytes")],
)
def test_a_file_that_is_not_of_this_package_is_refused(
    option: str, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "other.duckdb"
    with duckdb.connect() as connection:
        connection.execute("SET force_mbedtls_unsafe = 'true'")  # or it needs an extension
        connection.execute(f"ATTACH '{path}' AS other ({option})")
        connection.execute("CREATE TABLE other.t AS SELECT range AS i FROM range(1000)")
    content = path.read_bytes()
    with pytest.raises(StoreError, match=reason):
        salvage(path, tmp_path / "saved.duckdb")
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]

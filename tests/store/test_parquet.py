"""Parquet files are read and written with the values that they have, damaged ones in part."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_learning.errors import StoreDamaged, StoreError
from mcp_learning.store.duckdb import parquet
from mcp_learning.store.duckdb.damage import Batch
from mcp_learning.store.duckdb.parquet import ROW_GROUP, ParquetFile, Values

COLUMNS = {"name": "VARCHAR", "number": "DOUBLE", "at": "TIMESTAMPTZ"}
ROWS = 3 * ROW_GROUP


def written(path: Path, lines: Iterable[str], columns: dict[str, str] = COLUMNS) -> Path:
    source = path.with_suffix(".lines")
    source.write_text("\n".join(lines), encoding="utf-8")
    parquet.write(path, columns, source)
    return path


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lines = (f'{{"name": "row {n} of {n * n}", "number": {n / 3}}}' for n in range(ROWS))
    return written(tmp_path_factory.mktemp("parquet") / "intact.parquet", lines)


def batches(path: Path, *columns: str) -> list[Batch[Values]]:
    with ParquetFile(path) as opened:
        return list(opened.batches(columns or list(opened.columns)))


def values(path: Path, *columns: str) -> list[tuple[Any, ...]]:
    return [row for batch in batches(path, *columns) for row in batch.rows or ()]


def query(path: Path, sql: str) -> Path:
    with duckdb.connect() as connection:
        connection.sql(sql).write_parquet(str(path))
    return path


def test_what_is_written_is_read_as_it_was(tmp_path: Path) -> None:
    path = written(
        tmp_path / "a.parquet",
        [
            '{"name": "é \\" \\n", "number": 0.30000000000000004}',
            '{"at": "2025-01-02T03:04:05.000001+01:00"}',
        ],
    )
    assert values(path) == [
        ('é " \n', 0.1 + 0.2, None),
        (None, None, datetime(2025, 1, 2, 2, 4, 5, 1)),
    ]
    assert path.stat().st_mode & 0o777 == 0o600


def test_rows_come_in_order_with_the_columns_that_are_asked_for(intact: Path) -> None:
    with ParquetFile(intact) as opened:
        assert opened.rows == ROWS
        assert opened.row_groups == [ROW_GROUP] * 3
    found = batches(intact, "number")
    assert [batch.first for batch in found[1:]] == [batch.last + 1 for batch in found[:-1]]
    assert [row for batch in found for row in batch.rows or ()] == [(n / 3,) for n in range(ROWS)]


@settings(max_examples=40, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), garbage=st.binary(min_size=1, max_size=64))
def test_no_damage_to_a_written_file_gives_another_value(
    intact: Path, place: float, garbage: bytes
) -> None:
    content = intact.read_bytes()
    with ParquetFile(intact) as opened:
        start, end = opened.extents[0][0], sum(opened.extents[-1])
    offset = start + int(place * (end - start - len(garbage)))
    path = intact.with_name("damaged.parquet")
    path.write_bytes(content[:offset] + garbage + content[offset + len(garbage) :])
    lost = 0
    expected = values(intact)
    for batch in batches(path):
        if batch.rows is None:
            lost += batch.last - batch.first + 1
            assert batch.reason == "differs from its checksum"
        else:
            assert batch.rows == expected[batch.first : batch.last + 1]
    assert lost <= 2 * ROW_GROUP
    assert (lost > 0) == (path.read_bytes() != content)


def test_a_file_without_checksums_is_read_up_to_what_can_not_be_decoded(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    with duckdb.connect() as connection:
        connection.sql(
            f"SELECT format('row {{}}', i) AS name FROM range({ROWS}) t(i)"
        ).write_parquet(str(path), row_group_size=ROW_GROUP)
    with ParquetFile(path) as opened:
        offset, _ = opened.extents[1]
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xff" * 64)
    found = batches(path)
    lost = [
        number for one in found if one.rows is None for number in range(one.first, one.last + 1)
    ]
    assert lost == list(range(ROW_GROUP, 2 * ROW_GROUP))
    assert all(batch.reason for batch in found if batch.rows is None)
    kept = [*range(ROW_GROUP), *range(2 * ROW_GROUP, ROWS)]
    assert values(path) == [(f"row {number}",) for number in kept]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + bytes(100) + b"PAR1", bytes(10_000)])
def test_what_is_no_parquet_file_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    with pytest.raises(StoreDamaged) as caught:
        ParquetFile(path)
    assert len(str(caught.value).splitlines()) == 1


def test_a_name_with_wildcards_means_that_file_alone(tmp_path: Path) -> None:
    (tmp_path / "year=2024").mkdir()
    path = query(tmp_path / "year=2024" / "a[1]*?.parquet", "SELECT 1 AS own")
    query(tmp_path / "year=2024" / "a1xy.parquet", "SELECT 2 AS other")
    with ParquetFile(path) as opened:
        assert opened.columns == {"own": "INTEGER"}
        assert [batch.rows for batch in opened.batches(["own"])] == [[(1,)]]


def test_odd_names_of_columns_and_times_out_of_range_are_read(tmp_path: Path) -> None:
    path = query(
        tmp_path / "a.parquet",
        "SELECT make_timestamp(4611686018427387904) AS far, 7 AS file_row_number, "
        "[{'at': TIMESTAMPTZ '2025-01-01 00:00:00+00', 'b \"c': 1}] AS \"it's \"\"odd\"",
    )
    assert values(path) == [
        ("148108-07-06 14:00:27.387904", 7, [{"at": datetime(2025, 1, 1), 'b "c': 1}])
    ]


def test_rows_that_can_not_be_written_leave_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_text("kept")
    with pytest.raises(StoreError, match=r"/a\.parquet can't be written: .*Malformed JSON"):
        written(path, ["{}", "{cut"])
    assert path.read_text() == "kept"
    assert {file.name for file in tmp_path.iterdir()} == {"a.parquet", "a.lines"}


def test_times_are_utc_wherever_the_machine_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    path = written(tmp_path / "a.parquet", ['{"at": "2025-01-02T03:04:05Z"}'])
    assert values(path, "at") == [(datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC).replace(tzinfo=None),)]

"""The index file: built by a child process, read back, and refused when it is damaged."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pytest
from child_startup import run_at_start
from search.extension import without_vss
from search.planted import DIMENSION, build, clustered, wanted

from mcp_learning.errors import IndexUnavailable
from mcp_learning.search import vss
from mcp_learning.search.build_process import BuildProcess
from mcp_learning.search.hnsw import NEAREST_SQL, HnswIndex, IndexInfo
from mcp_learning.store.duckdb.bound_lists import as_text

ROWS = 500
VERSIONS = np.arange(11, 11 + ROWS)
VECTORS = clustered(ROWS)
EF_SEARCH = 128
PATIENCE = 60


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, IndexInfo]:
    return build(tmp_path_factory.mktemp("index"), VERSIONS, VECTORS)


@pytest.fixture
def index(built: tuple[Path, IndexInfo]) -> Iterator[HnswIndex]:
    opened = HnswIndex(built[0], EF_SEARCH)
    yield opened
    opened.close()


@pytest.fixture
def copy(built: tuple[Path, IndexInfo], tmp_path: Path) -> Path:
    return Path(shutil.copy(built[0], tmp_path / "copy.duckdb"))


def fill(made: BuildProcess, rows: int) -> None:
    """Adds vectors in two batches."""
    versions, vectors = np.arange(1, rows + 1), clustered(rows)
    for part in (slice(rows // 2), slice(rows // 2, rows)):
        made.add(versions[part], versions[part], vectors[part])


def same_instance(path: Path) -> duckdb.DuckDBPyConnection:
    """A second connection to the DuckDB instance that has an index open."""
    return vss.connect(path, read_only=True)


def test_after_its_first_search_an_index_keeps_its_graph_and_a_bounded_part_of_its_table(
    built: tuple[Path, IndexInfo],
) -> None:
    index = HnswIndex(built[0], EF_SEARCH, table_cache=2**20)
    before = index.search(VECTORS[0], 10)  # reads the graph
    limit, used = (
        "SELECT current_setting('memory_limit')",
        "SELECT sum(memory_usage_bytes) FROM duckdb_memory() WHERE tag = 'ART_INDEX'",
    )
    with same_instance(built[0]) as connection:
        (bound,) = connection.execute(limit).fetchone() or ("",)
        (graph,) = connection.execute(used).fetchone() or (0,)
    assert float(bound.removesuffix(" MiB")) == pytest.approx((graph + 2**20) / 2**20, abs=0.1)
    assert np.array_equal(index.search(VECTORS[0], 10), before)
    index.close()


def test_a_reopened_index_answers_by_its_graph_and_with_the_right_rows(index: HnswIndex) -> None:
    agreeing = 0
    explain = "EXPLAIN " + NEAREST_SQL.format(dimension=DIMENSION)
    for query in clustered(50, seed=0):
        with same_instance(index.path) as connection:
            plan = connection.execute(explain, [as_text(query), 10]).fetchall()
        assert "HNSW_INDEX_SCAN" in str(plan)
        found, true = index.search(query, 10), VECTORS @ query
        assert len(set(found.tolist())) == 10
        similarities = true[found - VERSIONS[0]]
        assert np.all(np.diff(similarities) <= 1e-6)  # best first
        agreeing += int((similarities >= np.sort(true)[-10] - 1e-6).sum())
    assert agreeing >= 0.95 * 500


def test_what_it_was_made_from_is_read_back(
    index: HnswIndex, built: tuple[Path, IndexInfo]
) -> None:
    assert index.info == built[1]
    assert replace(index.info, recall_at_10=None) == wanted(ROWS, int(VERSIONS[-1]))
    assert IndexInfo.from_json(index.info.to_json()) == index.info


def test_the_measured_recall_is_that_of_searches_on_clustered_vectors(index: HnswIndex) -> None:
    assert index.info.recall_at_10 is not None
    assert 0.9 <= index.info.recall_at_10 <= 1


def test_too_few_rows_have_no_recall_but_an_index(tmp_path: Path) -> None:
    path, info = build(tmp_path, np.arange(1, 4), clustered(3))
    assert info.recall_at_10 is None
    small = HnswIndex(path, EF_SEARCH)
    assert set(small.search(clustered(3)[0], 10).tolist()) == {1, 2, 3}
    small.close()


def test_more_can_be_asked_for_than_searches_usually_keep(built: tuple[Path, IndexInfo]) -> None:
    narrow = HnswIndex(built[0], 10)
    found = narrow.search(VECTORS[0], 300)
    assert len(set(found.tolist())) == 300
    narrow.close()


def test_searches_of_four_threads_at_once_are_right(index: HnswIndex) -> None:
    together = threading.Barrier(4, timeout=PATIENCE)

    def search(first: int) -> list[int]:
        together.wait()
        rows = range(first, ROWS, 4)
        return [int(index.search(VECTORS[row], 3)[0] - VERSIONS[0]) for row in rows]

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(search, range(4)))
    assert answers == [list(range(first, ROWS, 4)) for first in range(4)]


@pytest.mark.parametrize("kept", [0.0, 0.003, 0.3, 0.6, 0.9, 0.999999])
def test_a_truncated_file_is_refused(copy: Path, kept: float) -> None:
    whole = copy.read_bytes()
    copy.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(IndexUnavailable):
        HnswIndex(copy, EF_SEARCH).search(VECTORS[0], 10)


@pytest.mark.parametrize("block", range(4))
def test_a_file_with_a_zeroed_block_is_refused_or_fails_by_name(copy: Path, block: int) -> None:
    content, size = bytearray(copy.read_bytes()), 262_144
    start = 3 * 4096 + block * size
    assert start < len(content)
    content[start : start + size] = bytes(size)
    copy.write_bytes(content)
    with pytest.raises(IndexUnavailable):
        HnswIndex(copy, EF_SEARCH).search(VECTORS[0], 10)


@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE info SET format = format + 1",
        "UPDATE info SET description = '{}'",
        "DELETE FROM info",
        "DROP TABLE info",
    ],
)
def test_a_file_of_another_format_is_refused_and_left_unlocked(copy: Path, spoil: str) -> None:
    with vss.connect(copy) as connection:
        connection.execute("SET hnsw_enable_experimental_persistence = true")
        connection.execute(spoil)
    with pytest.raises(IndexUnavailable, match=r"incomplete|another format"):
        HnswIndex(copy, EF_SEARCH)
    vss.connect(copy).close()  # refused while it is open elsewhere to be read only


def test_a_file_that_is_no_database_or_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("nothing of an index" * 1000, encoding="utf-8")
    for path in (tmp_path / "text", tmp_path / "missing", tmp_path):
        with pytest.raises(IndexUnavailable, match=path.name):
            HnswIndex(path, EF_SEARCH)


@pytest.mark.skipif(os.name != "posix", reason="needs named pipes")
def test_cancelling_ends_the_child_and_discarding_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive = tmp_path / "alive"
    os.mkfifo(alive)
    run_at_start(tmp_path, monkeypatch, f"import os; os.open({str(alive)!r}, os.O_WRONLY)")
    endless = BuildProcess(tmp_path / "index")
    fill(endless, 60_000)
    info = replace(wanted(endless.rows, endless.watermark), m=64, ef_construction=2000)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(endless.run, info)
        child = os.open(alive, os.O_RDONLY)  # waits until the child runs
        os.set_blocking(child, False)
        with pytest.raises(BlockingIOError):
            os.read(child, 1)
        endless.cancel()
        assert os.read(child, 1) == b"", "the child is gone"
        with pytest.raises(IndexUnavailable, match="cancelled"):
            running.result(PATIENCE)
    os.close(child)
    endless.discard()
    assert list(endless.path.parent.iterdir()) == []


def test_a_build_cancelled_before_it_runs_starts_no_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = tmp_path / "started"
    run_at_start(tmp_path, monkeypatch, f"open({str(started)!r}, 'w')")
    early = BuildProcess(tmp_path / "index")
    fill(early, 20)
    early.cancel()
    with pytest.raises(IndexUnavailable, match="cancelled"):
        early.run(wanted(early.rows, early.watermark))
    assert not started.exists()


def test_a_build_that_fails_says_so(tmp_path: Path) -> None:
    failing = BuildProcess(tmp_path)
    fill(failing, 20)
    with pytest.raises(IndexUnavailable, match="failed"):
        failing.run(replace(wanted(failing.rows, failing.watermark), m=0, ef_construction=0))


def test_the_vectors_are_counted_and_sampled_from_all_parts_of_the_file(index: HnswIndex) -> None:
    assert index.count() == ROWS
    versions, vectors = index.sample(50)
    assert len(set(versions.tolist())) == 50
    assert versions.min() == VERSIONS[0]
    assert versions.max() >= VERSIONS[-1] - ROWS // 50
    assert np.array_equal(vectors, VECTORS[versions - VERSIONS[0]])


def test_the_child_ends_when_its_parent_closes_its_stdin(tmp_path: Path) -> None:
    made = BuildProcess(tmp_path)
    fill(made, 60_000)
    info = replace(wanted(made.rows, made.watermark), m=64, ef_construction=2000)
    command = [sys.executable, "-P", "-m", "mcp_learning.search.hnsw_build", str(made.path)]
    with subprocess.Popen(
        [*command, info.to_json()], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        output, _ = child.communicate(timeout=PATIENCE)  # closes stdin first
    assert (child.returncode, output) == (1, b"")


def test_without_the_extension_the_message_names_the_package_that_has_it(
    built: tuple[Path, IndexInfo], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_vss(tmp_path, monkeypatch)
    with pytest.raises(
        IndexUnavailable, match=f"pip install duckdb-extension-vss=={duckdb.__version__}"
    ):
        HnswIndex(built[0], EF_SEARCH)


def test_the_bundled_extension_is_the_first_choice() -> None:
    with duckdb.connect() as connection:
        assert vss.load(connection) == "the duckdb-extension-vss package"

"""Child process that builds an HNSW index: `python -m mcp_learning.search.hnsw_build FILE INFO`.

It is a process because DuckDB can't interrupt the build of an index (an interrupt takes effect only
at its end, with a million rows after half an hour), and so that its memory is freed at the end.
FILE is the index to build; its vectors are in two raw files beside it. INFO is an `IndexInfo`
as JSON; the process prints it again with the recall that it measured. It exits at once when its
stdin closes, so that it doesn't outlive its parent.
"""

import os
import sys
import threading
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from mcp_learning.search import vss
from mcp_learning.search.build_process import DISK_FULL_STATUS, vectors_of, versions_of
from mcp_learning.search.hnsw import FORMAT, NEAREST_SQL, IndexInfo
from mcp_learning.store.duckdb.arrow_batch import ArrowBatch
from mcp_learning.store.duckdb.bound_lists import as_text
from mcp_learning.store.duckdb.opening import is_full

SAMPLE = 100
"""Queries that recall is measured with."""

K = 10

CHUNK = 50_000
"""Vectors inserted at a time."""


def main(file: str, description: str) -> None:
    """Builds the index, measures its recall, writes both in one checkpoint, prints the info."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    info, path = IndexInfo.from_json(description), Path(file)
    versions = np.fromfile(versions_of(path), np.int64)
    vectors = np.memmap(vectors_of(path), np.float32, "r", shape=(info.rows, info.dimension))
    with vss.connect(path) as connection:
        connection.execute("SET hnsw_enable_experimental_persistence = true")
        _fill(connection, versions, vectors)
        connection.execute(
            "CREATE INDEX hnsw ON vectors USING HNSW (embedding) "
            f"WITH (metric = 'cosine', M = {info.m:d}, ef_construction = {info.ef_construction:d})"
        )
        connection.execute(f"SET GLOBAL hnsw_ef_search = {info.ef_search:d}")
        info = replace(info, recall_at_10=_recall(connection, versions, vectors))
        connection.execute("CREATE TABLE info (format INTEGER, description JSON)")
        connection.execute("INSERT INTO info VALUES (?, ?)", [FORMAT, info.to_json()])
        connection.execute("CHECKPOINT")
    print(info.to_json())  # noqa: T201 - this is the child's result


def _fill(
    connection: duckdb.DuckDBPyConnection, versions: NDArray[np.int64], vectors: NDArray[np.float32]
) -> None:
    dimension = vectors.shape[1]
    connection.execute(f"CREATE TABLE vectors (version BIGINT, embedding FLOAT[{dimension:d}])")
    for start in range(0, len(versions), CHUNK):
        part = slice(start, start + CHUNK)
        batch = ArrowBatch({"version": versions[part], "embedding": vectors[part]})
        connection.register("batch", batch)
        connection.execute("INSERT INTO vectors SELECT * FROM batch")
        connection.unregister("batch")


def _recall(
    connection: duckdb.DuckDBPyConnection, versions: NDArray[np.int64], vectors: NDArray[np.float32]
) -> float | None:
    """Recall@10 of the index with stored vectors as queries, 0..1; None with too few rows.

    The row of the query itself is left out of both results.
    """
    if len(versions) <= K:
        return None
    nearest = NEAREST_SQL.format(dimension=vectors.shape[1])
    sample = min(SAMPLE, len(versions))
    queries = np.random.default_rng(0).choice(len(versions), size=sample, replace=False)
    order = np.argsort(versions)
    found = 0
    for query in queries:
        similarities = np.vecdot(vectors, vectors[query])
        similarities[query] = -np.inf
        tenth = np.partition(similarities, -K)[-K]
        rows = connection.execute(nearest, [as_text(vectors[query]), K + 1]).fetchall()
        others = [version for (version,) in rows if version != versions[query]][:K]
        positions = order[np.searchsorted(versions, others, sorter=order)]
        # Compared by distance: of equally near rows, any counts.
        found += int((np.vecdot(vectors[positions], vectors[query]) >= tenth - 1e-6).sum())
    return round(found / (K * sample), 4)


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 4096):  # unbuffered: a buffer's lock would block our exit
        pass
    os._exit(1)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except duckdb.Error as error:
        if not is_full(error):
            raise
        sys.exit(DISK_FULL_STATUS)

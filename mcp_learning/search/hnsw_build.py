"""Child process that builds an HNSW index: `python -m mcp_learning.search.hnsw_build FILE INFO`.

A process of its own, because DuckDB can't be interrupted while it builds one (an interrupt takes
effect when the build is over, half an hour later at a million rows), and so that its memory goes
back to the system. FILE holds the table `vectors`, INFO is an `IndexInfo` as JSON; the child prints
it again with the recall that it measured. It ends at once when its stdin closes, so that it can't
outlive its parent.
"""

import os
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mcp_learning.search import vss
from mcp_learning.search.hnsw import FORMAT, NEAREST, IndexInfo
from mcp_learning.store.embeddings import as_text

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Connection

SAMPLE = 100
"""Queries on which recall is measured."""

K = 10


def main(file: str, description: str) -> None:
    """Builds the index, measures it, writes both in one checkpoint, prints what it made."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    info = IndexInfo.from_json(description)
    with vss.connect(Path(file)) as connection:
        connection.execute("SET hnsw_enable_experimental_persistence = true")
        connection.execute(
            "CREATE INDEX hnsw ON vectors USING HNSW (embedding) "
            f"WITH (metric = 'cosine', M = {info.m:d}, ef_construction = {info.ef_construction:d})"
        )
        connection.execute(f"SET GLOBAL hnsw_ef_search = {info.ef_search:d}")
        info = replace(info, recall_at_10=_recall(connection, info.dimension))
        connection.execute("CREATE TABLE info (format INTEGER, description JSON)")
        connection.execute("INSERT INTO info VALUES (?, ?)", [FORMAT, info.to_json()])
        connection.execute("CHECKPOINT")
    print(info.to_json())  # noqa: T201 - this is the child's result


def _recall(connection: "Connection", dimension: int) -> float | None:
    """Share of the true 10 nearest that the index finds, for stored vectors as queries.

    A query's own row is left out of both answers, since finding it proves nothing.
    """
    columns = connection.execute("SELECT version, embedding FROM vectors").fetchnumpy()
    versions = columns["version"]
    if len(versions) <= K:
        return None
    vectors = np.stack(list(columns["embedding"]))
    queries = np.random.default_rng(0).choice(
        len(versions), size=min(SAMPLE, len(versions)), replace=False
    )
    found = 0
    for query in queries:
        similarities = vectors @ vectors[query]
        similarities[query] = -np.inf
        tenth = np.partition(similarities, -K)[-K]
        rows = connection.execute(
            NEAREST.format(dimension=dimension), [as_text(vectors[query]), K + 1]
        ).fetchall()
        others = [distance for version, distance in rows if version != versions[query]][:K]
        # By distance, so that equally near rows count whichever of them is returned.
        found += sum(1 - distance >= tenth - 1e-6 for distance in others)
    return round(found / (K * len(queries)), 4)


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 4096):  # unbuffered: a buffer's lock would block our exit
        pass
    os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Candidate rows of a search from the word index and the HNSW index."""

import numpy as np
from numpy.typing import NDArray

from mcp_learning.search.arrays import top_k
from mcp_learning.search.hnsw import HnswIndex
from mcp_learning.search.scorer import Query, Scorer
from mcp_learning.search.snapshot import Snapshot

MOST_PER_ROW = 16
"""Most vectors that the index is asked for, per row wanted: passages of one row may be near each
other, and give only that row."""


def of_indexes(
    snapshot: Snapshot, scorer: Scorer, query: Query, index: HnswIndex, wanted: int
) -> NDArray[np.int64]:
    """Rows, ascending: about `wanted` of each index, and all runs of the query's own task.

    Raises:
        IndexUnavailable: The HNSW index failed.
    """
    assert query.vector is not None
    share = snapshot.eligible / max(len(snapshot.view), 1)
    return np.unique(
        np.concatenate(
            [
                near(snapshot, index, query.vector, int(wanted / share)),
                scorer.most_covered(wanted),
                snapshot.rows_of_task(query.task_key),
            ]
        )
    )


def near(
    snapshot: Snapshot, index: HnswIndex, vector: NDArray[np.float32], k: int
) -> NDArray[np.int64]:
    """About k rows from the index and at most k newer ones that pass the filters, ascending.

    Raises:
        IndexUnavailable: The index failed.
    """
    indexed = _indexed(snapshot, index, vector, k)
    newer = snapshot.rows_after(index.info.watermark)
    if len(newer) > k:
        newer = newer[top_k(snapshot.cosines(vector, newer), k)]
    return np.union1d(indexed, newer)


def _indexed(
    snapshot: Snapshot, index: HnswIndex, vector: NDArray[np.float32], k: int
) -> NDArray[np.int64]:
    """The rows of the nearest vectors: at least k before filtering, as far as there are so many."""
    wanted = k
    while True:
        versions = index.search(vector, wanted)
        rows = np.unique(snapshot.rows_of_versions(versions))
        complete = len(versions) < wanted or wanted >= MOST_PER_ROW * k
        if snapshot.passages is None or len(rows) >= k or complete:
            return snapshot.passes(rows)
        wanted *= 4

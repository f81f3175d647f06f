"""Candidate rows of a search from the word index and the HNSW index."""

import numpy as np
from numpy.typing import NDArray

from mcp_learning.search.arrays import top_k
from mcp_learning.search.exact import cosines
from mcp_learning.search.hnsw import HnswIndex
from mcp_learning.search.scorer import Query, Scorer
from mcp_learning.search.snapshot import Snapshot


def of_indexes(
    snapshot: Snapshot, scorer: Scorer, query: Query, index: HnswIndex, wanted: int
) -> NDArray[np.int64]:
    """Ascending rows: about `wanted` of each index, and all runs of the query's own task.

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
    """About k rows from the index and at most k newer ones that pass the filters.

    Raises:
        IndexUnavailable: The index failed.
    """
    indexed = snapshot.passes(snapshot.rows_of_versions(index.search(vector, k)))
    newer = snapshot.rows_after(index.info.watermark)
    if len(newer) > k:
        newer = newer[top_k(cosines(snapshot.vectors, vector, newer), k)]
    return np.concatenate([indexed, newer])

"""Vectors for search tests: unit vectors with known similarities, and an index built from them."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcp_learning.search.build_process import BuildProcess
from mcp_learning.search.hnsw import IndexInfo

Vectors = NDArray[np.float32]

SIGNS = 16
"""Dimensions in which planted vectors of tasks differ; the others are zero."""

DIMENSION = 2 * SIGNS
MODEL = "model"


def clustered(count: int, seed: int = 0, dimension: int = DIMENSION) -> Vectors:
    """(count, dimension) unit vectors around a tenth as many centres."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((max(count // 10, 1), dimension))
    rows = centres[np.arange(count) % len(centres)] + 0.3 * random.standard_normal(
        (count, dimension)
    )
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def wanted(rows: int, watermark: int, dimension: int = DIMENSION, model: str = MODEL) -> IndexInfo:
    """What to build."""
    return IndexInfo(
        model=model,
        dimension=dimension,
        watermark=watermark,
        rows=rows,
        m=16,
        ef_construction=100,
        ef_search=128,
        built_at=datetime(2025, 6, 1, 12, 30, 1, 5, tzinfo=UTC),
    )


def build(
    directory: Path, versions: NDArray[np.int64], vectors: Vectors, model: str = MODEL
) -> tuple[Path, IndexInfo]:
    """A finished index file, by the real child process."""
    made = BuildProcess(directory)
    dimension = vectors.shape[1]
    made.add(versions, versions, vectors)
    return made.path, made.run(wanted(made.rows, made.watermark, dimension, model))

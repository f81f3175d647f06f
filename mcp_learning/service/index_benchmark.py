"""Compares exact search with the HNSW index: latency, recall, build time and size per preset.

The vectors are those of one store. Indexes are built in a separate directory and deleted again, so
that neither the store nor the index that searches use is touched.
"""

import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import anyio
import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from mcp_learning.errors import IndexUnavailable
from mcp_learning.models.requests import Preset, RebuildIndex
from mcp_learning.search.arrays import top_k
from mcp_learning.search.build_process import BuildProcess
from mcp_learning.search.exact import cosines
from mcp_learning.search.hnsw import HnswIndex, IndexInfo
from mcp_learning.service.index_build import run_build
from mcp_learning.store.protocol import Store

QUERIES = 200  # stored vectors that are searched for
WARM_UP = 5  # searches before those that are measured

K = 10

BUILD_SECONDS = {"fast": 0.00005, "balanced": 0.0001, "high_recall": 0.00017}
"""Seconds to build an index, by preset, per row and decimal digit of the number of rows; measured
on two CPUs with 10,000 to 1,000,000 rows (docs/performance.md)."""

START_SECONDS = 1.5  # of the child process, which loads DuckDB and VSS

Progress = Callable[[str, int, int], None]
"""Called with the current step, how much is done, and the total."""


@dataclass(frozen=True)
class SearchLatency:
    """Percentiles of the duration of a search, in milliseconds."""

    p50_ms: float
    p95_ms: float


@dataclass(frozen=True)
class PresetFigures:
    """One preset of the HNSW index compared with exact search, with alternating queries.

    Attributes:
        recall_at_10: Share of the true ten nearest that the index finds, 0..1; None below 11 rows.
        build_seconds: Time to write the vectors, build the graph and measure recall.
    """

    preset: Preset
    m: int
    ef_construction: int
    exact: SearchLatency
    hnsw: SearchLatency
    recall_at_10: float | None
    build_seconds: float
    index_bytes: int


def expected_seconds(rows: int, presets: Sequence[Preset]) -> float:
    """Estimated seconds of `compare` for all presets, scaled from two CPUs to this machine's."""
    work = rows * math.log10(max(rows, 10)) * sum(BUILD_SECONDS[preset] for preset in presets)
    return START_SECONDS * len(presets) + work * 2 / (os.cpu_count() or 2)


async def read_vectors(store: Store) -> NDArray[np.float32]:
    """All vectors of a store, (n, dimension) float32, L2-normalised.

    Raises:
        IndexUnavailable: There are none.
        StoreError: The store can't be read.
    """
    parts: list[NDArray[np.float32]] = []
    await store.vectors(lambda _numbers, _versions, vectors, _passages: parts.append(vectors))
    if not parts:
        waiting = (await store.vector_state()).unembedded
        make = "`mcp-learning generate-embeddings` makes them" if waiting else "record some"
        raise IndexUnavailable(f"no execution has a vector yet; {make}, or use --generated N")
    return await anyio.to_thread.run_sync(np.concatenate, parts)


async def compare(
    vectors: NDArray[np.float32],
    preset: Preset,
    directory: Path,
    *,
    ef_search: int,
    progress: Progress,
) -> PresetFigures:
    """Builds the index of a preset, and searches the index and the vectors alternately.

    Args:
        vectors: (n, dimension) float32, L2-normalised, n >= 1.
        preset: The preset, not `custom`.
        directory: Where the index is built and removed.
        ef_search: Candidates that an HNSW search keeps.
        progress: Told what is being done.

    Raises:
        IndexUnavailable: The index can't be built or searched.
    """
    m, ef_construction = RebuildIndex(preset=preset).parameters
    rows, dimension = vectors.shape
    wanted = IndexInfo(
        model="",
        dimension=dimension,
        watermark=rows - 1,
        rows=rows,
        m=m,
        ef_construction=ef_construction,
        ef_search=ef_search,
        built_at=datetime.now(UTC),
    )

    async def show(share: float, _text: str) -> None:
        progress(f"{preset}: building the index", round(100 * share), 100)

    build = BuildProcess(directory)
    try:
        started = time.perf_counter()
        numbers = np.arange(rows)
        await show(0, "")
        await anyio.to_thread.run_sync(build.add, numbers, numbers, vectors)
        info = await run_build(build, wanted, show)
        seconds = time.perf_counter() - started
        progress(f"{preset}: searching", 0, 1)
        size = build.path.stat().st_size
        exact, hnsw = await anyio.to_thread.run_sync(_time, build.path, vectors, ef_search)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(build.discard)
    return PresetFigures(
        preset=preset,
        m=m,
        ef_construction=ef_construction,
        exact=exact,
        hnsw=hnsw,
        recall_at_10=info.recall_at_10,
        build_seconds=round(seconds, 2),
        index_bytes=size,
    )


def _time(
    path: Path, vectors: NDArray[np.float32], ef_search: int
) -> tuple[SearchLatency, SearchLatency]:
    """Searches for the K nearest of a sample of the vectors: exactly, and with the index."""
    index = HnswIndex(path, ef_search)
    try:
        count = min(QUERIES, len(vectors))
        queries = np.random.default_rng(0).choice(len(vectors), size=count, replace=False)
        ways: tuple[Callable[[NDArray[np.float32]], object], ...] = (
            lambda query: top_k(cosines(vectors, query), K),
            lambda query: index.search(query, K),
        )
        seconds: tuple[list[float], list[float]] = ([], [])
        for number, row in enumerate([*queries[:WARM_UP], *queries]):
            for way in (number % 2, 1 - number % 2):  # so that neither always runs on a warm cache
                started = time.perf_counter()
                ways[way](vectors[row])
                seconds[way].append(time.perf_counter() - started)
    finally:
        index.close()
    warm = min(WARM_UP, count)
    exact, hnsw = (_latency(one[warm:]) for one in seconds)
    return exact, hnsw


def _latency(seconds: Sequence[float]) -> SearchLatency:
    p50, p95 = np.percentile(1000 * np.array(seconds), [50, 95])
    return SearchLatency(round(float(p50), 3), round(float(p95), 3))

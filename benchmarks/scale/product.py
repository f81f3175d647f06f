"""How the benchmarks open and search the product; nothing else here depends on its internals."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.mcp_client import MeasurementFailed
from mcp_learning.models.identifiers import task_key
from mcp_learning.models.requests import Filters
from mcp_learning.search.found import Found
from mcp_learning.search.hnsw import FILE_NAME, HnswIndex
from mcp_learning.search.retriever import Retriever
from mcp_learning.search.scorer import Query
from mcp_learning.service.indexer import Indexer
from mcp_learning.settings import SearchMode, Settings
from mcp_learning.synthetic.loading import opened

Vector = NDArray[np.float32]
Rows = NDArray[np.int64]
Nearest = Callable[[Vector, int], Rows]
"""(dimension,) float32 and k to row numbers, best first: 0 is the execution inserted first."""

Search = Callable[[], Found]
"""To be run in a worker thread."""

INDEX_FILES = "hnsw*"
"""The HNSW index in `Settings.index_dir`."""

LIMIT = 5
"""Tasks asked for in a whole search: the tool's default."""


@asynccontextmanager
async def open_product(data_dir: Path, mode: SearchMode) -> AsyncIterator[Indexer]:
    """Opens a database and loads its indexes, as a server with this search mode does.

    Raises:
        MeasurementFailed: Another mode would be used, or only some of the vectors.
        LearningError: The database or the model can't be opened.
    """
    settings = Settings.model_construct(data_dir=data_dir, search_mode=mode)
    async with opened(settings) as (_, indexer):
        await indexer.load()
        await indexer.settle()
        if indexer.shortcoming or mode not in ("auto", indexer.retriever.mode):
            why = indexer.shortcoming or f"search is {indexer.retriever.mode}"
            raise MeasurementFailed(f"{data_dir} can't be searched as {mode}: {why}")
        yield indexer


def whole_search(indexer: Indexer, text: str, vector: Vector) -> Search:
    """A search as a tool call makes it, without embedding the text."""
    query = Query(text, task_key(text), vector, Filters(), LIMIT, datetime.now(UTC))
    return lambda: indexer.retriever.search(query)


def nearest(retriever: Retriever) -> Nearest:
    """Nearest neighbours by vectors alone, in the mode that the retriever chooses."""
    return lambda vector, k: retriever.nearest(vector, k).versions[:k] - 1


@contextmanager
def open_index(index_dir: Path, ef_search: int) -> Iterator[Nearest]:
    """Opens an HNSW index alone, to be searched with this ef_search."""
    index = HnswIndex(index_dir / FILE_NAME, ef_search)
    try:
        yield lambda vector, k: index.search(vector, k) - 1
    finally:
        index.close()

"""Measures components in this process: bulk insert, search, embedding throughput."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from benchmarks import targets
from benchmarks.targets import Measurement, compare
from mcp_learning.embed.embedder import Embedder
from mcp_learning.embed.models import BUNDLED_MODEL
from mcp_learning.embed.recipe import embedding_text
from mcp_learning.models.requests import Filters
from mcp_learning.search.scorer import Query
from mcp_learning.settings import Settings
from mcp_learning.synthetic.generator import Run
from mcp_learning.synthetic.loading import CHUNK, insert, opened

if TYPE_CHECKING:
    from fastembed import TextEmbedding

_FASTEMBED_NAME = "benchmark/all-MiniLM-L6-v2"
_WARM_UP = 5


async def measure_inserts(
    runs: Sequence[Run], vectors: NDArray[np.float32], fingerprint: str, directories: Sequence[Path]
) -> Measurement:
    """Inserts all runs with their vectors into a new database in each directory.

    Raises:
        StoreError: A database can't be written.
    """
    speeds = []
    for directory in directories:
        async with opened(Settings.model_construct(data_dir=directory)) as (store, _):
            seconds = 0.0
            for start in range(0, len(runs), CHUNK):
                chunk = runs[start : start + CHUNK]
                seconds += await insert(store, chunk, vectors, fingerprint)
        speeds.append(len(runs) / seconds)
    return compare(targets.INSERT, speeds)


async def measure_searches(vectors: NDArray[np.float32], directory: Path) -> Measurement:
    """Searches the database in `directory` for each vector, (n, dimension) float32.

    Raises:
        LearningError: The database or the model can't be opened.
    """
    samples = []
    settings = Settings.model_construct(data_dir=directory, search_mode="exact")
    async with opened(settings) as (_, indexer):
        await indexer.load()
        await indexer.settle()
        for vector in vectors:
            query = Query("", 0, vector, Filters(), limit=5, now=datetime.now(UTC))
            started = time.perf_counter()
            await anyio.to_thread.run_sync(indexer.retriever.search, query)
            samples.append(1000 * (time.perf_counter() - started))
    return compare(targets.SEARCH, samples[_WARM_UP:])


def measure_embeddings(batches: Sequence[Sequence[str]], embedder: Embedder) -> Measurement:
    """Embeds each batch with the Embedder and with fastembed alone, in alternating order.

    Raises:
        EmbedderUnavailable: The model can't be loaded.
    """
    alone = _fastembed()

    def by_fastembed(texts: list[str]) -> object:
        return list(alone.embed(texts))

    ways: list[Callable[[list[str]], object]] = [embedder.embed, by_fastembed]
    speeds: list[list[float]] = [[], []]
    for way in ways:
        way([embedding_text(text) for text in batches[0][:8]])
    for number, batch in enumerate(batches):
        texts = [embedding_text(text) for text in batch]
        for which in (number % 2, 1 - number % 2):
            started = time.perf_counter()
            ways[which](texts)
            speeds[which].append(len(texts) / (time.perf_counter() - started))
    return compare(targets.EMBED, *speeds)


def _fastembed() -> "TextEmbedding":
    """Fastembed as its documentation uses it, with the files of the bundled model."""
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType

    known: list[dict[str, Any]] = TextEmbedding.list_supported_models()
    if all(facts["model"] != _FASTEMBED_NAME for facts in known):
        TextEmbedding.add_custom_model(
            _FASTEMBED_NAME,
            pooling=PoolingType.MEAN,
            normalization=True,
            sources=ModelSource(hf=BUNDLED_MODEL),
            dim=384,
            model_file="model.onnx",
        )
    directory = str(files("mcp_learning.embed") / "minilm")
    return TextEmbedding(_FASTEMBED_NAME, cache_dir=directory, specific_model_path=directory)

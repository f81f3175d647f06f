"""A database with many executions, quickly: real embeddings of some tasks, and others near them."""

from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import numpy as np

from mcp_learning.settings import Settings
from mcp_learning.synthetic.generator import make_runs, make_tasks
from mcp_learning.synthetic.loading import CHUNK, embed_tasks, opened

TASKS = 120
NOISE = 0.4


async def fill(data_dir: Path, count: int) -> None:
    """Adds `count` runs of `TASKS` tasks; each has a vector of its own near its task's."""
    tasks = make_tasks(TASKS, seed=1)
    runs = make_runs(tasks, count, seed=1, until=datetime.now(UTC))
    rng = np.random.default_rng(1)
    async with opened(Settings.load(data_dir=data_dir)) as (store, indexer):
        await indexer.load()
        texts = [task.description for task in tasks]
        known = await embed_tasks(indexer.embedder, texts, lambda *_: None)
        while chunk := list(islice(runs, CHUNK)):
            executions = [run.execution for run in chunk]
            vectors = known[[run.task for run in chunk]]
            width = vectors.shape[1]
            vectors = vectors + NOISE * rng.standard_normal(vectors.shape, np.float32) / width**0.5
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            vectors = np.asarray(vectors, np.float32)
            await store.insert_many(executions, vectors, indexer.embedder.fingerprint)
        await store.checkpoint()

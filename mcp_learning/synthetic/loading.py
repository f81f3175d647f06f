"""Inserts generated executions into a database in bulk, with their vectors."""

import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

import anyio
import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from mcp_learning.embed.embedder import Embedder
from mcp_learning.embed.recipe import embedding_text, passages
from mcp_learning.errors import IndexUnavailable
from mcp_learning.models.maintenance import EmbedMissing
from mcp_learning.models.results import Execution
from mcp_learning.models.transfer import LARGEST_PAGE, ImportBatch, PastExecution, PastValues
from mcp_learning.service.indexer import Indexer
from mcp_learning.service.protocol import Learning
from mcp_learning.settings import Settings
from mcp_learning.store import open_store
from mcp_learning.store.protocol import FileStore
from mcp_learning.synthetic.generator import (
    RUNS_PER_TASK,
    GeneratedTask,
    Run,
    make_runs,
    make_tasks,
)

CHUNK = 5_000  # executions inserted in one transaction
EMBED_CHUNK = 64  # texts embedded between two reports of progress

Progress = Callable[[str, int, int], None]
"""Called with the name of the current phase, how many items are done, and their total."""


@dataclass(frozen=True)
class Plan:
    """Arguments of `generator` for `count` executions in the period that ends now."""

    count: int
    seed: int = 1
    task_types: Sequence[str] = ()
    repos: Sequence[str] = ()

    def made(self) -> tuple[list[GeneratedTask], Iterator[Run]]:
        """The tasks, and their runs, oldest first; raises as `make_tasks`."""
        wanted = -(-self.count // RUNS_PER_TASK)
        tasks = make_tasks(wanted, seed=self.seed, task_types=self.task_types, repos=self.repos)
        return tasks, make_runs(tasks, self.count, seed=self.seed, until=datetime.now(UTC))


@dataclass(frozen=True)
class Filled:
    """Counts of executions inserted and already present, and of their tasks.

    Attributes:
        embed_seconds: Time to embed the tasks, without loading the model.
        insert_seconds: Time of the inserting transactions, including commits.
    """

    rows: int
    present: int
    tasks: int
    embed_seconds: float
    insert_seconds: float

    @property
    def rows_per_second(self) -> float:
        """Rate of the insertion alone."""
        return self.rows / self.insert_seconds if self.rows else 0.0


@asynccontextmanager
async def opened(
    settings: Settings, embedder: Embedder | None = None
) -> AsyncIterator[tuple[FileStore, Indexer]]:
    """The open store of `settings`, and an indexer that isn't loaded; closes both at the end."""
    store = open_store(settings)
    indexer = Indexer(settings, store, embedder)
    try:
        await store.open()
        yield store, indexer
    finally:
        with anyio.CancelScope(shield=True):
            await indexer.close()
            await store.close()


async def generate(settings: Settings, plan: Plan, *, embed: bool, progress: Progress) -> Filled:
    """Adds those generated executions to the database of `settings` that it doesn't have yet.

    Without `embed`, their vectors are left to the embedding queue.

    Raises:
        InvalidInput: A task type or a repository is too long.
        EmbedderUnavailable: The embedding model can't be loaded.
        IndexUnavailable: The stored vectors are from another model.
        StoreError: The database can't be written; complete chunks stay.
    """
    tasks, runs = plan.made()
    vectors, further, fingerprint, embed_seconds = None, None, "", 0.0
    insert_seconds, rows, seen = 0.0, 0, 0
    async with opened(settings) as (store, indexer):
        is_new = not (await store.health()).rows
        while chunk := list(islice(runs, CHUNK)):
            seen += len(chunk)
            new = chunk if is_new else await _unknown(store, chunk)
            if embed and new and vectors is None:
                await indexer.load()
                if indexer.reembed_due:
                    raise IndexUnavailable(f"{indexer.shortcoming}; or generate with --no-embed")
                started = time.perf_counter()
                texts = [task.description for task in tasks]
                vectors = await embed_tasks(indexer.embedder, texts, progress)
                further = await embed_passages(indexer.embedder, texts, progress)
                embed_seconds = time.perf_counter() - started
                fingerprint = indexer.embedder.fingerprint
            if new:
                insert_seconds += await insert(store, new, vectors, fingerprint, further)
                rows += len(new)
            progress("inserting", seen, plan.count)
        # The process may exit right after this. Closing doesn't wait for a long checkpoint, and
        # DuckDB aborts a process that exits during one.
        await store.checkpoint()
    return Filled(rows, plan.count - rows, len(tasks), embed_seconds, insert_seconds)


async def _unknown(store: FileStore, runs: Sequence[Run]) -> list[Run]:
    known = await store.updated([run.execution.task_id for run in runs])
    return [run for run in runs if run.execution.task_id not in known]


async def send(learning: Learning, plan: Plan, *, embed: bool, progress: Progress) -> Filled:
    """As `generate`, but through the service, for a database that a server has open.

    Raises:
        InvalidInput: A task type or a repository is too long.
        LearningError: The service can't store or embed them; complete batches stay.
    """
    tasks, runs = plan.made()
    started, created, sent = time.perf_counter(), 0, 0
    while batch := list(islice(runs, LARGEST_PAGE)):
        records = [_past(run.execution) for run in batch]
        stored = await learning.import_batch(ImportBatch.model_construct(records=records))
        created, sent = created + stored.created, sent + len(batch)
        progress("inserting", sent, plan.count)
    inserted = time.perf_counter()

    async def show(share: float, _message: str) -> None:
        progress("embedding", round(share * created), created)

    if embed and created:
        await learning.embed_missing(EmbedMissing(), show)
    embed_seconds = time.perf_counter() - inserted
    return Filled(created, plan.count - created, len(tasks), embed_seconds, inserted - started)


def _past(execution: Execution) -> PastExecution:
    values = execution.model_dump(exclude_none=True)
    moments = {name: values.pop(name) for name in ("recorded_at", "updated_at")}
    task_id = values.pop("task_id")
    known = PastValues.model_fields
    details = {name: values.pop(name) for name in list(values) if name not in known}
    told = PastValues.model_validate({**values, "details": details})
    return PastExecution(task_id=task_id, execution=told, **moments)


async def embed_tasks(
    embedder: Embedder, descriptions: Sequence[str], progress: Progress
) -> NDArray[np.float32]:
    """Embeds descriptions in a worker thread: (n, dimension) float32, L2-normalised."""
    parts = []
    for start in range(0, len(descriptions), EMBED_CHUNK):
        texts = [embedding_text(text) for text in descriptions[start : start + EMBED_CHUNK]]
        parts.append(await anyio.to_thread.run_sync(embedder.embed, texts))
        progress("embedding", start + len(texts), len(descriptions))
    return np.concatenate(parts)


async def embed_passages(
    embedder: Embedder, descriptions: Sequence[str], progress: Progress
) -> dict[int, NDArray[np.float32]]:
    """Embeds the further passages of long descriptions: (k, dimension) float32, by their index."""
    found = {}
    several = {n: texts for n, one in enumerate(descriptions) if (texts := passages(one)[1:])}
    for done, (place, texts) in enumerate(several.items(), 1):
        found[place] = await anyio.to_thread.run_sync(embedder.embed, texts)
        progress("embedding passages", done, len(several))
    return found


async def insert(
    store: FileStore,
    runs: Iterable[Run],
    vectors: NDArray[np.float32] | None,
    fingerprint: str,
    further: Mapping[int, NDArray[np.float32]] | None = None,
) -> float:
    """Inserts new runs in one transaction; returns how many seconds this took.

    Args:
        store: The store, open.
        runs: Executions that it doesn't have yet.
        vectors: Vectors of all tasks, (tasks, dimension) float32; None leaves them to the queue.
        fingerprint: Of the model that made the vectors.
        further: Vectors of further passages, (k, dimension) float32, by the index of the task.
    """
    batch = list(runs)
    executions = [run.execution for run in batch]
    chosen = None if vectors is None else vectors[[run.task for run in batch]]
    known = further or {}
    some = {run.execution.task_id: known[run.task] for run in batch if run.task in known}
    started = time.perf_counter()
    await store.insert_many(executions, chosen, fingerprint, some)
    return time.perf_counter() - started

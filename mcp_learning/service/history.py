"""A user's own executions for an evaluation, from whoever has the database open."""

from base64 import b64decode, b64encode

from mcp_learning.models.dashboard import History, HistoryEntry, ListHistory
from mcp_learning.models.requests import Dimension
from mcp_learning.service.protocol import Learning
from mcp_learning.store.past_run import PastRun

PAGE = 250


async def latest(service: Learning, by: Dimension, most: int) -> tuple[float, list[HistoryEntry]]:
    """`Embedder.floor` of the model, and the latest executions, oldest first.

    Args:
        service: Of the database.
        by: What their labels are.
        most: How many at most, up to a page more.

    Raises:
        EmbedderUnavailable: The embedding model can't be loaded.
        StoreError: The database can't be read.
    """
    pages: list[History] = []
    while len(pages) * PAGE < most:
        asked = ListHistory(by=by, limit=PAGE, offset=len(pages) * PAGE, complete=True)
        pages.append(await service.history(asked))
        if len(pages[-1].executions) < PAGE:
            break
    return pages[0].noise, [one for page in reversed(pages) for one in page.executions]


def packed(run: PastRun) -> HistoryEntry:
    """An execution in the form that processes exchange."""
    vector = b"" if run.vector is None else run.vector.astype("<f4").tobytes()
    return HistoryEntry(
        recorded_at=run.recorded_at,
        updated_at=run.updated_at,
        task_key=run.task_key,
        repo=run.repo,
        task_type=run.task_type,
        label=run.label,
        success=run.success,
        texts=list(run.texts),
        vector=b64encode(vector).decode(),
        votes=list(run.votes),
        propensity=run.propensity,
        confidence=run.confidence,
        observed=run.observed,
    )


def unpacked(entry: HistoryEntry) -> PastRun:
    """The same as a replay takes it."""
    import numpy as np  # a server that only answers `history` starts without it

    return PastRun(
        recorded_at=entry.recorded_at,
        updated_at=entry.updated_at,
        task_key=entry.task_key,
        repo=entry.repo,
        task_type=entry.task_type,
        label=entry.label,
        success=entry.success,
        texts=tuple(entry.texts),
        vector=np.frombuffer(b64decode(entry.vector), "<f4") if entry.vector else None,
        votes=tuple(entry.votes),
        propensity=entry.propensity,
        confidence=entry.confidence,
        observed=entry.observed,
    )

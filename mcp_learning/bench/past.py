"""A user's own executions for an evaluation, from whoever has the database open."""

from base64 import b64decode

import numpy as np

from mcp_learning.models.dashboard import EndedExecution, History, ListHistory
from mcp_learning.models.requests import Dimension
from mcp_learning.service.protocol import Learning
from mcp_learning.store.types import EndedRun

PAGE = 250


async def latest(service: Learning, by: Dimension, most: int) -> tuple[float, list[EndedExecution]]:
    """`Embedder.floor` of the model, and the latest ended executions, oldest first.

    Args:
        service: Of the database.
        by: What they have to name.
        most: How many at most, up to a page more.

    Raises:
        EmbedderUnavailable: The embedding model can't be loaded.
        StoreError: The database can't be read.
    """
    pages: list[History] = []
    while len(pages) * PAGE < most:
        asked = ListHistory(by=by, limit=PAGE, offset=len(pages) * PAGE)
        pages.append(await service.history(asked))
        if len(pages[-1].executions) < PAGE:
            break
    return pages[0].noise, [one for page in reversed(pages) for one in page.executions]


def unpacked(executions: list[EndedExecution]) -> list[EndedRun]:
    """The same as a replay takes them."""
    return [
        EndedRun(
            recorded_at=one.recorded_at,
            updated_at=one.updated_at,
            task_key=one.task_key,
            repo=one.repo,
            task_type=one.task_type,
            label=one.label,
            success=one.success,
            texts=tuple(one.texts),
            vector=np.frombuffer(b64decode(one.vector), "<f4"),
        )
        for one in executions
    ]

"""Computes missing vectors of a database that is in use."""

import time
from typing import TYPE_CHECKING

from mcp_learning.errors import IndexUnavailable
from mcp_learning.models.maintenance import EmbedMissing, EmbedReport
from mcp_learning.models.wording import counted
from mcp_learning.service.protocol import Progress
from mcp_learning.store.protocol import Store

if TYPE_CHECKING:
    from mcp_learning.service.indexer import Indexer

STEP = 128  # vectors computed between two reports of progress: about a second


async def embed_missing(
    store: Store, indexer: "Indexer", request: EmbedMissing, progress: Progress
) -> EmbedReport:
    """Computes missing vectors, oldest change first.

    A call after an interrupted one continues where that stopped.

    Raises:
        IndexUnavailable: The stored vectors are of another model, or executions got no vector.
        EmbedderUnavailable: The model can't be loaded.
    """
    started = time.monotonic()
    await indexer.load()
    if indexer.reembed_due:
        raise IndexUnavailable(indexer.shortcoming or "a re-embed is due")
    unembedded = (await store.vector_state()).unembedded
    wanted = unembedded if request.limit is None else min(request.limit, unembedded)
    done = 0
    while done < wanted:
        rows = await store.unembedded(min(STEP, wanted - done))
        if not rows:
            break  # the indexer's own task has embedded them meanwhile
        last = rows[-1].sequence
        await indexer.embed(last)
        if missing := [row for row in await store.unembedded(STEP) if row.sequence <= last]:
            raise IndexUnavailable(
                f"{counted(len(missing), 'execution')} got no vector; run the command again"
            )
        done += len(rows)
        await progress(done / wanted, f"embedded {done} of {wanted}")
    return EmbedReport(
        embedded=done,
        pending=(await store.vector_state()).unembedded,
        seconds=round(time.monotonic() - started, 3),
        model=indexer.embedder.fingerprint,
    )

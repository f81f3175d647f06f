"""Maintenance of a database that is in use: backups, and missing vectors."""

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_learning.errors import IndexUnavailable
from mcp_learning.models.maintenance import Backup, BackupReport, EmbedMissing, EmbedReport
from mcp_learning.models.wording import counted
from mcp_learning.store.file_maintenance import FileMaintenance
from mcp_learning.store.protocol import Store

if TYPE_CHECKING:
    from mcp_learning.service.indexer import Indexer

STEP = 128  # vectors computed between two reports of progress: about a second


async def embed_missing(
    store: Store,
    indexer: "Indexer",
    request: EmbedMissing,
    progress: Callable[[float, str], Awaitable[None]],
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


async def backup(store: FileMaintenance, request: Backup) -> BackupReport:
    """Writes a copy of the whole database as of one moment, reads it back and compares.

    Reads and writes go on meanwhile. The file appears, or replaces an existing one, when it is
    complete.

    Raises:
        InvalidInput: The target is the database itself.
        StoreError: It can't be written, or the database can't be read.
    """
    started = time.monotonic()
    copied = await store.backup(Path(request.path))
    seconds = round(time.monotonic() - started, 3)
    return BackupReport(**copied._asdict() | {"path": str(copied.path)}, seconds=seconds)

"""Keeping a database that is in use: backups of it, and vectors that it lacks."""

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_learning.errors import IndexUnavailable, InvalidInput, StoreError
from mcp_learning.models.maintenance import Backup, BackupReport, EmbedMissing, EmbedReport
from mcp_learning.store.duckdb import copies, embeddings
from mcp_learning.store.duckdb.connection import Cursor, Database
from mcp_learning.store.duckdb.files import discard, put_in_place, wal_of

if TYPE_CHECKING:
    from mcp_learning.service.indexer import Indexer

STEP = 128
"""Vectors made between two reports of progress: about a second."""


async def embed_missing(
    database: Database,
    indexer: "Indexer",
    request: EmbedMissing,
    progress: Callable[[float, str], Awaitable[None]],
) -> EmbedReport:
    """Makes vectors for executions without one, oldest change first.

    Made again, or after a kill, it goes on where it was.

    Raises:
        IndexUnavailable: The stored vectors are of another model.
        EmbedderUnavailable: The model can't be loaded.
    """
    started = time.monotonic()
    await indexer.load()
    if indexer.reembed_due:
        raise IndexUnavailable(indexer.shortcoming or "a re-embed is due")
    waiting = await database.read(embeddings.count_pending)
    wanted = waiting if request.limit is None else min(request.limit, waiting)
    done = 0
    while done < wanted:
        step = min(STEP, wanted - done)
        rows = await database.read(lambda cursor, step=step: embeddings.pending(cursor, step))  # type: ignore[misc]
        if not rows:
            break  # the leader has made them meanwhile
        await indexer.embed(rows[-1].sequence)
        done += len(rows)
        await progress(done / wanted, f"embedded {done} of {wanted}")
    return EmbedReport(
        embedded=done,
        pending=await database.read(embeddings.count_pending),
        seconds=round(time.monotonic() - started, 3),
        model=indexer.embedder.fingerprint,
    )


async def backup(database: Database, request: Backup) -> BackupReport:
    """Writes a copy of the whole database as of one moment, reads it back and compares.

    Others read and write meanwhile. The file appears when it is complete; one that was there is
    replaced then.

    Raises:
        InvalidInput: It would take the place of the database itself.
        StoreError: It can't be written, or the database can't be read.
    """
    started = time.monotonic()
    target = Path(request.path)
    taken = {database.path, wal_of(database.path)}

    def make(cursor: Cursor) -> tuple[copies.Contents, int]:
        writing = target.with_name(f"{target.name}.writing")
        if target.resolve() in {file.resolve() for file in taken}:
            raise InvalidInput("FILE", f"{target} is the database itself; name another file")
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            held = copies.copy(cursor, writing)
            put_in_place(writing, target)
        except OSError as error:
            discard(writing)
            raise StoreError(
                f"the backup {target} can't be written ({error.strerror}); name another place"
            ) from error
        return held, target.stat().st_size

    held, size = await database.read(make)
    return BackupReport(
        path=str(target),
        bytes=size,
        schema_version=held.version,
        rows=held.counts,
        seconds=round(time.monotonic() - started, 3),
    )

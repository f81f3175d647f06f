"""Keeping a database that is in use: backups of it."""

import time
from pathlib import Path

from mcp_learning.errors import StoreError
from mcp_learning.models.keeping import Backup, BackupReport
from mcp_learning.store import copies
from mcp_learning.store.duckdb import Cursor, Database
from mcp_learning.store.files import discard, put_in_place


async def backup(database: Database, request: Backup) -> BackupReport:
    """Writes a copy of the whole database as of one moment, reads it back and compares.

    Others read and write meanwhile. The file appears when it is complete; one that was there is
    replaced then.

    Raises:
        StoreError: It can't be written, or the database can't be read.
    """
    started = time.monotonic()
    target = Path(request.path)

    def make(cursor: Cursor) -> tuple[copies.Contents, int]:
        writing = target.with_name(f"{target.name}.writing")
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

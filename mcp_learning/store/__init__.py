"""Persistent storage of executions and everything recorded about them, behind one protocol.

`open_store` opens the store of the settings. The rest of the package uses `protocol.Store`, and for
a store that is one file `file_maintenance.FileMaintenance`; `types` has the values that both take
and return. `duckdb` implements them on one DuckDB file, opened by one process. Maintenance of whole
files without a store is in functions of paths: `duckdb.files`, `duckdb.backups`,
`duckdb.copies.examine`, `duckdb.inspection`, `duckdb.upgrade`, `duckdb.legacy`, `duckdb.salvage`.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # processes that build an index import this room, and need no settings
    from mcp_learning.settings import Settings
    from mcp_learning.store.protocol import FileStore

__all__ = ["open_store"]


def open_store(settings: "Settings", path: Path | None = None) -> "FileStore":
    """The store of the settings, or of the file at `path`; its first use opens and migrates it."""
    # Followers import this room and never open a store, so the implementation is imported here.
    from mcp_learning.store.duckdb.store import open_store

    return open_store(settings, path)

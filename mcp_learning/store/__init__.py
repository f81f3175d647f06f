"""The truth: executions and everything recorded about them, behind one protocol.

`open_store` makes the store of some settings. `protocol.Store` is what the rest of the package
asks, and `file_maintenance.FileMaintenance` what a store that is one file offers besides; `types`
has the values that both take and return. `duckdb` implements them on one DuckDB file, opened by one
process. What works on whole files, without a store, are functions from paths to values:
`duckdb.files`, `duckdb.backups`, `duckdb.copies.examine`, `duckdb.inspection`, `duckdb.upgrade`,
`duckdb.legacy` and `duckdb.salvage`.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # processes that build an index import this room, and need no settings
    from mcp_learning.settings import Settings
    from mcp_learning.store.protocol import FileStore

__all__ = ["open_store"]


def open_store(settings: "Settings", path: Path | None = None) -> "FileStore":
    """The store of these settings, or of another file; opened later, and then migrated."""
    # Followers import this room and never open a store, so the implementation is imported here.
    from mcp_learning.store.duckdb.store import open_store

    return open_store(settings, path)

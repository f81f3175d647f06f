"""Loads DuckDB's VSS extension: from the pinned wheel, an installed one, or a download."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_learning.errors import IndexUnavailable

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Connection

_NO_AUTOLOAD: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
_MIN_MEMORY = 256 * 2**20

TABLE_CACHE = 512 * 2**20
"""Bytes of an index's table that stay in memory; at a million rows the table has 2.4 GB."""


def bundled_extension() -> Path | None:
    """The extension file of the duckdb-extension-vss wheel, if its version is DuckDB's own."""
    import duckdb

    spec = find_spec("duckdb_extension_vss")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        file = Path(folder) / "extensions" / f"v{duckdb.__version__}" / "vss.duckdb_extension"
        if file.is_file():
            return file
    return None


def connect(path: Path, *, read_only: bool = False) -> "Connection":
    """Opens `path` in a separate DuckDB instance and loads VSS into it.

    Raises:
        IndexUnavailable: VSS can't be loaded, or the file can't be opened.
    """
    import duckdb

    config = _NO_AUTOLOAD | (_reader(path) if read_only else {})
    try:
        connection = duckdb.connect(str(path), read_only=read_only, config=config)
    except duckdb.Error as error:
        raise IndexUnavailable(f"the index file {path.name} can't be opened") from error
    try:
        load(connection)
    except IndexUnavailable:
        connection.close()
        raise
    return connection


def _reader(path: Path) -> dict[str, str | bool | int | float | list[str]]:
    """Configuration of an instance that only reads an index: its memory limit is the file's size.

    With less than two fifths of that, every search fails (measured at a million rows, 4.1 GB: 1 GiB
    is too little, 2 GiB is enough). The graph takes half the file's size besides. `bound_memory`
    lowers the limit after the first search.
    """
    size = path.stat().st_size if path.exists() else 0
    return {"memory_limit": f"{max(size, _MIN_MEMORY)}B", "threads": "1"}


def bound_memory(connection: "Connection", table_cache: int) -> None:
    """Limits the memory of an instance to the graph of its index and a part of its table.

    Args:
        connection: A connection from `connect` whose index has been searched.
        table_cache: Bytes of the table that may stay in memory.

    Raises:
        duckdb.Error: The index failed.
    """
    query = "SELECT memory_usage_bytes FROM duckdb_memory() WHERE tag = 'ART_INDEX'"
    (graph,) = connection.execute(query).fetchone() or (0,)
    connection.execute(f"SET memory_limit = '{graph + table_cache:d}B'")


def load(connection: "Connection") -> str:
    """Loads VSS into the instance of `connection`; returns where it came from.

    Raises:
        IndexUnavailable: No copy fits this DuckDB, and none can be downloaded.
    """
    import duckdb

    sources = {"an installed extension": "LOAD vss", "a download": "INSTALL vss; LOAD vss"}
    if file := bundled_extension():
        quoted = str(file).replace("'", "''")
        sources = {"the duckdb-extension-vss package": f"LOAD '{quoted}'", **sources}
    cause: duckdb.Error | None = None
    for source, statement in sources.items():
        try:
            connection.execute(statement)
        except duckdb.Error as error:
            cause = cause or error
        else:
            return source
    raise IndexUnavailable(
        "DuckDB's vss extension can't be loaded; exact search goes on. To fix it: "
        f"pip install duckdb-extension-vss=={duckdb.__version__}"
    ) from cause

"""Loading DuckDB's VSS extension: the pinned wheel's copy, an installed one, or a download."""

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
_LEAST_MEMORY = 256 * 2**20

_TABLE_CACHE = 512 * 2**20
"""Bytes of its table that an index keeps in memory; there are 2.4 GB at a million rows."""


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
    """Opens a DuckDB instance of its own on `path`, with VSS loaded.

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
    """For an index that is only read: as much memory as it has bytes, until `bound_memory`.

    Two fifths of them have to fit, or every search fails (at a million rows, 4.1 GB: 1 GiB is too
    little, 2 GiB is enough). The graph that VSS builds from them, half as much, comes on top.
    """
    size = path.stat().st_size if path.exists() else 0
    return {"memory_limit": f"{max(size, _LEAST_MEMORY)}B", "threads": "1"}


def bound_memory(connection: "Connection") -> None:
    """Lets an index that is read keep its graph, and `_TABLE_CACHE` of its table, in memory.

    Raises:
        duckdb.Error: The index failed.
    """
    query = "SELECT memory_usage_bytes FROM duckdb_memory() WHERE tag = 'ART_INDEX'"
    (graph,) = connection.execute(query).fetchone() or (0,)
    connection.execute(f"SET memory_limit = '{graph + _TABLE_CACHE:d}B'")


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
        "DuckDB's vss extension can't be loaded; exact search goes on. To mend it: "
        f"pip install duckdb-extension-vss=={duckdb.__version__}"
    ) from cause

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
# The graph is outside this memory. Of the table, a search reads the versions of what it found.
_READER: dict[str, str | bool | int | float | list[str]] = {
    "memory_limit": "256MiB",
    "threads": "1",
}


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

    config = _NO_AUTOLOAD | (_READER if read_only else {})
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

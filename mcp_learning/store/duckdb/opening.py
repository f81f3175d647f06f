"""Opens database files: DuckDB's configuration, checks of the file, messages for its errors."""

import logging
import re
import sys
from contextlib import closing, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from mcp_learning.errors import (
    LearningError,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreTooNew,
)
from mcp_learning.store.duckdb.files import finish_replacement
from mcp_learning.store.duckdb.paths import database_name

if TYPE_CHECKING:
    from importlib.abc import MetaPathFinder

    import duckdb

    Cursor = duckdb.DuckDBPyConnection
else:  # imported on the writer thread, so that the server can answer before DuckDB is loaded
    Cursor = Any

logger = logging.getLogger(__name__)

_OPTIONAL = ("pandas", "pyarrow")


def connect(path: Path | None, memory_limit_mb: int = 256, *, read_only: bool = False) -> Cursor:
    """Opens a database file as it is, or one in memory; blocks.

    Args:
        path: The file; None: in memory.
        memory_limit_mb: DuckDB's buffer memory, in MB (2^20 bytes).
        read_only: Another process may read it, too, and nothing is changed.

    Raises:
        StoreError: It can't be opened. Of a damaged one nothing was changed.
    """
    import duckdb

    try:
        return raw_connection(path, memory_limit_mb, read_only=read_only)
    except duckdb.Error as error:
        raise _explain_open(path or Path(":memory:"), str(error), read_only) from error


def raw_connection(
    path: Path | None, memory_limit_mb: int, *, read_only: bool = False, is_foreign: bool = False
) -> Cursor:
    """As `connect`, but raises DuckDB's errors; `is_foreign` disables access to other files."""
    import duckdb

    _note_missing_modules()
    return duckdb.connect(
        ":memory:" if path is None else database_name(path),
        read_only=read_only,
        config={
            "memory_limit": f"{memory_limit_mb}MiB",
            # Queries read some rows of one row group. Several threads take longer than one: the
            # queries of a search 1.6 ms instead of 1.1 ms.
            "threads": "1",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "storage_compatibility_version": "v1.0.0",
            **({"enable_external_access": "false"} if is_foreign else {}),
        },
    )


def drop_blocks(cursor: Cursor, memory_limit_mb: int) -> None:
    """Drops the blocks of files that an instance keeps in memory, as far as none is in use.

    DuckDB keeps blocks until its memory is full, and has no statement that drops them. A lower
    limit, which is set here for a moment, drops them and gives the memory back to the system.
    Meanwhile there is no directory for temporary files, so that rows which are in the log only
    aren't written to one. If a query has used that directory, nothing is dropped.

    Args:
        cursor: Of an instance that executes nothing else; what it executes would lack memory.
        memory_limit_mb: Its limit, in MB (2^20 bytes); DuckDB tells it in rounded form.
    """
    import duckdb

    ((directory,),) = cursor.execute("SELECT current_setting('temp_directory')").fetchall()
    try:
        cursor.execute("SET temp_directory = ''")
    except duckdb.NotSupportedError:
        return
    try:
        with suppress(duckdb.OutOfMemoryException):  # raised after dropping all that it can
            cursor.execute("SET memory_limit = '1MiB'")
    finally:
        cursor.execute("SET memory_limit = ?", [f"{memory_limit_mb}MiB"])
        cursor.execute("SET temp_directory = ?", [directory])


@cache
def _note_missing_modules() -> None:
    """Makes imports of pandas and pyarrow fail immediately where they are not installed.

    DuckDB's client tries to import pandas twice for every statement with bound values, and pyarrow
    twice for every registered table. Searching the path takes 0.4 ms of a query of 1 ms. None in
    `sys.modules` would be as fast, but DuckDB would take it for the module pyarrow.
    """
    missing = {one for one in _OPTIONAL if one not in sys.modules and find_spec(one) is None}

    def refuse(name: str, *_: object) -> None:
        if name in missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    if missing:
        sys.meta_path.insert(0, cast("MetaPathFinder", SimpleNamespace(find_spec=refuse)))


def open_file(path: Path, memory_limit_mb: int) -> Cursor:
    """Opens a database for `Database`: makes it private, and refuses a truncated file.

    Raises:
        StoreError: It can't be opened. Of a damaged one nothing was changed.
    """
    finish_replacement(path)
    is_new = not path.exists()
    try:
        root = connect(path, memory_limit_mb)
    except StoreFull:
        if is_new:
            path.unlink(missing_ok=True)  # a header cut short, which would pass for damage later
        raise
    with suppress(OSError):  # a file system without modes: the directory's rights have to do
        path.chmod(0o600)
    refuse_truncated(root, path)
    return root


def refuse_truncated(root: Cursor, path: Path) -> None:
    """Closes a database whose file is truncated.

    Such a file opens, and only fails (or returns wrong values) when the lost blocks are read.
    DuckDB itself truncates free blocks at the end, but still counts them.

    Raises:
        StoreDamaged: It is truncated.
    """
    import duckdb

    with closing(root.cursor()) as cursor:
        row = cursor.execute("PRAGMA database_size").fetchone()
        if row is None:
            return
        block_size, total, free = int(row[2]), int(row[3]), int(row[5])
        header = 3 * 4096  # DuckDB's main header and its two alternating database headers
        present = (path.stat().st_size - header) // block_size
        with suppress(duckdb.Error):  # the metadata itself is in a lost block
            if present >= total or (total - present <= free and _last_block(cursor) < present):
                return
    root.close()
    raise StoreDamaged(
        f"{path} is cut short; it was left untouched: run `mcp-learning recover` to save what can "
        "be saved, or `mcp-learning restore` with a backup"
    )


def _last_block(cursor: Cursor) -> int:
    """Highest number of a block that holds metadata or a table's data; -1 without any."""
    last = [cursor.execute("SELECT max(block_id) FROM pragma_metadata_info()").fetchone()]
    filled = "SELECT table_name FROM duckdb_tables() WHERE estimated_size > 0"
    for (table,) in cursor.execute(filled).fetchall():  # each takes 0.7 ms, and most are empty
        last.append(
            cursor.execute(
                "SELECT max(greatest(block_id, list_max(additional_block_ids))) "
                "FROM pragma_storage_info(?)",
                [table],
            ).fetchone()
        )
    return max((int(row[0]) for row in last if row and row[0] is not None), default=-1)


def lock_holder(text: str) -> str:
    """The process that holds DuckDB's lock, from an error's text; "" for other errors."""
    if "Could not set lock" not in text and "being used by another process" not in text:
        return ""
    holder = re.search(r"PID (\d+)", text)
    return f"process {holder[1]}" if holder else "another process"


def _explain_open(path: Path, text: str, read_only: bool) -> StoreError:
    if who := lock_holder(text):
        return StoreLocked(
            f"{path} is in use by {who}; close that agent's server, or give this one another "
            "directory with MCP_LEARNING_DATA_DIR"
        )
    if "Permission denied" in text and read_only:
        return StoreError(f"{path} can't be read; change its permissions")
    if "Permission denied" in text or "Read-only file system" in text:
        return StoreError(
            f"{path} can't be written; change its permissions, or set MCP_LEARNING_DATA_DIR to a "
            "directory that you may write to"
        )
    if "No space left" in text or "File too large" in text:
        return no_room(path)
    if "we can only read versions between" in text or "newer version of DuckDB" in text:
        return StoreTooNew(f"{path} was written by a newer DuckDB; update mcp-learning to open it")
    if "Is a directory" in text or "Not a directory" in text:
        return StoreError(
            f"{path} is not a file in a directory; set MCP_LEARNING_DATA_DIR to another"
        )
    logger.error("can't open %s: %s", path, text)
    return StoreDamaged(
        f"{path} is damaged or not a DuckDB database; it was left untouched: run `mcp-learning "
        "recover` to save what can be saved, or `mcp-learning restore` with a backup"
    )


def no_room(path: Path) -> StoreFull:
    """The error of a disk without room for a file."""
    return StoreFull(f"no room left on the disk of {path}; free some space, then repeat the call")


def read_error(path: Path, error: Exception) -> StoreError:
    """The error to raise for one of DuckDB's that came while a file was read or copied."""
    import duckdb

    logger.error("database error on %s: %s: %s", path, type(error).__name__, error)
    if is_full(error):
        return StoreFull(f"no room left on the disk for a copy of {path}; free some space")
    if isinstance(error, (duckdb.IOException, duckdb.FatalException, duckdb.InternalException)):
        return StoreDamaged(f"not all of {path} can be read; `mcp-learning recover` saves the rest")
    return StoreError(f"{path} can't be read ({type(error).__name__}); the log has the details")


def store_error(path: Path, error: Exception) -> Exception:
    """The error to raise for one that came while an open database was used; logs the original."""
    import duckdb

    if isinstance(error, LearningError) or not isinstance(error, duckdb.Error):
        return error
    text = str(error)
    logger.error("database error on %s: %s: %s", path, type(error).__name__, text)
    if is_full(error):
        return StoreFull(
            f"no room left on the disk of {path}; nothing was written: free some space, then "
            "repeat the call"
        )
    if isinstance(error, duckdb.SerializationException) or "Corrupt database" in text:
        return StoreDamaged(
            f"{path} is damaged, and not all of it can be read: run `mcp-learning recover` to save "
            "the rest, or `mcp-learning restore` with a backup"
        )
    if isinstance(error, duckdb.IOException):
        return StoreError(
            f"{path} could not be read or written; run `mcp-learning doctor` to see why"
        )
    return StoreError(
        f"the database refused this operation ({type(error).__name__}); nothing was written: the "
        "server's log on stderr has the details"
    )


def is_fatal(error: Exception) -> bool:
    """Whether the instance of DuckDB that raised an error has to be closed."""
    import duckdb

    return isinstance(error, (duckdb.FatalException, duckdb.InternalException))


def is_committed(error: BaseException) -> bool:
    """Whether a COMMIT that raised an error has stored its transaction nevertheless."""
    return "COMMIT succeeded and is durable" in str(error)


def is_full(error: Exception) -> bool:
    """Whether an error of DuckDB says that the disk has no room left."""
    return bool(re.search(r"No space left|File too large|disk.*full", str(error), re.IGNORECASE))

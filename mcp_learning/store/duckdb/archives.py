"""Archives of executions that are removed from the database, as plain Parquet files.

A file holds the columns of `executions`, and as lists for each execution its feedback, the
executions that it used, and those that used it. Vectors and error texts are left out, since they
are computed again.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from mcp_learning.errors import StoreDamaged, StoreError, StoreFull
from mcp_learning.models.maintenance import UnarchiveReport
from mcp_learning.store.duckdb import embeddings, normal_forms, verdicts
from mcp_learning.store.duckdb.bound_lists import UUIDS, joined
from mcp_learning.store.duckdb.columns import COLUMN_TYPES, FEEDBACK_TYPES
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.executions import naive_utc
from mcp_learning.store.duckdb.files import rename_durably
from mcp_learning.store.duckdb.opening import is_full
from mcp_learning.store.duckdb.outbox import Outbox
from mcp_learning.store.duckdb.paths import file_literal, pattern_literal
from mcp_learning.store.duckdb.queries import column, number, selected
from mcp_learning.store.types import Expired

_FORMAT = "1"  # of the files, under the key `mcp_learning_archive` of their metadata
_ROW_BYTES = 400  # of a row in the database besides texts and vector, with its feedback and uses
_FILE_BYTES = 2**20  # of a database besides its rows: blocks that are not full

_TEXTS = [name for name, kind in COLUMN_TYPES.items() if kind in ("VARCHAR", "JSON")]

_FEEDBACK = {name: kind for name, kind in FEEDBACK_TYPES.items() if name != "task_id"}
_ARCHIVED = f"""
SELECT x.* EXCLUDE (error_text),
    (SELECT list({{{", ".join(f"'{name}': f.{name}" for name in _FEEDBACK)}}}
        ORDER BY f.submitted_at, f.feedback_id) FROM feedback f WHERE f.task_id = x.task_id
    ) AS feedback,
    (SELECT list({{'task_id': u.used_task_id, 'recorded_at': u.recorded_at}}
        ORDER BY u.used_task_id) FROM uses u WHERE u.task_id = x.task_id) AS used,
    (SELECT list({{'task_id': u.task_id, 'recorded_at': u.recorded_at}} ORDER BY u.task_id)
        FROM uses u WHERE u.used_task_id = x.task_id) AS used_by
FROM executions x SEMI JOIN leaving USING (task_id)
"""


def expired(cursor: Cursor, before: datetime | None, max_bytes: int | None) -> Expired:
    """As `FileMaintenance.expired`: older executions, and the oldest of the rest over `max_bytes`.

    Sizes are estimated from texts and vectors, so that they don't depend on free space in the file:
    a rewritten file is at most about as large.
    """
    texts = " + ".join(f"coalesce(strlen({name}::VARCHAR), 0)" for name in _TEXTS)
    width = 4 * embeddings.dimension(cursor) + _ROW_BYTES
    rows = cursor.execute(
        "SELECT task_id, timestamp FROM (SELECT task_id, timestamp, "
        f"sum({texts} + {width:d}) OVER (ORDER BY timestamp DESC, task_id DESC) AS total "
        "FROM executions) WHERE timestamp < coalesce(?, '-infinity'::TIMESTAMP) OR total > ? "
        "ORDER BY timestamp, task_id",
        [before and naive_utc(before), 2**62 if max_bytes is None else max_bytes - _FILE_BYTES],
    ).fetchall()
    if not rows:
        return Expired([], None, None)
    oldest, newest = (row[1].replace(tzinfo=UTC) for row in (rows[0], rows[-1]))
    return Expired([row[0] for row in rows], oldest, newest)


def write(cursor: Cursor, task_ids: Sequence[UUID], target: Path) -> None:
    """Writes executions to a new file, reads it back and compares.

    The file is durable on return; its directory is made if absent. Call it in the transaction that
    deletes the executions.

    Raises:
        StoreDamaged: The file holds something else.
        StoreError: It can't be written.
    """
    import duckdb

    writing = target.with_name(f"{target.name}.writing")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"{target.parent} can't be made ({error.strerror}); name another archive directory"
        ) from error
    cursor.execute(
        f"CREATE OR REPLACE TEMP TABLE leaving AS SELECT unnest({UUIDS}) AS task_id",
        [joined(task_ids)],
    )
    try:
        writing.unlink(missing_ok=True)
        writing.touch(mode=0o600)
        cursor.execute(
            f"COPY ({_ARCHIVED}) TO {file_literal(writing)} (FORMAT parquet, COMPRESSION zstd, "
            "USE_TMP_FILE false, "
            f"KV_METADATA {{mcp_learning_archive: '{_FORMAT}'}})"
        )
        if _digest(cursor, _ARCHIVED) != _digest(cursor, f"FROM {_parquet(writing)}"):
            raise StoreDamaged(f"the archive {writing} differs from the data; check the disk")
        rename_durably(writing, target)
    except (OSError, duckdb.IOException) as error:
        if is_full(error):
            raise StoreFull(
                f"no room left on the disk of {target}; nothing was forgotten: free some space, or "
                "name another directory for the archive"
            ) from error
        raise StoreError(
            f"the archive {target} can't be written; nothing was forgotten: name another directory"
        ) from error
    finally:
        writing.unlink(missing_ok=True)


def read(cursor: Cursor, source: Path, outbox: Outbox) -> UnarchiveReport:
    """Adds the executions of an archive that are not in the database, with their feedback and uses.

    Links to executions that are not here are left out. Call it in a transaction, to which it adds
    the entries in the outbox.

    Raises:
        StoreError: The file is no archive, or can't be read.
    """
    columns = _columns(cursor, source)
    total = number(cursor, f"SELECT count(*) FROM {_parquet(source)}")
    given = {name: f"a.{name}::{kind}" for name, kind in COLUMN_TYPES.items() if name in columns}
    cursor.execute(
        f"CREATE OR REPLACE TEMP TABLE arriving AS SELECT DISTINCT ON (a.task_id) a.* "
        f"FROM {_parquet(source)} a ANTI JOIN executions x ON x.task_id = a.task_id::UUID"
    )
    cursor.execute(
        f"INSERT INTO executions BY NAME SELECT {selected(given)}, "
        "nextval('execution_sequence') AS sequence FROM (FROM arriving ORDER BY sequence) a"
    )
    said = selected({name: f"f.{name}::{kind}" for name, kind in _FEEDBACK.items()})
    feedback = number(
        cursor,
        f"INSERT OR IGNORE INTO feedback BY NAME SELECT task_id::UUID AS task_id, {said} "
        "FROM (SELECT task_id, unnest(feedback) AS f FROM arriving)",
    )
    for links, ids in (
        ("used", "task_id::UUID, u.task_id::UUID"),
        ("used_by", "u.task_id::UUID, task_id::UUID"),
    ):
        cursor.execute(
            f"INSERT OR IGNORE INTO uses SELECT {ids}, u.recorded_at::TIMESTAMP "
            f"FROM (SELECT task_id, unnest({links}) AS u FROM arriving) "
            "SEMI JOIN executions x ON x.task_id = u.task_id::UUID"
        )
    normal_forms.normalise(cursor)
    verdicts.add_missing(cursor)
    added = column(cursor, "SELECT task_id::UUID FROM arriving")
    outbox.unarchived(cursor, added)
    present = total - len(added)
    return UnarchiveReport(files=1, executions=len(added), present=present, feedback=feedback)


def _columns(cursor: Cursor, source: Path) -> set[str]:
    import duckdb

    try:
        found = cursor.execute(
            f"SELECT value FROM parquet_kv_metadata({pattern_literal(source)}) "
            "WHERE key = 'mcp_learning_archive'"
        ).fetchone()
        described = cursor.execute(f"DESCRIBE FROM {_parquet(source)}").fetchall()
    except duckdb.Error as error:
        raise StoreError(f"{source} can't be read as a Parquet file") from error
    if found is None or bytes(found[0]).decode() != _FORMAT:
        raise StoreError(
            f"{source} is not an archive written by `mcp-learning prune`; "
            "`mcp-learning import parquet` reads an export"
        )
    return {row[0] for row in described}


def _digest(cursor: Cursor, query: str) -> object:
    return cursor.execute(f"SELECT count(*), sum(hash(t)::HUGEINT) FROM ({query}) t").fetchone()


def _parquet(path: Path) -> str:
    # A directory named key=value is no partition.
    return f"read_parquet({pattern_literal(path)}, hive_partitioning=false)"

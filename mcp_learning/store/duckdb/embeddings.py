"""All SQL about vectors: the embedding queue, storing, reading for the indexes.

Vectors of the queue are bound as text, at 0.6 ms each. In bulk they are read as one flat column of
numbers, which numpy reshapes: as arrays, DuckDB would make a Python object of each.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.lists import AMONG_NUMBERS, NUMBERS, UUIDS, as_text, joined
from mcp_learning.store.types import Unembedded

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Table = Literal["embeddings", "embeddings_next"]

CHUNK = 40_960
"""Rows read at a time: 63 MB of vectors of 384. Each chunk scans its row group (122,880 rows) anew,
so fewer take longer."""


def pending(cursor: Cursor, limit: int, table: Table = "embeddings") -> list[Unembedded]:
    """The next executions without a vector in `table`, oldest change first."""
    rows = cursor.execute(
        f"SELECT x.task_id, x.sequence, x.task_description FROM executions x "
        f"ANTI JOIN {table} e USING (task_id) ORDER BY x.sequence LIMIT ?",
        [limit],
    ).fetchall()
    return [Unembedded(*row) for row in rows]


def unembedded(cursor: Cursor, sequences: Sequence[int]) -> list[Unembedded]:
    """The executions whose last change is one of `sequences`, oldest change first.

    Those that were deleted or changed meanwhile are left out.
    """
    if not sequences:
        return []
    rows = cursor.execute(
        "SELECT task_id, sequence, task_description FROM executions WHERE sequence BETWEEN ? AND ? "
        f"AND sequence {AMONG_NUMBERS} ORDER BY sequence",
        [min(sequences), max(sequences), joined(sequences)],
    ).fetchall()
    return [Unembedded(*row) for row in rows]


def count_pending(cursor: Cursor, table: Table = "embeddings") -> int:
    """Length of the embedding queue."""
    row = cursor.execute(
        f"SELECT count(*) FROM executions x ANTI JOIN {table} e USING (task_id)"
    ).fetchone()
    return int(row[0]) if row else 0


def count(cursor: Cursor, up_to: int = 2**62, table: Table = "embeddings") -> int:
    """How many executions have a vector, of a version of at most `up_to`."""
    row = cursor.execute(f"SELECT count(*) FROM {table} WHERE version <= ?", [up_to]).fetchone()
    return int(row[0]) if row else 0


def model(cursor: Cursor, table: Table = "embeddings") -> str | None:
    """Fingerprint of the model that made the vectors; None when there are none."""
    row = cursor.execute(f"SELECT model FROM {table} LIMIT 1").fetchone()
    return str(row[0]) if row else None


def dimension(cursor: Cursor, table: Table = "embeddings") -> int:
    """Length of the vectors that `table` holds."""
    row = cursor.execute(
        "SELECT data_type FROM duckdb_columns() WHERE table_name = ? AND column_name = 'embedding'",
        [table],
    ).fetchone()
    if row is None:
        raise LookupError(f"the table {table} has no column embedding")
    return int(str(row[0]).removeprefix("FLOAT[").removesuffix("]"))


def create_table(cursor: Cursor, table: Table, dimension: int) -> None:
    """Puts an empty table for vectors of this length in the place of `table`."""
    cursor.execute(
        f"CREATE OR REPLACE TABLE {table} (task_id UUID USING COMPRESSION Uncompressed NOT NULL, "
        f"version BIGINT NOT NULL, embedding FLOAT[{dimension:d}] NOT NULL, model VARCHAR NOT NULL)"
    )


def adopt_next(cursor: Cursor, dimension: int) -> None:
    """Moves the vectors of `embeddings_next`, of this length, into the place of all others."""
    create_table(cursor, "embeddings", dimension)
    cursor.execute("INSERT INTO embeddings FROM embeddings_next")
    create_table(cursor, "embeddings_next", dimension)


def remove(cursor: Cursor, task_id: UUID) -> None:
    """Takes away an execution's vectors, which puts it into the embedding queue."""
    cursor.execute("DELETE FROM embeddings WHERE task_id = ?", [task_id])
    cursor.execute("DELETE FROM embeddings_next WHERE task_id = ?", [task_id])


def store(
    cursor: Cursor,
    rows: Sequence[Unembedded],
    vectors: "NDArray[np.float32]",
    fingerprint: str,
    table: Table = "embeddings",
) -> dict[UUID, int]:
    """Stores vectors, leaving out rows that were deleted, changed or embedded meanwhile.

    Args:
        cursor: Inside a transaction.
        rows: n executions from `pending`.
        vectors: (n, dimension) float32, L2-normalised.
        fingerprint: The model that made them.
        table: Where to.

    Returns:
        The embedding version of each stored execution, ascending. In `embeddings_next` it is the
        one that the execution has in `embeddings`, so that searches go on while tables change.
    """
    if not rows:
        return {}
    stored = cursor.execute(
        f"INSERT INTO {table} "
        # Numbered outside the subselect: inside it, before its rows are in order.
        "SELECT task_id, coalesce(version, nextval('embedding_version')), embedding, ? FROM ("
        "SELECT x.task_id, old.version, new.embedding "
        f"FROM (SELECT unnest({UUIDS}) AS task_id, unnest({NUMBERS}) AS sequence, "
        f"unnest(string_split(?, ';'))::FLOAT[{vectors.shape[1]}] AS embedding) new "
        "JOIN executions x ON x.task_id = new.task_id AND x.sequence = new.sequence "
        "LEFT JOIN embeddings old ON old.task_id = x.task_id "
        f"WHERE NOT EXISTS (FROM {table} e WHERE e.task_id = x.task_id) ORDER BY x.sequence) "
        "RETURNING task_id, version",
        [
            fingerprint,
            joined(row.task_id for row in rows),
            joined(row.sequence for row in rows),
            ";".join(map(as_text, vectors)),
        ],
    ).fetchall()
    return dict(sorted(stored, key=lambda pair: pair[1]))


def versions(cursor: Cursor) -> "tuple[NDArray[np.int64], NDArray[np.int64]]":
    """Which execution each vector is of.

    Returns:
        (n,) int64 change numbers of the executions, and (n,) int64 versions of their vectors.
    """
    columns = cursor.execute(
        "SELECT x.sequence, e.version FROM embeddings e JOIN executions x USING (task_id)"
    ).fetchnumpy()
    return columns["sequence"], columns["version"]


def read_into(
    cursor: Cursor,
    take: "Callable[[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]], None]",
    chunk: int = CHUNK,
) -> int:
    """Hands all vectors to `take`, as `Store.vectors` describes; returns how many.

    Args:
        cursor: Outside a transaction.
        take: Gets the vectors.
        chunk: Rows read at a time.
    """
    import numpy as np

    cursor.begin()  # all queries are of one moment
    numbers, known = versions(cursor)
    order = known.argsort()
    numbers, known = numbers[order], known[order]
    (last,) = cursor.execute("SELECT max(rowid) FROM embeddings").fetchone() or (None,)
    taken = 0
    for start in range(0, 0 if last is None else last + 1, chunk):
        # Both results are in the order of the rows, which DuckDB preserves.
        where = f"FROM embeddings WHERE rowid BETWEEN {start:d} AND {start + chunk - 1:d}"
        some = cursor.execute(f"SELECT version {where}").fetchnumpy()["version"]
        flat = cursor.execute(f"SELECT unnest(embedding) AS x {where}").fetchnumpy()["x"]
        vectors = np.ma.getdata(flat).reshape(len(some), -1)
        at = np.searchsorted(known, some)
        fits = known[np.minimum(at, len(known) - 1)] == some if len(known) else at < 0
        if not fits.all():  # of an execution that is gone
            some, vectors, at = some[fits], vectors[fits], at[fits]
        if len(some):
            take(numbers[at], some, vectors)
            taken += len(some)
    cursor.commit()
    return taken

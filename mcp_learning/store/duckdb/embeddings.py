"""All SQL about vectors: the embedding queue, storing, reading for the indexes.

`embeddings` has the first vector of each execution, `passages` those of the further passages of
long descriptions. `embeddings_next` and `passages_next` are the generation that a re-embed fills.

Vectors of the queue are bound as text, at 0.6 ms each. In bulk they are read as one flat column of
numbers, which numpy reshapes: as arrays, DuckDB would make a Python object of each.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.lists import (
    AMONG_NUMBERS,
    AMONG_UUIDS,
    NUMBERS,
    UUIDS,
    as_text,
    joined,
)
from mcp_learning.store.types import Unembedded
from mcp_learning.store.vectors import TakeVectors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Table = Literal["embeddings", "embeddings_next"]

PASSAGES: dict[Table, str] = {"embeddings": "passages", "embeddings_next": "passages_next"}
"""The table of further passages by that of first vectors."""

_READ = ("embeddings", "passages")

MANY = 64
"""Vectors from which on it is faster to have DuckDB read an Arrow table than to bind a text."""

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


def unembedded_among(cursor: Cursor, task_ids: Sequence[UUID]) -> list[Unembedded]:
    """Those of these executions that exist and have no vector, oldest change first."""
    rows = cursor.execute(
        "SELECT task_id, sequence, task_description FROM executions x "
        f"ANTI JOIN embeddings e USING (task_id) WHERE task_id {AMONG_UUIDS} ORDER BY sequence",
        [joined(task_ids)],
    ).fetchall()
    return [Unembedded(*row) for row in rows]


def count_pending(cursor: Cursor, table: Table = "embeddings") -> int:
    """Length of the embedding queue."""
    row = cursor.execute(
        f"SELECT count(*) FROM executions x ANTI JOIN {table} e USING (task_id)"
    ).fetchone()
    return int(row[0]) if row else 0


def count(cursor: Cursor, table: Table = "embeddings") -> int:
    """How many executions have a vector."""
    row = cursor.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(row[0]) if row else 0


def count_vectors(cursor: Cursor, up_to: int) -> int:
    """How many vectors have a version of at most `up_to`, those of passages included."""
    row = cursor.execute(
        "SELECT (SELECT count(*) FROM embeddings WHERE version <= $1) "
        "+ (SELECT count(*) FROM passages WHERE version <= $1)",
        [up_to],
    ).fetchone()
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
    """Puts empty tables for vectors of this length in the place of `table` and its passages."""
    columns = (
        "task_id UUID USING COMPRESSION Uncompressed NOT NULL, version BIGINT NOT NULL, "
        f"embedding FLOAT[{dimension:d}] NOT NULL"
    )
    cursor.execute(f"CREATE OR REPLACE TABLE {table} ({columns}, model VARCHAR NOT NULL)")
    create_passages(cursor, table, dimension)


def create_passages(cursor: Cursor, table: Table, dimension: int) -> None:
    """Puts an empty table for vectors of this length in the place of the passages of `table`."""
    cursor.execute(
        f"CREATE OR REPLACE TABLE {PASSAGES[table]} (task_id UUID USING COMPRESSION Uncompressed "
        "NOT NULL, passage SMALLINT NOT NULL, version BIGINT NOT NULL, "
        f"embedding FLOAT[{dimension:d}] NOT NULL)"
    )


def add_passages(cursor: Cursor) -> None:
    """Makes the tables of passages; it is for schema version 5."""
    tables: tuple[Table, ...] = ("embeddings", "embeddings_next")
    for table in tables:
        create_passages(cursor, table, dimension(cursor, table))


def adopt_next(cursor: Cursor, dimension: int) -> None:
    """Moves the vectors of `embeddings_next`, of this length, into the place of all others."""
    create_table(cursor, "embeddings", dimension)
    cursor.execute("INSERT INTO embeddings FROM embeddings_next")
    cursor.execute("INSERT INTO passages FROM passages_next")
    create_table(cursor, "embeddings_next", dimension)


def remove(cursor: Cursor, task_id: UUID) -> None:
    """Takes away an execution's vectors, which puts it into the embedding queue."""
    for first, further in PASSAGES.items():
        cursor.execute(f"DELETE FROM {first} WHERE task_id = ?", [task_id])
        cursor.execute(f"DELETE FROM {further} WHERE task_id = ?", [task_id])


def store(
    cursor: Cursor,
    rows: Sequence[Unembedded],
    vectors: "NDArray[np.float32]",
    fingerprint: str,
    table: Table = "embeddings",
    passages: "Sequence[NDArray[np.float32]]" = (),
) -> dict[UUID, int]:
    """Stores vectors, leaving out rows that were deleted, changed or embedded meanwhile.

    Args:
        cursor: Inside a transaction.
        rows: n executions from `pending`.
        vectors: (n, dimension) float32, L2-normalised.
        fingerprint: The model that made them.
        table: Where to.
        passages: n arrays (k, dimension), k >= 0: the vectors of their further passages; none: ().

    Returns:
        The embedding version of each stored execution, ascending; as `Store.put_vectors`. In
        `embeddings_next` it is the one that the execution has in `embeddings`, so that searches go
        on while tables change.
    """
    if not rows:
        return {}
    given, bound = _given(cursor, rows, vectors)
    stored = cursor.execute(
        f"INSERT INTO {table} "
        # Numbered outside the subselect: inside it, before its rows are in order.
        "SELECT task_id, coalesce(version, nextval('embedding_version')), embedding, ? FROM ("
        "SELECT x.task_id, old.version, new.embedding "
        f"FROM ({given}) new "
        "JOIN executions x ON x.task_id = new.task_id AND x.sequence = new.sequence "
        "LEFT JOIN embeddings old ON old.task_id = x.task_id "
        f"WHERE NOT EXISTS (FROM {table} e WHERE e.task_id = x.task_id) ORDER BY x.sequence) "
        "RETURNING task_id, version",
        [fingerprint, *bound],
    ).fetchall()
    versions = dict(sorted(stored, key=lambda pair: pair[1]))
    further = {row.task_id: some for row, some in zip(rows, passages, strict=False) if len(some)}
    if stored_further := [(one, further[one]) for one in versions if one in further]:
        store_passages(cursor, stored_further, table)
    return versions


def _given(
    cursor: Cursor, rows: Sequence[Unembedded], vectors: "NDArray[np.float32]"
) -> tuple[str, list[str]]:
    """A query of task_id, sequence and embedding, and its values; many are read in place."""
    if len(rows) >= MANY:
        import numpy as np

        from mcp_learning.store.duckdb.arrow_batch import ArrowBatch

        batch: dict[str, Any] = {"task_id": [row.task_id for row in rows], "embedding": vectors}
        batch["sequence"] = np.array([row.sequence for row in rows], np.int64)
        cursor.register("given_vectors", ArrowBatch(batch))
        return "SELECT task_id::UUID AS task_id, sequence, embedding FROM given_vectors", []
    texts = [joined(row.task_id for row in rows), joined(row.sequence for row in rows)]
    return (
        f"SELECT unnest({UUIDS}) AS task_id, unnest({NUMBERS}) AS sequence, "
        f"unnest(string_split(?, ';'))::FLOAT[{vectors.shape[1]}] AS embedding",
        [*texts, ";".join(map(as_text, vectors))],
    )


def store_passages(
    cursor: Cursor, further: "Sequence[tuple[UUID, NDArray[np.float32]]]", table: Table
) -> None:
    """Stores the vectors of further passages; they get the next versions, in their order."""
    numbered = [(one, at, v) for one, some in further for at, v in enumerate(some, 1)]
    width = numbered[0][2].shape[0]
    cursor.execute(
        f"INSERT INTO {PASSAGES[table]} "
        # Numbered outside the subselect, as above.
        "SELECT task_id, passage, coalesce(version, nextval('embedding_version')), embedding FROM ("
        "SELECT new.task_id, new.passage, new.embedding, old.version "
        f"FROM (SELECT unnest({UUIDS}) AS task_id, unnest({NUMBERS}) AS passage, "
        f"unnest(string_split(?, ';'))::FLOAT[{width}] AS embedding, "
        f"unnest(range({len(numbered):d})) AS place) new "
        "LEFT JOIN passages old ON old.task_id = new.task_id AND old.passage = new.passage "
        "ORDER BY place)",
        [
            joined(one for one, _, _ in numbered),
            joined(at for _, at, _ in numbered),
            ";".join(as_text(vector) for _, _, vector in numbered),
        ],
    )


def versions(cursor: Cursor) -> "dict[str, NDArray[Any]]":
    """Which execution and passage each vector is of.

    Returns:
        (n,) int64 arrays by name: `sequence`, change numbers of the executions; `version`;
        `passage`, 0 for the first vector of an execution.
    """
    found: dict[str, NDArray[Any]] = cursor.execute(
        "SELECT x.sequence, v.version, v.passage FROM ("
        "SELECT task_id, version, 0::BIGINT AS passage FROM embeddings UNION ALL "
        "SELECT task_id, version, passage::BIGINT FROM passages "
        "SEMI JOIN embeddings USING (task_id)) v JOIN executions x USING (task_id)"
    ).fetchnumpy()
    return found


def read_into(cursor: Cursor, take: "TakeVectors", chunk: int = CHUNK) -> int:
    """Hands all vectors to `take`, as `Store.vectors` describes; returns how many.

    Args:
        cursor: Outside a transaction.
        take: Gets the vectors.
        chunk: Rows read at a time.
    """
    cursor.begin()  # all queries are of one moment
    known = versions(cursor)
    order = known["version"].argsort()
    known = {name: values[order] for name, values in known.items()}
    taken = sum(_read_table(cursor, table, known, take, chunk) for table in _READ)
    cursor.commit()
    return taken


def _read_table(
    cursor: Cursor,
    table: str,
    known: "Mapping[str, NDArray[Any]]",
    take: "TakeVectors",
    chunk: int,
) -> int:
    import numpy as np

    (last,) = cursor.execute(f"SELECT max(rowid) FROM {table}").fetchone() or (None,)
    versions = known["version"]
    taken = 0
    for start in range(0, 0 if last is None else last + 1, chunk):
        # Both results are in the order of the rows, which DuckDB preserves.
        where = f"FROM {table} WHERE rowid BETWEEN {start:d} AND {start + chunk - 1:d}"
        some = cursor.execute(f"SELECT version {where}").fetchnumpy()["version"]
        if not len(some):
            continue
        flat = cursor.execute(f"SELECT unnest(embedding) AS x {where}").fetchnumpy()["x"]
        vectors = np.ma.getdata(flat).reshape(len(some), -1)
        at = np.searchsorted(versions, some)
        fits = versions[np.minimum(at, len(versions) - 1)] == some if len(versions) else at < 0
        if not fits.all():  # of an execution that is gone
            some, vectors, at = some[fits], vectors[fits], at[fits]
        if len(some):
            take(known["sequence"][at], some, vectors, known["passage"][at])
        taken += len(some)
    return taken

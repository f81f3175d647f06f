"""SQL of vectors: the embedding queue, storing vectors, reading them for the indexes.

`embeddings` has the first vector of each execution, `passages` those of the further passages of
long descriptions. `embeddings_next` and `passages_next` are the generation that a re-embed fills.

Few vectors are bound as text, at 0.6 ms each. In bulk they are read as one flat column of numbers,
which numpy reshapes: of arrays, DuckDB would make a Python object each.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from mcp_learning.store.duckdb.bound_lists import (
    AMONG_NUMBERS,
    AMONG_UUIDS,
    NUMBERS,
    UUIDS,
    as_text,
    joined,
)
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.queries import number
from mcp_learning.store.types import Unembedded
from mcp_learning.store.vectors import Generation, TakeVectors, VectorState

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TABLES: dict[Generation, tuple[str, str]] = {
    "current": ("embeddings", "passages"),
    "next": ("embeddings_next", "passages_next"),
}
_MANY = 8  # least vectors for which an Arrow table (2 ms, and nanoarrow's import) is faster

CHUNK = 40_960
"""Rows read at a time: 63 MB of vectors of 384 numbers. Each chunk scans its whole row group
(122,880 rows), so smaller chunks take longer."""


def unembedded(
    cursor: Cursor,
    limit: int,
    *,
    numbers: Sequence[int] | None = None,
    generation: Generation = "current",
) -> list[Unembedded]:
    """As `Store.unembedded`; executions of `numbers` that changed meanwhile are left out."""
    table, _ = _TABLES[generation]
    if numbers is None:
        return _unembedded(cursor, f"ANTI JOIN {table} e USING (task_id)", "LIMIT ?", [limit])
    if not numbers:
        return []
    some = numbers[:limit]
    return _unembedded(
        cursor,
        f"WHERE sequence BETWEEN ? AND ? AND sequence {AMONG_NUMBERS}",
        "",
        [min(some), max(some), joined(some)],
    )


def unembedded_among(cursor: Cursor, task_ids: Sequence[UUID]) -> list[Unembedded]:
    """Those of these executions that exist and have no vector, oldest change first."""
    chosen = f"ANTI JOIN embeddings e USING (task_id) WHERE task_id {AMONG_UUIDS}"
    return _unembedded(cursor, chosen, "", [joined(task_ids)])


def _unembedded(
    cursor: Cursor, chosen: str, limit: str, values: Sequence[object]
) -> list[Unembedded]:
    rows = cursor.execute(
        f"SELECT task_id, sequence, task_description FROM executions x {chosen} "
        f"ORDER BY sequence {limit}",
        list(values),
    ).fetchall()
    return [Unembedded(*row) for row in rows]


def state(cursor: Cursor, generation: Generation = "current") -> VectorState:
    """As `Store.vector_state`."""
    return VectorState(
        model(cursor, generation), dimension(cursor, generation), *counts(cursor, generation)
    )


def counts(cursor: Cursor, generation: Generation = "current") -> tuple[int, int]:
    """How many executions have a vector, and how many have none."""
    table, _ = _TABLES[generation]
    pending = f"SELECT count(*) FROM executions x ANTI JOIN {table} e USING (task_id)"
    return number(cursor, f"SELECT count(*) FROM {table}"), number(cursor, pending)


def count_vectors(cursor: Cursor, up_to: int) -> int:
    """How many vectors have a version of at most `up_to`, those of passages included."""
    return number(
        cursor,
        "SELECT count(*) FROM (SELECT version FROM embeddings UNION ALL "
        "SELECT version FROM passages) WHERE version <= ?",
        [up_to],
    )


def model(cursor: Cursor, generation: Generation = "current") -> str | None:
    """Fingerprint of the model that made the vectors; None when there are none."""
    row = cursor.execute(f"SELECT model FROM {_TABLES[generation][0]} LIMIT 1").fetchone()
    return str(row[0]) if row else None


def dimension(cursor: Cursor, generation: Generation = "current") -> int:
    """Length of the vectors of a generation."""
    table, _ = _TABLES[generation]
    # Not from duckdb_columns(), which describes every table of DuckDB's own: 10 ms.
    described = f"SELECT column_type FROM (DESCRIBE {table}) WHERE column_name = 'embedding'"
    row = cursor.execute(described).fetchone()
    if row is None:
        raise LookupError(f"the table {table} has no column embedding")
    return int(str(row[0]).removeprefix("FLOAT[").removesuffix("]"))


def reset(cursor: Cursor, dimension: int, generation: Generation = "current") -> None:
    """Replaces a generation by an empty one for vectors of this length."""
    cursor.execute(
        f"CREATE OR REPLACE TABLE {_TABLES[generation][0]} (task_id UUID USING COMPRESSION "
        "Uncompressed NOT NULL, version BIGINT NOT NULL, "
        f"embedding FLOAT[{dimension:d}] NOT NULL, model VARCHAR NOT NULL)"
    )
    _reset_passages(cursor, dimension, generation)


def _reset_passages(cursor: Cursor, dimension: int, generation: Generation) -> None:
    cursor.execute(
        f"CREATE OR REPLACE TABLE {_TABLES[generation][1]} (task_id UUID USING COMPRESSION "
        "Uncompressed NOT NULL, passage SMALLINT NOT NULL, version BIGINT NOT NULL, "
        f"embedding FLOAT[{dimension:d}] NOT NULL)"
    )


def add_passages(cursor: Cursor) -> None:
    """Makes the tables of passages; it is for schema version 5."""
    for generation in _TABLES:
        _reset_passages(cursor, dimension(cursor, generation), generation)


def adopt_next(cursor: Cursor, dimension: int) -> None:
    """Replaces the current generation by the next one, whose vectors have this length."""
    reset(cursor, dimension)
    for current, following in zip(*_TABLES.values(), strict=True):
        cursor.execute(f"INSERT INTO {current} FROM {following}")
    reset(cursor, dimension, "next")


def remove(cursor: Cursor, task_id: UUID) -> None:
    """Deletes an execution's vectors, which puts it into the embedding queue."""
    for tables in _TABLES.values():
        for table in tables:
            cursor.execute(f"DELETE FROM {table} WHERE task_id = ?", [task_id])


def insert(
    cursor: Cursor, task_ids: Sequence[UUID], vectors: "NDArray[np.float32]", fingerprint: str
) -> Cursor:
    """Adds (n, dimension) vectors of n executions that have none, in this order.

    Returns:
        The cursor, from which the task_id and version of each can be fetched.
    """
    from mcp_learning.store.duckdb.arrow_batch import ArrowBatch

    cursor.register("embedded", ArrowBatch({"task_id": task_ids, "embedding": vectors}))
    return cursor.execute(
        "INSERT INTO embeddings "
        "SELECT task_id::UUID, nextval('embedding_version'), embedding, ? FROM embedded "
        "RETURNING task_id, version",
        [fingerprint],
    )


def store(
    cursor: Cursor,
    rows: Sequence[Unembedded],
    vectors: "NDArray[np.float32]",
    fingerprint: str,
    generation: Generation = "current",
    passages: "Sequence[NDArray[np.float32]]" = (),
) -> dict[UUID, int]:
    """As `Store.put_vectors`, inside a transaction.

    A version in the next generation is the one that the execution has in the current one, so that
    searches go on while tables change.
    """
    if not rows:
        return {}
    table, _ = _TABLES[generation]
    version, current = "NULL", ""
    if generation == "next":
        version, current = "old.version", "LEFT JOIN embeddings old ON old.task_id = x.task_id "
    numbers = [row.sequence for row in rows]
    given, bound = _given(cursor, [row.task_id for row in rows], numbers, vectors)
    stored = cursor.execute(
        f"INSERT INTO {table} "
        # Numbered outside the subselect: inside it, before its rows are in order.
        "SELECT task_id, coalesce(version, nextval('embedding_version')), embedding, ? FROM ("
        f"SELECT x.task_id, {version} AS version, new.embedding "
        f"FROM ({given}) new "
        "JOIN executions x ON x.task_id = new.task_id AND x.sequence = new.number "
        f"{current}WHERE NOT EXISTS (FROM {table} e WHERE e.task_id = x.task_id) "
        "ORDER BY x.sequence) RETURNING task_id, version",
        [fingerprint, *bound],
    ).fetchall()
    versions = dict(sorted(stored, key=lambda pair: pair[1]))
    further = {row.task_id: some for row, some in zip(rows, passages, strict=False) if len(some)}
    if stored_further := [(one, further[one]) for one in versions if one in further]:
        store_passages(cursor, stored_further, generation)
    return versions


def _given(
    cursor: Cursor,
    task_ids: Sequence[UUID],
    numbers: Sequence[int],
    vectors: "Sequence[NDArray[np.float32]] | NDArray[np.float32]",
) -> tuple[str, list[str]]:
    """A query of the given vectors (task_id, number, embedding, place) and its bound values."""
    if len(task_ids) >= _MANY:
        import numpy as np

        from mcp_learning.store.duckdb.arrow_batch import ArrowBatch

        batch: dict[str, Any] = {"task_id": task_ids, "embedding": np.asarray(vectors)}
        batch |= {"number": np.array(numbers, np.int64), "place": np.arange(len(numbers))}
        cursor.register("given_vectors", ArrowBatch(batch))
        return "SELECT task_id::UUID AS task_id, number, embedding, place FROM given_vectors", []
    return (
        f"SELECT unnest({UUIDS}) AS task_id, unnest({NUMBERS}) AS number, "
        f"unnest(string_split(?, ';'))::FLOAT[{vectors[0].shape[0]}] AS embedding, "
        f"unnest(range({len(numbers):d})) AS place",
        [joined(task_ids), joined(numbers), ";".join(map(as_text, vectors))],
    )


def store_passages(
    cursor: Cursor,
    further: "Sequence[tuple[UUID, NDArray[np.float32]]]",
    generation: Generation = "current",
) -> None:
    """Stores the vectors of further passages; they get the next versions, in their order."""
    numbered = [(one, at, v) for one, some in further for at, v in enumerate(some, 1)]
    task_ids, passages, vectors = zip(*numbered, strict=True)
    given, bound = _given(cursor, task_ids, passages, vectors)
    cursor.execute(
        f"INSERT INTO {_TABLES[generation][1]} "
        # Numbered outside the subselect, as above.
        "SELECT task_id, passage, coalesce(version, nextval('embedding_version')), embedding FROM ("
        "SELECT new.task_id, new.number AS passage, new.embedding, old.version "
        f"FROM ({given}) new "
        "LEFT JOIN passages old ON old.task_id = new.task_id AND old.passage = new.number "
        "ORDER BY place)",
        bound,
    )


def versions(cursor: Cursor) -> "dict[str, NDArray[Any]]":
    """The execution and the passage of each vector.

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
    """As `Store.vectors`, outside a transaction, some rows at a time."""
    cursor.begin()  # all queries are of one moment
    known = versions(cursor)
    order = known["version"].argsort()
    known = {name: values[order] for name, values in known.items()}
    taken = sum(_read_table(cursor, table, known, take, chunk) for table in _TABLES["current"])
    cursor.commit()
    return taken


def _read_table(
    cursor: Cursor, table: str, known: "Mapping[str, NDArray[Any]]", take: "TakeVectors", chunk: int
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
        if not fits.all():  # the execution was deleted
            some, vectors, at = some[fits], vectors[fits], at[fits]
        if len(some):
            take(known["sequence"][at], some, vectors, known["passage"][at])
        taken += len(some)
    return taken

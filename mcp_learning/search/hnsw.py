"""The HNSW index: a file that a separate DuckDB instance reads, with the VSS extension.

Invariants:
- The file is built in bulk, checkpointed once, closed and renamed; then it never changes.
- Every statement on it runs under one lock, because concurrent searches crash VSS and the process.
- It records what it was built from (format, model, watermark, rows, M, ef_construction). A file
  that doesn't match the store is ignored, one that fails in a search is deleted; exact search goes
  on.
"""

import json
import logging
import threading
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcp_learning.errors import IndexUnavailable
from mcp_learning.search import vss
from mcp_learning.store.duckdb.bound_lists import as_text

logger = logging.getLogger(__name__)

FORMAT = 1
"""Version of the file's layout."""

FILE_NAME = "hnsw.duckdb"

NEAREST_SQL = (
    "SELECT version FROM vectors "
    "ORDER BY array_cosine_distance(embedding, ?::VARCHAR::FLOAT[{dimension}]) LIMIT ?"
)
"""DuckDB uses the index only for a query of this form: no DESC, second key, filter or join. It
returns no distances, since reading the vectors from the table makes the first hundred searches five
times as slow."""


@dataclass(frozen=True)
class IndexInfo:
    """What an index was built from.

    Attributes:
        model: Fingerprint of the embedding model.
        dimension: Length of the vectors.
        watermark: Highest embedding version in it.
        rows: Number of vectors in it.
        m: Links per node of the graph.
        ef_construction: Candidates kept while building.
        ef_search: Candidates kept by the searches that measured recall.
        recall_at_10: Measured against exact search on a sample, 0..1; None below 11 rows.
        built_at: UTC.
    """

    model: str
    dimension: int
    watermark: int
    rows: int
    m: int
    ef_construction: int
    ef_search: int
    built_at: datetime
    recall_at_10: float | None = None

    def to_json(self) -> str:
        """All attributes as a JSON object."""
        return json.dumps({**self.__dict__, "built_at": self.built_at.isoformat()})

    @classmethod
    def from_json(cls, text: str) -> "IndexInfo":
        """The reverse of `to_json`."""
        values = json.loads(text)
        return cls(**{**values, "built_at": datetime.fromisoformat(values["built_at"])})


class HnswIndex:
    """An open index file. Safe to use from several threads, one of which searches at a time.

    Args:
        path: The file.
        ef_search: Candidates that a search keeps, at least 1.
        table_cache: Bytes of the file's table that stay in memory after the first search.

    Attributes:
        path: The file.
        info: What it was built from.

    Raises:
        IndexUnavailable: The file can't be opened, or has another format.
    """

    def __init__(self, path: Path, ef_search: int, *, table_cache: int = vss.TABLE_CACHE) -> None:
        self.path = path
        self._table_cache = table_cache
        self._lock = threading.Lock()
        self._min_ef_search = self._ef_search = ef_search
        self.info = read_info(path)
        self._connection = vss.connect(path, read_only=True)
        try:
            self._connection.execute("SET GLOBAL disabled_optimizers = 'late_materialization'")
            self._set_ef_search(ef_search)
        except Exception as error:
            self._connection.close()
            raise IndexUnavailable(f"the index file {path.name} is damaged or outdated") from error
        self._query = NEAREST_SQL.format(dimension=self.info.dimension)
        self._bounded = False

    def search(self, vector: NDArray[np.float32], k: int) -> NDArray[np.int64]:
        """(k,) int64 versions of the approximately most similar vectors, including dead ones.

        Args:
            vector: (dimension,) float32, L2-normalised.
            k: Number of vectors, at least 1.

        Raises:
            IndexUnavailable: The index failed and is to be discarded.
        """
        import duckdb

        with self._lock:
            try:
                if max(k, self._min_ef_search) != self._ef_search:
                    self._set_ef_search(max(k, self._min_ef_search))
                rows = self._connection.execute(self._query, [as_text(vector), k]).fetchall()
                self._bound_memory()
            except duckdb.Error as error:
                raise IndexUnavailable("the HNSW index failed and was discarded") from error
        return np.array([row[0] for row in rows], np.int64)

    def count(self) -> int:
        """Number of vectors in the file.

        Raises:
            IndexUnavailable: The file can't be read.
        """
        (rows,) = self._fetch("SELECT count(*) AS rows FROM vectors")
        return int(rows[0])

    def sample(self, size: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """About `size` evenly spaced vectors: (n,) versions and (n, dimension) float32.

        Raises:
            IndexUnavailable: The file can't be read.
        """
        step = max(1, self.info.rows // size)
        versions, vectors = self._fetch(
            f"SELECT version, embedding FROM vectors WHERE rowid % {step:d} = 0 LIMIT {size:d}"
        )
        if not len(versions):
            return np.empty(0, np.int64), np.empty((0, self.info.dimension), np.float32)
        return versions, np.stack(list(vectors))

    def close(self) -> None:
        """Closes the file; waits for a running search."""
        with self._lock:
            self._connection.close()

    def _fetch(self, query: str) -> list[NDArray[Any]]:
        import duckdb

        with self._lock:
            try:
                return list(self._connection.execute(query).fetchnumpy().values())
            except duckdb.Error as error:
                problem = f"the index file {self.path.name} is damaged"
                raise IndexUnavailable(problem) from error

    def _bound_memory(self) -> None:
        """Limits the memory once the first search has loaded the graph.

        Each search reads vectors of the table, which would in time be in memory as a whole.
        """
        if not self._bounded:
            self._bounded = True
            vss.bound_memory(self._connection, self._table_cache)

    def _set_ef_search(self, ef_search: int) -> None:
        self._connection.execute(f"SET GLOBAL hnsw_ef_search = {int(ef_search)}")
        self._ef_search = ef_search


def remove(path: Path) -> None:
    """Deletes an index file and its write-ahead log, if they are there."""
    path.unlink(missing_ok=True)
    path.with_name(path.name + ".wal").unlink(missing_ok=True)


def read_info(path: Path) -> IndexInfo:
    """What the index at `path` was made from; doesn't load VSS or the graph.

    Raises:
        IndexUnavailable: It is not a complete index of this format.
    """
    import duckdb

    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            row = connection.execute("SELECT format, description FROM info").fetchone()
    except duckdb.Error as error:
        raise IndexUnavailable(f"the index file {path.name} is damaged or incomplete") from error
    try:
        if row is not None and row[0] == FORMAT:
            return IndexInfo.from_json(row[1])
    except (KeyError, TypeError, ValueError):
        logger.exception("%s describes itself wrongly", path)
    raise IndexUnavailable(f"the index file {path.name} has another format")


def probe() -> tuple[str, bool]:
    """Tests VSS by searching a small HNSW index in memory.

    Returns:
        Where VSS was loaded from, and whether the search used the index and found the nearest.

    Raises:
        IndexUnavailable: VSS can't be loaded.
    """
    query = NEAREST_SQL.format(dimension=3)
    with vss.connect(Path(":memory:")) as connection:
        source = vss.load(connection)
        connection.execute("CREATE TABLE vectors (version BIGINT, embedding FLOAT[3])")
        connection.execute(
            "INSERT INTO vectors SELECT i, [sin(i), cos(i), i / 100] FROM range(100) r(i)"
        )
        connection.execute(
            "CREATE INDEX hnsw ON vectors USING HNSW (embedding) WITH (metric = 'cosine')"
        )
        plan = str(connection.execute(f"EXPLAIN {query}", ["[0, 1, 0]", 1]).fetchall())
        nearest = connection.execute(query, ["[0, 1, 0]", 1]).fetchone()
    return source, "HNSW_INDEX_SCAN" in plan and nearest is not None and nearest[0] == 0

"""Other vector indexes, each behind one small function, with the parameters of the preset balanced.

A peer's `build` takes vectors and an empty directory, and returns its search. Those whose modules
aren't installed are named and left out. Vectors are normalised, so the inner product, the cosine
and their distances rank alike; each peer gets the metric it recommends for cosine.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from mcp_learning.errors import InvalidInput

M = 16
EF_CONSTRUCTION = 100
EF_SEARCH = 128

Vectors = NDArray[np.float32]

_BATCH = 5_000


class Search(Protocol):
    """Searches a built index."""

    def __call__(self, vector: Vectors, k: int) -> Iterable[int]:
        """Returns the positions of the k rows nearest to a (dimension,) vector, best first."""


@dataclass(frozen=True)
class Peer:
    """One other index.

    Attributes:
        name: For the report and the command line.
        kind: Whether it scans everything or walks a graph.
        modules: What has to be importable.
        distribution: What it is installed as.
        build: Takes (rows, dimension) float32 and a directory for its files.
    """

    name: str
    kind: Literal["exact", "HNSW"]
    modules: tuple[str, ...]
    distribution: str
    build: Callable[[Vectors, Path], Search]

    @property
    def missing(self) -> list[str]:
        """Its modules that aren't installed."""
        return [module for module in self.modules if find_spec(module) is None]

    @property
    def version(self) -> str:
        """Of the installed distribution."""
        return version(self.distribution)


def chosen(names: str) -> list[Peer]:
    """The peers of a comma-separated list; `all` means every one.

    Raises:
        InvalidInput: A name is unknown.
    """
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if wanted == ["all"]:
        return list(PEERS)
    known = {peer.name: peer for peer in PEERS}
    for name in wanted:
        if name not in known:
            raise InvalidInput("peers", f"no {name!r}; there are all, {', '.join(known)}")
    return [known[name] for name in wanted]


def _usearch(vectors: Vectors, directory: Path) -> Search:
    from usearch.index import Index

    index = Index(
        ndim=vectors.shape[1],
        metric="cos",
        dtype="f32",
        connectivity=M,
        expansion_add=EF_CONSTRUCTION,
        expansion_search=EF_SEARCH,
    )
    for start, chunk in _batches(vectors):
        index.add(np.arange(start, start + len(chunk)), chunk, threads=1)
    return lambda vector, k: index.search(vector, k, threads=1).keys


def _hnswlib(vectors: Vectors, directory: Path) -> Search:
    import hnswlib

    index = hnswlib.Index("cosine", vectors.shape[1])
    index.init_index(len(vectors), M=M, ef_construction=EF_CONSTRUCTION)
    index.set_num_threads(1)
    for start, chunk in _batches(vectors):
        index.add_items(chunk, np.arange(start, start + len(chunk)), num_threads=1)
    index.set_ef(EF_SEARCH)
    return lambda vector, k: index.knn_query(vector, k, num_threads=1)[0][0]


def _faiss_hnsw(vectors: Vectors, directory: Path) -> Search:
    import faiss

    faiss.omp_set_num_threads(1)
    index = faiss.IndexHNSWFlat(vectors.shape[1], M, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = EF_CONSTRUCTION
    index.hnsw.efSearch = EF_SEARCH
    for _, chunk in _batches(vectors):
        index.add(chunk)
    return lambda vector, k: index.search(vector[np.newaxis], k)[1][0]


def _faiss_flat(vectors: Vectors, directory: Path) -> Search:
    import faiss

    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatIP(vectors.shape[1])
    for _, chunk in _batches(vectors):
        index.add(chunk)
    return lambda vector, k: index.search(vector[np.newaxis], k)[1][0]


def _sqlite_vec(vectors: Vectors, directory: Path) -> Search:
    import apsw
    import sqlite_vec

    connection = apsw.Connection(str(directory / "vec.db"))
    connection.enable_load_extension(True)
    connection.load_extension(sqlite_vec.loadable_path())
    connection.execute(
        "CREATE VIRTUAL TABLE vectors USING "
        f"vec0(embedding float[{vectors.shape[1]}] distance_metric=cosine)"
    )
    for start, chunk in _batches(vectors):
        with connection:
            connection.executemany(
                "INSERT INTO vectors (rowid, embedding) VALUES (?, ?)",
                zip(count(start), map(bytes, chunk)),
            )
    query = "SELECT rowid FROM vectors WHERE embedding MATCH ? AND k = ? ORDER BY distance"
    return lambda vector, k: [row for (row,) in connection.execute(query, (bytes(vector), k))]


def _lancedb(vectors: Vectors, directory: Path) -> Search:
    import lancedb
    import pyarrow as pa
    from lancedb.index import HnswFlat

    def batches() -> Iterable[pa.RecordBatch]:
        for start, chunk in _batches(vectors):
            flat = pa.FixedSizeListArray.from_arrays(pa.array(chunk.ravel()), chunk.shape[1])
            rows = pa.array(np.arange(start, start + len(chunk)))
            yield pa.record_batch([rows, flat], ["row", "vector"])

    kind = pa.list_(pa.float32(), vectors.shape[1])
    schema = pa.schema([pa.field("row", pa.int64()), pa.field("vector", kind)])
    table = lancedb.connect(str(directory)).create_table("vectors", batches(), schema=schema)
    config = HnswFlat("cosine", num_partitions=1, m=M, ef_construction=EF_CONSTRUCTION)
    table.create_index("vector", config=config)

    def search(vector: Vectors, k: int) -> Iterable[int]:
        query = table.search(vector).distance_type("cosine").nprobes(1).ef(EF_SEARCH)
        found: list[int] = query.select(["row"]).limit(k).to_arrow()["row"].to_pylist()
        return found

    return search


def _chroma(vectors: Vectors, directory: Path) -> Search:
    import chromadb

    settings = chromadb.Settings(anonymized_telemetry=False)
    graph = {
        "space": "cosine",
        "max_neighbors": M,
        "ef_construction": EF_CONSTRUCTION,
        "ef_search": EF_SEARCH,
        "num_threads": 1,
    }
    client = chromadb.PersistentClient(str(directory), settings)
    collection = client.create_collection(
        "vectors", configuration={"hnsw": graph}, embedding_function=None
    )
    for start, chunk in _batches(vectors):
        collection.add([str(row) for row in range(start, start + len(chunk))], chunk)

    def search(vector: Vectors, k: int) -> Iterable[int]:
        return map(int, collection.query(vector[np.newaxis], n_results=k, include=[])["ids"][0])

    return search


def _qdrant(vectors: Vectors, directory: Path) -> Search:
    from qdrant_client import QdrantClient, models

    client = QdrantClient(":memory:")
    size = models.VectorParams(size=vectors.shape[1], distance=models.Distance.COSINE)
    client.create_collection("vectors", size)
    for start, chunk in _batches(vectors):
        ids = range(start, start + len(chunk))
        client.upload_collection("vectors", vectors=chunk, ids=ids, batch_size=_BATCH)

    def search(vector: Vectors, k: int) -> Iterable[int]:
        found = client.query_points("vectors", vector, limit=k, with_payload=False)
        return [int(point.id) for point in found.points]

    return search


def _batches(vectors: Vectors) -> Iterable[tuple[int, Vectors]]:
    """Copies in memory: the vectors are memory-mapped, and an index keeps what it needs."""
    for start in range(0, len(vectors), _BATCH):
        yield start, np.array(vectors[start : start + _BATCH])


PEERS = (
    Peer("usearch", "HNSW", ("usearch",), "usearch", _usearch),
    Peer("hnswlib", "HNSW", ("hnswlib",), "hnswlib", _hnswlib),
    Peer("faiss-hnsw", "HNSW", ("faiss",), "faiss-cpu", _faiss_hnsw),
    Peer("faiss-flat", "exact", ("faiss",), "faiss-cpu", _faiss_flat),
    Peer("lancedb", "HNSW", ("lancedb",), "lancedb", _lancedb),
    Peer("chroma", "HNSW", ("chromadb",), "chromadb", _chroma),
    Peer("sqlite-vec", "exact", ("sqlite_vec", "apsw"), "sqlite-vec", _sqlite_vec),
    Peer("qdrant-local", "exact", ("qdrant_client",), "qdrant-client", _qdrant),
)
"""All that are known, installed or not."""

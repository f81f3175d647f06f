"""A data set: a database of a given size with queries and their true neighbours, kept on disk.

rows-100000/
  facts.json         what it was made from, and what making it took; written last
  vectors.npy        (rows, dimension) float32: the vector of each execution, in order
  queries.npz        vectors of the queries, and the true similarity of their tenth neighbours
  texts.json         texts of the queries, and known items: stored texts that find themselves
  data/              a data directory as a server has it
  indexes/<preset>/  index directories that aren't in use
"""

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import anyio
import numpy as np
from numpy.typing import NDArray

from benchmarks.scale import clusters, ground_truth
from benchmarks.scale.clusters import Clusters, Queries
from mcp_learning.embed.embedder import Embedder
from mcp_learning.embed.recipe import embedding_text
from mcp_learning.settings import Settings
from mcp_learning.store.duckdb.connection import make_private
from mcp_learning.synthetic.generator import make_runs
from mcp_learning.synthetic.loading import CHUNK, EMBED_CHUNK, Progress, insert, opened

FORMAT = 1
"""Of the directory; raised when what is in it, or how it is made, changes."""

QUERIES = 500
"""Of each kind, in a directory that is made for a benchmark."""

KINDS = ("in", "out")
"""In distribution, and out of it."""

_KNOWN_ITEMS = 50


@dataclass(frozen=True)
class Dataset:
    """A data set on disk.

    Attributes:
        directory: Where it is.
        facts: What it was made from (`identity`), and `embed_seconds`, `embedded`,
            `insert_seconds`, `tasks`, `indexes` (per preset what building it took).
        texts: Of the queries by kind, and `known_items`.
        arrays: By name `in`, `out`: (n, dimension) float32; `in_least`, `out_least`:
            (n,) float32, from `ground_truth.thresholds`.
    """

    directory: Path
    facts: dict[str, Any]
    texts: dict[str, list[str]]
    arrays: dict[str, NDArray[np.float32]]

    @property
    def data_dir(self) -> Path:
        """A server's data directory."""
        return self.directory / "data"

    def vectors(self) -> NDArray[np.float32]:
        """(rows, dimension) float32, memory-mapped."""
        mapped: NDArray[np.float32] = np.load(self.directory / "vectors.npy", mmap_mode="r")
        return mapped

    def queries(self, kind: str, count: int) -> Queries:
        """The first `count` queries of a kind."""
        return Queries(self.texts[kind][:count], self.arrays[kind][:count])

    def recall(self, kind: str, answers: Sequence[NDArray[np.int64]]) -> float:
        """Recall@10, 0..1, of row numbers found for the first queries of a kind."""
        queries, least = self.arrays[kind], self.arrays[f"{kind}_least"]
        count = len(answers)
        return round(
            ground_truth.recall(self.vectors(), queries[:count], answers, least[:count]), 4
        )

    def note(self, name: str, value: object) -> None:
        """Sets a fact and saves all."""
        self.facts[name] = value
        _write_json(self.directory / "facts.json", self.facts)


def identity(rows: int, seed: int, fingerprint: str) -> dict[str, Any]:
    """What a data set is made from; equal for two that are the same."""
    return {
        "format": FORMAT,
        "rows": rows,
        "seed": seed,
        "noise": clusters.NOISE,
        "model": fingerprint,
    }


def load(directory: Path) -> Dataset:
    """Reads a data set.

    Raises:
        OSError: Something is missing.
    """
    with np.load(directory / "queries.npz") as arrays:
        kept = {name: arrays[name] for name in arrays.files}
    texts = json.loads((directory / "texts.json").read_text(encoding="utf-8"))
    facts = json.loads((directory / "facts.json").read_text(encoding="utf-8"))
    return Dataset(directory, facts, texts, kept)


def make_dataset(
    directory: Path, rows: int, *, seed: int, progress: Progress, queries: int = QUERIES
) -> Dataset:
    """Makes a data set, or reads the one in the directory if it was made from the same.

    Args:
        directory: Emptied first, unless it fits.
        rows: Executions, >= 1.
        seed: The same seed gives the same data.
        progress: Told what is going on.
        queries: Of each kind, if it is made.

    Raises:
        LearningError: The model can't be loaded, or the database can't be written.
    """
    embedder = Embedder(cache_dir=directory / "models")
    wanted = identity(rows, seed, embedder.fingerprint)
    try:
        existing = load(directory)
    except (OSError, ValueError):
        pass
    else:
        if existing.facts["identity"] == wanted:
            return existing
    shutil.rmtree(directory, ignore_errors=True)
    make_private(directory)
    spent = 0.0

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        nonlocal spent
        started, parts = time.perf_counter(), []
        for start in range(0, len(texts), EMBED_CHUNK):
            chunk = texts[start : start + EMBED_CHUNK]
            parts.append(embedder.embed([embedding_text(text) for text in chunk]))
            progress("embedding", start + len(chunk), len(texts))
        spent += time.perf_counter() - started
        return np.concatenate(parts)

    embedder.load()
    made = clusters.make_clusters(rows, seed=seed, embed=embed)
    embed_seconds = spent
    asked = {
        "in": clusters.in_distribution(made, queries, seed=seed),
        "out": clusters.out_of_distribution(queries, seed=seed, embed=embed),
    }
    inserted = anyio.run(_fill, directory, made, rows, seed, embedder.fingerprint, progress)
    vectors = np.load(directory / "vectors.npy", mmap_mode="r")
    arrays = {kind: asked[kind].vectors for kind in KINDS}
    progress("computing the ground truth", 0, 1)
    least = {f"{kind}_least": ground_truth.thresholds(vectors, arrays[kind]) for kind in KINDS}
    np.savez(directory / "queries.npz", allow_pickle=False, **arrays, **least)
    shown = list(islice(clusters.known_items(made), _KNOWN_ITEMS))
    texts = {kind: asked[kind].texts for kind in KINDS} | {"known_items": shown}
    _write_json(directory / "texts.json", texts)
    facts = {
        "identity": wanted,
        "tasks": len(made.tasks),
        "embedded": made.centres,
        "embed_seconds": round(embed_seconds, 3),
        "insert_seconds": round(inserted, 3),
        "indexes": {},
    }
    _write_json(directory / "facts.json", facts)
    return load(directory)


async def _fill(
    directory: Path, made: Clusters, rows: int, seed: int, fingerprint: str, progress: Progress
) -> float:
    """Inserts the executions and writes their vectors to a file; returns seconds of inserting."""
    shape = (rows, made.vectors.shape[1])
    file = np.lib.format.open_memmap(directory / "vectors.npy", "w+", np.float32, shape)
    runs = make_runs(made.tasks, rows, seed=seed, until=datetime.now(UTC))
    seconds, done = 0.0, 0
    settings = Settings.model_construct(data_dir=directory / "data")
    async with opened(settings) as (store, _):
        while chunk := list(islice(runs, CHUNK)):
            file[done : done + len(chunk)] = made.vectors[[run.task for run in chunk]]
            seconds += await insert(store, chunk, made.vectors, fingerprint)
            done += len(chunk)
            progress("inserting", done, rows)
        await store.checkpoint()
    file.flush()
    return seconds


def _write_json(path: Path, values: object) -> None:
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(values, indent=1), encoding="utf-8")
    beside.replace(path)

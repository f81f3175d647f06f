"""Child process that measures one index: `python -m benchmarks.scale.child TASK FILE`.

TASK is a JSON object; the outcome is written to FILE, since libraries print to stdout as they like.
Each index has a process of its own, for its memory to be measured, and for a crash to end only one
measurement.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import anyio.to_thread
import numpy as np

from benchmarks.mcp_client import MeasurementFailed
from benchmarks.memory import resident_mb
from benchmarks.scale import dataset, product
from benchmarks.scale.clusters import Queries
from benchmarks.scale.dataset import KINDS, Dataset
from benchmarks.scale.ground_truth import K
from benchmarks.scale.peers import PEERS, Peer
from benchmarks.timing import WARM_UP, Timing, percentiles, timed
from mcp_learning.embed.embedder import Embedder
from mcp_learning.embed.recipe import embedding_text
from mcp_learning.settings import SearchMode

Outcome = dict[str, Any]

EF_SEARCH = (16, 32, 64, 128, 256, 512)
"""Points of a recall-versus-latency curve."""

CHECKOUT = Path(__file__).resolve().parent.parent.parent
"""From where `benchmarks` can be imported."""

BUDGET_SECONDS = 60.0
"""Longest that the queries of one kind may take; slow indexes answer fewer."""

_THREADS = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"),
    *("LANCE_CPU_THREADS", "TOKIO_WORKER_THREADS"),
)


def run(task: str, directory: Path, *, queries: int, pinned: bool = False, **more: str) -> Outcome:
    """Runs one measurement in a child process and returns its outcome.

    Args:
        task: Name of one of `TASKS`.
        directory: Of a data set.
        queries: Of each kind, at most.
        pinned: Keep the child on one CPU and its libraries to one thread.
        more: Further arguments of the task.

    Raises:
        MeasurementFailed: The child failed; the message is the last line that it wrote.
    """
    given = {"task": task, "directory": str(directory), "queries": queries, "pinned": pinned}
    with TemporaryDirectory(prefix="child-", dir=directory, ignore_cleanup_errors=True) as scratch:
        file = Path(scratch) / "outcome.json"
        described = json.dumps({**given, "scratch": scratch, **more})
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.scale.child", described, str(file)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            env=os.environ | (dict.fromkeys(_THREADS, "1") if pinned else {}),
            cwd=CHECKOUT,
            check=False,
        )
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
            raise MeasurementFailed(f"measuring {more or task} failed: {lines[-1]}")
        outcome: Outcome = json.loads(file.read_text(encoding="utf-8"))
        return outcome


def main(described: str, file: str) -> None:
    """Runs a task in the child process and writes its outcome to `file`."""
    arguments = json.loads(described)
    if arguments.pop("pinned") and sys.platform == "linux":
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    task: Callable[..., Outcome] = TASKS[arguments.pop("task")]
    data = dataset.load(Path(arguments.pop("directory")))
    Path(file).write_text(json.dumps(task(data, **arguments)), encoding="utf-8")


def _search(data: Dataset, queries: int, scratch: str, mode: SearchMode) -> Outcome:
    """Measures the product in one search mode: whole searches, nearest neighbours, embedding."""
    return anyio.run(_search_in, data, queries, mode)


async def _search_in(data: Dataset, queries: int, mode: SearchMode) -> Outcome:
    started = time.perf_counter()
    async with product.open_product(data.data_dir, mode) as indexer:
        outcome: Outcome = {"load_seconds": round(time.perf_counter() - started, 3)}
        outcome["mode"] = indexer.retriever.mode
        for kind in KINDS:
            asked = data.queries(kind, queries)
            seconds, words = [], []
            for number in [*range(WARM_UP), *range(len(asked.texts))]:
                number %= len(asked.texts)
                text, vector = asked.texts[number], asked.vectors[number]
                without = await _seconds(product.whole_search(indexer, "", vector))
                seconds.append(await _seconds(product.whole_search(indexer, text, vector)))
                words.append(seconds[-1] - without)
            outcome[f"search_{kind}"] = asdict(percentiles(seconds[WARM_UP:]))
            outcome[f"words_{kind}"] = asdict(percentiles(words[WARM_UP:]))
        nearest = product.nearest(indexer.retriever)
        outcome |= {kind: _recalled(data, kind, queries, nearest) for kind in KINDS}
        embedding = _embedding(indexer.embedder, data.queries("in", queries))
        return outcome | {"embed": asdict(embedding)}


async def _seconds(search: product.Search) -> float:
    started = time.perf_counter()
    await anyio.to_thread.run_sync(search)
    return time.perf_counter() - started


def _embedding(embedder: Embedder, queries: Queries) -> Timing:
    return timed(queries.texts, lambda text: embedder.embed([embedding_text(text)]))[0]


def _curve(data: Dataset, queries: int, scratch: str, index_dir: str) -> Outcome:
    """Measures one HNSW index over `EF_SEARCH`."""
    points = []
    for ef_search in EF_SEARCH:
        with product.open_index(Path(index_dir), ef_search) as nearest:
            recalled = {kind: _recalled(data, kind, queries, nearest) for kind in KINDS}
        points.append({"ef_search": ef_search, **recalled})
    return {"curve": points}


def _peer(data: Dataset, queries: int, scratch: str, name: str) -> Outcome:
    """Measures another vector index: build, memory, nearest neighbours."""
    (peer,) = (peer for peer in PEERS if peer.name == name)
    return _measure_peer(peer, data, queries, Path(scratch))


def _measure_peer(peer: Peer, data: Dataset, queries: int, scratch: Path) -> Outcome:
    home = scratch / "files"
    home.mkdir()
    before = resident_mb(os.getpid())
    vectors, started = data.vectors(), time.perf_counter()
    search = peer.build(vectors, home)
    seconds = time.perf_counter() - started
    del vectors  # unmaps the file, whose pages aren't the peer's memory

    def rows(vector: product.Vector, k: int) -> product.Rows:
        return np.fromiter(search(vector, k), np.int64)

    timings = {}
    for kind in KINDS:
        asked = list(data.queries(kind, queries).vectors)
        timings[kind] = timed(asked, lambda vector: rows(vector, K), BUDGET_SECONDS)
    memory = resident_mb(os.getpid()) - before
    return {
        "kind": peer.kind,
        "version": peer.version,
        "build_seconds": round(seconds, 3),
        "resident_mb": round(memory, 1),
        **{kind: _scored(data, kind, *timings[kind]) for kind in KINDS},
    }


def _recalled(data: Dataset, kind: str, queries: int, nearest: product.Nearest) -> Outcome:
    vectors = data.queries(kind, queries).vectors
    return _scored(data, kind, *timed(list(vectors), lambda v: nearest(v, K), BUDGET_SECONDS))


def _scored(data: Dataset, kind: str, timing: Timing, rows: list[product.Rows]) -> Outcome:
    return {**asdict(timing), "recall": data.recall(kind, rows)}


TASKS: dict[str, Callable[..., Outcome]] = {"search": _search, "curve": _curve, "peer": _peer}

if __name__ == "__main__":
    main(*sys.argv[1:])

"""Plans and runs the measurements of each size.

Every size has its data set (`dataset`). What is measured, and in which process:

- the product as `auto` plans it, and exact search beside it: a child process each (`child`);
- the HNSW index of each preset over ef_search: a child per preset;
- start-up to the first correct answer, and resident memory: the real server over stdio;
- peers: a child each, on one CPU with one thread, and the product once more in the same way.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, cast

import anyio

from benchmarks.mcp_client import MeasurementFailed
from benchmarks.scale import child, dataset, product, server
from benchmarks.scale.dataset import Dataset
from benchmarks.scale.peers import Peer
from benchmarks.suite.report import PACKAGES, machine
from mcp_learning import __version__
from mcp_learning.errors import InvalidInput
from mcp_learning.models.requests import RebuildIndex
from mcp_learning.settings import Settings
from mcp_learning.store.duckdb.connection import make_private
from mcp_learning.synthetic.loading import Progress, opened

Preset = Literal["fast", "balanced", "high_recall"]
PRESETS: tuple[Preset, ...] = ("fast", "balanced", "high_recall")

SEED = 20_260

Outcome = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What to measure.

    Attributes:
        sizes: Executions in each database, ascending.
        presets: HNSW indexes built for each size; the last one is what the product uses.
        peers: Other indexes to compare with.
        queries: Of each kind, as far as the data set has them.
        starts: Servers started for each size.
        dataset_queries: Of each kind, in data sets that are made; at least `queries`.
    """

    sizes: tuple[int, ...]
    presets: tuple[Preset, ...]
    peers: tuple[Peer, ...]
    queries: int
    starts: int
    dataset_queries: int = dataset.QUERIES


def make_plan(sizes: str, presets: str, peers: Sequence[Peer], *, quick: bool) -> Plan:
    """A plan from comma-separated lists.

    Raises:
        InvalidInput: A size is not a whole number >= 10, or a preset is unknown.
    """
    for preset in _split(presets):
        if preset not in PRESETS:
            raise InvalidInput("presets", f"no {preset!r}; there are {', '.join(PRESETS)}")
    # In use when all is done: balanced if it is there, which is the product's own default.
    ordered = sorted(_split(presets), key=lambda preset: preset == "balanced")
    try:
        numbers = sorted({int(size.replace("_", "")) for size in _split(sizes)})
    except ValueError:
        numbers = []
    if not numbers or numbers[0] < 10:
        raise InvalidInput("sizes", "whole numbers >= 10, such as 1000,10000,100000")
    return Plan(
        sizes=tuple(numbers),
        presets=tuple(cast("Preset", preset) for preset in ordered),
        peers=tuple(peers),
        queries=50 if quick else dataset.QUERIES,
        starts=1 if quick else 3,
    )


def measure(
    plan: Plan, within: Path | None, progress: Progress, done: Callable[[Outcome], None]
) -> None:
    """Measures one size after the other.

    Args:
        plan: What.
        within: Directory in which data sets are kept and found again; None: temporary.
        progress: Told what is going on.
        done: Takes the outcome of each size as soon as it is complete.

    Raises:
        LearningError: A measurement failed.
    """
    with _place(within) as place:
        for rows in plan.sizes:

            def step(what: str, share: int = 0, total: int = 1, rows: int = rows) -> None:
                progress(f"{rows:,} rows: {what}", share, total)

            data = dataset.make_dataset(
                place / f"rows-{rows}",
                rows,
                seed=SEED,
                progress=step,
                queries=plan.dataset_queries,
            )
            done(_measure(data, plan, step))


@contextmanager
def _place(within: Path | None) -> Iterator[Path]:
    if within is not None:
        make_private(within)
        yield within.absolute()
        return
    with TemporaryDirectory(prefix="mcp-learning-", ignore_cleanup_errors=True) as scratch:
        yield Path(scratch).absolute()


def _measure(data: Dataset, plan: Plan, step: Callable[..., None]) -> Outcome:
    def in_child(task: str, **more: Any) -> Outcome:
        return child.run(task, data.directory, queries=plan.queries, **more)

    outcome: Outcome = {
        "rows": data.facts["identity"]["rows"],
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": __version__,
        "machine": machine(),
        "load": _load(),
        "packages": {name: version(name) for name in PACKAGES},
        "prepared": {key: value for key, value in data.facts.items() if key != "indexes"},
        "presets": {},
    }
    for preset in plan.presets:
        step(f"building the index, preset {preset}")
        built = use_index(data, preset, step)
        step(f"recall and latency of the preset {preset}")
        curve = in_child("curve", index_dir=str(_settings(data).index_dir))
        outcome["presets"][preset] = built | curve
    outcome["presets"] = {
        name: outcome["presets"][name] for name in PRESETS if name in plan.presets
    }
    step("searching as auto plans it")
    outcome["auto"] = in_child("search", mode="auto")
    outcome["exact"] = outcome["auto"]
    if outcome["auto"]["mode"] != "exact":
        step("searching exactly")
        outcome["exact"] = in_child("search", mode="exact")
    step("starting servers")
    outcome["server"] = server.measure_server(data, starts=plan.starts, queries=plan.queries)
    outcome["disk"] = {"database_mb": _megabytes(data.data_dir, "learning.duckdb*")}
    outcome["disk"]["index_mb"] = _megabytes(_settings(data).index_dir, "*")
    if plan.peers:
        outcome["peers"] = _peers(plan.peers, in_child, step)
    return outcome


def _peers(
    peers: Sequence[Peer], in_child: Callable[..., Outcome], step: Callable[..., None]
) -> Outcome:
    outcomes: Outcome = {}
    step("searching on one CPU")
    outcomes["mcp-learning"] = in_child("search", mode="auto", pinned=True)
    for number, peer in enumerate(peers):
        if peer.missing:
            outcomes[peer.name] = {"missing": peer.missing}
            continue
        step(f"measuring {peer.name}", number, len(peers))
        try:
            outcomes[peer.name] = in_child("peer", name=peer.name, pinned=True)
        except MeasurementFailed as failed:
            outcomes[peer.name] = {"failed": str(failed)}
    return outcomes


def use_index(data: Dataset, preset: Preset, step: Callable[..., None]) -> Outcome:
    """Moves the index of a preset into the data directory, or builds it there.

    Returns:
        What the build took: `seconds`, `bytes`, `m`, `ef_construction`.
    """
    index_dir, kept = _settings(data).index_dir, data.directory / "indexes"
    built: Outcome = data.facts["indexes"]
    # Noted before a file is moved in, and after one is moved out: an interruption in between
    # leaves a note without a file, never an index that nothing tells the preset of.
    current = data.facts.get("in_use") if _index_files(index_dir) else None
    if current != preset:
        if current is not None:
            _move_index(index_dir, kept / current)
        for rest in _index_files(index_dir):  # of a build that was interrupted
            rest.unlink()
        data.note("in_use", None)
        if preset in built and _index_files(kept / preset):
            data.note("in_use", preset)
            _move_index(kept / preset, index_dir)
        else:
            built[preset] = anyio.run(_build, data, preset, step)
            data.note("in_use", preset)
    made: Outcome = built[preset]
    return made


def _index_files(directory: Path) -> list[Path]:
    return sorted(directory.glob(product.INDEX_FILES))


def _move_index(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for file in _index_files(source):
        file.replace(target / file.name)


async def _build(data: Dataset, preset: Preset, step: Callable[..., None]) -> Outcome:
    async def show(share: float, text: str) -> None:
        step(f"building the index, preset {preset}", round(100 * share), 100)

    started = time.perf_counter()
    async with opened(_settings(data)) as (_, indexer):
        await indexer.load()
        report = await indexer.rebuild(RebuildIndex(preset=preset), show)
    return {
        "seconds": round(time.perf_counter() - started, 1),
        "bytes": report.bytes,
        "m": report.m,
        "ef_construction": report.ef_construction,
    }


def _settings(data: Dataset) -> Settings:
    return Settings.model_construct(data_dir=data.data_dir)


def _load() -> float | None:
    """Load average of the last minute; None where the platform has none."""
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None


def _megabytes(directory: Path, pattern: str) -> float:
    files = [file for file in directory.rglob(pattern) if file.is_file()]
    return round(sum(file.stat().st_size for file in files) / 2**20, 1)


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]

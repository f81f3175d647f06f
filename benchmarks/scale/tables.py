"""The Markdown tables of the page."""

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.scale.peers import EF_SEARCH
from benchmarks.scale.results import Outcome, Results

EXPECTED_MS = {
    1_000: ("5 to 15", "10 to 50"),
    10_000: ("10 to 30", "100 to 500"),
    100_000: ("20 to 50", "1,000 to 5,000"),
    1_000_000: ("50 to 100", "10,000 to 50,000"),
}
"""What the original design expected of HNSW and of exact search, in milliseconds."""


def expected(found: Results) -> str:
    """What the original design expected, beside what was measured."""
    rows = []
    for size, outcome in found.items():
        hnsw, exact = EXPECTED_MS.get(size, ("", ""))
        point = _at_default_ef(outcome["presets"].get("balanced"))
        measured = _ms(point["in"]["p50"]) if point else "not built"
        rows.append([shown_int(size), hnsw, measured, exact, _ms(outcome["exact"]["in"]["p50"])])
    return markdown_table("rows | HNSW expected | HNSW | exact expected | exact", rows)


def searches(found: Results) -> str:
    """Whole searches, and the ten nearest executions by vectors alone."""
    rows = []
    for size, outcome in found.items():
        auto = outcome["auto"]
        for kind in ("in", "out"):
            whole, near = auto[f"search_{kind}"], auto[kind]
            words = _ms(auto[f"words_{kind}"]["p50"])
            figures = [*_percentiles(whole), words, *_percentiles(near), f"{near['recall']:.3f}"]
            rows.append([shown_int(size), auto["mode"], kind, *figures])
    return markdown_table(
        "rows | mode | distribution | search p50 | p95 | p99 | of it words | nearest p50 | p95 "
        "| p99 | recall@10",
        rows,
    )


def costs(found: Results) -> str:
    """Start-up, memory, disk, building and embedding."""
    rows = []
    for size, outcome in found.items():
        server, disk, made = outcome["server"], outcome["disk"], outcome["prepared"]
        rows.append(
            [
                shown_int(size),
                f"{server['cold_start_seconds']:.2f} s",
                f"{server['resident_mb']:,.0f} MB",
                f"{disk['database_mb']:,.0f} MB",
                f"{disk['index_mb']:,.0f} MB",
                f"{made['insert_seconds']:.2f} s",
                f"{made['embedded'] / made['embed_seconds']:,.0f} texts/s",
                _ms(outcome["auto"]["embed"]["p50"]),
                _ms(server["find"]["p50"]),
            ]
        )
    return markdown_table(
        "rows | cold start | resident | database | index | import | embedding | "
        "embedding a question | find p50",
        rows,
    )


def memory(found: Results) -> str:
    """What resident memory consists of, for the sizes where that is known."""
    rows = []
    for size, outcome in found.items():
        server = outcome["server"]
        parts = server.get("resident_parts")
        if not parts:
            continue
        duckdb, onnx = (
            sum(part for name, part in parts.items() if name.startswith(library))
            for library in ("_duckdb.", "onnxruntime")
        )
        whole, own = sum(parts.values()), parts["anonymous"]
        others = whole - own - duckdb - onnx
        figures = (whole, server["empty_server_mb"], duckdb, onnx, others, own)
        cells = [f"{figure:,.0f} MB" for figure in figures]
        rows.append([shown_int(size), *cells])
    return markdown_table(
        "rows | resident | an empty server | DuckDB | onnxruntime | other files | allocated", rows
    )


def presets(found: Results) -> str:
    """Building, latency and recall of each preset at the product's own ef_search."""
    rows = []
    for size, outcome in found.items():
        for preset, built in outcome["presets"].items():
            point = _at_default_ef(built)
            if point is None:
                continue
            rows.append(
                [
                    shown_int(size),
                    f"{preset} ({built['m']}/{built['ef_construction']})",
                    f"{built['seconds']:,.0f} s",
                    f"{built['bytes'] / 2**20:,.0f} MB",
                    *(_ms(point["in"][name]) for name in ("p50", "p95", "p99")),
                    f"{point['in']['recall']:.3f}",
                    f"{point['out']['recall']:.3f}",
                ]
            )
    return markdown_table(
        "rows | preset (M/ef_construction) | build | size | p50 | p95 | p99 | recall@10 in | out",
        rows,
    )


def peers(found: Results) -> str:
    """The other vector indexes, one table per size."""
    tables = []
    for size, outcome in found.items():
        if "peers" in outcome:
            rows = [_peer(name, peer) for name, peer in outcome["peers"].items()]
            heading = "index | kind | build | memory | p50 | p95 | p99 | recall@10 in | out"
            tables.append(f"### {size:,} rows\n\n{markdown_table(heading, rows)}")
    return "\n\n".join(tables) or "Not measured in this run; `--peers all` adds them."


def _peer(name: str, peer: Outcome) -> list[str]:
    if "missing" in peer:
        return [name, f"not installed: {', '.join(peer['missing'])}", *[""] * 7]
    if "failed" in peer:
        return [name, peer["failed"].replace("|", "/"), *[""] * 7]
    build, memory = "see above", "see above"
    if "version" in peer:
        name = f"{name} {peer['version']}"
        build, memory = f"{peer['build_seconds']:,.1f} s", f"{peer['resident_mb']:,.0f} MB"
    recalls = [f"{peer[kind]['recall']:.3f}" for kind in ("in", "out")]
    kind = peer.get("kind") or peer["mode"].replace("hnsw", "HNSW")
    return [name, kind, build, memory, *_percentiles(peer["in"]), *recalls]


def _at_default_ef(built: Outcome | None) -> Outcome | None:
    """The point of a preset's curve that the product searches with by default."""
    points: list[Any] = built["curve"] if built else []
    return next((point for point in points if point["ef_search"] == EF_SEARCH), None)


def _percentiles(timing: Outcome) -> list[str]:
    return [_ms(timing[name]) for name in ("p50", "p95", "p99")]


def markdown_table(headings: str, rows: Iterable[Sequence[str]]) -> str:
    """A table; the headings are separated by ` | `."""
    names = headings.split(" | ")
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def shown_int(value: int) -> str:
    """With separators of thousands."""
    return f"{value:,}"


def _ms(value: float) -> str:
    return f"{value:,.2f}" if value < 100 else f"{value:,.0f}"


def shown_short(value: float) -> str:
    """Three significant digits; whole from 1,000 on."""
    return f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"

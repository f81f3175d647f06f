"""The page of the benchmark over sizes, from its results."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from benchmarks import targets
from benchmarks.scale import clusters, results
from benchmarks.scale.peers import EF_CONSTRUCTION, EF_SEARCH, M
from benchmarks.scale.results import Outcome, Results

EXPECTED_MS = {
    1_000: ("5 to 15", "10 to 50"),
    10_000: ("10 to 30", "100 to 500"),
    100_000: ("20 to 50", "1,000 to 5,000"),
    1_000_000: ("50 to 100", "10,000 to 50,000"),
}
"""What the original design expected of HNSW and of exact search, in milliseconds."""

_COLUMNS = ("rows", "measurement", "target", "measured")

_PAGE = """# Performance

From {first:,} to {last:,} executions. This page was written by

```
{command}
```

{machines}

Data: executions whose vectors lie in clusters. A few thousand generated tasks are embedded by the
bundled model; every other task is a variant of one of them with isotropic noise of length
{noise} (cosine to its centre {cosine:.2f}), and runs of one task share a vector. Queries *in
distribution* are fresh variants; queries *out of distribution* are real embeddings of questions
from outside software, which nothing in the data answers. Recall@10 is by distance: a row counts
when it is as near as the true tenth, so ties don't lie. Times are of one call after the other, in
milliseconds, without embedding the question, unless said otherwise.

## Targets

{targets}

{notes}

## Beside what the original design expected

Milliseconds for the ten nearest, p50, in distribution. HNSW: the preset balanced with ef_search
{ef}; exact: the matrix in memory.

{expected}

## Searches

What a tool call pays (candidates by meaning and by words, fusion, check against the database,
grouping, floor), what of it is for words (p50 of the difference to the same search without its
text), then the ten nearest executions by meaning alone.

{searches}

## Start-up, memory, disk, building

Cold start is from spawning the server to its first correct answer; `find` is a whole tool call over
stdio with the embedding of the question. Embedding the tasks at hand ran on all CPUs.

{costs}

What the resident memory consists of, of the last server that was started. An empty MCP server of
the same SDK is the least that there can be. The libraries' columns are pages of their files;
*allocated* is Python's objects, the model with its working memory, and what grows with the rows.

{memory}

## Presets of the HNSW index

Built by the product in a child process on all CPUs; searched with ef_search {ef}.

{presets}

{plots}

## Peers

The same vectors and queries, in the same run, each in a process of its own on one CPU with one
thread: M {m}, ef_construction {ef_construction}, ef_search {ef} wherever there is a graph. Memory
is what the process gained by loading the library and building, with the source vectors unmapped.
The first line is what `auto` plans here, measured in the same way.

{peers}
"""


def markdown(found: Results, plots: Mapping[int, str], overview: str | None = None) -> str:
    """The whole page.

    Args:
        found: At least one size.
        plots: By rows, the path of a picture, relative to the page.
        overview: Path of the picture over all sizes.
    """
    pictures = [f"![latency by size]({overview})"] if overview else []
    pictures += [
        f"![recall and latency at {rows:,} rows]({plots[rows]})" for rows in found if rows in plots
    ]
    return _PAGE.format(
        first=min(found),
        last=max(found),
        command=_command(found, with_plots=bool(plots)),
        machines=_machines(found),
        noise=clusters.NOISE,
        cosine=1 / (1 + clusters.NOISE**2) ** 0.5,
        targets=_table(" | ".join((*_COLUMNS, "verdict")), _judged(found)),
        notes="\n".join(
            f"- **{target.title}**: {target.how}" for target in targets.AT_ROWS[100_000]
        ),
        expected=_expected(found),
        searches=_searches(found),
        costs=_costs(found),
        memory=_memory(found),
        presets=_presets(found),
        plots="\n\n".join(pictures),
        peers=_peers(found),
        ef=EF_SEARCH,
        m=M,
        ef_construction=EF_CONSTRUCTION,
    )


def table(found: Results) -> Table:
    """The figures that count, for a terminal: one row per target."""
    made = Table(title="mcp-learning by number of executions")
    for heading in (*_COLUMNS, "verdict"):
        made.add_column(heading, justify="right" if heading in ("rows", "measured") else "left")
    for *cells, verdict in _judged(found):
        style = "green" if verdict == "pass" else "bold red" if verdict == "FAIL" else ""
        made.add_row(*map(Text, cells), Text(verdict, style=style))
    return made


def _command(found: Results, *, with_plots: bool) -> str:
    """What gives these results, as far as they tell."""
    presets = dict.fromkeys(name for outcome in found.values() for name in outcome["presets"])
    words = ["python -m benchmarks scale --sizes", ",".join(map(str, found))]
    words += ["--presets", ",".join(presets)] if presets else []
    words += ["--peers all"] if any("peers" in outcome for outcome in found.values()) else []
    words += ["--plots docs/plots"] if with_plots else []
    return " ".join([*words, "--markdown docs/performance.md"])


def _machines(found: Results) -> str:
    """Where and when each size was measured; one sentence when that is the same for all."""
    by_run: dict[tuple[str, str], list[int]] = {}
    for rows, outcome in found.items():
        packages = ", ".join(f"{name} {number}" for name, number in outcome["packages"].items())
        run = f"mcp-learning {outcome['version']}, {packages}", outcome["machine"]
        by_run.setdefault(run, []).append(rows)
    lines = []
    for (versions, machine), sizes in by_run.items():
        days = sorted({found[rows]["measured_at"][:10] for rows in sizes})
        which = "" if len(by_run) == 1 else f"{', '.join(f'{rows:,}' for rows in sizes)} rows: "
        loads = ", ".join(str(found[rows]["load"] or "unknown") for rows in sizes)
        lines.append(
            f"{which}{versions}. Machine: {machine}. Measured: {', '.join(days)}. Load average "
            f"when each size began: {loads}."
        )
    return "\n\n".join(lines)


def _judged(found: Results) -> list[list[str]]:
    rows = []
    for size, outcome in found.items():
        for one in results.judge(outcome):
            verdict = "pass" if one.passed else "FAIL"
            rows.append(
                [_int(size), one.target.title, one.target.text, _short(one.measured), verdict]
            )
        if size not in targets.AT_ROWS:
            search = _short(outcome["auto"]["search_in"]["p50"])
            rows.append([_int(size), "search as auto plans it, p50, ms", "none", search, ""])
    return rows


def _expected(found: Results) -> str:
    rows = []
    for size, outcome in found.items():
        hnsw, exact = EXPECTED_MS.get(size, ("", ""))
        point = _at_default_ef(outcome["presets"].get("balanced"))
        measured = _ms(point["in"]["p50"]) if point else "not built"
        rows.append([_int(size), hnsw, measured, exact, _ms(outcome["exact"]["in"]["p50"])])
    return _table("rows | HNSW expected | HNSW | exact expected | exact", rows)


def _searches(found: Results) -> str:
    rows = []
    for size, outcome in found.items():
        auto = outcome["auto"]
        for kind in ("in", "out"):
            whole, near = auto[f"search_{kind}"], auto[kind]
            words = _ms(auto[f"words_{kind}"]["p50"])
            figures = [*_percentiles(whole), words, *_percentiles(near), f"{near['recall']:.3f}"]
            rows.append([_int(size), auto["mode"], kind, *figures])
    return _table(
        "rows | mode | distribution | search p50 | p95 | p99 | of it words | nearest p50 | p95 "
        "| p99 | recall@10",
        rows,
    )


def _costs(found: Results) -> str:
    rows = []
    for size, outcome in found.items():
        server, disk, made = outcome["server"], outcome["disk"], outcome["prepared"]
        rows.append(
            [
                _int(size),
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
    return _table(
        "rows | cold start | resident | database | index | import | embedding | "
        "embedding a question | find p50",
        rows,
    )


def _memory(found: Results) -> str:
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
        rows.append([_int(size), *cells])
    return _table(
        "rows | resident | an empty server | DuckDB | onnxruntime | other files | allocated", rows
    )


def _presets(found: Results) -> str:
    rows = []
    for size, outcome in found.items():
        for preset, built in outcome["presets"].items():
            point = _at_default_ef(built)
            if point is None:
                continue
            rows.append(
                [
                    _int(size),
                    f"{preset} ({built['m']}/{built['ef_construction']})",
                    f"{built['seconds']:,.0f} s",
                    f"{built['bytes'] / 2**20:,.0f} MB",
                    *(_ms(point["in"][name]) for name in ("p50", "p95", "p99")),
                    f"{point['in']['recall']:.3f}",
                    f"{point['out']['recall']:.3f}",
                ]
            )
    return _table(
        "rows | preset (M/ef_construction) | build | size | p50 | p95 | p99 | recall@10 in | out",
        rows,
    )


def _peers(found: Results) -> str:
    tables = []
    for size, outcome in found.items():
        if "peers" in outcome:
            rows = [_peer(name, peer) for name, peer in outcome["peers"].items()]
            heading = "index | kind | build | memory | p50 | p95 | p99 | recall@10 in | out"
            tables.append(f"### {size:,} rows\n\n{_table(heading, rows)}")
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


def _table(headings: str, rows: Iterable[Sequence[str]]) -> str:
    names = headings.split(" | ")
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _int(value: int) -> str:
    return f"{value:,}"


def _ms(value: float) -> str:
    return f"{value:,.2f}" if value < 100 else f"{value:,.0f}"


def _short(value: float) -> str:
    return f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"

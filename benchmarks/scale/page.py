"""Writes the page with the results over sizes."""

from collections.abc import Mapping

from rich.table import Table
from rich.text import Text

from benchmarks import targets
from benchmarks.scale import clusters, results, tables
from benchmarks.scale.peers import EF_CONSTRUCTION, EF_SEARCH, M
from benchmarks.scale.results import Results
from benchmarks.scale.tables import shown_int, shown_short

_COLUMNS = ("rows", "measurement", "target", "measured")

_PAGE = """# Performance

From {first:,} to {last:,} executions. This command wrote the page:

```
{command}
```

{machines}

**Data.** The vectors of the executions lie in clusters. A few thousand generated tasks are embedded
by the bundled model; every other task is a variant of one of them with isotropic noise of length
{noise} (cosine to its centre {cosine:.2f}), and runs of one task share a vector.

**Queries.** Those *in distribution* are fresh variants. Those *out of distribution* are real
embeddings of questions from outside software, which nothing in the data answers.

**Measures.** Recall@10 is by distance: a row counts if it is as near as the true tenth, so ties
don't distort it. Times are in milliseconds, of sequential calls, without embedding the question,
unless said otherwise.

## Targets

{targets}

{notes}

## Compared with what the original design expected

Milliseconds for the ten nearest, p50, in distribution. HNSW: the preset balanced with ef_search
{ef}; exact: the matrix in memory.

{expected}

## Searches

- **Search**: what a tool call takes for candidates by meaning and by words, fusion, check against
  the database, grouping and relevance.
- **Of it words**: p50 of the difference to the same search without its text.
- **Nearest**: the ten nearest executions by meaning alone.

{searches}

## Start-up, memory, disk, building

Cold start is from spawning the server to its first correct answer; `find` is a whole tool call over
stdio with the embedding of the question. Tasks were embedded on all CPUs.

{costs}

The next table splits the resident memory of the last server that was started. An empty MCP server
of the same SDK is the minimum. The libraries' columns are pages of their files; *allocated* is
Python's objects, the model with its working memory, and everything that grows with the rows.

{memory}

## Presets of the HNSW index

Built by the product in a child process on all CPUs; searched with ef_search {ef}.

{presets}

{plots}

## Peers

All use the same vectors and queries in the same run, each in a process of its own on one CPU with
one thread: M {m}, ef_construction {ef_construction}, ef_search {ef} wherever there is a graph.
Memory is what the process gained by loading the library and building, with the source vectors
unmapped. The first line is what `auto` plans here, measured in the same way.

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
        targets=tables.markdown_table(" | ".join((*_COLUMNS, "verdict")), _judged(found)),
        notes="\n".join(
            f"- **{target.title}**: {target.how}" for target in targets.AT_ROWS[100_000]
        ),
        expected=tables.expected(found),
        searches=tables.searches(found),
        costs=tables.costs(found),
        memory=tables.memory(found),
        presets=tables.presets(found),
        plots="\n\n".join(pictures),
        peers=tables.peers(found),
        ef=EF_SEARCH,
        m=M,
        ef_construction=EF_CONSTRUCTION,
    )


def table(found: Results) -> Table:
    """A table for a terminal: one row per target."""
    made = Table(title="mcp-learning by number of executions")
    for heading in (*_COLUMNS, "verdict"):
        made.add_column(heading, justify="right" if heading in ("rows", "measured") else "left")
    for *cells, verdict in _judged(found):
        style = "green" if verdict == "pass" else "bold red" if verdict == "FAIL" else ""
        made.add_row(*map(Text, cells), Text(verdict, style=style))
    return made


def _command(found: Results, *, with_plots: bool) -> str:
    """The command that makes these results, as far as they tell."""
    presets = dict.fromkeys(name for outcome in found.values() for name in outcome["presets"])
    words = ["python -m benchmarks scale --sizes", ",".join(map(str, found))]
    words += ["--presets", ",".join(presets)] if presets else []
    words += ["--peers all"] if any("peers" in outcome for outcome in found.values()) else []
    words += ["--plots docs/plots"] if with_plots else []
    return " ".join([*words, "--markdown docs/performance.md"])


def _machines(found: Results) -> str:
    """Versions, machine and day of each size; one sentence if they are the same for all."""
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
        for one in results.compare_with_targets(outcome):
            verdict = "pass" if one.passed else "FAIL"
            rows.append(
                [
                    shown_int(size),
                    one.target.title,
                    one.target.text,
                    shown_short(one.measured),
                    verdict,
                ]
            )
        if size not in targets.AT_ROWS:
            search = shown_short(outcome["auto"]["search_in"]["p50"])
            rows.append([shown_int(size), "search as auto plans it, p50, ms", "none", search, ""])
    return rows

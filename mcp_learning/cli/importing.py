"""`mcp-learning import`: stores executions from files of other programs.

It counts what it can't read. Each batch is stored all or none. After an interruption the same
command continues, since stored executions are recognised by their ids.
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from mcp_learning.cli.options import DataDir, Json, path_argument
from mcp_learning.cli.output import console, echo, print_json
from mcp_learning.cli.progress import progress_bar
from mcp_learning.cli.running import fail, load_settings, run
from mcp_learning.models.characters import visible
from mcp_learning.models.wording import counted

if TYPE_CHECKING:
    from mcp_learning.cli.import_steps import ImportRun


def import_(
    name: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="claude-code, codex, gemini, copilot, git, jsonl, csv, parquet or duckdb",
        ),
    ],
    path: Annotated[
        Path | None,
        path_argument("File or directory; by default the client's own, or this repository", "PATH"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Store nothing; show counts and a sample")
    ] = False,
    limit: Annotated[
        int, typer.Option(min=1, max=100_000, help="With git: latest commits to read")
    ] = 10_000,
    embed: Annotated[
        bool, typer.Option("--embed/--no-embed", help="Compute vectors now, or let a server do it")
    ] = True,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Import executions from sessions of agents, from git, or from a table (docs/import.md)."""
    from mcp_learning.cli.import_steps import ImportRun, store_all
    from mcp_learning.clients.sources import sources

    known = sources(limit)
    if name not in known:
        fail(f"SOURCE: {name} is none of {', '.join(known)}", status=2)
    source = known[name]
    settings = load_settings(data_dir)
    begin = time.perf_counter()
    if path is None:
        if source.default is None:
            fail(f"PATH: {name} needs the path of a file", status=2)
        path = source.default()
    if name == "duckdb" and path.resolve() == settings.database_path.resolve():
        fail(f"PATH: {path} is the database to import into; give another one")
    state = ImportRun(source, path, dry_run, embed)
    with progress_bar(quiet=json) as bar:
        try:
            run(lambda: store_all(state, settings, bar), names={"repo": "PATH"})
        finally:
            if state.stored and not state.complete:
                typer.echo(
                    f"mcp-learning: {counted(state.stored, 'execution')} imported before; the same "
                    "command again goes on",
                    err=True,
                )
    seconds = time.perf_counter() - begin
    if json:
        print_json(state.report(name, seconds))
    else:
        _print(state, seconds)
        _print_vectors(state)
    if state.notes.skipped and not state.read:
        fail(f"nothing could be imported from {path}")


def _print(state: "ImportRun", seconds: float) -> None:
    would, counts, notes = "would be " if state.dry_run else "", state.counts, state.notes
    echo(
        f"{counted(state.read, 'execution')} in {state.path}: {counts['created']:,} {would}new, "
        f"{counts['updated']:,} {would}updated, {counts['unchanged']:,} there already; "
        f"{counted(counts['redactions'], 'secret')} {would}removed ({seconds:.1f} s)."
    )
    if state.lessons:
        echo(f"{counted(state.lessons, 'lesson')} {would}added.")
    if counts["excluded"]:
        echo(f"Left out, being of excluded repositories: {counts['excluded']:,}.")
    if state.sample:
        table = Table(box=box.SIMPLE_HEAD)
        for heading in ("recorded", "type", "outcome", "repo", "task"):
            table.add_column(heading, overflow="fold")
        for one in state.sample:
            cells = ("recorded_at", "task_type", "outcome", "repo", "task_description")
            table.add_row(*(Text(visible(one.get(cell, ""))) for cell in cells))
        console.print(table)
    for title, found in (
        ("Found", [(name, n) for name, n in notes.found.items() if n]),
        ("Skipped", notes.skipped.most_common()),
        ("Values left out", notes.left_out.most_common()),
        ("Columns passed over", notes.unknown.most_common()),
    ):
        if found:
            echo(f"{title}: " + "; ".join(f"{name} ({n:,})" for name, n in found))
    for example in notes.examples:
        echo(f"  {example.where}: {example.reason}")


def _print_vectors(state: "ImportRun") -> None:
    if state.embedded:
        echo(f"{counted(state.embedded, 'execution')} embedded: `mcp-learning similar` finds them.")
    if state.problem:
        echo(f"Not embedded: {state.problem}.")
    elif state.pending:
        echo(
            f"{counted(state.pending, 'execution')} can't be found by meaning yet: a server makes "
            "their vectors by itself, and `mcp-learning generate-embeddings` makes them now."
        )

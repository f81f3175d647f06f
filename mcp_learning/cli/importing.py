"""`mcp-learning import`: stores executions from files of other programs.

It counts what it could not read. Batches are stored as a whole. After an interruption the same
command goes on, since what is stored is recognised by its id.
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from mcp_learning.cli.options import DataDir, Json, path_argument
from mcp_learning.cli.output import console, print_json, say
from mcp_learning.cli.progress import progress_bar
from mcp_learning.cli.running import fail, load_settings, run
from mcp_learning.models.characters import visible
from mcp_learning.models.wording import counted

if TYPE_CHECKING:
    from mcp_learning.cli.import_steps import ImportReport


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
        bool, typer.Option("--embed/--no-embed", help="Without, vectors are left to the server")
    ] = True,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Import executions from sessions of agents, from git, or from a table (docs/import.md)."""
    from mcp_learning.cli.import_steps import ImportRun, report_of, store_all
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
    report = report_of(name, state, time.perf_counter() - begin)
    if json:
        print_json(report)
    else:
        _print(report, state.problem)
    if report.skipped and not report.read:
        fail(f"nothing could be imported from {path}")


def _print(report: "ImportReport", problem: str) -> None:
    would = "would be " if report.dry_run else ""
    say(
        f"{counted(report.read, 'execution')} in {report.path}: {report.created:,} {would}new, "
        f"{report.updated:,} {would}updated, {report.unchanged:,} there already; "
        f"{counted(report.redactions, 'secret')} {would}removed ({report.seconds:.1f} s)."
    )
    if report.lessons:
        say(f"{counted(report.lessons, 'lesson')} {would}added.")
    if report.excluded:
        say(f"Left out, being of excluded repositories: {report.excluded:,}.")
    if report.sample:
        table = Table(box=box.SIMPLE_HEAD)
        for heading in ("recorded", "type", "outcome", "repo", "task"):
            table.add_column(heading, overflow="fold")
        for one in report.sample:
            cells = (one.recorded_at, one.task_type, one.outcome, one.repo or "")
            table.add_row(*(Text(visible(cell)) for cell in (*cells, one.task_description)))
        console.print(table)
    for title, counts in (
        ("Found", report.found),
        ("Skipped", report.skipped_by_reason),
        ("Values left out", report.values_left_out),
        ("Columns passed over", report.columns_passed_over),
    ):
        if counts:
            say(f"{title}: " + "; ".join(f"{name} ({n:,})" for name, n in counts.items()))
    for example in report.examples:
        say(f"  {example.where}: {example.reason}")
    _print_vectors(report, problem)


def _print_vectors(report: "ImportReport", problem: str) -> None:
    if report.embedded:
        say(f"{counted(report.embedded, 'execution')} embedded: `mcp-learning similar` finds them.")
    if problem:
        say(f"Not embedded: {problem}.")
    elif report.pending:
        say(
            f"{counted(report.pending, 'execution')} can't be found by meaning yet: a server makes "
            "their vectors by itself, and `mcp-learning generate-embeddings` makes them now."
        )

"""`mcp-learning import`: stores executions from files of other programs.

It counts what it could not read. Batches are stored as a whole. After an interruption the same
command goes on, since what is stored is recognised by its id.
"""

import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated
from uuid import UUID

import anyio.to_thread
import typer
from rich import box
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from mcp_learning.cli.options import DataDir, Json
from mcp_learning.cli.output import console, print_json
from mcp_learning.cli.progress import progress_bar
from mcp_learning.cli.running import fail, load_settings, run, service
from mcp_learning.clients.sources import Source, sources
from mcp_learning.clients.transfer.imported import Notes, Skipped, batches
from mcp_learning.models.fields import Model
from mcp_learning.models.transfer import ImportBatch, Imported, PastExecution
from mcp_learning.redaction.secrets import redact
from mcp_learning.server.quoting import shorten
from mcp_learning.settings import Settings

SAMPLE = 5
"""Executions that a dry run shows."""


class Shown(Model):
    """An execution as a dry run shows it, without secrets."""

    recorded_at: str
    task_type: str
    outcome: str
    repo: str | None
    task_description: str


class ImportReport(Model):
    """What `import --json` prints: counts, by reason and by column where they are dictionaries."""

    source: str
    path: str
    dry_run: bool
    read: int
    created: int
    updated: int
    unchanged: int
    redactions: int
    excluded: int
    skipped: int
    skipped_by_reason: dict[str, int]
    values_left_out: dict[str, int]
    columns_passed_over: dict[str, int]
    examples: list[Skipped]
    sample: list[Shown]
    seconds: float


@dataclass
class _Run:
    """An import while it runs.

    Attributes:
        source: What is read.
        path: Where it is.
        dry_run: Whether nothing is to be stored.
        notes: What the reader skipped.
        read: Executions that were read.
        counts: Executions by field of `Imported`.
        sample: Executions that a dry run shows.
        seen: Ids that a dry run came across: it stores nothing by which they would be known.
        complete: Whether everything was read and stored.
    """

    source: Source
    path: Path
    dry_run: bool
    notes: Notes = field(default_factory=Notes)
    read: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    sample: list[Shown] = field(default_factory=list)
    seen: set[UUID] = field(default_factory=set)
    complete: bool = False

    def preview(self, batch: list[PastExecution]) -> list[PastExecution]:
        """Adds to the sample; returns the executions that were not seen before."""
        self.sample += [_shown(record) for record in batch[: SAMPLE - len(self.sample)]]
        new = []
        for record in batch:
            if record.task_id not in self.seen:
                self.seen.add(record.task_id)
                new.append(record)
        self.counts["unchanged"] += len(batch) - len(new)
        return new

    @property
    def stored(self) -> int:
        """Executions that were stored."""
        return 0 if self.dry_run else self.counts["created"] + self.counts["updated"]


def import_(
    name: Annotated[
        str,
        typer.Argument(
            metavar="source", help="claude-code, codex, git, jsonl, csv, parquet or duckdb"
        ),
    ],
    path: Annotated[
        Path | None,
        typer.Argument(
            help="File or directory; by default the client's own, or this repository",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Store nothing; show counts and a sample")
    ] = False,
    limit: Annotated[
        int, typer.Option(min=1, max=100_000, help="With git: latest commits to read")
    ] = 10_000,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Import executions from sessions of agents, from git, or from a table (docs/import.md)."""
    known = sources(limit)
    if name not in known:
        fail(f"source: {name} is none of {', '.join(known)}", status=2)
    source = known[name]
    settings = load_settings(data_dir)
    begin = time.perf_counter()
    if path is None:
        if source.default is None:
            fail(f"path: {name} needs the path of a file", status=2)
        path = source.default()
    if name == "duckdb" and path.expanduser().resolve() == settings.database_path.resolve():
        fail(f"path: {path} is the database to import into; give another one")
    state = _Run(source, path, dry_run)
    with progress_bar(quiet=json) as bar:
        try:
            run(lambda: _import(state, settings, bar))
        finally:
            if state.stored and not state.complete:
                typer.echo(
                    f"mcp-learning: {state.stored:,} executions were imported before; the same "
                    "command again goes on",
                    err=True,
                )
    report = _report(name, state, time.perf_counter() - begin)
    if json:
        print_json(report)
    else:
        _print(report)
    if report.skipped and not report.read:
        fail(f"nothing could be imported from {path}")


async def _import(state: _Run, settings: Settings, bar: Progress) -> None:
    notes = state.notes
    parts = batches(state.source.read(state.path.expanduser(), notes))
    task = bar.add_task(f"reading {state.path.name}", total=None)
    with TemporaryDirectory(prefix="mcp-learning-") as empty:
        if state.dry_run and not settings.database_path.exists():  # a preview doesn't make one
            settings = Settings.load(data_dir=Path(empty))
        async with service(settings) as learning:
            while batch := await anyio.to_thread.run_sync(
                next, parts, None, abandon_on_cancel=True
            ):
                records = state.preview(batch) if state.dry_run else batch
                request = ImportBatch.model_construct(records=records, dry_run=state.dry_run)
                answer = await learning.import_batch(request)
                state.read += len(batch)
                state.counts.update(answer.model_dump())
                bar.update(
                    task,
                    total=notes.total or None,
                    completed=min(notes.done, notes.total),
                    description=f"{state.read:,} executions",
                )
    state.complete = True


def _shown(record: PastExecution) -> Shown:
    execution = record.execution
    return Shown(
        recorded_at=f"{record.recorded_at:%Y-%m-%d %H:%M}",
        task_type=execution.task_type,
        outcome=execution.outcome,
        repo=execution.repo,
        task_description=shorten(redact(execution.task_description)[0], 200),
    )


def _report(source: str, state: _Run, seconds: float) -> ImportReport:
    notes = state.notes
    return ImportReport(
        source=source,
        path=str(state.path),
        dry_run=state.dry_run,
        read=state.read,
        **{name: state.counts[name] for name in Imported.model_fields},
        skipped=notes.skipped.total(),
        skipped_by_reason=dict(notes.skipped.most_common()),
        values_left_out=dict(notes.left_out.most_common()),
        columns_passed_over=dict(notes.unknown.most_common()),
        examples=notes.examples,
        sample=state.sample,
        seconds=round(seconds, 2),
    )


def _print(report: ImportReport) -> None:
    def say(line: str) -> None:
        console.print(line, markup=False, highlight=False)

    would = "would be " if report.dry_run else ""
    say(
        f"{report.read:,} executions in {report.path}: {report.created:,} {would}new, "
        f"{report.updated:,} {would}updated, {report.unchanged:,} there already; "
        f"{report.redactions:,} secrets {would}removed ({report.seconds:.1f} s)."
    )
    if report.excluded:
        say(f"{report.excluded:,} are of excluded repositories and were left out.")
    if report.sample:
        table = Table(box=box.SIMPLE_HEAD)
        for heading in ("recorded", "type", "outcome", "repo", "task"):
            table.add_column(heading, overflow="fold")
        for one in report.sample:
            cells = (one.recorded_at, one.task_type, one.outcome, one.repo or "")
            table.add_row(*map(Text, (*cells, one.task_description)))
        console.print(table)
    for title, counts in (
        ("Skipped", report.skipped_by_reason),
        ("Values left out", report.values_left_out),
        ("Columns passed over", report.columns_passed_over),
    ):
        if counts:
            say(f"{title}: " + "; ".join(f"{name} ({n:,})" for name, n in counts.items()))
    for example in report.examples:
        say(f"  {example.where}: {example.reason}")
    if report.created and not report.dry_run:
        say("Searches find them once a server has embedded them, which it does by itself.")

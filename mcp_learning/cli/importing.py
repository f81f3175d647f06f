"""`import`: executions out of other people's files, batch by batch, with a count of what was not.

Batches are stored as a whole; whatever ends the command, the same command again goes on, since what
is there already is known by its id.
"""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import anyio.to_thread
import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from mcp_learning.cli.queries import print_json
from mcp_learning.cli.session import fail, load_settings, run, service
from mcp_learning.clients.capture.tasks import executions
from mcp_learning.clients.transcripts import claude_code, codex
from mcp_learning.clients.transfer import commits, git, tables
from mcp_learning.clients.transfer.imported import Notes, Skipped, batches
from mcp_learning.models.fields import Model
from mcp_learning.models.transfer import ImportBatch, Imported, PastExecution
from mcp_learning.redaction.secrets import redact
from mcp_learning.server import answers
from mcp_learning.service.protocol import Learning
from mcp_learning.settings import Settings

SAMPLE = 5
"""Executions that a dry run shows."""

console = Console()


class Source(StrEnum):
    """What can be imported."""

    CLAUDE_CODE = "claude-code"
    CODEX = "codex"
    GIT = "git"
    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"
    DUCKDB = "duckdb"


Reader = Callable[[Path, Notes], Iterator[PastExecution]]

_READERS: dict[Source, Reader] = {
    Source.CLAUDE_CODE: partial(executions, claude_code.read),
    Source.CODEX: partial(executions, codex.read),
    Source.JSONL: tables.read_jsonl,
    Source.CSV: tables.read_csv,
    Source.PARQUET: tables.read_parquet,
    Source.DUCKDB: tables.read_duckdb,
}


class Shown(Model):
    """An execution as a dry run shows it; without secrets."""

    recorded_at: str
    task_type: str
    outcome: str
    repo: str | None
    task_description: str


class ImportReport(Model):
    """What `import --json` prints. Numbers by reason, and by name of a column."""

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
class _Tally:
    notes: Notes = field(default_factory=Notes)
    read: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    redactions: int = 0
    excluded: int = 0
    sample: list[Shown] = field(default_factory=list)
    seen: set[UUID] = field(default_factory=set)
    finished: bool = False

    def first_times(self, batch: list[PastExecution]) -> list[PastExecution]:
        """Those of a batch that weren't in it or an earlier one before; the others are counted.

        A dry run stores nothing by which the database could tell.
        """
        first = []
        for record in batch:
            if record.task_id not in self.seen:
                self.seen.add(record.task_id)
                first.append(record)
        self.unchanged += len(batch) - len(first)
        return first

    def add(self, batch: list[PastExecution], answer: Imported) -> None:
        self.read += len(batch)
        for name in Imported.model_fields:
            setattr(self, name, getattr(self, name) + getattr(answer, name))


def import_(
    name: str,
    path: Path | None,
    *,
    limit: int,
    dry_run: bool,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Imports, and prints what came of it; exits 1 if there was something, but nothing of use.

    Args:
        name: Of a `Source`: what `path` is.
        path: File or directory; None where the source has a usual place.
        limit: Of a git history, the latest commits to read.
        dry_run: Read everything, store nothing, show a sample.
        data_dir: Of the database.
        as_json: Print one JSON object.
    """
    known = [source.value for source in Source]
    if name not in known:
        fail(f"source: {name} is none of {', '.join(known)}", status=2)
    source = Source(name)
    settings = load_settings(data_dir)
    begin, tally = time.perf_counter(), _Tally()
    place = path if path is not None else _usual(source)
    if source is Source.DUCKDB and place.expanduser().resolve() == settings.database_path.resolve():
        fail(f"path: {place} is the database to import into; give another one")
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=as_json or not sys.stderr.isatty(),
    )
    with bar:
        try:
            run(lambda: _import(source, place, limit, dry_run, settings, tally, bar))
        finally:
            if not tally.finished and tally.created + tally.updated and not dry_run:
                typer.echo(
                    f"mcp-learning: {tally.created + tally.updated:,} executions were imported "
                    "before; the same command again goes on",
                    err=True,
                )
    report = _report(source, place, dry_run, tally, time.perf_counter() - begin)
    if as_json:
        print_json(report)
    else:
        _print(report)
    if report.skipped and not report.read:
        fail(f"nothing could be imported from {place}")


def _usual(source: Source) -> Path:
    usual = {
        Source.CLAUDE_CODE: claude_code.default_directory,
        Source.CODEX: codex.default_directory,
        Source.GIT: Path.cwd,
    }
    if source not in usual:
        fail(f"path: {source.value} needs the path of a file", status=2)
    return usual[source]()


def _records(source: Source, path: Path, limit: int, notes: Notes) -> Iterator[PastExecution]:
    path = path.expanduser()
    if source is not Source.GIT:
        yield from _READERS[source](path, notes)
        return
    history = git.read(path, limit)
    notes.total = len(history.commits)
    for record in commits.past(history, notes):
        notes.done += 1
        yield record


async def _import(
    source: Source,
    path: Path,
    limit: int,
    dry_run: bool,
    settings: Settings,
    tally: _Tally,
    bar: Progress,
) -> None:
    parts = batches(_records(source, path, limit, tally.notes))
    task = bar.add_task(f"reading {path.name}", total=None)

    async def go_on(opened: Learning) -> None:
        while batch := await anyio.to_thread.run_sync(next, parts, None, abandon_on_cancel=True):
            records = batch
            if dry_run:
                tally.sample += [_shown(record) for record in batch[: SAMPLE - len(tally.sample)]]
                records = tally.first_times(batch)
            asked = ImportBatch.model_construct(records=records, dry_run=dry_run)
            tally.add(batch, await opened.import_batch(asked))
            bar.update(
                task,
                total=tally.notes.total or None,
                completed=min(tally.notes.done, tally.notes.total),
                description=f"{tally.read:,} executions",
            )

    with TemporaryDirectory(prefix="mcp-learning-") as empty:
        if dry_run and not settings.database_path.exists():  # a preview doesn't make one
            settings = Settings.load(data_dir=Path(empty))
        async with service(settings) as opened:
            await go_on(opened)
    tally.finished = True


def _shown(record: PastExecution) -> Shown:
    execution = record.execution
    return Shown(
        recorded_at=f"{record.recorded_at:%Y-%m-%d %H:%M}",
        task_type=execution.task_type,
        outcome=execution.outcome,
        repo=execution.repo,
        task_description=answers.shorten(redact(execution.task_description)[0], 200),
    )


def _report(
    source: Source, path: Path, dry_run: bool, tally: _Tally, seconds: float
) -> ImportReport:
    notes = tally.notes
    return ImportReport(
        source=source.value,
        path=str(path),
        dry_run=dry_run,
        read=tally.read,
        created=tally.created,
        updated=tally.updated,
        unchanged=tally.unchanged,
        redactions=tally.redactions,
        excluded=tally.excluded,
        skipped=notes.skipped.total(),
        skipped_by_reason=dict(notes.skipped.most_common()),
        values_left_out=dict(notes.left_out.most_common()),
        columns_passed_over=dict(notes.unknown.most_common()),
        examples=notes.examples,
        sample=tally.sample,
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

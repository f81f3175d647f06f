"""The steps of `import`: reads a source in batches, stores them, and counts the results."""

from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import anyio.to_thread
from rich.progress import Progress

from mcp_learning.cli.running import service
from mcp_learning.clients.judging.sessions import begins_with_complaint, judge_by_complaints
from mcp_learning.clients.sources import Source
from mcp_learning.clients.transfer.imported import Notes, batches
from mcp_learning.errors import LearningError
from mcp_learning.models.lessons import PAGE, ImportLessons
from mcp_learning.models.maintenance import EmbedMissing
from mcp_learning.models.quoting import shorten
from mcp_learning.models.transfer import ImportBatch, Imported, PastExecution
from mcp_learning.models.wording import counted
from mcp_learning.redaction.secrets import redact
from mcp_learning.service.protocol import Learning
from mcp_learning.settings import Settings

_SAMPLE = 5  # executions that a dry run shows


@dataclass
class ImportRun:
    """An import while it runs.

    Attributes:
        embed: Whether vectors are to be computed, too.
        counts: Executions by field of `Imported`.
        sample: Executions as a dry run shows them, without secrets.
        lessons: Number of lessons that were stored, or would be.
        seen: Ids that a dry run has read, to recognise repeats, since it stores none.
        complete: Whether everything was read and stored.
        embedded: Number of executions that got a vector, including earlier ones that lacked one.
        pending: Number of executions in the database without a vector; None: not known yet.
        complaints: Executions whose sessions began with a complaint about earlier work.
        problem: Why executions got no vector.
    """

    source: Source
    path: Path
    dry_run: bool
    embed: bool = False
    notes: Notes = field(default_factory=Notes)
    read: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    sample: list[dict[str, str]] = field(default_factory=list)
    lessons: int = 0
    seen: set[UUID] = field(default_factory=set)
    complete: bool = False
    embedded: int = 0
    pending: int | None = None
    complaints: list[PastExecution] = field(default_factory=list)
    problem: str = ""

    def preview(self, batch: list[PastExecution]) -> list[PastExecution]:
        """Adds executions to the sample; returns those that were not seen before."""
        self.sample += [_sampled(record) for record in batch[: _SAMPLE - len(self.sample)]]
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

    def report(self, source: str, seconds: float) -> dict[str, Any]:
        """The output of `import --json`, after `seconds` of reading `source`."""
        notes = self.notes
        return {
            "source": source,
            "path": str(self.path),
            "dry_run": self.dry_run,
            "read": self.read,
            **{name: self.counts[name] for name in Imported.model_fields},
            "found": {name: count for name, count in notes.found.items() if count},
            "skipped": notes.skipped.total(),
            "skipped_by_reason": dict(notes.skipped.most_common()),
            "values_left_out": dict(notes.left_out.most_common()),
            "columns_passed_over": dict(notes.unknown.most_common()),
            "examples": [one.model_dump() for one in notes.examples],
            "sample": self.sample,
            "lessons": self.lessons,
            "embedded": self.embedded,
            "pending": self.pending or 0,
            "seconds": round(seconds, 2),
        }


async def store_all(state: ImportRun, settings: Settings, bar: Progress) -> None:
    """Stores the executions of the source, or in a dry run determines what would be stored.

    A dry run, or a source without executions, creates no database.

    Raises:
        LearningError: There is nothing to read, or the database can't be written.
    """
    notes = state.notes
    parts = batches(state.source.read(state.path, notes))
    task = bar.add_task(f"reading {state.path.name}", total=None)
    batch = await _next(parts)
    with TemporaryDirectory(prefix="mcp-learning-") as empty:
        if state.dry_run and not settings.database_path.exists():
            settings = Settings.load(data_dir=Path(empty))
        async with service(settings) if batch or notes.lessons else nullcontext() as learning:
            while batch and learning:
                records = state.preview(batch) if state.dry_run else batch
                request = ImportBatch.model_construct(records=records, dry_run=state.dry_run)
                answer = await learning.import_batch(request)
                state.read += len(batch)
                state.complaints += filter(begins_with_complaint, batch)
                state.counts.update(answer.model_dump())
                bar.update(
                    task,
                    total=notes.total or None,
                    completed=min(notes.done, notes.total),
                    description=counted(state.read, "execution"),
                )
                batch = await _next(parts)
            if learning:
                await _store_lessons(state, learning)
                if not state.dry_run:  # after all batches, since files come in any order
                    await judge_by_complaints(learning, state.complaints)
            state.complete = True
            if learning and not state.dry_run:
                await _embed(state, learning, bar)
    state.complete = True


async def _store_lessons(state: ImportRun, learning: Learning) -> None:
    """Stores the lessons of an export, after the executions that they rest on."""
    past = state.notes.lessons
    for start in range(0, len(past), PAGE):
        part = past[start : start + PAGE]
        named = {one for past in part for one in past.lesson.evidence}
        arriving = sorted(named & state.seen)  # in a dry run
        request = ImportLessons(lessons=part, dry_run=state.dry_run, arriving=arriving)
        done = await learning.import_lessons(request)
        state.lessons += done.created
        if missing := len(part) - done.created - done.unchanged:
            reason = "no evidence here, of an excluded repository, or refused as a lesson"
            state.notes.skip("lessons", reason, count=missing)


async def _embed(state: ImportRun, learning: Learning, bar: Progress) -> None:
    """Computes missing vectors if `state.embed`; an error is reported but isn't fatal."""
    state.pending = (await learning.health()).pending
    if not state.embed or not state.pending:
        return
    task = bar.add_task("loading the model", total=1)

    async def show(share: float, message: str) -> None:
        bar.update(task, completed=share, description=message)

    try:
        done = await learning.embed_missing(EmbedMissing(), show)
    except LearningError as error:
        state.problem = str(error)
    else:
        state.embedded, state.pending = done.embedded, done.pending


async def _next(parts: Iterator[list[PastExecution]]) -> list[PastExecution] | None:
    """The next batch, read on a thread that is abandoned on cancellation; None at the end."""
    return await anyio.to_thread.run_sync(next, parts, None, abandon_on_cancel=True)


def _sampled(record: PastExecution) -> dict[str, str]:
    execution = record.execution
    shown = {
        "recorded_at": f"{record.recorded_at:%Y-%m-%d %H:%M}",
        "task_type": execution.task_type,
        "outcome": execution.outcome,
        "repo": execution.repo,
        "task_description": shorten(redact(execution.task_description)[0], 200),
    }
    return {name: value for name, value in shown.items() if value is not None}

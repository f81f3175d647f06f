"""The `Store` on DuckDB: each verb is one function of a cursor, run by `connection.Database`.

Nothing here imports numpy before a worker thread needs it, so that a server starts sooner.
"""

from collections.abc import Callable, Hashable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import anyio

from mcp_learning.models.maintenance import UnarchiveReport
from mcp_learning.models.results import Execution, Feedback
from mcp_learning.redaction.exclusion import is_shared
from mcp_learning.settings import Settings
from mcp_learning.store.duckdb import (
    archives,
    backups,
    bulk,
    copies,
    embeddings,
    executions,
    feed,
    importing,
    migrations,
    overview,
    statistics,
    team_lessons,
    transfer,
)
from mcp_learning.store.duckdb import error_texts as failures
from mcp_learning.store.duckdb import history as past_runs
from mcp_learning.store.duckdb import lessons as lesson_rows
from mcp_learning.store.duckdb import traces as trace_rows
from mcp_learning.store.duckdb import votes as vote_rows
from mcp_learning.store.duckdb.connection import Cursor, Database
from mcp_learning.store.duckdb.files import size_on_disk
from mcp_learning.store.duckdb.outbox import Outbox
from mcp_learning.store.duckdb.outbox_table import materialise_patches
from mcp_learning.store.duckdb.shared_rows import SharedRows
from mcp_learning.store.duckdb.verbs import reads, writes
from mcp_learning.store.protocol import Merge
from mcp_learning.store.types import (
    BatchCounts,
    Changes,
    Copied,
    Deletion,
    Incoming,
    Mark,
    Selection,
    StoredExecution,
    StoreHealth,
    Unembedded,
    Upserted,
    Vote,
)
from mcp_learning.store.vectors import Generation, TakeVectors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class DuckDBStore(SharedRows):
    """One DuckDB file as a `FileStore`, whose docstrings describe the methods.

    Args:
        database: The file, opened by the first call. For this room and its tests only.
        outbox: Records what the team is to get; None: there is no team.
    """

    suggest = reads(executions.suggestions)
    texts = reads(feed.texts)
    summaries = reads(executions.summaries)
    latest_summaries = reads(executions.latest_summaries)
    traces = reads(trace_rows.traces)
    sessions = reads(trace_rows.sessions)
    vector_state = reads(embeddings.state)
    unembedded = reads(embeddings.unembedded)
    reset_vectors = writes(embeddings.reset)
    count_vectors = reads(embeddings.count_vectors)
    totals = reads(statistics.totals)
    groups = reads(statistics.groups)
    outcomes = reads(statistics.outcomes)
    pairings = reads(statistics.pairings)
    buckets = reads(overview.buckets)
    listing = reads(overview.listing)
    starting_with = reads(overview.starting_with)
    choices = reads(overview.choices)
    extent = reads(overview.extent)
    error_texts = reads(failures.error_texts)
    similar_successes = reads(failures.similar_successes)
    history = reads(past_runs.latest)
    votes = reads(vote_rows.votes)
    use_counts = reads(overview.use_counts)
    most_used = reads(overview.most_used)
    add_recalls = writes(vote_rows.add_recalls, counted=False)
    updated = reads(transfer.updated)
    insert_many = writes(bulk.insert)
    export_page = reads(transfer.page)
    expired = reads(archives.expired)
    lessons = reads(lesson_rows.all_lessons)
    lesson_history = reads(lesson_rows.history)
    past_lessons = reads(lesson_rows.export_page)
    experience = reads(lesson_rows.experience)
    add_showings = writes(lesson_rows.add_showings, counted=False)
    open_showings = reads(lesson_rows.open_showings)
    link_showings = writes(lesson_rows.link_showings, counted=False)
    lesson_tallies = reads(lesson_rows.tallies)
    lesson_showings = reads(lesson_rows.showings)

    def __init__(self, database: Database, outbox: Outbox | None = None) -> None:
        super().__init__(database, outbox)
        self.path, self.start, self.open = database.path, database.start, database.open
        self.checkpoint, self.verify = database.checkpoint, database.verify
        self.free_memory = database.free_memory
        self._backing_up = anyio.Lock()

    @property
    def lesson_revision(self) -> Hashable:
        return self._opening, self.database.lesson_commits

    @property
    def closing(self) -> bool:
        return self.database.closing

    async def close(self, max_wait: float | None = None) -> None:
        await self.database.close(max_wait)

    async def upsert(
        self,
        task_id: UUID | None,
        merge: Merge,
        used: Sequence[UUID] = (),
        at: datetime | None = None,
    ) -> Upserted:
        changed = False

        def write(cursor: Cursor) -> Upserted:
            nonlocal changed
            if missing := executions.missing_ids(cursor, used):
                return Upserted(created=False, missing=missing)
            old = None if task_id is None else executions.get(cursor, task_id)
            new = merge(old)
            changed = new != old
            if old is None:
                executions.insert(cursor, new)
            elif changed:
                executions.update(cursor, new)
                if new.task_description != old.task_description:
                    embeddings.remove(cursor, new.task_id)
            moment = at or datetime.now(UTC)
            added = executions.add_uses(cursor, new.task_id, used, moment) if used else []
            if changed or added:
                self.outbox.changed(cursor, old, new, added, moment)
            changed |= bool(added)
            return Upserted(created=old is None, missing=[])

        return await self.database.write(write, counted=lambda _: changed, lessons=False)

    async def get(self, task_id: UUID) -> StoredExecution | None:
        def read(cursor: Cursor) -> StoredExecution | None:
            execution = executions.get(cursor, task_id)
            if execution is None:
                return None
            feedback = executions.feedback_of(cursor, task_id)
            used_by = executions.used_by(cursor, task_id)
            voted = bool(feedback or used_by)
            return StoredExecution(
                execution=execution,
                feedback=feedback,
                used_task_ids=executions.uses(cursor, task_id),
                used_by=used_by,
                vote=vote_rows.votes_of(cursor, task_id) if voted else Vote(0.0, 0.0),
                times_recalled=vote_rows.times_recalled(cursor, task_id),
            )

        return await self.database.read(read)

    async def add_feedback(
        self,
        task_id: UUID,
        feedback_id: UUID,
        feedback: Feedback,
        check: Callable[[Execution], None],
    ) -> int | None:
        def write(cursor: Cursor) -> int | None:
            about = executions.get(cursor, task_id)
            if about is None:
                return None
            check(about)
            if executions.add_feedback(cursor, feedback_id, task_id, feedback):
                self.outbox.judged(cursor, about, feedback_id)
            return len(executions.feedback_of(cursor, task_id))

        return await self.database.write(
            write, counted=lambda number: number is not None, lessons=False
        )

    async def delete(self, selection: Selection, *, dry_run: bool = False) -> Deletion:
        if dry_run:
            return await self.database.read(partial(executions.selected, selection=selection))

        def write(cursor: Cursor) -> Deletion:
            chosen = executions.selected(cursor, selection)
            if gone := [*chosen.task_ids, *chosen.elsewhere]:
                elsewhere = [*chosen.elsewhere, *team_lessons.quoted(cursor, gone)]
                lesson_rows.remove_evidence(cursor, gone, quoted=True)
                self.outbox.forgotten(cursor, chosen.task_ids, elsewhere)
                executions.delete(cursor, gone)
            return chosen

        return await self.database.write(
            write,
            counted=lambda deletion: bool(deletion.task_ids),
            committed=lambda deletion: self._note(deletion.task_ids),
        )

    async def changes(self, since: Mark | None = None) -> Changes:
        def read(cursor: Cursor) -> Changes:
            import numpy as np

            opening = self._opening
            complete = since is None or since.opening != opening
            sequence = 0 if complete or since is None else since.sequence
            rows, known = feed.consistent_snapshot(
                lambda: feed.read(cursor, sequence), self._deleted
            )
            first = known if complete or since is None else since.deletions
            return Changes(
                complete=complete,
                rows=rows,
                deleted=np.array(self._deleted[first:known], np.uint64).reshape(-1, 2),
                next=Mark(opening, int(rows.sequence.max(initial=sequence)), known),
            )

        return await self.database.read(read)

    async def vectors(self, take: TakeVectors) -> int:
        return await self.database.read(lambda c: embeddings.read_into(c, take), repeat=False)

    async def put_vectors(
        self,
        rows: Sequence[Unembedded],
        vectors: "NDArray[np.float32]",
        model: str,
        generation: Generation = "current",
        passages: "Sequence[NDArray[np.float32]]" = (),
        *,
        shared: bool = False,
    ) -> dict[UUID, int]:
        def write(cursor: Cursor) -> dict[UUID, int]:
            versions = embeddings.store(cursor, rows, vectors, model, generation, passages)
            if generation == "current" and not shared:
                self.outbox.embedded(cursor, list(versions))
            return versions

        return await self.database.write(write, counted=lambda _: False)

    async def adopt_vectors(self, dimension: int) -> None:
        def write(cursor: Cursor) -> None:
            embeddings.adopt_next(cursor, dimension)
            self.outbox.reembedded(cursor)

        await self.database.write(write)

    async def import_batch(
        self, batch: Sequence[Incoming], *, dry_run: bool = False
    ) -> BatchCounts:
        if dry_run:
            return await self.database.read(lambda c: importing.preview(c, batch))
        return await self.database.write(lambda c: importing.write(c, batch, self.outbox))

    async def health(self) -> StoreHealth:
        def read(cursor: Cursor) -> StoreHealth:
            version, size = migrations.current_version(cursor), size_on_disk(self.path)
            return StoreHealth(executions.count(cursor), *embeddings.counts(cursor), version, size)

        return await self.database.read(read)

    async def backup(self, target: Path) -> Copied:
        def read(cursor: Cursor) -> Copied:
            held = backups.write(cursor, self.path, target)
            return Copied(target, held.version, held.counts, target.stat().st_size)

        async with self._backing_up:  # two copies to one file would destroy each other
            return await self.database.read(read)

    async def compact(self) -> None:
        await self.database.replace(copies.copy)

    async def archive(self, task_ids: Sequence[UUID], target: Path | None) -> None:
        def write(cursor: Cursor) -> None:
            if target is not None:
                archives.write(cursor, task_ids, target)
            materialise_patches(cursor, task_ids)
            lesson_rows.remove_evidence(cursor, task_ids, quoted=False)
            executions.delete(cursor, task_ids)

        await self.database.write(write, committed=lambda _: self._note(task_ids))

    async def unarchive(self, source: Path) -> UnarchiveReport:
        return await self.database.write(lambda c: archives.read(c, source, self.outbox))


def open_store(settings: Settings, path: Path | None = None) -> DuckDBStore:
    """As `mcp_learning.store.open_store`."""
    outbox = None
    if settings.shares:
        shared = f"{settings.team_repos},{settings.team_private}"
        outbox = Outbox(partial(is_shared, shared))
    return DuckDBStore(migrations.open_database(settings, path), outbox)

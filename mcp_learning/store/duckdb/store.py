"""The `Store` on DuckDB: each verb is one function over a cursor, run by `connection.Database`.

Modules that import numpy are imported on the worker threads, so that a server answers its client
before numpy is loaded.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from mcp_learning.models.identifiers import task_key
from mcp_learning.models.results import Execution, Feedback
from mcp_learning.models.transfer import Exported
from mcp_learning.redaction.exclusion import is_shared
from mcp_learning.settings import Settings
from mcp_learning.store.duckdb import (
    embeddings,
    executions,
    importing,
    lessons,
    migrations,
    transfer,
    votes,
)
from mcp_learning.store.duckdb.connection import Cursor, Database
from mcp_learning.store.duckdb.files import size_on_disk
from mcp_learning.store.duckdb.lesson_verbs import LessonVerbs
from mcp_learning.store.duckdb.outbox import Outbox
from mcp_learning.store.duckdb.shared_rows import SharedRows
from mcp_learning.store.protocol import Merge
from mcp_learning.store.types import (
    BatchCounts,
    Changes,
    Contents,
    Copied,
    Deletion,
    Expired,
    Incoming,
    IndexedTexts,
    Mark,
    Selection,
    Shown,
    StoredExecution,
    StoreHealth,
    Unarchived,
    Unembedded,
    Upserted,
    Vote,
)
from mcp_learning.store.vectors import Generation, TakeVectors, VectorState

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TABLES: dict[Generation, embeddings.Table] = {"current": "embeddings", "next": "embeddings_next"}


class DuckDBStore(SharedRows, LessonVerbs):
    """One DuckDB file as a `Store` and a `FileMaintenance`; their docstrings describe the methods.

    Args:
        database: The file, opened by the first call. It is for this room and its tests alone.
        outbox: Notes what a team is to get; None: there is no team.
    """

    def __init__(self, database: Database, outbox: Outbox | None = None) -> None:
        super().__init__(database, outbox or Outbox(None))
        self._identity = uuid4()

    @property
    def path(self) -> Path:
        """The file."""
        return self.database.path

    @property
    def revision(self) -> Hashable:
        """Changes with every opening of the file and every commit that an index may read."""
        return self._opening, self.database.commits

    @property
    def _opening(self) -> Hashable:
        """Another one for every opening of the file, whichever object opens it."""
        return self._identity, self.database.openings

    @property
    def closing(self) -> bool:
        """Whether `close` was called."""
        return self.database.closing

    def start(self) -> None:
        """Begins to open the file on the writer thread; never blocks or raises."""
        self.database.start()

    async def open(self) -> None:
        await self.database.open()

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
            if missing := executions.unknown(cursor, used):
                return Upserted(created=False, missing=missing)
            old = None if task_id is None else executions.get(cursor, task_id)
            new = merge(old)
            changed = new != old
            if old is None:
                executions.insert(cursor, new, task_key(new.task_description))
            elif changed:
                executions.update(cursor, new, task_key(new.task_description))
                if new.task_description != old.task_description:
                    embeddings.remove(cursor, new.task_id)
            moment = at or datetime.now(UTC)
            added = executions.add_uses(cursor, new.task_id, used, moment) if used else []
            if changed or added:
                self.outbox.changed(cursor, old, new, added, moment)
            changed |= bool(added)
            return Upserted(created=old is None, missing=[])

        return await self.database.write(write, counted=lambda _: changed)

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
                vote=votes.votes_of(cursor, task_id) if voted else Vote(0.0, 0.0),
                times_recalled=votes.times_recalled(cursor, task_id),
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
            before = len(executions.feedback_of(cursor, task_id))
            number = executions.add_feedback(cursor, feedback_id, task_id, feedback)
            if number > before:
                self.outbox.judged(cursor, about, feedback_id)
            return number

        return await self.database.write(write, counted=lambda number: number is not None)

    async def delete(self, selection: Selection, *, dry_run: bool = False) -> Deletion:
        if dry_run:
            return await self.database.read(partial(executions.selected, selection=selection))

        def write(cursor: Cursor) -> Deletion:
            chosen = executions.selected(cursor, selection)
            if chosen.task_ids:
                lessons.without(cursor, chosen.task_ids, quoted=True)
                self.outbox.forgotten(cursor, chosen.task_ids)
                executions.delete(cursor, chosen.task_ids)
            return chosen

        return await self.database.write(
            write,
            counted=lambda deletion: bool(deletion.task_ids),
            committed=lambda deletion: self._note(deletion.task_ids),
        )

    async def suggest(self, column: str, prefix: str, limit: int) -> list[str]:
        return await self.database.read(lambda c: executions.suggestions(c, column, prefix, limit))

    async def changes(self, since: Mark | None = None) -> Changes:
        def read(cursor: Cursor) -> Changes:
            import numpy as np

            from mcp_learning.store.duckdb import feed

            opening = self._opening
            complete = since is None or since.opening != opening
            sequence = 0 if complete or since is None else since.sequence
            rows, known = feed.as_of_one_moment(lambda: feed.read(cursor, sequence), self._deleted)
            first = known if complete or since is None else since.deletions
            return Changes(
                complete=complete,
                rows=rows,
                deleted=np.array(self._deleted[first:known], np.uint64).reshape(-1, 2),
                next=Mark(opening, int(rows.sequence.max(initial=sequence)), known),
            )

        return await self.database.read(read)

    async def texts(self, numbers: Sequence[int]) -> list[IndexedTexts]:
        def read(cursor: Cursor) -> list[IndexedTexts]:
            from mcp_learning.store.duckdb import feed

            return feed.words(cursor, numbers)

        return await self.database.read(read)

    async def summaries(self, task_ids: Sequence[UUID]) -> dict[UUID, Shown]:
        return await self.database.read(lambda c: executions.shown(c, task_ids))

    async def latest_summaries(self, limit: int, longest: int) -> dict[UUID, Shown]:
        return await self.database.read(lambda c: executions.shown_latest(c, limit, longest))

    async def vector_state(self, generation: Generation = "current") -> VectorState:
        table = _TABLES[generation]

        def read(cursor: Cursor) -> VectorState:
            return VectorState(
                model=embeddings.model(cursor, table),
                dimension=embeddings.dimension(cursor, table),
                count=embeddings.count(cursor, table),
                unembedded=embeddings.count_pending(cursor, table),
            )

        return await self.database.read(read)

    async def vectors(self, take: TakeVectors) -> int:
        return await self.database.read(lambda c: embeddings.read_into(c, take), repeat=False)

    async def unembedded(
        self,
        limit: int,
        *,
        numbers: Sequence[int] | None = None,
        generation: Generation = "current",
    ) -> list[Unembedded]:
        def read(cursor: Cursor) -> list[Unembedded]:
            if numbers is not None:
                return embeddings.unembedded(cursor, numbers[:limit])
            return embeddings.pending(cursor, limit, _TABLES[generation])

        return await self.database.read(read)

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
            table = _TABLES[generation]
            versions = embeddings.store(cursor, rows, vectors, model, table, passages)
            if generation == "current" and not shared:
                self.outbox.embedded(cursor, list(versions))
            return versions

        return await self.database.write(write)

    async def reset_vectors(self, dimension: int, generation: Generation = "current") -> None:
        table = _TABLES[generation]
        await self.database.write(lambda c: embeddings.create_table(c, table, dimension))

    async def adopt_vectors(self, dimension: int) -> None:
        def write(cursor: Cursor) -> None:
            embeddings.adopt_next(cursor, dimension)
            self.outbox.embedded_anew(cursor)

        await self.database.write(write)

    async def count_vectors(self, up_to: int) -> int:
        return await self.database.read(lambda c: embeddings.count_vectors(c, up_to))

    async def add_recalls(self, times: Mapping[UUID, int], at: datetime) -> None:
        await self.database.write(
            lambda c: votes.add_recalls(c, times, at), counted=lambda _: False
        )

    async def updated(self, task_ids: Sequence[UUID]) -> dict[UUID, datetime]:
        return await self.database.read(lambda c: transfer.updated(c, task_ids))

    async def import_batch(
        self, batch: Sequence[Incoming], *, dry_run: bool = False
    ) -> BatchCounts:
        if dry_run:
            return await self.database.read(lambda c: importing.preview(c, batch))
        return await self.database.write(lambda c: importing.write(c, batch, self.outbox))

    async def insert_many(
        self,
        executions: Sequence[Execution],
        vectors: "NDArray[np.float32] | None" = None,
        model: str = "",
        passages: "Mapping[UUID, NDArray[np.float32]] | None" = None,
    ) -> None:
        def write(cursor: Cursor) -> None:
            from mcp_learning.store.duckdb import bulk

            keys = [task_key(one.task_description) for one in executions]
            bulk.insert(cursor, executions, keys, vectors, model, passages or {})

        await self.database.write(write)

    async def export_page(self, after: int, limit: int) -> Exported:
        return await self.database.read(lambda c: transfer.page(c, after, limit))

    async def health(self) -> StoreHealth:
        def read(cursor: Cursor) -> StoreHealth:
            return StoreHealth(
                rows=executions.count(cursor),
                embedded=embeddings.count(cursor),
                unembedded=embeddings.count_pending(cursor),
                schema_version=migrations.current_version(cursor),
                bytes=size_on_disk(self.path),
            )

        return await self.database.read(read)

    async def backup(self, target: Path) -> Copied:
        def read(cursor: Cursor) -> Copied:
            from mcp_learning.store.duckdb import backups

            held = backups.write(cursor, self.path, target)
            return Copied(target, Contents(held.version, held.counts), target.stat().st_size)

        return await self.database.read(read)

    async def compact(self) -> None:
        def make(cursor: Cursor, target: Path) -> None:
            from mcp_learning.store.duckdb import copies

            copies.copy(cursor, target)

        await self.database.replace(make)

    async def checkpoint(self) -> None:
        await self.database.checkpoint()

    async def verify(self) -> None:
        await self.database.verify()

    async def expired(self, before: datetime | None, max_bytes: int | None) -> Expired:
        def read(cursor: Cursor) -> Expired:
            from mcp_learning.store.duckdb import archives

            return archives.expired(cursor, before=before, max_bytes=max_bytes)

        return await self.database.read(read)

    async def archive(self, task_ids: Sequence[UUID], target: Path | None) -> None:
        def write(cursor: Cursor) -> None:
            from mcp_learning.store.duckdb import archives

            if target is not None:
                archives.write(cursor, task_ids, target)
            lessons.without(cursor, task_ids, quoted=False)
            executions.delete(cursor, task_ids)

        await self.database.write(write, committed=lambda _: self._note(task_ids))

    async def unarchive(self, source: Path) -> Unarchived:
        def write(cursor: Cursor) -> Unarchived:
            from mcp_learning.store.duckdb import archives

            return archives.read(cursor, source)

        return await self.database.write(write)


def open_store(settings: Settings, path: Path | None = None) -> DuckDBStore:
    """As `mcp_learning.store.open_store`."""
    shares = partial(is_shared, settings.team_repos) if settings.shares else None
    return DuckDBStore(migrations.open_database(settings, path), Outbox(shares))

"""`SharedStore` on DuckDB: what is exchanged with a team."""

from array import array
from collections.abc import Callable, Hashable, Mapping, Sequence
from uuid import UUID, uuid4

from mcp_learning.store.duckdb import (
    embeddings,
    evictions,
    executions,
    former_team,
    lessons,
    lost_changes,
    team_rows,
)
from mcp_learning.store.duckdb import outbox_table as entries
from mcp_learning.store.duckdb.connection import Cursor, Database
from mcp_learning.store.duckdb.outbox import Outbox
from mcp_learning.store.duckdb.verbs import reads, writes
from mcp_learning.store.lesson_protocol import Decide
from mcp_learning.store.shared import AppliedChanges, Cached, EmbeddedRows, Part, TeamMark, TeamPage
from mcp_learning.store.types import Changes, Mark


class SharedRows:
    """The part of a `Store` on DuckDB that exchanges with a team."""

    outbox_state = reads(entries.state)
    outgoing = reads(entries.outgoing)
    sent_ids = reads(lost_changes.sent_ids)
    send_again = writes(lost_changes.requeue_lost, counted=False)
    absent = reads(executions.missing_ids)
    using = reads(executions.using)
    held = reads(evictions.held)
    fetched = reads(evictions.fetched)
    lacking_vectors = reads(team_rows.lacking_vectors)
    without_vector = reads(embeddings.unembedded_among)

    def __init__(self, database: Database, outbox: Outbox | None = None) -> None:
        self.database = database
        self.outbox = outbox or Outbox(None)
        self._identity = uuid4()
        # Deletions since the file was opened; the mark of a reader of `changes` is an index here.
        self._deleted = array("Q")  # both halves of each task_id

    @property
    def _opening(self) -> Hashable:
        """A value that differs between any two openings of the file, also by other objects."""
        return self._identity, self.database.openings

    @property
    def revision(self) -> Hashable:
        return self._opening, self.database.commits

    @property
    def deletions(self) -> int:
        return len(self._deleted) // 2

    def _note(self, deleted: Sequence[UUID]) -> None:
        for one in deleted:
            self._deleted.extend((one.int >> 64, one.int & (2**64 - 1)))

    async def revise_lessons(self, decide: Decide, read: Sequence[UUID] = ()) -> None:
        def write(cursor: Cursor) -> int:
            stored = lessons.all_lessons(cursor)
            revisions = decide(stored)
            if revisions and executions.missing_ids(cursor, read):  # 50 ms for thousands
                return 0
            lessons.write(cursor, revisions)
            self.outbox.lessons_changed(cursor, stored, [one.lesson for one in revisions])
            return len(revisions)

        await self.database.write(write, counted=bool)

    async def fill_outbox(self) -> int:
        return await self.database.write(self.outbox.fill, counted=lambda _: False)

    async def sent(
        self,
        numbers: Mapping[int, int],
        forgotten: Sequence[UUID],
        absent: Sequence[UUID],
        mark: TeamMark | None = None,
    ) -> AppliedChanges:
        def write(cursor: Cursor) -> AppliedChanges:
            authored: Sequence[UUID] = ()
            if mark is not None:
                authored = entries.write_author(cursor, numbers, mark.role)
                entries.set_mark(cursor, mark)
            entries.mark_sent(cursor, numbers)
            deleted = team_rows.forget(cursor, forgotten)
            if absent:
                self.outbox.absent(cursor, absent)
            return AppliedChanges(authored, deleted)

        return await self._take(write, counts_changes=False)

    async def apply_page(self, page: TeamPage) -> AppliedChanges:
        return await self._take(lambda c: team_rows.apply_page(c, page))

    async def cache(self, page: TeamPage, embedded: EmbeddedRows | None) -> Cached | None:
        def write(cursor: Cursor) -> Cached | None:
            added = team_rows.cache(cursor, page, embedded)
            return None if added is None else self._cached(added)

        return await self.database.write(
            write, counted=lambda done: done is not None, lessons=False
        )

    def _cached(self, added: team_rows.Added) -> Cached:
        """What is about to be committed. Runs on the writer thread, so nothing commits before."""
        changes = None
        if added.rows is not None:
            import numpy as np

            mark = Mark(self._opening, int(added.rows.sequence[-1]), len(self._deleted))
            changes = Changes(False, added.rows, np.empty((0, 2), np.uint64), mark)
        since, after = self.revision, (self._opening, self.database.commits + 1)
        return Cached(added.texts, added.versions, changes, since, after)

    async def evict(self, part: Part) -> AppliedChanges:
        return await self._take(lambda c: AppliedChanges([], [], evictions.evict(c, part)))

    async def set_mark(self, mark: TeamMark | None) -> None:
        def write(cursor: Cursor) -> None:
            if mark is None:
                former_team.leave(cursor)
                entries.leave(cursor)
                return
            if entries.mark(cursor) is None:
                former_team.note(cursor)
            entries.set_mark(cursor, mark)

        await self.database.write(write, counted=lambda _: False)

    async def sweep(self, kept: Sequence[UUID], mark: TeamMark) -> AppliedChanges:
        return await self._take(lambda c: team_rows.sweep(c, kept, mark))

    async def _take(
        self, write: Callable[[Cursor], AppliedChanges], *, counts_changes: bool = True
    ) -> AppliedChanges:
        return await self.database.write(
            write,
            counted=lambda taken: bool(taken.gone or (counts_changes and taken.changed)),
            committed=lambda taken: self._note(taken.gone),
        )

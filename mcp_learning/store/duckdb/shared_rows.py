"""The verbs of `SharedStore`: what is exchanged with a team."""

from array import array
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from mcp_learning.store.duckdb import (
    embeddings,
    evictions,
    executions,
    lessons,
    lost_changes,
    team_rows,
)
from mcp_learning.store.duckdb import outbox_table as entries
from mcp_learning.store.duckdb.connection import Cursor, Database
from mcp_learning.store.duckdb.outbox import Outbox
from mcp_learning.store.duckdb.verbs import reads, writes
from mcp_learning.store.lesson_protocol import Decide
from mcp_learning.store.shared import (
    Cached,
    EmbeddedRows,
    Part,
    TakenIn,
    TeamMark,
    TeamPage,
)


class SharedRows:
    """The part of a `Store` on DuckDB that a team is served from.

    Args:
        database: The file.
        outbox: Notes what the team is to get.
    """

    outbox_state = reads(entries.state)
    outgoing = reads(entries.outgoing)
    sent_ids = reads(lost_changes.sent_ids)
    send_again = writes(lost_changes.requeue_lost, counted=False)
    absent = reads(executions.missing_ids)
    held = reads(evictions.held)
    fetched = reads(evictions.fetched)
    lacking_vectors = reads(team_rows.lacking_vectors)
    without_vector = reads(embeddings.unembedded_among)

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self.database = database
        self.outbox = outbox
        # Deletions of this opening of the file: a reader of `changes` holds a place in this list.
        self._deleted = array("Q")  # both halves of each task_id

    def _note(self, deleted: Sequence[UUID]) -> None:
        for one in deleted:
            self._deleted.extend((one.int >> 64, one.int & (2**64 - 1)))

    async def revise_lessons(self, decide: Decide, read: Sequence[UUID] = ()) -> None:
        def write(cursor: Cursor) -> int:
            stored = lessons.all_lessons(cursor)
            revisions = decide(stored)
            if revisions and executions.missing_ids(cursor, read):  # of thousands it takes 50 ms
                return 0
            lessons.write(cursor, revisions)
            self.outbox.taught(cursor, stored, [one.lesson for one in revisions])
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
    ) -> TakenIn:
        def write(cursor: Cursor) -> TakenIn:
            authored: Sequence[UUID] = ()
            if mark is not None:
                authored = entries.write_author(cursor, numbers, mark.role)
                entries.set_mark(cursor, mark)
            entries.mark_sent(cursor, numbers)
            deleted = team_rows.forget(cursor, forgotten)
            if absent:
                entries.requeue(cursor, absent)
            return TakenIn(authored, deleted)

        return await self._take(write, counts_changes=False)

    async def take_in(self, page: TeamPage) -> TakenIn:
        return await self._take(lambda c: team_rows.take_in(c, page))

    async def cache(self, page: TeamPage, embedded: EmbeddedRows | None) -> Cached | None:
        return await self.database.write(
            lambda c: team_rows.cache(c, page, embedded), counted=lambda done: done is not None
        )

    async def evict(self, part: Part) -> TakenIn:
        return await self._take(lambda c: TakenIn([], [], evictions.evict(c, part)))

    async def set_mark(self, mark: TeamMark | None) -> None:
        def write(cursor: Cursor) -> None:
            if mark is None:
                entries.leave(cursor)
            else:
                entries.set_mark(cursor, mark)

        await self.database.write(write, counted=lambda _: False)

    async def sweep(self, kept: Sequence[UUID], mark: TeamMark) -> TakenIn:
        return await self._take(lambda c: team_rows.sweep(c, kept, mark))

    async def _take(
        self, write: Callable[[Cursor], TakenIn], *, counts_changes: bool = True
    ) -> TakenIn:
        return await self.database.write(
            write,
            counted=lambda taken: bool(taken.gone or (counts_changes and taken.changed)),
            committed=lambda taken: self._note(taken.gone),
        )

"""The verbs of `SharedStore`: what is exchanged with a team."""

from array import array
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
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
from mcp_learning.store.lesson_protocol import Decide
from mcp_learning.store.shared import (
    EmbeddedRows,
    Held,
    OutboxState,
    Outgoing,
    Part,
    TakenIn,
    TeamMark,
    TeamPage,
)
from mcp_learning.store.types import Unembedded


class SharedRows:
    """The part of a `Store` on DuckDB that a team is served from.

    Args:
        database: The file.
        outbox: Notes what the team is to get.
    """

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self.database = database
        self.outbox = outbox
        # Deletions of this opening of the file: a reader of `changes` holds a place in this list.
        self._deleted = array("Q")  # both halves of each task_id

    def _note(self, deleted: Sequence[UUID]) -> None:
        for one in deleted:
            self._deleted.extend((one.int >> 64, one.int & (2**64 - 1)))

    async def revise_lessons(self, decide: Decide) -> None:
        def write(cursor: Cursor) -> int:
            stored = lessons.all_lessons(cursor)
            revisions = decide(stored)
            lessons.write(cursor, revisions)
            self.outbox.taught(cursor, stored, [one.lesson for one in revisions])
            return len(revisions)

        await self.database.write(write, counted=bool)

    async def outbox_state(self) -> OutboxState:
        return await self.database.read(entries.state)

    async def fill_outbox(self) -> int:
        return await self.database.write(self.outbox.fill, counted=lambda _: False)

    async def outgoing(self, limit: int, after: int = 0) -> Outgoing:
        return await self.database.read(lambda c: entries.outgoing(c, limit, after))

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

    async def sent_ids(self) -> list[UUID]:
        return await self.database.read(lost_changes.sent_ids)

    async def send_again(self, there: Mapping[UUID, int], common: int | None) -> int:
        return await self.database.write(
            lambda c: lost_changes.requeue_lost(c, there, common), counted=lambda _: False
        )

    async def take_in(self, page: TeamPage) -> TakenIn:
        return await self._take(lambda c: team_rows.take_in(c, page))

    async def cache(self, page: TeamPage, embedded: EmbeddedRows | None) -> dict[UUID, int] | None:
        return await self.database.write(
            lambda c: team_rows.cache(c, page, embedded), counted=lambda done: done is not None
        )

    async def absent(self, task_ids: Sequence[UUID]) -> list[UUID]:
        return await self.database.read(lambda c: executions.missing_ids(c, task_ids))

    async def forget_absent(self, task_ids: Sequence[UUID]) -> None:
        def write(cursor: Cursor) -> None:
            at = datetime.now(UTC)
            entries.add(cursor, [("forget", one, {}) for one in task_ids], at)

        await self.database.write(write, counted=lambda _: False)

    async def evict(self, part: Part) -> TakenIn:
        return await self._take(lambda c: TakenIn([], [], evictions.evict(c, part)))

    async def held(self) -> Held:
        return await self.database.read(evictions.held)

    async def fetched(self) -> list[UUID]:
        return await self.database.read(evictions.fetched)

    async def lacking_vectors(self, task_ids: Sequence[UUID]) -> list[UUID]:
        return await self.database.read(lambda c: team_rows.lacking_vectors(c, task_ids))

    async def without_vector(self, task_ids: Sequence[UUID]) -> list[Unembedded]:
        return await self.database.read(lambda c: embeddings.unembedded_among(c, task_ids))

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

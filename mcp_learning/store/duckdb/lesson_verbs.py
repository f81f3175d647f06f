"""The verbs of `Store` that are about lessons."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from mcp_learning.models.lessons import Lesson, LessonChange, LessonShowing, PastLesson
from mcp_learning.store.duckdb import lessons
from mcp_learning.store.duckdb.connection import Cursor, Database
from mcp_learning.store.lesson_protocol import Decide, Experience, Showing, Tally


class LessonVerbs:
    """The part of a `Store` on DuckDB that is about lessons.

    Args:
        database: The file.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    async def lessons(self, *, in_use: bool = False) -> list[Lesson]:
        return await self.database.read(lambda c: lessons.every(c, in_use=in_use))

    async def revise_lessons(self, decide: Decide) -> None:
        def write(cursor: Cursor) -> int:
            revisions = decide(lessons.every(cursor))
            lessons.write(cursor, revisions)
            return len(revisions)

        await self.database.write(write, counted=bool)

    async def lesson_history(self) -> dict[UUID, list[LessonChange]]:
        return await self.database.read(lessons.history)

    async def past_lessons(self, offset: int, limit: int) -> list[PastLesson]:
        return await self.database.read(lambda c: lessons.past(c, offset, limit))

    async def experience(self, limit: int) -> list[Experience]:
        return await self.database.read(lambda c: lessons.experience(c, limit))

    async def add_showings(self, showings: Sequence[Showing]) -> None:
        await self.database.write(
            lambda c: lessons.add_showings(c, showings), counted=lambda _: False
        )

    async def open_showings(self, since: datetime) -> list[Showing]:
        return await self.database.read(lambda c: lessons.open_showings(c, since))

    async def link_showings(
        self, links: Mapping[tuple[UUID, str], UUID], drop_before: datetime
    ) -> None:
        await self.database.write(
            lambda c: lessons.link_showings(c, links, drop_before), counted=lambda _: False
        )

    async def lesson_tallies(self) -> dict[UUID, Tally]:
        return await self.database.read(lessons.tallies)

    async def lesson_showings(self, lesson_id: UUID, limit: int) -> list[LessonShowing]:
        return await self.database.read(lambda c: lessons.showings(c, lesson_id, limit))

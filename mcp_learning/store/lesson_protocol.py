"""The part of a `Store` that is about lessons, and the values that it takes and returns."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from mcp_learning.models.lessons import Lesson, LessonChange, LessonShowing, PastLesson
from mcp_learning.store.types import Outcomes


class Experience(NamedTuple):
    """An execution, as lessons are made of it. Texts are cut, absent ones empty.

    Attributes:
        success: None: it has not ended, or how is too unsure.
        error_text: Normal form of the error message.
        files: Paths that it changed, as `metadata.files` names them.
        recovered: Commands that failed in it, each with the one that then worked.
        supersedes: The earlier execution whose result this one replaces.
    """

    task_id: UUID
    recorded_at: datetime
    task_key: int
    repo: str
    task_type: str
    approach: str
    success: bool | None
    description: str
    solution: str
    error_type: str
    error_message: str
    error_text: str
    files: tuple[str, ...] = ()
    recovered: tuple[tuple[str, str], ...] = ()
    session_id: str = ""
    supersedes: UUID | None = None


class Revision(NamedTuple):
    """The new state of a lesson, and what changed."""

    lesson: Lesson
    changes: tuple[LessonChange, ...]


class Showing(NamedTuple):
    """That a lesson was shown to a task, or withheld from it by lot.

    Attributes:
        unit: Names the task: a further showing of the lesson to it is none.
        question: The task in its words, until it is found among the executions.
        task_id: The execution that it became.
    """

    lesson_id: UUID
    unit: str
    shown: bool
    shown_at: datetime
    task_key: int
    question: str = ""
    repo: str = ""
    session_id: str = ""
    task_id: UUID | None = None


class Tally(NamedTuple):
    """How tasks ended to which a lesson was shown, and from which it was withheld."""

    shown: Outcomes
    withheld: Outcomes
    waiting: int


Decide = Callable[[Sequence[Lesson]], Sequence[Revision]]
"""Makes new states of lessons from all that are stored; runs in the transaction. What it raises
aborts the transaction and reaches the caller."""


class LessonStore(Protocol):
    """Lessons, what they rest on, and what became of the tasks that they were shown to."""

    async def lessons(self, *, in_use: bool = False) -> list[Lesson]:
        """All lessons, or those on trial and kept, in the order of their ids."""

    async def revise_lessons(self, decide: Decide) -> None:
        """Changes lessons with their histories; one without evidence that exists isn't stored."""

    async def lesson_history(self) -> dict[UUID, list[LessonChange]]:
        """Histories by lesson, oldest line first."""

    async def past_lessons(self, offset: int, limit: int) -> list[PastLesson]:
        """Lessons in the order of their ids, each with its history and showings to export."""

    async def experience(self, limit: int) -> list[Experience]:
        """The latest executions with a rather sure outcome or a recovered command, oldest first."""

    async def add_showings(self, showings: Sequence[Showing]) -> None:
        """Notes showings, but for those of a lesson to a task that has one, or to no lesson."""

    async def open_showings(self, since: datetime) -> list[Showing]:
        """Showings since then whose task isn't known yet, oldest first."""

    async def link_showings(
        self, links: Mapping[tuple[UUID, str], UUID], drop_before: datetime
    ) -> None:
        """Notes which executions the tasks of showings became; drops old ones of no execution."""

    async def lesson_tallies(self) -> dict[UUID, Tally]:
        """How tasks ended, by lesson, since it was worded; a task's first showing counts."""

    async def lesson_showings(self, lesson_id: UUID, limit: int) -> list[LessonShowing]:
        """The latest showings of a lesson, latest first."""

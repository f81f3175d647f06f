"""The verbs of a `Store` about lessons, and the values that they take and return."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from mcp_learning.models.lessons import Lesson, LessonChange, LessonShowing, PastLesson
from mcp_learning.store.types import Outcomes


class Experience(NamedTuple):
    """An execution as input for deriving lessons. Texts are truncated, absent ones empty.

    Attributes:
        success: Whether it succeeded; None: it has not ended, or its confidence is below 0.5.
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
    """The new state of a lesson, and new lines of its history."""

    lesson: Lesson
    changes: tuple[LessonChange, ...]


class Showing(NamedTuple):
    """One task of a trial: the lesson was shown to it, or withheld from it at random.

    Attributes:
        unit: Identifies the task; a lesson has at most one showing per task.
        question: The task in the agent's words, until its execution is found.
        task_id: The execution of the task; None: not found yet.
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
    """Outcomes of tasks with and without a lesson; `waiting` are those without an outcome."""

    shown: Outcomes
    withheld: Outcomes
    waiting: int


Decide = Callable[[Sequence[Lesson]], Sequence[Revision]]
"""Makes new states of lessons from all that are stored; runs in the transaction. What it raises
aborts the transaction and reaches the caller."""


class LessonStore(Protocol):
    """Lessons, their evidence, and their trials."""

    async def lessons(self, *, in_use: bool = False) -> list[Lesson]:
        """All lessons, or those on trial and kept, in the order of their ids."""

    async def revise_lessons(self, decide: Decide, read: Sequence[UUID] = ()) -> None:
        """Changes lessons and their histories; a lesson without existing evidence isn't stored.

        If one of the executions that the lessons may quote, `read`, no longer exists, nothing
        changes.
        """

    async def lesson_history(self) -> dict[UUID, list[LessonChange]]:
        """Histories by lesson, oldest line first."""

    async def past_lessons(self, offset: int, limit: int) -> list[PastLesson]:
        """Lessons in the order of their ids, each with its history and showings to export."""

    async def experience(self, limit: int) -> list[Experience]:
        """The latest executions that lessons are made of, oldest first.

        They have an outcome of confidence >= 0.5, a recovered command, or supersede another one.
        """

    async def add_showings(self, showings: Sequence[Showing]) -> None:
        """Stores showings, except of unknown lessons and of lessons that the task already has."""

    async def open_showings(self, since: datetime) -> list[Showing]:
        """Showings since then whose task isn't known yet, oldest first."""

    async def link_showings(
        self, links: Mapping[tuple[UUID, str], UUID], drop_before: datetime
    ) -> None:
        """Stores the executions of showings; deletes older showings without an execution."""

    async def lesson_tallies(self) -> dict[UUID, Tally]:
        """Outcomes by lesson since its text was last changed; a task's first showing counts."""

    async def lesson_showings(self, lesson_id: UUID, limit: int) -> list[LessonShowing]:
        """The latest showings of a lesson, latest first."""

"""Lessons with their histories and trials, and the requests and results about them."""

import re
from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, Field, field_validator, model_validator
from pydantic.json_schema import SkipJsonSchema

from mcp_learning.models.fields import Model, OptionalLabel, Repo, Request

Status = Literal["candidate", "trial", "kept", "retired"]
"""candidate: waits; trial: shown to half of the tasks; kept: shown to all; retired: to none."""

Origin = Literal["evidence", "agent", "person"]
Kind = Literal["approach", "failure", "command", "file", "decision", "told"]
By = Literal["evidence", "effect", "agent", "person"]

LONGEST = 300  # characters of each text of a lesson
LONGEST_REASON = 2 * LONGEST  # the same of a line of its history
MOST_EVIDENCE = 20  # executions that a lesson refers to
PAGE = 50  # lessons that are exported or imported at a time

Text = Annotated[str, Field(min_length=1, max_length=LONGEST)]
Gain = Annotated[float, Field(ge=-1, le=1)]


class Lesson(Model):
    """What to do, or avoid, in which tasks (`when`) of which repository (None: of all).

    Attributes:
        key: Identifies a finding when it is derived again; empty if an agent or a person wrote it.
        pinned: Whether a person wants it to be shown regardless of its effect.
        gain: Expected difference of success rates, -1..1, between following it and not, with its
            90 % interval; None: unknown.
        evidence: Executions that support it, at most `MOST_EVIDENCE`.
        worded_at: When its text was last changed; its effect is measured from then on.
    """

    lesson_id: UUID
    key: Annotated[str, Field(max_length=2_000)] = ""
    kind: Kind
    origin: Origin
    status: Status
    pinned: bool = False
    when: Text
    do: Text | None = None
    avoid: Text | None = None
    repo: Repo = None
    task_type: OptionalLabel = None
    gain: Gain | None = None
    gain_low: Gain | None = None
    gain_high: Gain | None = None
    evidence: Annotated[list[UUID], Field(max_length=MOST_EVIDENCE)]
    created_at: AwareDatetime
    updated_at: AwareDatetime
    worded_at: AwareDatetime

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.do is None and self.avoid is None:
            raise ValueError("has neither do nor avoid; give at least one of them")
        return self


class LessonChange(Model):
    """A line of a lesson's history: found, saved, merged, reworded, kept and so on."""

    changed_at: AwareDatetime
    change: Annotated[str, Field(max_length=20)]
    by: By
    reason: Annotated[str, Field(max_length=LONGEST_REASON)] = ""


class Effect(Model):
    """Outcomes of the tasks to which a lesson was shown, and from which it was withheld.

    Attributes:
        change: Difference of the success rates, -1..1, with its 90 % interval; None as long as one
            side has no outcome.
        waiting: Showings whose task has not ended, or whose execution was not found.
    """

    shown: int = 0
    shown_success: int = 0
    withheld: int = 0
    withheld_success: int = 0
    waiting: int = 0
    change: float | None = None
    change_low: float | None = None
    change_high: float | None = None


class LessonView(Model):
    """A lesson and its measured effect."""

    lesson: Lesson
    effect: Effect


class LessonShowing(Model):
    """One task of a trial: the lesson was shown to it, or withheld from it at random."""

    shown_at: datetime
    shown: bool
    task_id: UUID | None = None
    outcome: Literal["success", "failure"] | None = None


class LessonDetail(LessonView):
    """A lesson with its history, oldest first, and its showings, latest first."""

    history: list[LessonChange]
    showings: list[LessonShowing]


class ListLessons(Request):
    """Arguments of `list_lessons`; a filter that isn't given doesn't restrict."""

    repo: Repo = None
    task_type: OptionalLabel = None
    status: Literal["any", "active", "candidate", "trial", "kept", "retired"] = "any"
    limit: Annotated[int, Field(ge=1, le=1_000)] = 100
    offset: Annotated[int, Field(ge=0)] = 0


class LessonCounts(Model):
    """Number of lessons by status."""

    candidate: int = 0
    trial: int = 0
    kept: int = 0
    retired: int = 0


class Lessons(Model):
    """Answer of `list_lessons`: those with the greatest expected gain first, retired ones last.

    `counts` are of the repository and the task type that the filters name, whatever the status.
    """

    lessons: list[LessonView]
    total: Annotated[int, Field(description="That pass the filters")]
    counts: LessonCounts


class GetLesson(Request):
    """Arguments of `get_lesson`: an id, or at least its first four hexadecimal digits."""

    lesson_id: str


class ChangeLesson(Request):
    """Arguments of `change_lesson`: a person's decision.

    Attributes:
        action: approve: keep it; edit: change its text; retire: never show it; pin: keep it
            regardless of its effect; unpin: let its effect decide again.
    """

    lesson_id: str
    action: Literal["approve", "edit", "retire", "pin", "unpin"]
    when: Text | None = None
    do: Text | None = None
    avoid: Text | None = None
    reason: Annotated[str, Field(max_length=LONGEST)] = ""

    @model_validator(mode="after")
    def _edits_with_words(self) -> Self:
        given = any(value is not None for value in (self.when, self.do, self.avoid))
        if given != (self.action == "edit"):
            raise ValueError("give when, do or avoid with the action edit, and only with it")
        return self


class SaveLesson(Request):
    """Arguments of save_lesson."""

    when: Annotated[Text, Field(description="In which tasks; texts have up to 300 characters")]
    do: Annotated[Text | None, Field(description="What to do then, and why")] = None
    avoid: Text | None = None
    evidence: Annotated[
        list[UUID], Field(min_length=1, max_length=MOST_EVIDENCE, description="task_ids")
    ]
    repo: Annotated[Repo, Field(description="None: everywhere")] = None
    task_type: OptionalLabel = None
    lesson_id: Annotated[UUID | None, Field(description="To revise one")] = None
    new_id: SkipJsonSchema[UUID | None] = None  # so that a repeated call stores it once

    @field_validator("when")
    @classmethod
    def _without_when(cls, text: str) -> str:
        """The text without its own "when", which is written before it wherever it is shown."""
        return re.sub(r"\Awhen\s+", "", text, flags=re.IGNORECASE) or text

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.do is None and self.avoid is None:
            raise ValueError("give do, avoid or both")
        return self


class LessonSaved(Model):
    """Answer of save_lesson; the write is durable."""

    lesson_id: UUID
    created: bool
    merged_with: UUID | None = None
    status: Status
    redactions: int


class ReviewLessons(Request):
    """Arguments of review_lessons."""

    repo: Repo = None
    task_type: OptionalLabel = None
    limit: Annotated[int, Field(ge=1, le=10)] = 3
    max_tokens: Annotated[int, Field(ge=300, le=10_000)] = 1_500


class Sample(Model):
    """An execution in a packet."""

    task_id: UUID
    task: str
    approach: str | None = None
    solution: str | None = None
    error: str | None = None


class Packet(Model):
    """A kind of task that lacks a lesson: some of its executions, and the current lesson if any."""

    kind: str
    task_type: str
    repo: str | None = None
    executions: int
    success_rate: float
    successes: list[Sample]
    failures: list[Sample]
    lesson: Lesson | None = None


class LessonPackets(Model):
    """Answer of review_lessons."""

    packets: list[Packet]
    due: Annotated[int, Field(description="Further packets")]
    write: str


class LessonsFor(Request):
    """Arguments of `lessons_for`: a task about to begin, or a command about to run.

    Attributes:
        known_as: Further spellings of `repo`.
        session_id: The agent's session, by which the task's execution is found later.
        command: If given, only lessons about this command.
    """

    task_description: str = ""
    repo: Repo = None
    known_as: tuple[str, ...] = ()
    task_type: OptionalLabel = None
    session_id: str | None = None
    command: str | None = None


class ShownLesson(Model):
    """A lesson as agents are shown it, its texts shortened."""

    lesson_id: UUID
    when: str
    do: str | None = None
    avoid: str | None = None
    basis: Annotated[str, Field(description="Who says so, and on what evidence")]


class ShownLessons(Model):
    """Lessons for a task, at most three."""

    lessons: list[ShownLesson]


class PastShowing(Model):
    """A showing whose task was recorded as `task_id`; `unit` identified the task before that."""

    unit: Annotated[str, Field(max_length=200)]
    shown: bool
    shown_at: AwareDatetime
    task_id: UUID


class PastLesson(Request):
    """An exported lesson with its history and its showings."""

    lesson: Lesson
    history: list[LessonChange] = []
    showings: list[PastShowing] = []


class ImportLessons(Request):
    """Arguments of `import_lessons`; `arriving` are executions that a dry run would store."""

    lessons: Annotated[list[PastLesson], Field(max_length=PAGE)]
    dry_run: bool = False
    arriving: list[UUID] = []


class ExportLessons(Request):
    """Arguments of `export_lessons`."""

    offset: Annotated[int, Field(ge=0)] = 0


class ExportedLessons(Model):
    """Answer of `export_lessons`, in the order of their ids."""

    lessons: list[PastLesson]
    total: int

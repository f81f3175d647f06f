"""Lessons: what many executions taught, in a sentence, and what became of it."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from mcp_learning.models.fields import Model, OptionalLabel, Repo, Request

Status = Literal["candidate", "trial", "kept", "retired"]
"""candidate: waits; trial: shown on half of the tasks; kept: always shown; retired: never."""

Origin = Literal["evidence", "agent", "person"]
Kind = Literal["approach", "failure", "command", "file", "decision", "told"]

LONGEST = 300  # characters of each text of a lesson
MOST_EVIDENCE = 20  # executions that a lesson names
PAGE = 50  # lessons that are exported or imported together, with all that is known of them

Text = Annotated[str, Field(min_length=1, max_length=LONGEST)]
Gain = Annotated[float, Field(ge=-1, le=1)]


class Lesson(Model):
    """What to do, or avoid, in which tasks (`when`) of which repository (None: of all).

    Attributes:
        key: The same for the same finding, by which it is found again. Empty if told.
        pinned: A person wants it to be shown whatever its effect is.
        gain: Expected difference of success rates, -1..1, between following it and not, with its
            90 % interval; None: unknown.
        evidence: Executions that it rests on, at most `MOST_EVIDENCE`.
        worded_at: Since when its text is as it is; its effect is counted from then on.
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
    by: Literal["evidence", "effect", "agent", "person"]
    reason: Annotated[str, Field(max_length=2 * LONGEST)] = ""


class Effect(Model):
    """How tasks ended to which a lesson was shown, and alike ones from which it was withheld.

    Attributes:
        change: Difference of the success rates, -1..1, with its 90 % interval; None as long as one
            side has no outcome.
        waiting: Showings whose task has not ended, or was not found among what was recorded.
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
    """That a lesson was shown to a task, or withheld from it by lot."""

    shown_at: datetime
    shown: bool
    task_id: UUID | None = None
    outcome: Literal["success", "failure"] | None = None


class LessonDetail(LessonView):
    """A lesson with its history, oldest first, and where it was shown, latest first."""

    history: list[LessonChange]
    showings: list[LessonShowing]


class ListLessons(Request):
    """Arguments of `list_lessons`; a filter that isn't given doesn't restrict."""

    repo: Repo = None
    task_type: OptionalLabel = None
    status: Status | Literal["any", "active"] = "any"
    limit: Annotated[int, Field(ge=1, le=1_000)] = 100
    offset: Annotated[int, Field(ge=0)] = 0


class LessonCounts(Model):
    """How many lessons there are."""

    candidate: int = 0
    trial: int = 0
    kept: int = 0
    retired: int = 0


class Lessons(Model):
    """Answer of `list_lessons`: those with the greatest expected gain first, retired ones last."""

    lessons: list[LessonView]
    total: Annotated[int, Field(description="That pass the filters")]
    counts: LessonCounts


class GetLesson(Request):
    """Arguments of `get_lesson`: an id, or how it begins: at least four hexadecimal digits."""

    lesson_id: str


class ChangeLesson(Request):
    """A person's decision about a lesson.

    Attributes:
        action: approve: always show it; edit: other words; retire: never show it; pin: always show
            it, whatever its effect is; unpin: let its effect decide again.
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
    """A kind of task that a lesson is due for: a few of its executions, and what is known."""

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
    """A task that is to begin, or a command that is to be run: then only lessons about that.

    Showings are compared by the agent's session; `known_as` are further spellings of `repo`.
    """

    task_description: str = ""
    repo: Repo = None
    known_as: tuple[str, ...] = ()
    task_type: OptionalLabel = None
    session_id: str | None = None
    command: str | None = None


class ShownLesson(Model):
    """A lesson as agents meet it."""

    lesson_id: UUID
    when: str
    do: str | None = None
    avoid: str | None = None
    basis: Annotated[str, Field(description="Who says so, and on what evidence")]


class ShownLessons(Model):
    """Lessons for a task, at most three."""

    lessons: list[ShownLesson]


class PastShowing(Model):
    """A showing whose task was recorded as `task_id`; `unit` names the task before it was."""

    unit: Annotated[str, Field(max_length=200)]
    shown: bool
    shown_at: AwareDatetime
    task_id: UUID


class PastLesson(Request):
    """A lesson that was exported, or is to be imported, with its history and its showings."""

    lesson: Lesson
    history: list[LessonChange] = []
    showings: list[PastShowing] = []


class ImportLessons(Request):
    """Arguments of `import_lessons`; `arriving`: executions that a dry run would have stored."""

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

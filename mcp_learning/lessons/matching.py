"""Which lessons an agent meets: those that fit its task, at most three, in few words."""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from mcp_learning.lessons.recurrences import first_command
from mcp_learning.lessons.refusals import same_repository
from mcp_learning.lessons.trials import by_worth
from mcp_learning.lessons.wording import words
from mcp_learning.models.lessons import LONGEST, Lesson, ShownLesson
from mcp_learning.models.quoting import CHARACTERS_PER_TOKEN, quoted, shorten
from mcp_learning.models.wording import counted

MOST = 3
"""Lessons in an answer."""

NEAR = 0.45
"""Cosine similarity of a lesson and a task, -1..1, from which it fits."""

NAMED = 0.5
"""Share of the words of a lesson's `when` that a task has to name, 0..1, to fit it."""

MAX_TOKENS = 200
"""Tokens of all lessons in an answer, in each of its two forms."""

_LENGTHS = (
    {"when": 110, "do": 180, "avoid": 120},
    {"when": 70, "do": 100, "avoid": 70},
    {"when": 45, "do": 70, "avoid": 45},
)
_SAYS = {"evidence": "the records", "agent": "an agent", "person": "a person"}
_STANDING = {"trial": "on trial", "kept": "kept", "candidate": "waiting", "retired": "retired"}


class TaskAtHand(NamedTuple):
    """A task that is to begin.

    Attributes:
        description: In the agent's words.
        repo: Empty if unknown.
        known_as: Further spellings of the repository.
        task_type: Empty if unknown.
        alike: Executions that a search found for it.
    """

    description: str
    repo: str = ""
    task_type: str = ""
    alike: Collection[UUID] = ()
    known_as: Collection[str] = ()


def fitting(
    lessons: Iterable[Lesson], task: TaskAtHand, similarity: Mapping[UUID, float]
) -> list[Lesson]:
    """Lessons in use that fit a task, those that most is expected of first.

    What is known of approaches fits every task of its type. Other lessons fit where one of their
    executions is like the task, or their words are.

    Args:
        lessons: All.
        task: The task.
        similarity: Cosine similarity of lessons' texts and the task, -1..1, where it is known.
    """
    return by_worth(
        one
        for one in lessons
        if _may_fit(one, task)
        and (_is_named(one, task) or similarity.get(one.lesson_id, -1.0) >= NEAR)
    )


def undecided(lessons: Iterable[Lesson], task: TaskAtHand) -> list[Lesson]:
    """Lessons in use of which the similarity decides whether they fit."""
    return [
        one
        for one in lessons
        if one.kind != "approach" and _may_fit(one, task) and not _is_named(one, task)
    ]


def _may_fit(lesson: Lesson, task: TaskAtHand) -> bool:
    """Whether a lesson is in use, and of the repository and the type of a task."""
    if lesson.status not in ("trial", "kept") or not _is_here(lesson, task):
        return False
    return not lesson.task_type or not task.task_type or lesson.task_type == task.task_type


def _is_here(lesson: Lesson, task: TaskAtHand) -> bool:
    return any(same_repository(lesson.repo, one) for one in (task.repo, *task.known_as))


def _is_named(lesson: Lesson, task: TaskAtHand) -> bool:
    """Whether the type, one of the executions or most of the words are those of the task."""
    if lesson.kind == "approach":
        return lesson.task_type == task.task_type
    if any(one in task.alike for one in lesson.evidence):
        return True
    wanted = words(lesson.when)
    return bool(wanted) and len(wanted & words(task.description)) >= NAMED * len(wanted)


def about_command(lessons: Iterable[Lesson], task: TaskAtHand) -> list[Lesson]:
    """Lessons in use about a command that is to be run, the description of the task."""
    said = set(first_command(task.description))
    return by_worth(
        one
        for one in lessons
        if one.kind == "command"
        and one.status in ("trial", "kept")
        and _is_here(one, task)
        and any(one.key.endswith(f":{name}") for name in said)
    )


def commonest_type(types: Sequence[str]) -> str:
    """The type of most of the tasks that a search found; empty unless it is that of over half."""
    ((best, count),) = Counter(types).most_common(1) or [("", 0)]
    return best if 2 * count > len(types) else ""


def offered(fit: Sequence[Lesson], unit: str) -> list[Lesson]:
    """At most `MOST` of the lessons that fit, in which at least one on trial has its place.

    Those on trial take turns: which come first depends on the task alone.
    """
    settled = [one for one in fit if one.pinned or one.status == "kept"]
    tried = [one for one in fit if one not in settled]
    tried.sort(key=lambda one: hashlib.sha256(unit.encode() + one.lesson_id.bytes).digest())
    first = settled[: MOST - bool(tried)]
    return [*first, *tried[: MOST - len(first)]]


def in_budget(lessons: Sequence[Lesson]) -> list[ShownLesson]:
    """The first of these lessons, as many as fit `MAX_TOKENS`, as agents meet them."""
    for count in range(len(lessons), 0, -1):
        for lengths in _LENGTHS:
            texts = [_shown(one, lengths) for one in lessons[:count]]
            if sum(map(_tokens, texts)) <= MAX_TOKENS:
                return texts
    return []


def line(lesson: ShownLesson) -> str:
    """A lesson as a line of text: quoted, with who says so."""
    parts = [f"When {quoted(lesson.when, LONGEST)}"]
    parts += [f"do {quoted(lesson.do, LONGEST)}"] if lesson.do else []
    parts += [f"avoid {quoted(lesson.avoid, LONGEST)}"] if lesson.avoid else []
    return f"Lesson ({lesson.basis}): {'; '.join(parts)} [{lesson.lesson_id}]"


def _shown(lesson: Lesson, lengths: Mapping[str, int]) -> ShownLesson:
    texts = {name: getattr(lesson, name) for name in lengths}
    return ShownLesson(
        lesson_id=lesson.lesson_id,
        **{name: text and shorten(text, lengths[name]) for name, text in texts.items()},
        basis=basis(lesson),
    )


def _tokens(lesson: ShownLesson) -> int:
    longest = max(len(lesson.model_dump_json(exclude_none=True)), len(line(lesson)))
    return round((longest + 2) / CHARACTERS_PER_TOKEN)


def basis(lesson: Lesson) -> str:
    """Who says so, and on what evidence."""
    rests = counted(len(lesson.evidence), "execution")
    standing = "pinned" if lesson.pinned else _STANDING[lesson.status]
    return f"{_SAYS[lesson.origin]}, {rests}, {standing}"

"""Which lessons an agent meets: those that fit its task, at most three, in few words."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from mcp_learning.lessons.recurrences import commands_in
from mcp_learning.lessons.refusals import same_repository
from mcp_learning.lessons.trials import by_worth
from mcp_learning.lessons.wording import cut, words
from mcp_learning.models.lessons import Lesson, ShownLesson
from mcp_learning.models.wording import counted

MOST = 3
"""Lessons in an answer."""

NEAR = 0.45
"""Cosine similarity of a lesson and a task, -1..1, from which it fits."""

NAMED = 0.5
"""Share of the words of a lesson's `when` that a task has to name, 0..1, to fit it."""

_LONGEST = {"when": 90, "do": 150, "avoid": 110}
_SAYS = {"evidence": "the records", "agent": "an agent", "person": "a person"}
_STANDING = {"trial": "on trial", "kept": "kept", "candidate": "waiting", "retired": "retired"}


class TaskAtHand(NamedTuple):
    """A task that is to begin.

    Attributes:
        description: In the agent's words.
        repo: Empty if unknown.
        task_type: Empty if unknown.
        alike: Executions that a search found for it.
    """

    description: str
    repo: str = ""
    task_type: str = ""
    alike: Collection[UUID] = ()


def fitting(
    lessons: Iterable[Lesson], task: TaskAtHand, similarity: Callable[[Lesson], float]
) -> list[Lesson]:
    """Lessons in use that fit a task, those that most is expected of first.

    What is known of approaches fits every task of its type. Other lessons fit where one of their
    executions is like the task, or their words are.

    Args:
        lessons: All.
        task: The task.
        similarity: Cosine similarity of a lesson's text and the task, -1..1.
    """
    active = [one for one in lessons if one.status in ("trial", "kept")]
    return by_worth(one for one in active if _fits(one, task, similarity))


def _fits(lesson: Lesson, task: TaskAtHand, similarity: Callable[[Lesson], float]) -> bool:
    if not same_repository(lesson.repo, task.repo):
        return False
    if lesson.task_type and task.task_type and lesson.task_type != task.task_type:
        return False
    if lesson.kind == "approach":
        return lesson.task_type == task.task_type
    if any(one in task.alike for one in lesson.evidence):
        return True
    wanted = words(lesson.when)
    named = len(wanted & words(task.description)) / len(wanted) if wanted else 0.0
    return named >= NAMED or similarity(lesson) >= NEAR


def about_command(lessons: Iterable[Lesson], command: str, repo: str) -> list[Lesson]:
    """Lessons in use about a command that is to be run."""
    said = commands_in(f"`{' '.join(command.split())[:200]}`")
    return by_worth(
        one
        for one in lessons
        if one.kind == "command"
        and one.status in ("trial", "kept")
        and same_repository(one.repo, repo)
        and any(one.key.endswith(f":{name}") for name in said)
    )


def commonest_type(types: Sequence[str]) -> str:
    """The type of most of the tasks that a search found; empty unless it is that of over half."""
    ((best, count),) = Counter(types).most_common(1) or [("", 0)]
    return best if 2 * count > len(types) else ""


def shown(lesson: Lesson) -> ShownLesson:
    """A lesson as agents meet it: its texts cut, and on what it rests."""
    texts = {name: getattr(lesson, name) for name in _LONGEST}
    return ShownLesson(
        lesson_id=lesson.lesson_id,
        **{name: text and cut(text, _LONGEST[name]) for name, text in texts.items()},
        basis=basis(lesson),
    )


def basis(lesson: Lesson) -> str:
    """Who says so, and on what evidence."""
    rests = counted(len(lesson.evidence), "execution")
    standing = "pinned" if lesson.pinned else _STANDING[lesson.status]
    return f"{_SAYS[lesson.origin]}, {rests}, {standing}"

"""Chooses the lessons that an agent is shown for a task: at most three, within a token budget."""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from mcp_learning.lessons.recurrences import first_command
from mcp_learning.lessons.refusals import same_repository
from mcp_learning.lessons.trials import by_expected_gain
from mcp_learning.lessons.wording import line, words
from mcp_learning.models.lessons import Lesson, ShownLesson
from mcp_learning.models.quoting import CHARACTERS_PER_TOKEN, shorten
from mcp_learning.models.wording import counted

MOST = 3
"""Most lessons in an answer."""

NEAR = 0.45
"""Least cosine similarity, -1..1, of a task to a lesson that matches it."""

NAMED = 0.5
"""Least share of the words of a lesson's `when`, 0..1, that a task has to contain to match it."""

MAX_TOKENS = 200
"""Most tokens of all lessons in an answer, as text and as structured content."""

_LENGTHS = (
    {"when": 110, "do": 180, "avoid": 120},
    {"when": 70, "do": 100, "avoid": 70},
    {"when": 45, "do": 70, "avoid": 45},
)
_SAYS = {"evidence": "the records", "agent": "an agent", "person": "a person"}
_STANDING = {"trial": "on trial", "kept": "kept", "candidate": "waiting", "retired": "retired"}


Similarities = Callable[[Sequence[Lesson], str], Mapping[UUID, float]]
"""Cosine similarities of lessons' texts and a task, -1..1, by lesson, where known."""


class TaskAtHand(NamedTuple):
    """A task that an agent is about to do.

    Attributes:
        description: In the agent's words.
        repo: Its repository; empty if unknown.
        known_as: Further spellings of the repository.
        task_type: Empty if unknown.
        alike: Similar executions, which a search found.
    """

    description: str
    repo: str = ""
    task_type: str = ""
    alike: Collection[UUID] = ()
    known_as: Collection[str] = ()


def matching_lessons(
    lessons: Iterable[Lesson], task: TaskAtHand, similarities: Similarities
) -> list[Lesson]:
    """Lessons in use that match a task, those with the greatest expected gain first.

    A lesson about an approach matches every task of its type. Another one matches if one of its
    executions is similar to the task, or if its own text is: `similarities` is called for lessons
    that nothing else decides on, if there are any.
    """
    named: list[Lesson] = []
    others: list[Lesson] = []
    alike = {one.int for one in task.alike}
    for one in lessons:
        if _may_fit(one, task):
            (named if _is_named(one, task, alike) else others).append(one)
    compared = [one for one in others if one.kind != "approach"]
    similarity = similarities(compared, task.description) if compared else {}
    near = (one for one in compared if similarity.get(one.lesson_id, -1.0) >= NEAR)
    return by_expected_gain([*named, *near])


def _may_fit(lesson: Lesson, task: TaskAtHand) -> bool:
    """Whether a lesson is in use, and applies to the repository and the type of a task."""
    if lesson.status not in ("trial", "kept") or not _is_here(lesson, task):
        return False
    return not lesson.task_type or not task.task_type or lesson.task_type == task.task_type


def _is_here(lesson: Lesson, task: TaskAtHand) -> bool:
    return any(same_repository(lesson.repo, one) for one in (task.repo, *task.known_as))


def _is_named(lesson: Lesson, task: TaskAtHand, alike: Collection[int]) -> bool:
    """Whether a lesson matches by its type, by one of its executions or by its words.

    `alike` are the ids of `task.alike` as numbers: a UUID is hashed in Python, and all lessons
    together may have thousands.
    """
    if lesson.kind == "approach":
        return lesson.task_type == task.task_type
    if alike and any(one.int in alike for one in lesson.evidence):
        return True
    wanted = words(lesson.when)
    return bool(wanted) and len(wanted & words(task.description)) >= NAMED * len(wanted)


def about_command(lessons: Iterable[Lesson], task: TaskAtHand) -> list[Lesson]:
    """Lessons in use about a command that is about to run: the description of the task."""
    said = set(first_command(task.description))
    return by_expected_gain(
        one
        for one in lessons
        if one.kind == "command"
        and one.status in ("trial", "kept")
        and _is_here(one, task)
        and any(one.key.endswith(f":{name}") for name in said)
    )


def commonest_type(types: Sequence[str]) -> str:
    """The type of more than half of the tasks that a search found; empty if there is none."""
    ((best, count),) = Counter(types).most_common(1) or [("", 0)]
    return best if 2 * count > len(types) else ""


def choose(fit: Sequence[Lesson], unit: str) -> list[Lesson]:
    """At most `MOST` of the lessons that match, with at least one on trial if there is any.

    Lessons on trial are ordered by a hash of the task, so that all get their share of tasks.
    """
    settled = [one for one in fit if one.pinned or one.status == "kept"]
    tried = [one for one in fit if one not in settled]
    tried.sort(key=lambda one: hashlib.sha256(unit.encode() + one.lesson_id.bytes).digest())
    first = settled[: MOST - bool(tried)]
    return [*first, *tried[: MOST - len(first)]]


def in_budget(lessons: Sequence[Lesson], max_tokens: int = MAX_TOKENS) -> list[ShownLesson]:
    """The first of these lessons, as many as fit into `max_tokens`, in the form for agents."""
    for count in range(len(lessons), 0, -1):
        for lengths in _LENGTHS:
            texts = [_shown(one, lengths) for one in lessons[:count]]
            if sum(map(_tokens, texts)) <= max_tokens:
                return texts
    return []


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
    """The origin of a lesson, its number of executions and its status, in words."""
    rests = counted(len(lesson.evidence), "execution")
    standing = "pinned" if lesson.pinned else _STANDING[lesson.status]
    return f"{_SAYS[lesson.origin]}, {rests}, {standing}"

"""Chooses the lessons that an agent is shown for a task: at most three, within a token budget."""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple
from uuid import UUID

from mcp_learning.lessons.recurrences import first_command
from mcp_learning.lessons.refusals import same_repository
from mcp_learning.lessons.trials import by_expected_gain
from mcp_learning.lessons.wording import line, words
from mcp_learning.models.folding import normalised
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

IN_USE = ("trial", "kept")
"""Statuses of lessons that agents are shown."""

_LENGTHS = (
    {"when": 110, "do": 180, "avoid": 120},
    {"when": 70, "do": 100, "avoid": 70},
    {"when": 45, "do": 70, "avoid": 45},
)
_SAYS = {"evidence": "the records", "agent": "an agent", "person": "a person"}
_STANDING = {"trial": "on trial", "kept": "kept", "candidate": "waiting", "retired": "retired"}


Similarities = Callable[[Sequence[Lesson], str], Sequence[float]]
"""Cosine similarities of lessons' texts and a task, -1..1; empty if they aren't known."""


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


class LessonsInUse:
    """Lessons on trial and kept ones, prepared to be matched with many tasks.

    Args:
        lessons: Of any status; those that aren't in use are left out.
    """

    def __init__(self, lessons: Iterable[Lesson]) -> None:
        self._lessons = by_expected_gain(one for one in lessons if one.status in IN_USE)
        self._types = [normalised(one.task_type or "") for one in self._lessons]
        self._texts: dict[tuple[UUID, int], tuple[ShownLesson, int]] = {}

    def __len__(self) -> int:
        return len(self._lessons)

    def matching(self, task: TaskAtHand, similarities: Similarities) -> list[Lesson]:
        """Lessons that match a task, those with the greatest expected gain first.

        A lesson about an approach matches every task of its type. Another one matches if one of
        its executions is similar to the task, if the task has enough of its words, or if its own
        text is similar: `similarities` is called for lessons that nothing else decides on, if there
        are any.
        """
        decided = self._supported_by(task.alike) | self._named_in(task.description)
        here, kind = self._repositories(task), normalised(task.task_type)
        fit: list[int] = []
        others: list[int] = []
        for number, one in enumerate(self._lessons):
            if one.repo not in here:
                continue
            if one.kind == "approach":
                if self._types[number] == kind:
                    fit.append(number)
            elif not (self._types[number] and kind) or self._types[number] == kind:
                (fit if number in decided else others).append(number)
        if others:
            near = similarities([self._lessons[number] for number in others], task.description)
            fit += [number for number, one in zip(others, near, strict=False) if one >= NEAR]
        return [self._lessons[number] for number in sorted(fit)]

    def about_command(self, task: TaskAtHand) -> list[Lesson]:
        """Lessons about a command that is about to run, which is the description of the task."""
        said = set(first_command(task.description))
        here = self._repositories(task)
        return [
            one
            for one in self._lessons
            if one.kind == "command"
            and one.repo in here
            and any(one.key.endswith(f":{name}") for name in said)
        ]

    def in_budget(
        self, lessons: Sequence[Lesson], max_tokens: int = MAX_TOKENS
    ) -> list[ShownLesson]:
        """The first of these lessons, as many as fit into `max_tokens`, in the form for agents."""
        for count in range(len(lessons), 0, -1):
            for size in range(len(_LENGTHS)):
                texts = [self._text(one, size) for one in lessons[:count]]
                if sum(tokens for _, tokens in texts) <= max_tokens:
                    return [text for text, _ in texts]
        return []

    def _supported_by(self, executions: Collection[UUID]) -> set[int]:
        """Numbers of the lessons that some of these executions support."""
        return {n for one in executions for n in self._by_execution.get(one.int, ())}

    def _named_in(self, text: str) -> set[int]:
        """Numbers of the lessons of whose `when` a text has enough words."""
        common = Counter(n for word in words(text) for n in self._by_word.get(word, ()))
        return {n for n, count in common.items() if count >= NAMED * self._word_counts[n]}

    @cached_property
    def _by_execution(self) -> Mapping[int, Sequence[int]]:
        """Numbers of lessons by the executions that support them.

        An execution's id is a number here: a UUID is hashed in Python, and there are thousands.
        """
        return _numbers([one.int for one in lesson.evidence] for lesson in self._lessons)

    @cached_property
    def _by_word(self) -> Mapping[int, Sequence[int]]:
        return _numbers(words(one.when) for one in self._lessons)

    @cached_property
    def _word_counts(self) -> Sequence[int]:
        return [len(words(one.when)) for one in self._lessons]

    @cached_property
    def _repos(self) -> Collection[str | None]:
        return {one.repo for one in self._lessons}

    def _repositories(self, task: TaskAtHand) -> Collection[str | None]:
        """Those of the lessons' repositories that may be the task's."""
        names = (task.repo, *task.known_as)
        return {one for one in self._repos if any(same_repository(one, name) for name in names)}

    def _text(self, lesson: Lesson, size: int) -> tuple[ShownLesson, int]:
        """A lesson in the form for agents, and its tokens."""
        key = lesson.lesson_id, size
        if key not in self._texts:
            text = _shown(lesson, _LENGTHS[size])
            self._texts[key] = text, _tokens(text)
        return self._texts[key]


def _numbers(keys: Iterable[Iterable[int]]) -> dict[int, list[int]]:
    """By key, the numbers of those that have it."""
    found: dict[int, list[int]] = {}
    for number, some in enumerate(keys):
        for key in some:
            found.setdefault(key, []).append(number)
    return found


def commonest_type(types: Sequence[str]) -> str:
    """The type of more than half of the tasks that a search found, normalised; "" if none is."""
    ((best, count),) = Counter(map(normalised, types)).most_common(1) or [("", 0)]
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

"""Gives agents the lessons for their task, and records to which tasks they were shown.

A lesson on trial is withheld from a random half of the tasks; both halves are recorded. Showings
are collected and written in the background, so that they don't delay the answer.
"""

import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

import anyio.to_thread

from mcp_learning.embed.recipe import embedding_text
from mcp_learning.errors import EmbedderUnavailable, StoreError
from mcp_learning.lessons import matching, trials
from mcp_learning.lessons.matching import LessonsInUse, TaskAtHand
from mcp_learning.models.identifiers import task_key
from mcp_learning.models.lessons import Lesson, LessonsFor, ShownLesson, ShownLessons
from mcp_learning.models.requests import FindSimilarTasks, RecommendApproach
from mcp_learning.models.results import Recommendation, SimilarTasks
from mcp_learning.redaction.exclusion import excluded_repos, is_excluded
from mcp_learning.redaction.secrets import redact
from mcp_learning.service.background import CurrentValue, WriteBehind
from mcp_learning.store.lesson_protocol import Showing
from mcp_learning.store.protocol import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mcp_learning.service.indexer import Indexer
    from mcp_learning.service.searches import Searches

logger = logging.getLogger(__name__)

LONGEST_QUESTION = 400  # characters of a task that are stored until its execution is known
_MOST_VECTORS = 1_000
_SHARE = 5  # one in five tokens of an answer is for lessons, in each of its two forms


class Showings:
    """Selects lessons of one store for agents, and stores their showings.

    `excluded` is `Settings.excluded_repos`. The indexer's model compares texts.
    """

    def __init__(
        self, store: Store, excluded: str, indexing: Callable[[], Awaitable["Indexer"]]
    ) -> None:
        self._store = store
        self._excluded = excluded
        self._indexing = indexing
        self._in_use = CurrentValue(self._read_in_use, lambda: store.lesson_revision).get
        self._noted: list[Showing] = []
        self._later = WriteBehind(self.save)
        self.run = self._later.run
        self._vectors: dict[tuple[UUID, datetime], NDArray[np.float32]] = {}

    async def save(self) -> None:
        """Writes collected showings. Those of a failed write are written with the next ones."""
        noted, self._noted = self._noted, []
        if not noted:
            return
        try:
            await self._store.add_showings(noted)
        except StoreError as error:
            self._noted = noted + self._noted
            logger.warning("showings of lessons were not written yet: %s", error)

    async def lessons_for(
        self,
        request: LessonsFor,
        alike: Collection[UUID] = (),
        types: Sequence[str] = (),
        max_tokens: int = matching.MAX_TOKENS,
    ) -> ShownLessons:
        """Lessons for a task or a command, at most `matching.MOST`.

        Args:
            request: The task or the command.
            alike: Executions that a search found for the task.
            types: Their task types, used if the request has none.
            max_tokens: Budget of all lessons.
        """
        lessons = await self._in_use()
        if not lessons:
            return ShownLessons(lessons=[])
        repo, known_as = request.repo or "", request.known_as
        if request.command is not None:
            task = matching.TaskAtHand(request.command, repo, known_as=known_as)
            find = lessons.about_command
        else:
            kind = request.task_type or matching.commonest_type(types)
            task = matching.TaskAtHand(request.task_description, repo, kind, alike, known_as)
            compare = partial(self._similarities, (await self._indexing()).searches)
            find = partial(lessons.matching, similarities=compare)
        excluded = excluded_repos(self._excluded)
        told, noted = await anyio.to_thread.run_sync(
            _select, lessons, find, task, request.session_id or "", max_tokens, excluded
        )
        if noted:
            self._noted += noted
            self._later.notice()
        return ShownLessons(lessons=told)

    async def with_matches(self, answer: SimilarTasks, request: FindSimilarTasks) -> SimilarTasks:
        """The answer with lessons for its task."""
        likely = [match for match in answer.matches if match.confidence == "likely"]
        ids, types = {match.task_id for match in likely}, [match.task_type for match in likely]
        told = await self.lessons_for(_task_of(request), ids, types, _budget(request))
        return answer.model_copy(update={"lessons": told.lessons}) if told.lessons else answer

    async def with_advice(
        self, answer: Recommendation, request: RecommendApproach
    ) -> Recommendation:
        """The recommendation with lessons for its task."""
        ids = {task_id for option in answer.options for task_id in option.evidence}
        told = await self.lessons_for(_task_of(request), ids, max_tokens=_budget(request))
        return answer.model_copy(update={"lessons": told.lessons}) if told.lessons else answer

    async def _read_in_use(self) -> LessonsInUse:
        return LessonsInUse(await self._store.lessons(in_use=True))

    def _similarities(
        self, searches: "Searches", lessons: Sequence[Lesson], text: str
    ) -> Sequence[float]:
        """Cosine similarity of each lesson's text and `text`; empty without a model. Blocks.

        Neither has secrets.
        """
        import numpy as np

        names = [(one.lesson_id, one.worded_at) for one in lessons]
        known = self._vectors
        try:
            if missing := [n for n, name in enumerate(names) if name not in known]:
                texts = [f"{lessons[n].when}. {lessons[n].do or ''}" for n in missing]
                vectors = searches.embedder.embed([embedding_text(one) for one in texts])
                known = known | {names[n]: one for n, one in zip(missing, vectors, strict=True)}
                self._vectors = dict(list(known.items())[-_MOST_VECTORS:])
            asked = searches.embed_question(text)
        except EmbedderUnavailable:
            return []
        near: list[float] = (np.stack([known[name] for name in names]) @ asked.vector).tolist()
        return near


def _select(
    lessons: LessonsInUse,
    find: Callable[[TaskAtHand], Sequence[Lesson]],
    task: TaskAtHand,
    session_id: str,
    max_tokens: int,
    excluded: str,
) -> tuple[list[ShownLesson], list[Showing]]:
    """Lessons to show, of those that `find` returns, and the showings to store. Blocks.

    Nothing is stored about a task of an excluded repository.
    """
    now, key = datetime.now(UTC), task_key(task.description)
    task = task._replace(description=redact(task.description)[0])
    unit = session_id or f"{key} {now:%Y-%m-%d}"
    offered = matching.choose(find(task), unit)
    texts = lessons.in_budget(offered, max_tokens)
    shown = {one.lesson_id for one in offered if trials.is_shown(one, unit)}
    told = [one for one in texts if one.lesson_id in shown]
    if not texts or is_excluded(task.repo or None, excluded, tuple(task.known_as)):
        return told, []
    question, repo = task.description[:LONGEST_QUESTION], redact(task.repo)[0]
    noted = [
        Showing(
            lesson_id=one.lesson_id,
            unit=unit,
            shown=one.lesson_id in shown,
            shown_at=now,
            task_key=key,
            question=question,
            repo=repo,
            session_id=session_id,
        )
        for one in texts
    ]
    return told, noted


def _budget(request: FindSimilarTasks | RecommendApproach) -> int:
    """Tokens of lessons in an answer, which holds them as text and as structured content."""
    return min(matching.MAX_TOKENS, request.max_tokens // _SHARE)


def _task_of(request: FindSimilarTasks | RecommendApproach) -> LessonsFor:
    names = ("task_description", "repo", "task_type")
    return LessonsFor(**{name: getattr(request, name) for name in names})

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
from mcp_learning.lessons.matching import TaskAtHand
from mcp_learning.models.identifiers import task_key
from mcp_learning.models.lessons import Lesson, LessonsFor, ShownLessons
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
        in_use = partial(store.lessons, in_use=True)
        self._in_use = CurrentValue(in_use, lambda: store.lesson_revision).get
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
            known = matching.about_command(lessons, task)
        else:
            kind = request.task_type or matching.commonest_type(types)
            task = matching.TaskAtHand(request.task_description, repo, kind, alike, known_as)
            compare = partial(self._similarities, (await self._indexing()).searches)
            known = await anyio.to_thread.run_sync(
                matching.matching_lessons, lessons, task, compare
            )
        now = datetime.now(UTC)
        unit = request.session_id or f"{task_key(task.description)} {now:%Y-%m-%d}"
        offered = matching.choose(known, unit)
        shown = {one.lesson_id for one in offered if trials.is_shown(one, unit)}
        texts = matching.in_budget(offered, max_tokens)
        await self._note(offered[: len(texts)], shown, task, unit, request.session_id or "", now)
        return ShownLessons(lessons=[one for one in texts if one.lesson_id in shown])

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

    async def _note(
        self,
        offered: Sequence[Lesson],
        shown: Collection[UUID],
        task: TaskAtHand,
        unit: str,
        session_id: str,
        now: datetime,
    ) -> None:
        if not offered:
            return
        excluded = excluded_repos(self._excluded)
        noted = await anyio.to_thread.run_sync(_noted, task, excluded)
        if noted is None:
            return
        question, repo = noted
        self._noted += [
            Showing(
                lesson_id=one.lesson_id,
                unit=unit,
                shown=one.lesson_id in shown,
                shown_at=now,
                task_key=task_key(task.description),
                question=question,
                repo=repo,
                session_id=session_id,
            )
            for one in offered
        ]
        self._later.notice()

    def _similarities(
        self, searches: "Searches", lessons: Sequence[Lesson], text: str
    ) -> dict[UUID, float]:
        """Cosine similarity of each lesson's text and `text`; empty without a model. Blocks."""
        import numpy as np

        names = [(one.lesson_id, one.worded_at) for one in lessons]
        known = self._vectors
        missing = [n for n, name in enumerate(names) if name not in known]
        texts = [embedding_text(f"{lessons[n].when}. {lessons[n].do or ''}") for n in missing]
        try:
            vectors = searches.embedder.embed(texts)
            asked = searches.embed_question(redact(text)[0])
        except EmbedderUnavailable:
            return {}
        if missing:
            known = known | {names[n]: one for n, one in zip(missing, vectors, strict=True)}
            self._vectors = dict(list(known.items())[-_MOST_VECTORS:])
        near = np.stack([known[name] for name in names]) @ asked.vector
        return {name[0]: float(one) for name, one in zip(names, near, strict=True)}


def _noted(task: TaskAtHand, excluded: str) -> tuple[str, str] | None:
    """What is stored of a task: the beginning of its description, and its repository.

    None if the repository is excluded.
    """
    if is_excluded(task.repo or None, excluded, tuple(task.known_as)):
        return None
    return redact(task.description)[0][:LONGEST_QUESTION], redact(task.repo)[0]


def _budget(request: FindSimilarTasks | RecommendApproach) -> int:
    """Tokens of lessons in an answer, which holds them as text and as structured content."""
    return min(matching.MAX_TOKENS, request.max_tokens // _SHARE)


def _task_of(request: FindSimilarTasks | RecommendApproach) -> LessonsFor:
    names = ("task_description", "repo", "task_type")
    return LessonsFor(**{name: getattr(request, name) for name in names})

"""Finds, saves, revises and tries the lessons of one store, and gives them to agents.

This module has the policy: what is excluded, which evidence counts, when lessons are derived. Pure
functions are in the room `lessons`.
"""

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Sequence
from datetime import UTC, datetime
from os.path import lexists
from time import monotonic
from typing import TYPE_CHECKING
from uuid import UUID

import anyio
import anyio.to_thread

from mcp_learning.errors import InvalidInput, LearningError
from mcp_learning.lessons import linking, merging, packets, recurrences, trials
from mcp_learning.lessons.refusals import same_repository, same_type
from mcp_learning.models.lessons import (
    PAGE,
    ChangeLesson,
    ExportedLessons,
    ExportLessons,
    GetLesson,
    Lesson,
    LessonChange,
    LessonCounts,
    LessonDetail,
    LessonPackets,
    Lessons,
    LessonView,
    ListLessons,
    ReviewLessons,
)
from mcp_learning.redaction import working_copies
from mcp_learning.redaction.exclusion import excluded_repos, is_excluded
from mcp_learning.service.background import CurrentValue
from mcp_learning.service.corrections import beginning
from mcp_learning.service.lesson_intake import LessonIntake, redacted, refuse_unfit
from mcp_learning.service.showings import Showings
from mcp_learning.store.lesson_protocol import Revision
from mcp_learning.store.protocol import Store

if TYPE_CHECKING:
    from mcp_learning.service.indexer import Indexer

logger = logging.getLogger(__name__)

FIRST_AFTER, PERIOD = 60.0, 600.0
"""Seconds until lessons are first derived, and until they are again if anything was recorded."""

QUICK, REST = 0.5, 20.0
"""A derivation of more than `QUICK` seconds isn't repeated for `REST` times its duration."""

EXPERIENCE = 10_000  # latest executions that lessons are derived from
SHOWINGS = 20  # latest showings that `get_lesson` returns


class LessonBook:
    """The lessons of a store; `excluded` is `Settings.excluded_repos`."""

    def __init__(
        self, store: Store, excluded: str, indexing: Callable[[], Awaitable["Indexer"]]
    ) -> None:
        self._store = store
        self._excluded = excluded
        self._looked_at: Hashable = None
        self._looking = anyio.Lock()
        self._rests_until = 0.0
        self._lessons = CurrentValue(store.lessons, lambda: store.lesson_revision).get
        self.showings = Showings(store, excluded, indexing)
        intake = LessonIntake(store, excluded)
        self.save, self.import_lessons = intake.save, intake.import_lessons
        self.lessons_for = self.showings.lessons_for

    async def keep_current(self) -> None:
        """Derives lessons after `FIRST_AFTER` and then every `PERIOD`, until cancelled."""
        pause = FIRST_AFTER
        while True:
            await anyio.sleep(pause)
            pause = PERIOD
            try:
                await self.refresh()
            except LearningError as error:
                logger.warning("lessons were not derived: %s", error)
            except Exception:
                logger.exception("lessons were not derived; it is tried again")

    async def refresh(self) -> None:
        """Derives lessons, concludes and starts trials, if anything was recorded."""
        async with self._looking:
            await self.showings.save()
            began = monotonic()
            if self._looked_at == self._store.revision or began < self._rests_until:
                return
            revision = self._store.revision  # first: later changes count the next time
            await self._derive()
            self._looked_at = revision
            took = monotonic() - began
            self._rests_until = monotonic() + (REST * took if took > QUICK else 0.0)

    async def _derive(self) -> None:
        now = datetime.now(UTC)
        experience = await self._store.experience(EXPERIENCE)
        showings = await self._store.open_showings(now - 2 * linking.WITHIN)
        findings = await anyio.to_thread.run_sync(recurrences.all_findings, experience)
        links = await anyio.to_thread.run_sync(linking.links, showings, experience)
        await self._store.link_showings(links, now - 2 * linking.WITHIN)
        tallies = await self._store.lesson_tallies()
        history = await self._store.lesson_history()
        faded = {key for key, lines in history.items() if merging.lost_its_evidence(lines)}
        approved = {key for key, lines in history.items() if merging.approved_again(lines)}
        excluded = excluded_repos(self._excluded)

        def decide(stored: Sequence[Lesson]) -> list[Revision]:
            allowed = [one for one in findings if not is_excluded(one.repo, excluded)]
            book = _Book(stored)
            book.add(merging.with_findings(book.lessons, allowed, now, faded, approved))
            others = [one for one in book.lessons if one.lesson_id not in approved]
            book.add(merging.superseded(others, experience, now))
            book.add(trials.conclude_trials(book.lessons, tallies, now, history))
            book.add(trials.start_trials(book.lessons, now))
            return book.revisions

        await self._store.revise_lessons(decide, [one.task_id for one in experience])

    async def check_files(self, directory: str, repos: Sequence[str]) -> None:
        """Retires lessons about files that no longer exist in the working copy of a directory.

        `repos` are all names of its repository.
        """
        known = [one for one in await self._lessons() if _is_about_a_file(one, repos)]
        gone = (
            await anyio.to_thread.run_sync(about_missing_files, directory, known) if known else []
        )
        if not gone:
            return
        ids, now = {one.lesson_id for one in gone}, datetime.now(UTC)

        def decide(stored: Sequence[Lesson]) -> list[Revision]:
            still = [one for one in stored if one.lesson_id in ids and _is_about_a_file(one, repos)]
            return merging.without_files(still, now)

        await self._store.revise_lessons(decide)

    async def review(self, request: ReviewLessons) -> LessonPackets:
        """Kinds of tasks that a lesson is due for, with a few executions to contrast."""
        experience = await self._store.experience(EXPERIENCE)
        lessons = await self._lessons()
        excluded = excluded_repos(self._excluded)

        def work() -> LessonPackets:
            due = packets.due_packets(
                experience, lessons, repo=request.repo or "", task_type=request.task_type or ""
            )
            due = [one for one in due if not is_excluded(one.repo, excluded)]
            shown = packets.within_budget(due, request.limit, request.max_tokens)
            return LessonPackets(packets=shown, due=len(due) - len(shown), write=packets.WRITE)

        return await anyio.to_thread.run_sync(work)

    async def list_lessons(self, request: ListLessons) -> Lessons:
        """Lessons that pass the filters, greatest expected gain first."""
        await self.refresh()
        stored = await self._lessons()
        tallies = await self._store.lesson_tallies()
        wanted = {"any": None, "active": ("trial", "kept")}.get(request.status, (request.status,))
        of_kind = [
            one
            for one in trials.by_expected_gain(stored)
            if same_repository(one.repo, request.repo)
            and (request.task_type is None or bool(one.task_type))
            and same_type(one.task_type, request.task_type)
        ]
        passing = [one for one in of_kind if wanted is None or one.status in wanted]
        page = passing[request.offset : request.offset + request.limit]
        return Lessons(
            lessons=[
                LessonView(
                    lesson=one, effect=trials.effect(tallies.get(one.lesson_id, trials.NOTHING))
                )
                for one in page
            ],
            total=len(passing),
            counts=counts(of_kind),
        )

    async def get_lesson(self, request: GetLesson) -> LessonDetail:
        """A lesson with its effect, its history and where it was shown.

        Raises:
            InvalidInput: The text can't begin an id, or it begins those of several lessons or none.
        """
        await self.refresh()
        lesson = _meant(request.lesson_id, await self._lessons())
        tally = (await self._store.lesson_tallies()).get(lesson.lesson_id, trials.NOTHING)
        return LessonDetail(
            lesson=lesson,
            effect=trials.effect(tally),
            history=(await self._store.lesson_history()).get(lesson.lesson_id, []),
            showings=await self._store.lesson_showings(lesson.lesson_id, SHOWINGS),
        )

    async def change_lesson(self, request: ChangeLesson) -> LessonDetail:
        """Applies a person's decision; the same call twice changes nothing.

        Raises:
            InvalidInput: No lesson, or several, have this id, or the text isn't fit for a lesson.
        """
        clean, _ = await anyio.to_thread.run_sync(redacted, request)
        refuse_unfit(clean)
        now = datetime.now(UTC)

        def decide(stored: Sequence[Lesson]) -> list[Revision]:
            revision = merging.apply_decision(_meant(clean.lesson_id, stored), clean, now)
            return [revision] if revision.changes else []

        await self._store.revise_lessons(decide)
        return await self.get_lesson(GetLesson(lesson_id=request.lesson_id))

    async def export_lessons(self, request: ExportLessons) -> ExportedLessons:
        """A page of all lessons with their histories and showings, in the order of their ids."""
        past = await self._store.past_lessons(request.offset, PAGE)
        return ExportedLessons(lessons=past, total=len(await self._lessons()))

    async def counts(self) -> LessonCounts:
        """How many lessons there are by status."""
        return counts(await self._lessons())


class _Book:
    """Lessons with the revisions collected so far, merged to one for each lesson."""

    def __init__(self, stored: Sequence[Lesson]) -> None:
        self._lessons = {one.lesson_id: one for one in stored}
        self._changes: dict[UUID, tuple[LessonChange, ...]] = {}

    @property
    def lessons(self) -> list[Lesson]:
        return list(self._lessons.values())

    @property
    def revisions(self) -> list[Revision]:
        return [Revision(self._lessons[key], lines) for key, lines in self._changes.items()]

    def add(self, revisions: Sequence[Revision]) -> None:
        for one in revisions:
            key = one.lesson.lesson_id
            self._lessons[key] = one.lesson
            self._changes[key] = (*self._changes.get(key, ()), *one.changes)


def _is_about_a_file(lesson: Lesson, repos: Sequence[str]) -> bool:
    """Whether a lesson is in use, and about a file of a repository with one of these names."""
    return (
        lesson.kind == "file"
        and bool(lesson.repo)
        and lesson.status != "retired"
        and not lesson.pinned
        and any(same_repository(lesson.repo, repo) for repo in repos)
    )


def about_missing_files(directory: str, lessons: Sequence[Lesson]) -> list[Lesson]:
    """Those of these lessons about files whose file is in no working copy of a directory.

    It is looked for in the working copy in which the directory is, and in the main one.
    """
    places = working_copies.root_directory(directory), working_copies.main_directory(directory)
    roots = [place for place in places if place is not None]
    paths = [(one, one.key.removeprefix(f"file:{one.repo}:")) for one in lessons if roots]
    # Unlike `Path.exists`, this is false for names that are too long for a file system.
    return [one for one, path in paths if not any(lexists(root / path) for root in roots)]


def counts(lessons: Sequence[Lesson]) -> LessonCounts:
    """How many lessons there are by status."""
    return LessonCounts(**Counter(str(one.status) for one in lessons))


def _meant(text: str, lessons: Sequence[Lesson]) -> Lesson:
    """The lesson whose id begins with `text`."""
    digits = beginning("lesson_id", text)
    found = [one for one in lessons if one.lesson_id.hex.startswith(digits)]
    if not found:
        raise InvalidInput("lesson_id", f"no lesson has an id that begins with {text}")
    if len(found) > 1:
        raise InvalidInput("lesson_id", f"several ids begin with {text}; give more of it")
    return found[0]

"""Stores lessons that agents save or that are imported.

Texts that aren't fit for a lesson are refused, secrets are removed, and evidence has to exist.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar
from uuid import UUID

import anyio.to_thread

from mcp_learning.errors import InvalidInput
from mcp_learning.lessons import merging, refusals
from mcp_learning.lessons.refusals import same_repository
from mcp_learning.models.identifiers import uuid7
from mcp_learning.models.lessons import (
    LONGEST_REASON,
    ChangeLesson,
    ImportLessons,
    Lesson,
    LessonChange,
    LessonSaved,
    PastLesson,
    SaveLesson,
)
from mcp_learning.models.transfer import Imported
from mcp_learning.redaction.exclusion import excluded_repos, is_excluded, refuse_excluded
from mcp_learning.redaction.secrets import redact
from mcp_learning.store.lesson_protocol import Revision, Showing
from mcp_learning.store.protocol import Store

T = TypeVar("T", SaveLesson, ChangeLesson, Lesson, LessonChange)

TEXTS = ("when", "do", "avoid")


class LessonIntake:
    """Stores lessons that were told, except those of excluded repositories."""

    def __init__(self, store: Store, excluded: str) -> None:
        self._store = store
        self._excluded = excluded

    async def save(self, request: SaveLesson) -> LessonSaved:
        """Stores what an agent learned, as a candidate; durable on return.

        Raises:
            InvalidInput: The text isn't fit for a lesson, the evidence doesn't exist or is of
                another repository, it contradicts a lesson, or its repository is excluded.
        """
        excluded = excluded_repos(self._excluded)
        await anyio.to_thread.run_sync(refuse_excluded, request.repo, excluded)
        clean, redactions = await anyio.to_thread.run_sync(redacted, request)
        refuse_unfit(clean)
        repo = await self._scope(clean, excluded)
        now = datetime.now(UTC)
        result: LessonSaved | None = None

        def decide(stored: Sequence[Lesson]) -> list[Revision]:
            nonlocal result
            new = merging.new_lesson(clean, clean.lesson_id or clean.new_id or uuid7(), repo, now)
            old = next((one for one in stored if one.lesson_id == new.lesson_id), None)
            if clean.lesson_id is not None:
                _refuse_revision(old)
            if (other := refusals.contradiction(new, stored)) is not None:
                raise InvalidInput(
                    "do",
                    f'contradicts lesson {other.lesson_id} ("{other.do or other.avoid}"); revise '
                    "that one with lesson_id, or say in when how the tasks differ",
                )
            if old is not None:
                revision = merging.revised(old, new, now) if clean.lesson_id else Revision(old, ())
                same = None
            elif (same := merging.duplicate(new, stored)) is not None:
                revision = merging.merged(same, new, now)
            elif (gone := merging.duplicate(new, stored, retired=True)) is not None:
                raise InvalidInput(
                    "when", f"says the same as {gone.lesson_id}, which was retired; say what is new"
                )
            else:
                revision = merging.changed(new, now, "saved", "agent")
            result = LessonSaved(
                lesson_id=revision.lesson.lesson_id,
                created=old is None and same is None,
                merged_with=None if same is None else same.lesson_id,
                status=revision.lesson.status,
                redactions=redactions,
            )
            return [revision] if revision.changes else []

        await self._store.revise_lessons(decide)
        if result is None:
            raise LookupError("no revision was decided")
        return result

    async def _scope(self, request: SaveLesson, excluded: str) -> str | None:
        """The lesson's repository: as requested, or else the only one of its evidence."""
        known = await self._store.summaries(request.evidence)
        if missing := [one for one in request.evidence if one not in known]:
            raise InvalidInput("evidence", f"no execution {missing[0]}; give task_ids that exist")
        repos = {shown.repo for shown in known.values()}
        for task_id, shown in known.items():
            repo = shown.repo
            await anyio.to_thread.run_sync(refuse_excluded, repo, excluded)
            if request.repo and repo and not same_repository(request.repo, repo):
                raise InvalidInput(
                    "evidence",
                    f"{task_id} is of another repository ({repo!r:.80}); leave it out, or leave "
                    "out repo for a lesson that holds everywhere",
                )
        (only,) = repos if len(repos) == 1 else (None,)
        return request.repo or only

    async def import_lessons(self, request: ImportLessons) -> Imported:
        """Stores imported lessons whose evidence exists, with their histories and showings.

        Known lessons stay as they are, and get showings that they lack. Lessons that are unfit or
        of excluded repositories are left out and counted.
        """
        excluded = excluded_repos(self._excluded)
        past, left_out, redactions = await anyio.to_thread.run_sync(
            partial(_importable, request.lessons, excluded)
        )
        ids = {task_id for one in past for task_id in one.lesson.evidence}
        ids |= {showing.task_id for one in past for showing in one.showings}
        known = {*await self._store.updated(list(ids)), *request.arriving}
        past = [one for one in past if any(task_id in known for task_id in one.lesson.evidence)]
        names: dict[UUID, UUID] = {}
        revisions: list[Revision] = []

        def decide(stored: Sequence[Lesson]) -> list[Revision]:
            nonlocal names, revisions
            revisions, names = merging.import_lessons(stored, past)
            return [] if request.dry_run else revisions

        await self._store.revise_lessons(decide)
        if not request.dry_run:
            await self._store.add_showings(_showings(past, names, known))
        there = len(past) - len(revisions)
        return Imported(
            created=len(revisions), unchanged=there, redactions=redactions, excluded=left_out
        )


def _showings(
    past: Sequence[PastLesson], names: Mapping[UUID, UUID], known: Collection[UUID]
) -> list[Showing]:
    """Showings for stored tasks, under the ids that `names` maps the lessons' ids to."""
    return [
        Showing(names[one.lesson.lesson_id], task_key=0, **dict(showing))
        for one in past
        if one.lesson.lesson_id in names
        for showing in one.showings
        if showing.task_id in known
    ]


def refuse_unfit(told: SaveLesson | ChangeLesson) -> None:
    """Raises InvalidInput for a text that isn't fit for a lesson.

    Call it after redaction, since a placeholder may be longer than the secret.
    """
    for name in TEXTS:
        if problem := refusals.problem(getattr(told, name)):
            raise InvalidInput(name, problem)


def redacted(told: T) -> tuple[T, int]:
    """The lesson without secrets in its texts, and how many there were."""
    texts, removed = {}, 0
    for name in (*TEXTS, "repo", "reason"):
        if (text := getattr(told, name, None)) is not None:
            texts[name], secrets = redact(text)
            removed += secrets
    if "reason" in texts:
        texts["reason"] = texts["reason"][:LONGEST_REASON]
    return told.model_copy(update=texts), removed


def _refuse_revision(old: Lesson | None) -> None:
    if old is None:
        raise InvalidInput("lesson_id", "no lesson has this id; leave it out to save a new one")
    if old.origin == "person" or old.pinned:
        raise InvalidInput("lesson_id", "a person worded or pinned this lesson; save another one")
    if old.status == "retired":
        raise InvalidInput("lesson_id", "this lesson was retired; save one that says what is new")


def _importable(lessons: Sequence[PastLesson], excluded: str) -> tuple[list[PastLesson], int, int]:
    """Lessons that may be stored, how many may not, and how many secrets were removed."""
    kept, secrets = [], 0
    for past in lessons:
        clean, removed = redacted(past.lesson)
        texts = [clean.when, clean.do, clean.avoid]
        if is_excluded(clean.repo, excluded) or refusals.problem(*texts, quotes=bool(clean.key)):
            continue
        history = [redacted(line) for line in past.history]
        secrets += removed + sum(number for _, number in history)
        lines = [line for line, _ in history]
        kept.append(past.model_copy(update={"lesson": clean, "history": lines}))
    return kept, len(lessons) - len(kept), secrets

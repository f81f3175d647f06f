"""Writes the outbox: changes for the team, recorded in the transaction of the change itself."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from mcp_learning.models.lessons import Lesson
from mcp_learning.models.results import Execution
from mcp_learning.models.transfer import PastExecution
from mcp_learning.store.duckdb import former_team, lessons, team_lessons
from mcp_learning.store.duckdb.bound_lists import AMONG_UUIDS, joined
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.executions import GENERATED
from mcp_learning.store.duckdb.former_team import NOT_OF_FORMER_TEAM
from mcp_learning.store.duckdb.outbox_table import (
    LOCAL,
    Entry,
    add,
    drop,
    feedback_entries,
    mark,
    requeue,
)
from mcp_learning.store.duckdb.queries import column

_UNNOTED = "x.author IS NULL AND x.task_id NOT IN (SELECT task_id FROM outbox WHERE kind = 'patch')"
_WAITS = "x.author IS NULL AND x.task_id IN (SELECT task_id FROM outbox WHERE sent_at IS NULL)"
_NOT_GENERATED = f"NOT coalesce({GENERATED}, false)"


class Outbox:
    """Writes the entries of one database.

    Args:
        shares: Whether executions of a repository are shared. None: this process has no team and
            shares nothing new; executions that another process of this host shared still are.
    """

    def __init__(self, shares: Callable[[str | None], bool] | None) -> None:
        self._shares = shares

    def _is_in_team(self, cursor: Cursor) -> bool:
        return self._shares is not None or mark(cursor) is not None

    def changed(
        self,
        cursor: Cursor,
        old: Execution | None,
        new: Execution,
        used: Sequence[UUID] = (),
        at: datetime | None = None,
    ) -> None:
        """Adds entries for an execution that was created or changed, and for its new uses."""
        if new.author is not None and former_team.has(cursor, new.task_id):
            return
        if not (self._is_shared(new.repo, new.author) and self._is_in_team(cursor)):
            if old is not None and self._is_shared(old.repo, old.author):
                _withdraw(cursor, [new.task_id])
            return
        moment = at or datetime.now(UTC)
        entries: list[Entry] = []
        if old is None or not self._is_shared(old.repo, old.author):
            entries.append(("patch", new.task_id, None))
        elif new != old:
            entries.append(("patch", new.task_id, patch(old, new)))
        when = {"at": moment.isoformat()}
        entries += [("use", new.task_id, {"used": str(one), **when}) for one in used]
        add(cursor, entries, moment)

    def created(self, cursor: Cursor, new: Sequence[Execution]) -> None:
        """Adds entries for executions that were created together."""
        shared = [one.task_id for one in new if self._is_shared(one.repo, one.author)]
        add(cursor, [("patch", one, None) for one in shared])

    def forgotten(
        self, cursor: Cursor, task_ids: Sequence[UUID], elsewhere: Sequence[UUID]
    ) -> None:
        """Adds entries for executions that are to be forgotten.

        Call it before they are deleted, and after lessons that may quote them are. `elsewhere` are
        those that only the team has, or that its lessons may quote.
        """
        if shared := list(dict.fromkeys([*self._shared(cursor, task_ids), *elsewhere])):
            drop(cursor, shared)
            add(cursor, [("forget", one, None) for one in shared])

    def judged(self, cursor: Cursor, about: Execution, feedback_id: UUID) -> None:
        """Adds an entry for feedback that was just stored."""
        if self._shared(cursor, [about.task_id]):
            add(cursor, feedback_entries(cursor, "feedback_id = ?", feedback_id))

    def imported(self, cursor: Cursor, records: Sequence[PastExecution]) -> None:
        """Adds entries for the feedback and the uses of imported executions."""
        shared = set(self._shared(cursor, [one.task_id for one in records]))
        entries: list[Entry] = []
        for record in (one for one in records if one.task_id in shared):
            for one in record.feedback:
                fields = one.model_dump(mode="json", exclude_none=True)
                entries.append(("feedback", record.task_id, fields))
            for use in record.uses:
                fields = {"used": str(use.task_id), "at": use.recorded_at.isoformat()}
                entries.append(("use", record.task_id, fields))
        add(cursor, entries)

    def unarchived(self, cursor: Cursor, task_ids: Sequence[UUID]) -> None:
        """Adds entries for executions that came back from an archive.

        The team may have changed or forgotten them meanwhile. An empty patch changes nothing in the
        team's store, which answers with its own version.
        """
        shared = self._shared(cursor, task_ids)
        add(cursor, [("patch", one, {}) for one in shared])

    def absent(self, cursor: Cursor, task_ids: Sequence[UUID]) -> None:
        """Adds entries for whole executions that the team turned out to lack.

        Those that others wrote came from a team that this host has left.
        """
        former_team.note_absent(cursor, task_ids)
        rows = cursor.execute(
            f"SELECT task_id, repo FROM executions x WHERE task_id {AMONG_UUIDS} "
            f"AND {NOT_OF_FORMER_TEAM}",
            [joined(task_ids)],
        ).fetchall()
        requeue(cursor, [task_id for task_id, repo in rows if self._is_shared(repo, None)])

    def embedded(self, cursor: Cursor, task_ids: Sequence[UUID]) -> None:
        """Adds entries for executions that got vectors."""
        shared = self._shared(cursor, task_ids)
        add(cursor, [("vector", one, None) for one in shared])

    def reembedded(self, cursor: Cursor) -> None:
        """Adds entries for all vectors, which another model has made."""
        if self._is_in_team(cursor):
            self.embedded(cursor, column(cursor, "SELECT task_id FROM embeddings ORDER BY version"))

    def lessons_changed(self, cursor: Cursor, old: Sequence[Lesson], new: Sequence[Lesson]) -> None:
        """Adds entries for lessons that somebody wrote; every host derives the others by itself.

        `old` are all lessons before the change, `new` those that were created or changed.
        """
        if not self._is_in_team(cursor):
            return
        known, others = team_lessons.known(cursor), former_team.lessons(cursor)
        before = {one.lesson_id: one for one in old if one.lesson_id in known}
        entries: list[Entry] = [
            ("lesson", one.lesson_id, lesson_patch(before.get(one.lesson_id), one))
            for one in new
            if one.lesson_id in known
            or (self._is_lesson_shared(one) and one.lesson_id not in others)
        ]
        add(cursor, entries)

    def _is_lesson_shared(self, lesson: Lesson) -> bool:
        """Whether a lesson of this host is sent to the team."""
        return lesson.origin != "evidence" and self._is_shared(lesson.repo, None)

    def fill(self, cursor: Cursor) -> int:
        """Adds entries for shared records that aren't from the team and don't have an entry.

        Unsent entries of those that are no longer shared are deleted.
        """
        if self._shares is None:
            return 0
        stored = lessons.all_lessons(cursor)
        unshared = [one.lesson_id for one in stored if not self._is_lesson_shared(one)]
        unshared += [one for one, repo in _repos(cursor, _WAITS) if not self._is_shared(repo, None)]
        _withdraw(cursor, unshared)
        known = team_lessons.known(cursor)
        unnoted = _repos(cursor, f"{_UNNOTED} AND {_NOT_GENERATED}")
        chosen = [one for one, repo in unnoted if self._is_shared(repo, None)]
        for start in range(0, len(chosen), 1_000):
            requeue(cursor, chosen[start : start + 1_000])
        self.lessons_changed(cursor, [], [one for one in stored if one.lesson_id not in known])
        return len(chosen)

    def _is_shared(self, repo: str | None, author: str | None) -> bool:
        return author is not None or (self._shares is not None and self._shares(repo))

    def _shared(self, cursor: Cursor, task_ids: Sequence[UUID]) -> list[UUID]:
        if not task_ids or not self._is_in_team(cursor):
            return []
        rows = cursor.execute(
            f"SELECT task_id, repo, author FROM executions x WHERE task_id {AMONG_UUIDS} "
            f"AND {NOT_OF_FORMER_TEAM} ORDER BY sequence",
            [joined(task_ids)],
        ).fetchall()
        return [row[0] for row in rows if self._is_shared(row[1], row[2])]


def _repos(cursor: Cursor, where: str) -> list[tuple[UUID, str | None]]:
    """Executions `x` that meet a condition, oldest change first, each with its repository."""
    return cursor.execute(
        f"SELECT x.task_id, x.repo FROM executions x WHERE {where} ORDER BY x.sequence"
    ).fetchall()


def _withdraw(cursor: Cursor, task_ids: Sequence[UUID]) -> None:
    """Deletes the entries of those executions and lessons of which nothing was sent."""
    cursor.execute(
        f"DELETE FROM outbox WHERE task_id {AMONG_UUIDS} "
        "AND task_id NOT IN (SELECT task_id FROM outbox WHERE sent_at IS NOT NULL)",
        [joined(task_ids)],
    )


def patch(old: Execution, new: Execution) -> dict[str, Any]:
    """The fields that differ, as JSON values."""
    values = new.model_dump(mode="json", exclude=set(LOCAL))
    before, after = dict(old), dict(new)
    return {name: value for name, value in values.items() if before.get(name) != after[name]}


def lesson_patch(old: Lesson | None, new: Lesson) -> dict[str, Any]:
    """As `patch`, for a lesson; without an old one, all fields that have a value."""
    values = new.model_dump(mode="json", exclude={"lesson_id"})
    if old is None:
        return {name: value for name, value in values.items() if value is not None}
    return {
        name: value for name, value in values.items() if getattr(old, name) != getattr(new, name)
    }

"""The outbox: what the team is still to get, written with the change itself; and the mark.

Entries that were sent are kept for a day: a server that takes another's place may lack the last
commits of that one.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from mcp_learning.models.lessons import Lesson
from mcp_learning.models.results import Execution
from mcp_learning.models.transfer import PastExecution
from mcp_learning.store.duckdb import embeddings, executions, lessons
from mcp_learning.store.duckdb.columns import FEEDBACK_TYPES
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.executions import json_arrays, naive
from mcp_learning.store.duckdb.lists import AMONG_NUMBERS, AMONG_UUIDS, NUMBERS, joined
from mcp_learning.store.shared import (
    EntryKind,
    OutboxEntry,
    OutboxState,
    Outgoing,
    SharedVector,
    TeamMark,
)

KEPT_SENT = timedelta(days=1)

_LOCAL = {"task_id", "updated_at", "author", "uploaded_at"}
_NEITHER = "x.author IS NULL AND x.task_id NOT IN (SELECT task_id FROM outbox)"
_NOT_MADE_UP = "coalesce(json_extract_string(x.metadata, '$.generated'), '') <> 'true'"

Entry = tuple[EntryKind, UUID, Mapping[str, Any] | None]
"""Of what, which one, and its fields; a patch without any is the whole execution, as it is when it
is sent: to write its texts twice would take half as long again as to record it."""


class Outbox:
    """Writes the entries of one database.

    Args:
        shares: Whether what belongs to a repository is shared; None: nothing is.
    """

    def __init__(self, shares: Callable[[str | None], bool] | None) -> None:
        self._shares = shares

    @property
    def is_open(self) -> bool:
        """Whether there is a team."""
        return self._shares is not None

    def changed(
        self,
        cursor: Cursor,
        old: Execution | None,
        new: Execution,
        used: Sequence[UUID] = (),
        at: datetime | None = None,
    ) -> None:
        """Notes that an execution was created or changed, and uses that are new."""
        if not self._is_shared(new.repo, new.author):
            return
        moment = datetime.now(UTC)
        entries: list[Entry] = []
        if old is None or not self._is_shared(old.repo, old.author):
            entries.append(("patch", new.task_id, None))
        elif fields := patch(old, new):
            entries.append(("patch", new.task_id, fields))
        told = {"at": (at or moment).isoformat()}
        entries += [("use", new.task_id, {"used": str(one), **told}) for one in used]
        add(cursor, entries, moment)

    def created(self, cursor: Cursor, new: Sequence[Execution]) -> None:
        """Notes executions that were created together."""
        shared = [one.task_id for one in new if self._is_shared(one.repo, one.author)]
        add(cursor, [("patch", one, None) for one in shared], datetime.now(UTC))

    def forgotten(self, cursor: Cursor, task_ids: Sequence[UUID]) -> None:
        """Notes that executions are to be forgotten. Call it before they are deleted.

        Lessons that may quote them have to be gone.
        """
        if shared := self._shared(cursor, task_ids):
            drop(cursor, shared)
            add(cursor, [("forget", one, None) for one in shared], datetime.now(UTC))

    def judged(self, cursor: Cursor, about: Execution, feedback_id: UUID) -> None:
        """Notes feedback that was just stored."""
        if self._is_shared(about.repo, about.author):
            add(cursor, _feedback(cursor, "feedback_id = ?", feedback_id), datetime.now(UTC))

    def told(self, cursor: Cursor, records: Sequence[PastExecution]) -> None:
        """Notes the feedback and the uses of imported executions."""
        shared = set(self._shared(cursor, [one.task_id for one in records]))
        entries: list[Entry] = []
        for record in (one for one in records if one.task_id in shared):
            for one in record.feedback:
                fields = one.model_dump(mode="json", exclude_none=True)
                entries.append(("feedback", record.task_id, fields))
            entries += [
                (
                    "use",
                    record.task_id,
                    {"used": str(use.task_id), "at": use.recorded_at.isoformat()},
                )
                for use in record.uses
            ]
        add(cursor, entries, datetime.now(UTC))

    def embedded(self, cursor: Cursor, task_ids: Sequence[UUID]) -> None:
        """Notes executions that got vectors."""
        shared = self._shared(cursor, task_ids)
        add(cursor, [("vector", one, None) for one in shared], datetime.now(UTC))

    def embedded_anew(self, cursor: Cursor) -> None:
        """Notes that all vectors are of another model now."""
        if self.is_open:
            rows = cursor.execute("SELECT task_id FROM embeddings ORDER BY version").fetchall()
            self.embedded(cursor, [row[0] for row in rows])

    def taught(self, cursor: Cursor, old: Sequence[Lesson], new: Sequence[Lesson]) -> None:
        """Notes lessons that somebody told; those of experience every host finds by itself.

        Args:
            cursor: Inside the transaction of the change.
            old: What there was before.
            new: Those that were made or changed.
        """
        if self._shares is None:
            return
        before = {one.lesson_id: one for one in old if self._is_told(one)}
        entries: list[Entry] = [
            ("lesson", one.lesson_id, lesson_patch(before.get(one.lesson_id), one))
            for one in new
            if self._is_told(one)
        ]
        add(cursor, entries, datetime.now(UTC))

    def _is_told(self, lesson: Lesson) -> bool:
        """Whether a lesson is one that the team is to get."""
        return (
            lesson.origin != "evidence" and self._shares is not None and self._shares(lesson.repo)
        )

    def fill(self, cursor: Cursor) -> int:
        """Notes what is shared, but neither came from the team nor was ever noted."""
        if not self.is_open:
            return 0
        noted = _noted_lessons(cursor)
        rows = cursor.execute(
            f"SELECT x.task_id, x.repo FROM executions x WHERE {_NEITHER} AND {_NOT_MADE_UP} "
            "ORDER BY x.sequence"
        ).fetchall()
        chosen = [task_id for task_id, repo in rows if self._is_shared(repo, None)]
        for start in range(0, len(chosen), 1_000):
            again(cursor, chosen[start : start + 1_000])
        new = [one for one in lessons.every(cursor) if one.lesson_id not in noted]
        self.taught(cursor, [], new)
        return len(chosen)

    def _is_shared(self, repo: str | None, author: str | None) -> bool:
        if self._shares is None:
            return False
        return author is not None or self._shares(repo)

    def _shared(self, cursor: Cursor, task_ids: Sequence[UUID]) -> list[UUID]:
        if not self.is_open or not task_ids:
            return []
        rows = cursor.execute(
            f"SELECT task_id, repo, author FROM executions WHERE task_id {AMONG_UUIDS} "
            "ORDER BY sequence",
            [joined(task_ids)],
        ).fetchall()
        return [row[0] for row in rows if self._is_shared(row[1], row[2])]


def _noted_lessons(cursor: Cursor) -> set[UUID]:
    rows = cursor.execute("SELECT DISTINCT task_id FROM outbox WHERE kind = 'lesson'").fetchall()
    return {row[0] for row in rows}


def patch(old: Execution, new: Execution) -> dict[str, Any]:
    """The fields that differ, as JSON values."""
    values = new.model_dump(mode="json", exclude=_LOCAL)
    before, after = dict(old), dict(new)
    return {name: value for name, value in values.items() if before.get(name) != after[name]}


def _wholes(cursor: Cursor, task_ids: Sequence[UUID]) -> dict[UUID, Execution]:
    """Those of these executions that exist."""
    return executions.several(cursor, task_ids) if task_ids else {}


def _fields_of(execution: Execution) -> dict[str, Any]:
    """All fields that have a value, as JSON values."""
    values = execution.model_dump(mode="json", exclude=_LOCAL)
    return {name: value for name, value in values.items() if value is not None}


def lesson_patch(old: Lesson | None, new: Lesson) -> dict[str, Any]:
    """As `patch`, for a lesson; all fields that have a value if there was nothing."""
    values = new.model_dump(mode="json", exclude={"lesson_id"})
    if old is None:
        return {name: value for name, value in values.items() if value is not None}
    return {
        name: value for name, value in values.items() if getattr(old, name) != getattr(new, name)
    }


def add(cursor: Cursor, entries: Iterable[Entry], at: datetime) -> None:
    """Adds entries in this order."""
    entries = list(entries)
    if len(entries) == 1:  # as most records leave: as few values as possible, since each takes time
        ((kind, task_id, fields),) = entries
        given: list[object] = [task_id, naive(at)]
        if fields is not None:
            given.append(json.dumps(fields))
        cursor.execute(
            f"INSERT INTO outbox (number, kind, task_id, made_at{', fields' * (len(given) - 2)}) "
            f"VALUES (nextval('outbox_number'), '{kind}'{', ?' * len(given)})",
            given,
        )
        return
    rows = (
        {"kind": kind, "task_id": str(task_id), "fields": fields and json.dumps(fields)}
        for kind, task_id, fields in entries
    )
    for part in json_arrays(rows):
        cursor.execute(
            "INSERT INTO outbox (number, kind, task_id, fields, made_at) "
            "SELECT nextval('outbox_number'), row->>'kind', (row->>'task_id')::UUID, "
            "row->>'fields', ? FROM (SELECT unnest(json_extract(?, '$[*]')) AS row)",
            [naive(at), part],
        )


def again(cursor: Cursor, task_ids: Sequence[UUID]) -> None:
    """Adds executions as a whole, with their vectors, feedback and uses."""
    ids, now = joined(task_ids), datetime.now(UTC)
    cursor.execute(
        "INSERT INTO outbox (number, kind, task_id, made_at) "
        "SELECT nextval('outbox_number'), kind, task_id, ? FROM ("
        "SELECT task_id, unnest(['patch', 'vector']) AS kind FROM executions "
        f"WHERE task_id {AMONG_UUIDS} ORDER BY sequence)",
        [naive(now), ids],
    )
    entries = _feedback(cursor, f"task_id {AMONG_UUIDS}", ids)
    uses = cursor.execute(
        f"SELECT task_id, used_task_id, recorded_at FROM uses WHERE task_id {AMONG_UUIDS}", [ids]
    ).fetchall()
    entries += [("use", one, {"used": str(used), "at": _utc(at)}) for one, used, at in uses]
    add(cursor, entries, now)


def keep(cursor: Cursor, task_ids: Sequence[UUID]) -> None:
    """Writes out what waits as a whole of executions that are about to leave this host alone."""
    cursor.execute(
        f"UPDATE outbox SET fields = {_WHOLE} FROM executions x WHERE outbox.task_id = x.task_id "
        "AND outbox.kind = 'patch' AND outbox.fields IS NULL AND outbox.sent_at IS NULL "
        f"AND x.task_id {AMONG_UUIDS}",
        [joined(task_ids)],
    )


def _feedback(cursor: Cursor, where: str, value: object) -> list[Entry]:
    names = list(FEEDBACK_TYPES)
    rows = cursor.execute(
        f"SELECT {', '.join(names)} FROM feedback WHERE {where} ORDER BY submitted_at", [value]
    ).fetchall()
    entries: list[Entry] = []
    for row in rows:
        fields = {name: one for name, one in zip(names, row, strict=True) if one is not None}
        task_id = fields.pop("task_id")
        fields["feedback_id"] = str(fields["feedback_id"])
        fields["submitted_at"] = _utc(fields["submitted_at"])
        entries.append(("feedback", task_id, fields))
    return entries


def _utc(moment: datetime) -> str:
    return moment.replace(tzinfo=UTC).isoformat()


def outgoing(cursor: Cursor, limit: int, after: int) -> Outgoing:
    """As `SharedStore.outgoing`."""
    rows = cursor.execute(
        "SELECT number, kind, task_id, fields, made_at FROM outbox WHERE number > ? "
        "AND sent_at IS NULL ORDER BY number LIMIT ?",
        [after, limit],
    ).fetchall()
    whole = [row[2] for row in rows if row[1] == "patch" and row[3] is None]
    now = {task_id: _fields_of(one) for task_id, one in _wholes(cursor, whole).items()}
    entries = [
        OutboxEntry(
            number,
            kind,
            task_id,
            now.get(task_id, {}) if fields is None else json.loads(fields),
            at.replace(tzinfo=UTC),
        )
        for number, kind, task_id, fields, at in rows
    ]
    wanted = list(dict.fromkeys(one.task_id for one in entries if one.kind == "vector"))
    return Outgoing(entries, _vectors(cursor, wanted), embeddings.model(cursor) or "")


def _vectors(cursor: Cursor, task_ids: Sequence[UUID]) -> list[SharedVector]:
    if not task_ids:
        return []
    found: dict[UUID, list[SharedVector]] = {one: [] for one in task_ids}
    for table, part in (("embeddings", "0"), ("passages", "v.passage")):
        # Arrays, where fetchall would make a Python object of each number.
        columns = cursor.execute(
            f"SELECT v.task_id, {part} AS part, md5_number_lower(x.task_description) AS described, "
            f"v.embedding FROM {table} v JOIN executions x USING (task_id) "
            f"WHERE v.task_id {AMONG_UUIDS} ORDER BY v.version",
            [joined(task_ids)],
        ).fetchnumpy()
        for task_id, number, described, vector in zip(*columns.values(), strict=True):
            made = SharedVector(task_id, int(number), int(described), vector)
            found[task_id].append(made)
    return [vector for some in found.values() for vector in some]


def sent(cursor: Cursor, numbers: Mapping[int, int]) -> None:
    """Notes the team's numbers of entries, and drops those that were sent long ago."""
    now = datetime.now(UTC)
    cursor.execute(
        "UPDATE outbox SET sent_at = n.sent_at, change = n.change FROM ("
        f"SELECT unnest({NUMBERS}) AS number, unnest({NUMBERS}) AS change, "
        "?::TIMESTAMP AS sent_at) n WHERE outbox.number = n.number",
        [joined(numbers), joined(numbers.values()), naive(now)],
    )
    cursor.execute("DELETE FROM outbox WHERE sent_at < ?", [naive(now - KEPT_SENT)])


def write_author(cursor: Cursor, numbers: Iterable[int], role: str) -> list[UUID]:
    """Notes under which role executions were created, of which these entries are; returns which."""
    rows = cursor.execute(
        "UPDATE executions SET author = ? WHERE author IS NULL AND task_id IN ("
        f"SELECT task_id FROM outbox WHERE kind = 'patch' AND number {AMONG_NUMBERS}) "
        "RETURNING task_id",
        [role, joined(numbers)],
    ).fetchall()
    return [row[0] for row in rows]


def drop(cursor: Cursor, task_ids: Sequence[UUID]) -> None:
    """Deletes what waits, or was sent, of executions that are forgotten, and of lost lessons."""
    cursor.execute(
        f"DELETE FROM outbox WHERE task_id {AMONG_UUIDS} "
        "OR kind = 'lesson' AND task_id NOT IN (SELECT lesson_id FROM lessons)",
        [joined(task_ids)],
    )


def waiting_patches(
    cursor: Cursor, kind: EntryKind, ids: Sequence[UUID]
) -> dict[UUID, dict[str, Any]]:
    """The fields of executions or lessons that the team doesn't have yet."""
    rows = cursor.execute(
        "SELECT task_id, fields FROM outbox WHERE sent_at IS NULL AND kind = ? "
        f"AND task_id {AMONG_UUIDS} ORDER BY number",
        [kind, joined(ids)],
    ).fetchall()
    whole = [one for one, fields in rows if fields is None] if kind == "patch" else []
    found = {one: _fields_of(stored) for one, stored in _wholes(cursor, whole).items()}
    for one, fields in rows:
        found.setdefault(one, {}).update(json.loads(fields or "{}"))
    return found


def waiting_to_forget(cursor: Cursor, task_ids: Sequence[UUID]) -> set[UUID]:
    """Those of these executions that were forgotten here, which the team doesn't know yet."""
    return set(waiting_patches(cursor, "forget", task_ids))


def state(cursor: Cursor) -> OutboxState:
    """As `SharedStore.outbox_state`."""
    row = cursor.execute(
        "SELECT count(*), min(made_at) FROM outbox WHERE sent_at IS NULL"
    ).fetchone()
    waiting, since = row or (0, None)
    return OutboxState(waiting, since and since.replace(tzinfo=UTC), mark(cursor))


def mark(cursor: Cursor) -> TeamMark | None:
    """How far the team's changes are here."""
    row = cursor.execute(
        "SELECT team, epoch, change, sweeping, role, part FROM team_mark"
    ).fetchone()
    return TeamMark(*row) if row else None


def set_mark(cursor: Cursor, new: TeamMark | None) -> None:
    """Replaces the mark; None leaves the team."""
    cursor.execute("DELETE FROM team_mark")
    if new is not None:
        cursor.execute("INSERT INTO team_mark VALUES (?, ?, ?, ?, ?, ?)", list(new))


def leave(cursor: Cursor) -> None:
    """Empties the outbox; what this host wrote is its own again, for another team."""
    if (known := mark(cursor)) is not None:
        cursor.execute("UPDATE executions SET author = NULL WHERE author = ?", [known.role])
    cursor.execute("DELETE FROM outbox")
    set_mark(cursor, None)

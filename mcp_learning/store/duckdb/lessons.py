"""SQL of lessons: their texts, evidence, histories and showings."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from mcp_learning.models.lessons import Lesson, LessonChange, LessonShowing, PastLesson, PastShowing
from mcp_learning.store.duckdb.bound_lists import AMONG_UUIDS, joined
from mcp_learning.store.duckdb.columns import LESSON_CHANGE_TYPES, LESSON_TYPES, SHOWING_TYPES
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.executions import json_arrays, naive_utc
from mcp_learning.store.duckdb.queries import JSON_ROWS, column, from_json, selected
from mcp_learning.store.duckdb.spellings import with_label
from mcp_learning.store.duckdb.traces import paths_in, recovered_in
from mcp_learning.store.lesson_protocol import Experience, Revision, Showing, Tally
from mcp_learning.store.types import Outcomes

_COLUMN = {
    "key": "lesson_key",
    "when": "applies_when",
    "do": "do_this",
    "avoid": "avoid_this",
    "by": "decided_by",
}
_FIELD = {column: field for field, column in _COLUMN.items()}
LATEST_SHOWINGS = 1_000
"""Most showings of a lesson that are exported, and most tasks from which it was withheld."""

_TIMES = ("created_at", "updated_at", "worded_at")

_IN_USE = "WHERE status IN ('trial', 'kept')"

_EXPERIENCE = """
SELECT task_id, timestamp, task_key, coalesce(repo, ''), kind, coalesce(shown, ''),
    CASE WHEN outcome_confidence >= 0.5 THEN success END,
    left(task_description, 400), left(coalesce(solution_summary, ''), 600),
    coalesce(error_type, ''), left(coalesce(error_message, ''), 600),
    left(coalesce(error_text, ''), 300),
    metadata->'$.files', metadata->'$.recovered', coalesce(session_id, ''), supersedes
FROM {table} WHERE (success IS NOT NULL AND outcome_confidence >= 0.5)
    OR json_exists(metadata, '$.recovered') OR supersedes IS NOT NULL
ORDER BY timestamp DESC, sequence DESC LIMIT ?
"""

_TALLIES = """
WITH first AS (
    SELECT s.lesson_id, s.task_id, arg_min(s.shown, s.shown_at) AS shown
    FROM lesson_showings s JOIN lessons l USING (lesson_id)
    WHERE s.task_id IS NOT NULL AND s.shown_at >= l.worded_at GROUP BY ALL
), ended AS (
    SELECT lesson_id, shown, CASE WHEN outcome_confidence >= 0.5 THEN success END AS success
    FROM first JOIN executions USING (task_id)
)
SELECT lesson_id, count(*) FILTER (shown AND success), count(*) FILTER (shown AND NOT success),
    count(*) FILTER (NOT shown AND success), count(*) FILTER (NOT shown AND NOT success),
    count(*) FILTER (success IS NULL)
FROM (
    FROM ended UNION ALL SELECT s.lesson_id, s.shown, NULL FROM lesson_showings s
    JOIN lessons l USING (lesson_id) WHERE s.task_id IS NULL AND s.shown_at >= l.worded_at
) GROUP BY lesson_id
"""


def all_lessons(cursor: Cursor, *, in_use: bool = False) -> list[Lesson]:
    """As `LessonStore.lessons`."""
    chosen = f"lessons {_IN_USE}" if in_use else "lessons"
    rows = cursor.execute(
        f"SELECT {', '.join(LESSON_TYPES)} FROM {chosen} ORDER BY lesson_id"
    ).fetchall()
    if not rows:
        return []
    evidence: dict[UUID, list[UUID]] = defaultdict(list)
    for lesson_id, task_id in cursor.execute(
        "SELECT lesson_id, task_id FROM lesson_evidence "
        f"SEMI JOIN (FROM {chosen}) USING (lesson_id) ORDER BY lesson_id, task_id"
    ).fetchall():
        evidence[lesson_id].append(task_id)
    return [_lesson(row, evidence[row[0]]) for row in rows]


def _lesson(row: Sequence[Any], evidence: list[UUID]) -> Lesson:
    values = {_FIELD.get(name, name): value for name, value in zip(LESSON_TYPES, row, strict=True)}
    values |= {name: values[name].replace(tzinfo=UTC) for name in _TIMES}
    values["key"] = values["key"] or ""
    return Lesson.model_construct(**values, evidence=evidence)  # validated when it was stored


def write(cursor: Cursor, revisions: Sequence[Revision]) -> None:
    """Stores new states of lessons, their evidence, and new lines of their histories."""
    if not revisions:
        return
    ids = [joined(one.lesson.lesson_id for one in revisions)]
    cursor.execute(f"DELETE FROM lesson_evidence WHERE lesson_id {AMONG_UUIDS}", ids)
    cursor.execute(f"DELETE FROM lessons WHERE lesson_id {AMONG_UUIDS}", ids)
    lessons = [_row(one.lesson) for one in revisions]
    evidence = [
        {"lesson_id": one.lesson.lesson_id, "task_id": task_id}
        for one in revisions
        for task_id in one.lesson.evidence
    ]
    changes = [
        {"lesson_id": one.lesson.lesson_id, "changed_at": naive_utc(change.changed_at)}
        | {"change": change.change, "decided_by": change.by, "reason": change.reason}
        for one in revisions
        for change in one.changes
    ]
    _add(cursor, "lessons", LESSON_TYPES, lessons)
    _add(cursor, "lesson_evidence", {"lesson_id": "UUID", "task_id": "UUID"}, evidence)
    _add(cursor, "lesson_changes", LESSON_CHANGE_TYPES, changes)
    remove_without_evidence(cursor)


def _row(lesson: Lesson) -> dict[str, Any]:
    values = lesson.model_dump(exclude={"evidence"})
    values |= {name: naive_utc(values[name]) for name in _TIMES}
    named = {_COLUMN.get(name, name): value for name, value in values.items()}
    return {name: None if value == "" else value for name, value in named.items()}


def remove_evidence(cursor: Cursor, task_ids: Sequence[UUID], *, quoted: bool) -> None:
    """Deletes references of lessons to executions that the same transaction is about to delete.

    Showings that aren't linked to an execution yet and may be of one of these are deleted, too.
    `quoted`: so are lessons that may quote one of them, even with other evidence. Lessons about
    approaches have counts only, and stay.
    """
    ids = [joined(task_ids)]
    if quoted:
        cursor.execute(
            "DELETE FROM lesson_evidence WHERE lesson_id IN (SELECT lesson_id FROM lessons "
            "JOIN lesson_evidence USING (lesson_id) "
            f"WHERE kind <> 'approach' AND task_id {AMONG_UUIDS})",
            ids,
        )
    cursor.execute(f"DELETE FROM lesson_evidence WHERE task_id {AMONG_UUIDS}", ids)
    cursor.execute(f"DELETE FROM lesson_showings WHERE task_id {AMONG_UUIDS}", ids)
    about = f"FROM executions WHERE task_id {AMONG_UUIDS}"
    cursor.execute(
        "DELETE FROM lesson_showings WHERE task_id IS NULL "
        f"AND (task_key IN (SELECT task_key {about}) OR session_id IN (SELECT session_id {about}))",
        ids * 2,
    )
    _remove_without_evidence(cursor)


def delete(cursor: Cursor, lesson_ids: Sequence[UUID]) -> list[UUID]:
    """Deletes lessons with their evidence, histories and showings; returns those that existed."""
    if not lesson_ids:
        return []
    ids = [joined(lesson_ids)]
    query = f"DELETE FROM lessons WHERE lesson_id {AMONG_UUIDS} RETURNING lesson_id"
    deleted = column(cursor, query, ids)
    cursor.execute(f"DELETE FROM lesson_evidence WHERE lesson_id {AMONG_UUIDS}", ids)
    _remove_without_evidence(cursor)
    return deleted


def remove_without_evidence(cursor: Cursor) -> None:
    """Deletes references to executions that don't exist, and lessons without other evidence."""
    cursor.execute(
        "DELETE FROM lesson_evidence WHERE task_id NOT IN (SELECT task_id FROM executions)"
    )
    _remove_without_evidence(cursor)


def _remove_without_evidence(cursor: Cursor) -> None:
    """Deletes lessons without evidence, and histories and showings of deleted lessons."""
    cursor.execute(
        "DELETE FROM lessons WHERE lesson_id NOT IN (SELECT lesson_id FROM lesson_evidence)"
    )
    for table in ("lesson_changes", "lesson_showings"):
        cursor.execute(
            f"DELETE FROM {table} WHERE lesson_id NOT IN (SELECT lesson_id FROM lessons)"
        )


def history(cursor: Cursor) -> dict[UUID, list[LessonChange]]:
    """As `LessonStore.lesson_history`."""
    found: dict[UUID, list[LessonChange]] = defaultdict(list)
    for lesson_id, at, change, by, reason in cursor.execute(
        f"SELECT {', '.join(LESSON_CHANGE_TYPES)} FROM lesson_changes ORDER BY changed_at, rowid"
    ).fetchall():
        line = LessonChange(
            changed_at=at.replace(tzinfo=UTC), change=change, by=by, reason=reason or ""
        )
        found[lesson_id].append(line)
    return found


def export_page(cursor: Cursor, offset: int, limit: int) -> list[PastLesson]:
    """As `LessonStore.past_lessons`."""
    page, lines = all_lessons(cursor)[offset : offset + limit], history(cursor)
    seen: dict[UUID, list[PastShowing]] = defaultdict(list)
    for lesson_id, unit, shown, at, task_id in cursor.execute(
        "SELECT lesson_id, unit, shown, shown_at, task_id FROM lesson_showings "
        f"WHERE task_id IS NOT NULL AND lesson_id {AMONG_UUIDS} "
        "QUALIFY row_number() OVER (PARTITION BY lesson_id, shown ORDER BY shown_at DESC, unit) "
        "<= ? ORDER BY shown_at, unit",
        [joined(one.lesson_id for one in page), LATEST_SHOWINGS],
    ).fetchall():
        showing = PastShowing(
            unit=unit, shown=shown, shown_at=at.replace(tzinfo=UTC), task_id=task_id
        )
        seen[lesson_id].append(showing)
    return [
        PastLesson(
            lesson=one, history=lines.get(one.lesson_id, []), showings=seen.get(one.lesson_id, [])
        )
        for one in page
    ]


def experience(cursor: Cursor, limit: int) -> list[Experience]:
    """As `LessonStore.experience`."""
    table, given = with_label(cursor, "approach", "shown", with_label(cursor, "task_type", "kind"))
    rows = cursor.execute(_EXPERIENCE.format(table=table), [*given, limit]).fetchall()
    return [_experience(row) for row in reversed(rows)]


def _experience(row: Sequence[Any]) -> Experience:
    values = dict(zip(Experience._fields, row, strict=True))
    recovered = ((one.failed, one.worked) for one in recovered_in(values["recovered"]))
    values |= {"recorded_at": row[1].replace(tzinfo=UTC), "files": tuple(paths_in(values["files"]))}
    return Experience(**values | {"recovered": tuple(recovered)})


def add_showings(cursor: Cursor, showings: Sequence[Showing]) -> None:
    """As `LessonStore.add_showings`."""
    rows = [
        {**one._asdict(), "shown_at": naive_utc(one.shown_at)}
        for one in {(one.lesson_id, one.unit): one for one in reversed(showings)}.values()
    ]
    _add(
        cursor,
        "lesson_showings",
        SHOWING_TYPES,
        rows,
        "SEMI JOIN lessons USING (lesson_id) ANTI JOIN lesson_showings USING (lesson_id, unit)",
    )


def open_showings(cursor: Cursor, since: datetime) -> list[Showing]:
    """As `LessonStore.open_showings`."""
    columns = ", ".join(f"coalesce({c}, '') AS {c}" for c in ("question", "repo", "session_id"))
    rows = cursor.execute(
        f"SELECT lesson_id, unit, shown, shown_at, task_key, {columns} FROM lesson_showings "
        "WHERE task_id IS NULL AND shown_at >= ? ORDER BY shown_at, lesson_id, unit",
        [naive_utc(since)],
    ).fetchall()
    showings = (Showing(*row) for row in rows)
    return [one._replace(shown_at=one.shown_at.replace(tzinfo=UTC)) for one in showings]


def link_showings(
    cursor: Cursor, links: Mapping[tuple[UUID, str], UUID], drop_before: datetime
) -> None:
    """As `LessonStore.link_showings`."""
    rows = [
        {"lesson_id": lesson_id, "unit": unit, "task_id": task_id}
        for (lesson_id, unit), task_id in links.items()
    ]
    values = selected(from_json({"lesson_id": "UUID", "unit": "VARCHAR", "task_id": "UUID"}))
    for part in json_arrays(rows):
        cursor.execute(
            "UPDATE lesson_showings SET task_id = n.task_id, question = NULL "
            f"FROM (SELECT {values} FROM {JSON_ROWS}) n "
            "WHERE lesson_showings.lesson_id = n.lesson_id AND lesson_showings.unit = n.unit",
            [part],
        )
    cursor.execute(
        "DELETE FROM lesson_showings WHERE task_id IS NULL AND shown_at < ?",
        [naive_utc(drop_before)],
    )


def tallies(cursor: Cursor) -> dict[UUID, Tally]:
    """As `LessonStore.lesson_tallies`."""
    return {
        row[0]: Tally(Outcomes(*row[1:3]), Outcomes(*row[3:5]), row[5])
        for row in cursor.execute(_TALLIES).fetchall()
    }


def showings(cursor: Cursor, lesson_id: UUID, limit: int) -> list[LessonShowing]:
    """As `LessonStore.lesson_showings`."""
    rows = cursor.execute(
        "SELECT s.shown_at, s.shown, s.task_id, CASE WHEN x.success THEN 'success' "
        "WHEN NOT x.success THEN 'failure' END FROM lesson_showings s "
        "LEFT JOIN executions x USING (task_id) WHERE s.lesson_id = ? "
        "ORDER BY s.shown_at DESC, s.unit LIMIT ?",
        [lesson_id, limit],
    ).fetchall()
    return [
        LessonShowing(shown_at=at.replace(tzinfo=UTC), shown=shown, task_id=task_id, outcome=ended)
        for at, shown, task_id, ended in rows
    ]


def _add(
    cursor: Cursor,
    table: str,
    types: Mapping[str, str],
    rows: Sequence[dict[str, Any]],
    joins: str = "",
) -> None:
    for part in json_arrays(rows):
        cursor.execute(
            f"INSERT INTO {table} BY NAME SELECT n.* "
            f"FROM (SELECT {selected(from_json(types))} FROM {JSON_ROWS}) n {joins}",
            [part],
        )

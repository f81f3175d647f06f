"""SQL of the outbox, and of the mark up to which the team's changes are applied.

Entries that were sent are kept for a day: after a failover, the team's new server may lack the last
commits of the old one. The last one of each lesson is kept for longer (`team_lessons`).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from mcp_learning.store.duckdb import embeddings
from mcp_learning.store.duckdb.bound_lists import AMONG_NUMBERS, AMONG_UUIDS, NUMBERS, joined
from mcp_learning.store.duckdb.columns import EXECUTION_TYPES
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.executions import FIELD_NAMES, OUTCOME, json_arrays, naive_utc
from mcp_learning.store.duckdb.queries import JSON_ROWS, column
from mcp_learning.store.duckdb.transfer import stored_feedback, updated
from mcp_learning.store.shared import (
    EntryKind,
    OutboxEntry,
    OutboxState,
    Outgoing,
    SharedVector,
    TeamMark,
)

KEPT_SENT = timedelta(days=1)

IS_WHOLE = (
    "kind = 'patch' AND (fields IS NULL OR json_extract(fields, '$.recorded_at') IS NOT NULL)"
)
"""SQL: whether an entry has all fields of an execution that is new to the team."""

LOCAL = frozenset({"task_id", "updated_at", "author", "uploaded_at"})
"""Columns of an execution that aren't sent among its fields."""

Entry = tuple[EntryKind, UUID, Mapping[str, Any] | None]
"""The kind, the id, and the fields; a patch without fields stands for the whole execution as it is
when it is sent: writing its texts twice would take half as long again as recording it."""


def _member(column: str, kind: str) -> str:
    """A member of a JSON object; NULL if the column is."""
    value = f"to_json(x.{column})"
    if kind == "TIMESTAMP":
        value = f"""strftime(x.{column}, '"%Y-%m-%dT%H:%M:%S.%fZ"')"""
    elif column == "success":
        cases = "".join(
            f"WHEN {name} THEN '\"{OUTCOME[value]}\"' "
            for name, value in (("x.success", True), ("NOT x.success", False))
        )
        value = f"CASE {cases}ELSE '\"{OUTCOME[None]}\"' END"
    return f"""'"{FIELD_NAMES.get(column, column)}":' || {value}::VARCHAR"""


_MEMBERS = ", ".join(_member(*one) for one in EXECUTION_TYPES.items() if one[0] not in LOCAL)
_WHOLE = f"'{{' || concat_ws(',', {_MEMBERS}) || '}}'"
"""All fields of an execution `x` that have a value, as JSON."""


def add(cursor: Cursor, entries: Iterable[Entry], at: datetime | None = None) -> None:
    """Adds entries in this order, made at this time, UTC; None: now."""
    entries, moment = list(entries), naive_utc(at or datetime.now(UTC))
    if len(entries) == 1:  # the usual case: binds few values, since each takes time
        ((kind, task_id, fields),) = entries
        given: list[object] = [task_id, moment]
        if fields is not None:
            given.append(json.dumps(fields))
        cursor.execute(
            f"INSERT INTO outbox (number, kind, task_id, made_at{', fields' * (len(given) - 2)}) "
            f"VALUES (nextval('outbox_number'), '{kind}'{', ?' * len(given)})",
            given,
        )
        return
    rows = (
        {"kind": kind, "task_id": task_id, "fields": None if fields is None else json.dumps(fields)}
        for kind, task_id, fields in entries
    )
    for part in json_arrays(rows):
        cursor.execute(
            "INSERT INTO outbox (number, kind, task_id, fields, made_at) "
            "SELECT nextval('outbox_number'), row->>'kind', (row->>'task_id')::UUID, "
            f"row->>'fields', ? FROM {JSON_ROWS}",
            [moment, part],
        )


def requeue(cursor: Cursor, task_ids: Sequence[UUID]) -> None:
    """Adds entries for whole executions, with their vectors, feedback and uses."""
    ids = joined(task_ids)
    cursor.execute(
        "INSERT INTO outbox (number, kind, task_id, made_at) "
        "SELECT nextval('outbox_number'), kind, task_id, ? FROM ("
        "SELECT task_id, unnest(['patch', 'vector']) AS kind FROM executions "
        f"WHERE task_id {AMONG_UUIDS} ORDER BY sequence)",
        [naive_utc(datetime.now(UTC)), ids],
    )
    entries = feedback_entries(cursor, f"task_id {AMONG_UUIDS}", ids)
    uses = cursor.execute(
        f"SELECT task_id, used_task_id, recorded_at FROM uses WHERE task_id {AMONG_UUIDS}", [ids]
    ).fetchall()
    entries += [("use", one, {"used": str(used), "at": _utc(at)}) for one, used, at in uses]
    add(cursor, entries)


def materialise_patches(cursor: Cursor, task_ids: Sequence[UUID]) -> None:
    """Fills in the fields of patches of whole executions that are about to be evicted.

    Patches that were sent are among them, since the team's server may lose them.
    """
    cursor.execute(
        f"UPDATE outbox SET fields = {_WHOLE} FROM executions x WHERE outbox.task_id = x.task_id "
        "AND outbox.kind = 'patch' AND outbox.fields IS NULL "
        f"AND x.task_id {AMONG_UUIDS}",
        [joined(task_ids)],
    )


def feedback_entries(cursor: Cursor, where: str, value: object) -> list[Entry]:
    """Entries for feedback that meets a condition on its columns."""
    return [
        ("feedback", task_id, fields | {"submitted_at": _utc(fields["submitted_at"])})
        for task_id, fields in stored_feedback(cursor, where, value)
    ]


def _utc(moment: datetime) -> str:
    return moment.replace(tzinfo=UTC).isoformat()


def outgoing(cursor: Cursor, limit: int, after: int = 0) -> Outgoing:
    """As `SharedStore.outgoing`."""
    rows = cursor.execute(
        f"SELECT number, kind, task_id, fields, made_at, {IS_WHOLE} FROM outbox WHERE number > ? "
        "AND sent_at IS NULL ORDER BY number LIMIT ?",
        [after, limit],
    ).fetchall()
    whole = _whole(cursor, [row[2] for row in rows if row[1] == "patch" and row[3] is None])
    changed = updated(cursor, [row[2] for row in rows if row[1] == "patch"])
    entries = [
        OutboxEntry(
            number,
            kind,
            task_id,
            fields or whole.get(task_id, "{}"),
            changed.get(task_id, at.replace(tzinfo=UTC)),
            is_whole,
        )
        for number, kind, task_id, fields, at, is_whole in rows
    ]
    wanted = list(dict.fromkeys(one.task_id for one in entries if one.kind == "vector"))
    return Outgoing(entries, _vectors(cursor, wanted), embeddings.model(cursor) or "")


def _whole(cursor: Cursor, task_ids: Sequence[UUID]) -> dict[UUID, str]:
    """All fields that have a value, as JSON, of those of these executions that exist."""
    if not task_ids:
        return {}
    rows = cursor.execute(
        f"SELECT x.task_id, {_WHOLE} FROM executions x WHERE x.task_id {AMONG_UUIDS}",
        [joined(task_ids)],
    ).fetchall()
    return dict(rows)


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


def mark_sent(cursor: Cursor, numbers: Mapping[int, int]) -> None:
    """Stores the team's change numbers of sent entries; deletes those sent long ago."""
    now = datetime.now(UTC)
    cursor.execute(
        "UPDATE outbox SET sent_at = n.sent_at, change = n.change FROM ("
        f"SELECT unnest({NUMBERS}) AS number, unnest({NUMBERS}) AS change, "
        "?::TIMESTAMP AS sent_at) n WHERE outbox.number = n.number",
        [joined(numbers), joined(numbers.values()), naive_utc(now)],
    )
    cursor.execute(
        "DELETE FROM outbox WHERE sent_at < ? AND (kind <> 'lesson' OR number NOT IN ("
        "SELECT max(number) FROM outbox WHERE kind = 'lesson' GROUP BY task_id))",
        [naive_utc(now - KEPT_SENT)],
    )


def write_author(cursor: Cursor, numbers: Iterable[int], role: str) -> list[UUID]:
    """Makes `role` the author of executions with these entries and no author; returns them."""
    return column(
        cursor,
        "UPDATE executions SET author = ? WHERE author IS NULL AND task_id IN ("
        f"SELECT task_id FROM outbox WHERE kind = 'patch' AND number {AMONG_NUMBERS}) "
        "RETURNING task_id",
        [role, joined(numbers)],
    )


def drop(cursor: Cursor, task_ids: Sequence[UUID]) -> None:
    """Deletes the entries of forgotten executions, and of lessons that no longer exist."""
    cursor.execute(
        f"DELETE FROM outbox WHERE task_id {AMONG_UUIDS} "
        "OR kind = 'lesson' AND task_id NOT IN (SELECT lesson_id FROM lessons)",
        [joined(task_ids)],
    )


def mark_restored(cursor: Cursor) -> None:
    """Marks what waits in a backup: it may have been sent after the backup was made."""
    cursor.execute("UPDATE outbox SET change = 0 WHERE sent_at IS NULL")


def drop_restored(cursor: Cursor, ids: Sequence[UUID]) -> None:
    """Deletes marked changes of executions and lessons that have changed in the team since."""
    cursor.execute(
        "DELETE FROM outbox WHERE sent_at IS NULL AND change = 0 AND kind IN ('patch', 'lesson') "
        f"AND task_id {AMONG_UUIDS}",
        [joined(ids)],
    )


def waiting_patches(
    cursor: Cursor, kind: EntryKind, ids: Sequence[UUID]
) -> dict[UUID, dict[str, Any]]:
    """The fields in unsent patches of executions or lessons, later ones on top."""
    rows = cursor.execute(
        "SELECT task_id, fields FROM outbox WHERE sent_at IS NULL AND kind = ? "
        f"AND task_id {AMONG_UUIDS} ORDER BY number",
        [kind, joined(ids)],
    ).fetchall()
    whole = _whole(cursor, [one for one, fields in rows if fields is None])
    found: dict[UUID, dict[str, Any]] = {}
    for one, fields in rows:
        found.setdefault(one, {}).update(json.loads(fields or whole.get(one, "{}")))
    return found


def waiting_to_forget(cursor: Cursor, task_ids: Sequence[UUID]) -> set[UUID]:
    """Those of these executions that were forgotten here, unknown to the team yet."""
    return set(waiting_patches(cursor, "forget", task_ids))


def state(cursor: Cursor) -> OutboxState:
    """As `SharedStore.outbox_state`."""
    row = cursor.execute(
        "SELECT count(*), min(made_at) FROM outbox WHERE sent_at IS NULL"
    ).fetchone()
    waiting, since = row or (0, None)
    return OutboxState(waiting, since and since.replace(tzinfo=UTC), mark(cursor))


def mark(cursor: Cursor) -> TeamMark | None:
    """The mark up to which the team's changes are applied."""
    row = cursor.execute(
        "SELECT team, epoch, change, sweeping, role, part FROM team_mark"
    ).fetchone()
    return TeamMark(*row) if row else None


def set_mark(cursor: Cursor, new: TeamMark | None) -> None:
    """Replaces the mark; None leaves the team."""
    cursor.execute("DELETE FROM team_mark")
    if new is not None:
        cursor.execute("INSERT INTO team_mark VALUES (?, ?, ?, ?, ?, ?)", list(new))
        cursor.execute("INSERT OR IGNORE INTO team_roles VALUES (?)", [new.role])


def leave(cursor: Cursor) -> None:
    """Empties the outbox, and removes the mark."""
    cursor.execute("DELETE FROM outbox")
    set_mark(cursor, None)

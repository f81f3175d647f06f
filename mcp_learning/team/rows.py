"""Makes the JSON argument of `mcpl.push` from entries of the outbox.

Fields that are JSON already are inserted as text; only those that have to be merged are parsed.
"""

import base64
import json
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from mcp_learning.redaction.exclusion import is_shared
from mcp_learning.store.shared import EntryKind, OutboxEntry, Outgoing, SharedVector


class Row(NamedTuple):
    """A row: its kind, and a JSON object as `mcpl.push` describes for that kind, without `n`."""

    kind: EntryKind
    values: str


class Rows(NamedTuple):
    """Rows in order, and by number of each entry the place of its row, from 1."""

    rows: Sequence[Row]
    places: dict[int, int]


def rows_of(outgoing: Outgoing, private: str) -> Rows:
    """The rows of entries, oldest first. Blocks if `private` names directories.

    Patches of one execution become one row, since one statement can't change a row twice.

    Args:
        outgoing: The entries.
        private: Patterns of repositories whose executions and lessons only this role may see. If
            there are any, those without a repository are private, too.
    """
    rows: list[Row] = []
    places: dict[int, int] = {}
    known: dict[tuple[str, UUID], int] = {}  # places of rows that several entries may share
    patches: dict[int, list[OutboxEntry]] = {}  # the entries of these
    vectors: dict[UUID, list[SharedVector]] = {}
    for vector in outgoing.vectors:
        vectors.setdefault(vector.task_id, []).append(vector)
    model = json.dumps(outgoing.model)
    for entry in outgoing.entries:
        key = (entry.kind, entry.task_id)
        place = known.get(key)
        if place is None:
            if entry.kind == "vector":
                rows += (_vector(one, model) for one in vectors.pop(entry.task_id, ()))
            else:
                rows.append(_row(entry))
            place = len(rows)
            if entry.kind in ("patch", "forget", "lesson"):
                known[key] = place
                patches[place] = [entry]
        else:
            patches[place].append(entry)
        places[entry.number] = place
    for place, entries in patches.items():
        if len(entries) > 1:
            rows[place - 1] = _merged(entries)
        if private and entries[0].kind in ("patch", "lesson"):
            rows[place - 1] = _with_visibility(rows[place - 1], private)
    return Rows(rows, places)


def as_json(rows: Sequence[Row]) -> str:
    """The argument of `mcpl.push`: rows by kind, each with its place."""
    kinds: dict[str, list[str]] = {}
    for place, row in enumerate(rows, 1):
        kinds.setdefault(row.kind, []).append(f'{{"n":{place},{row.values[1:]}')
    return "{" + ",".join(f'"{kind}":[{",".join(some)}]' for kind, some in kinds.items()) + "}"


def _merged(entries: Sequence[OutboxEntry]) -> Row:
    """The row of several entries of one kind and execution or lesson."""
    later = _fields([one for one in entries if not one.is_whole])
    is_whole = any(one.is_whole for one in entries)
    return _row(entries[-1]._replace(fields=_fields(entries), is_whole=is_whole), later)


def _fields(entries: Sequence[OutboxEntry]) -> str:
    fields: dict[str, object] = {}
    for entry in entries:
        fields |= json.loads(entry.fields)
    return json.dumps(fields, ensure_ascii=False)


def _row(entry: OutboxEntry, later: str = "{}") -> Row:
    about, at, fields = f'"task_id":"{entry.task_id}"', f'"at":"{entry.at}"', entry.fields
    match entry.kind:
        case "patch":
            values = f'{about},{at},"doc":{fields}'
            values += f',"later":{later}' if entry.is_whole else ""
        case "lesson":
            values = f'"lesson_id":"{entry.task_id}","doc":{fields}'
        case "feedback":
            values = f'{about},"feedback_id":"{json.loads(fields)["feedback_id"]}","doc":{fields}'
        case "use":  # its fields are `used` and `at`
            values = f"{about},{fields[1:-1]}"
        case _:
            values = f"{about},{at}"
    return Row(entry.kind, f"{{{values}}}")


def _with_visibility(row: Row, private: str) -> Row:
    repo = json.loads(row.values)["doc"].get("repo")
    if repo is not None and not is_shared(private, repo):
        return row
    return row._replace(values=f'{{"visibility":"private",{row.values[1:]}')


def _vector(one: SharedVector, model: str) -> Row:
    text = base64.b64encode(one.vector.astype("<f4").tobytes()).decode()
    return Row(
        "vector",
        f'{{"task_id":"{one.task_id}","part":{one.part},"model":{model},'
        f'"described":{signed(one.described)},"vector":"{text}"}}',
    )


def signed(number: int) -> int:
    """An unsigned 64-bit number as PostgreSQL's signed one."""
    return number - 2**64 if number >= 2**63 else number

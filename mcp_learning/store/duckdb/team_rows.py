"""Applies a team's changes: many rows at a time, without validating them again.

A row that is no valid execution, because another program wrote it, is skipped.
"""

import json
import logging
from collections.abc import Mapping, Sequence, Set
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from mcp_learning.models.lessons import MOST_EVIDENCE, Lesson
from mcp_learning.models.results import Execution
from mcp_learning.store.duckdb import (
    embeddings,
    evictions,
    executions,
    former_team,
    lessons,
    team_lessons,
)
from mcp_learning.store.duckdb import outbox_table as outbox
from mcp_learning.store.duckdb.bound_lists import AMONG_UUIDS, UUIDS, joined
from mcp_learning.store.duckdb.columns import FEEDBACK_TYPES, USE_TYPES
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.executions import SUCCESS, naive_utc
from mcp_learning.store.duckdb.former_team import OF_TEAM
from mcp_learning.store.duckdb.queries import column
from mcp_learning.store.duckdb.transfer import insert_new
from mcp_learning.store.lesson_protocol import Revision
from mcp_learning.store.shared import (
    AppliedChanges,
    EmbeddedRows,
    TeamExecution,
    TeamFeedback,
    TeamLesson,
    TeamMark,
    TeamPage,
)
from mcp_learning.store.types import Columns, Shown

logger = logging.getLogger(__name__)

_FIELDS = frozenset(Execution.model_fields) - {"task_id", "author", "updated_at"}
# Passed explicitly: `model_construct` takes as long for one default as for all given values.
_DEFAULTS = {
    name: field.default for name, field in Execution.model_fields.items() if not field.is_required()
}
_TEXTS = ("task_type", "task_description")


def apply_page(cursor: Cursor, page: TeamPage) -> AppliedChanges:
    """As `SharedStore.apply_page`; called inside a transaction."""
    there = [one.task_id for one in page.executions] + [one.lesson_id for one in page.lessons]
    former_team.belong(cursor, there)
    outbox.drop_restored(cursor, there)
    gone = [one.task_id for one in page.executions if one.fields is None]
    deleted = forget(cursor, gone)
    changed = _merge(cursor, [one for one in page.executions if one.fields is not None])
    _add_feedback_and_uses(cursor, page)
    taught = _learn(cursor, page.lessons)
    outbox.set_mark(cursor, page.mark)
    return AppliedChanges(changed or taught, deleted, evictions.evict_stale(cursor, page.left_out))


class Added(NamedTuple):
    """Executions that were added.

    Attributes:
        rows: The executions as search indexes them; None: there are none.
        texts, versions: As `Cached`.
    """

    rows: Columns | None
    texts: Sequence[Shown]
    versions: Mapping[UUID, int]


def cache(cursor: Cursor, page: TeamPage, embedded: EmbeddedRows | None) -> Added | None:
    """As `SharedStore.cache`, inside a transaction; None: the page is too old."""
    mark = outbox.mark(cursor)
    if mark is None or mark.epoch != page.mark.epoch or mark.change > page.mark.change:
        return None
    known = _stored_or_waiting(cursor, [one.task_id for one in page.executions])
    read = (execution(one, {}) for one in page.executions if one.task_id not in known)
    made = [one for one in read if one is not None]
    _add_feedback_and_uses(cursor, page)
    if not made:
        return Added(None, (), {})
    from mcp_learning.store.duckdb import bulk  # with numpy

    rows = bulk.insert_returning(cursor, made)
    cursor.execute(
        f"INSERT INTO fetched SELECT unnest({UUIDS})", [joined([one.task_id for one in made])]
    )
    versions = {} if embedded is None else _embed(cursor, {one.task_id for one in made}, embedded)
    texts = map(executions.shown, made, rows.sequence.tolist())
    return Added(rows, list(texts), versions)


def _embed(cursor: Cursor, task_ids: Set[UUID], given: EmbeddedRows) -> dict[UUID, int]:
    """Adds those of the given vectors that are of these executions; returns their versions."""
    places = {row.task_id: at for at, row in enumerate(given.rows) if row.task_id in task_ids}
    if not places:
        return {}
    vectors = given.vectors[list(places.values())]
    stored = embeddings.insert(cursor, list(places), vectors, given.model).fetchall()
    versions = dict(sorted(stored, key=itemgetter(1)))
    further = [(one, given.passages[places[one]]) for one in versions]
    if several := [(one, some) for one, some in further if len(some)]:
        embeddings.store_passages(cursor, several)
    return versions


def _stored_or_waiting(cursor: Cursor, task_ids: Sequence[UUID]) -> set[UUID]:
    """Those of these executions that are stored, or that have unsent entries."""
    query = (
        f"SELECT task_id FROM executions WHERE task_id {AMONG_UUIDS} UNION ALL "
        f"SELECT task_id FROM outbox WHERE sent_at IS NULL AND task_id {AMONG_UUIDS}"
    )
    return set(column(cursor, query, [joined(task_ids)] * 2))


def _add_feedback_and_uses(cursor: Cursor, page: TeamPage) -> None:
    """Adds the feedback and uses of a page that are new, except of executions forgotten here."""
    about = {one.task_id for one in page.feedback}
    about.update(*((one.task_id, one.used) for one in page.uses))
    if not about:
        return
    gone = outbox.waiting_to_forget(cursor, list(about))
    feedback = [_feedback_row(one) for one in page.feedback if one.task_id not in gone]
    insert_new(cursor, "feedback", FEEDBACK_TYPES, feedback)
    uses = [
        {"task_id": one.task_id, "used_task_id": one.used, "recorded_at": naive_utc(one.at)}
        for one in page.uses
        if gone.isdisjoint((one.task_id, one.used))
    ]
    insert_new(cursor, "uses", USE_TYPES, uses)


def forget(cursor: Cursor, task_ids: Sequence[UUID]) -> list[UUID]:
    """Deletes executions that the team has forgotten, and their entries; returns them."""
    if not task_ids:
        return []
    missing = set(executions.missing_ids(cursor, task_ids))
    lessons.remove_evidence(cursor, task_ids, quoted=True)
    executions.delete(cursor, task_ids)  # with feedback that came before its execution
    outbox.drop(cursor, task_ids)
    return [one for one in task_ids if one not in missing]


def sweep(cursor: Cursor, kept: Sequence[UUID], mark: TeamMark) -> AppliedChanges:
    """As `SharedStore.sweep`; called inside a transaction."""
    gone = column(
        cursor,
        f"SELECT task_id FROM executions x WHERE {OF_TEAM} "
        # Those that wait to be sent whole aren't known to the team yet.
        "AND task_id NOT IN "
        f"(SELECT task_id FROM outbox WHERE sent_at IS NULL AND {outbox.IS_WHOLE}) "
        f"AND task_id NOT IN (SELECT unnest(coalesce({UUIDS}, [])))",
        [joined(kept)],
    )
    deleted = forget(cursor, gone)
    outbox.set_mark(cursor, mark)
    return AppliedChanges([], deleted)


def lacking_vectors(cursor: Cursor, task_ids: Sequence[UUID]) -> list[UUID]:
    """As `SharedStore.lacking_vectors`."""
    return executions.missing_ids(cursor, task_ids, "embeddings")


def _merge(cursor: Cursor, given: Sequence[TeamExecution]) -> list[UUID]:
    ids = [one.task_id for one in given]
    if not ids:
        return []
    stored, forgotten = executions.get_many(cursor, ids), outbox.waiting_to_forget(cursor, ids)
    waiting = outbox.waiting_patches(cursor, "patch", ids)
    created: list[Execution] = []
    updated: list[Execution] = []
    for one in (one for one in given if one.task_id not in forgotten):
        read, here = execution(one, waiting.get(one.task_id, {})), stored.get(one.task_id)
        if read is None:
            logger.warning("the team's execution %s is invalid and was skipped", one.task_id)
        elif here is None:
            created.append(read)
        else:
            latest = max(read.updated_at, here.updated_at)  # later, if patches wait to be sent
            if (merged := read.model_copy(update={"updated_at": latest})) != here:
                updated.append(merged)
    from mcp_learning.store.duckdb import bulk  # with numpy

    if created:
        bulk.insert(cursor, created)
    if updated:
        bulk.update(cursor, updated)
    for made in updated:
        if made.task_description != stored[made.task_id].task_description:
            embeddings.remove(cursor, made.task_id)
    return [one.task_id for one in (*created, *updated)]


def _learn(cursor: Cursor, given: Sequence[TeamLesson]) -> list[UUID]:
    """Stores the team's lessons, and deletes those that it has deleted; returns their ids.

    A lesson without existing evidence isn't stored. One that rests on an execution forgotten here
    is deleted, as the team will delete it.
    """
    if not given:
        return []
    read = _lessons(cursor, [one for one in given if one.fields is not None])
    evidence = {task_id for one in read for task_id in one.evidence}
    forgotten = outbox.waiting_to_forget(cursor, list(evidence))
    kept = [one for one in read if forgotten.isdisjoint(one.evidence)]
    gone = {one.lesson_id for one in given if one.fields is None}
    gone.update(one.lesson_id for one in read if not forgotten.isdisjoint(one.evidence))
    deleted = lessons.delete(cursor, list(gone))
    known = {one.lesson_id: one for one in lessons.all_lessons(cursor)}
    revisions = [
        Revision(one, ())
        for one in kept
        if (here := known.get(one.lesson_id)) is None or _values(here) != _values(one)
    ]
    lessons.write(cursor, revisions)
    team_lessons.note(cursor, [one.lesson_id for one in kept])
    return [*deleted, *(one.lesson.lesson_id for one in revisions)]


def _lessons(cursor: Cursor, given: Sequence[TeamLesson]) -> list[Lesson]:
    """The team's valid lessons, with local changes that weren't sent yet on top.

    Times don't decide which state is the latest, since clocks may be wrong: the team's is.
    """
    waiting = outbox.waiting_patches(cursor, "lesson", [one.lesson_id for one in given])
    read: list[Lesson] = []
    for one in given:
        patch = {**waiting.get(one.lesson_id, {}), "lesson_id": str(one.lesson_id)}
        there = one.fields or {}
        try:  # the evidence as `mcpl.push` makes it
            evidence = [*patch.get("evidence", ()), *there.get("evidence", ())]
            patch["evidence"] = list(dict.fromkeys(evidence))[:MOST_EVIDENCE]
            read.append(Lesson.model_validate_json(json.dumps({**there, **patch})))
        except (TypeError, ValueError):
            logger.warning("the team's lesson %s is invalid and was skipped", one.lesson_id)
    return read


def _values(lesson: Lesson) -> dict[str, Any]:
    return {**dict(lesson), "evidence": set(lesson.evidence)}


def execution(given: TeamExecution, waiting: Mapping[str, Any]) -> Execution | None:
    """The team's state of an execution, with unsent patches on top; None if it is invalid."""
    fields = {
        name: value
        for name, value in {**(given.fields or {}), **waiting}.items()
        if name in _FIELDS and (value is not None or not name.startswith("outcome"))
    }
    try:
        if not all(isinstance(fields[name], str) for name in _TEXTS):
            return None
        if fields["outcome"] not in SUCCESS:
            return None
        fields["recorded_at"] = datetime.fromisoformat(fields["recorded_at"]).astimezone(UTC)
        if fields.get("supersedes"):
            fields["supersedes"] = UUID(fields["supersedes"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    fields |= {"task_id": given.task_id, "author": given.author}
    fields["updated_at"] = given.updated_at.astimezone(UTC)
    return Execution.model_construct(**{**_DEFAULTS, **fields})


def _feedback_row(one: TeamFeedback) -> dict[str, Any]:
    known = {name: value for name, value in one.fields.items() if name in FEEDBACK_TYPES}
    known["submitted_at"] = naive_utc(datetime.fromisoformat(known["submitted_at"]))
    return {**known, "feedback_id": one.feedback_id, "task_id": one.task_id}

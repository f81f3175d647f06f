"""Merges found, saved and imported lessons, and people's decisions, with the stored lessons.

Every function takes stored lessons and returns the new states of some of them, each with the lines
of its history; the store writes them in one transaction.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from mcp_learning.lessons.findings import LessonFinding
from mcp_learning.lessons.refusals import overlaps, problem, same_repository
from mcp_learning.lessons.wording import ALIKE, jaccard
from mcp_learning.models.identifiers import uuid7
from mcp_learning.models.lessons import (
    MOST_EVIDENCE,
    By,
    ChangeLesson,
    Lesson,
    LessonChange,
    PastLesson,
    SaveLesson,
)
from mcp_learning.store.lesson_protocol import Experience, Revision

RECOUNTED = 0.05
"""Least change of an expected gain, -1..1, for which the numbers in a lesson are updated."""

_TIMES = ("created_at", "updated_at", "worded_at")

EVIDENCE_LOST = "the evidence no longer shows it"


def changed(
    lesson: Lesson, now: datetime, change: str, by: By = "evidence", reason: str = "", **values: Any
) -> Revision:
    """A new state of a lesson, with `values` changed, and the line of its history that says so."""
    line = LessonChange(changed_at=now, change=change, by=by, reason=reason)
    return Revision(lesson.model_copy(update={**values, "updated_at": now}), (line,))


def with_findings(
    stored: Sequence[Lesson],
    findings: Iterable[LessonFinding],
    now: datetime,
    faded: Collection[UUID] = (),
    approved: Collection[UUID] = (),
) -> list[Revision]:
    """Adds new findings as candidates, updates known ones, and retires those no longer found.

    A lesson that a person has retired stays retired; one that a person has reworded keeps its text.
    A finding that quotes something that may not be in a lesson is skipped. Known lessons are
    recognised even if another spelling of their repository has become the usual one.

    Args:
        stored: All lessons.
        findings: All current findings.
        now: Time of the changes, UTC.
        faded: Lessons that were retired because they were no longer found; if they are found again,
            they become candidates again.
        approved: Lessons that stay though they are no longer found, by `approved_again`.
    """
    findings = list(findings)
    by_key = {one.key: one for one in stored if one.key}
    respelt = _respelt(stored, {found.key for found in findings})
    seen: set[str] = set()
    revisions = []
    for found in findings:
        if found.key in seen or problem(found.when, found.do, found.avoid, quotes=True):
            continue
        seen.add(found.key)
        old = by_key.get(found.key) or respelt(found)
        if old is not None:
            seen.add(old.key)
        if old is None:
            revisions.append(changed(_lesson(found, now), now, "found"))
        elif old.status == "retired":
            if old.lesson_id in faded:
                revisions.append(changed(old, now, "found", status="candidate", **_fields(found)))
        elif old.origin == "evidence" and _has_moved(old, found):
            revisions.append(changed(old, now, "recounted", **_fields(found)))
    for old in stored:
        lost = old.key and old.key not in seen and old.status in ("candidate", "trial", "kept")
        stays = old.pinned or old.lesson_id in approved
        if lost and old.origin == "evidence" and not stays:
            revisions.append(_retired(old, now, EVIDENCE_LOST))
    return revisions


def _retired(lesson: Lesson, now: datetime, reason: str) -> Revision:
    return changed(lesson, now, "retired", reason=reason, status="retired")


def _respelt(
    stored: Iterable[Lesson], current: Collection[str]
) -> Callable[[LessonFinding], Lesson | None]:
    """Finds the lesson of a finding under another spelling of its repository.

    `current` are the keys of all current findings, whose lessons are excluded.
    """
    others: dict[str, list[Lesson]] = defaultdict(list)
    for one in stored:
        if one.key and one.repo and one.key not in current:
            others[_without_repo(one)].append(one)

    def find(found: LessonFinding) -> Lesson | None:
        named = others.get(_without_repo(found), ()) if found.repo else ()
        same = [one for one in named if same_repository(one.repo, found.repo)]
        return same[0] if len(same) == 1 else None

    return find


def _without_repo(one: Lesson | LessonFinding) -> str:
    return one.key.replace(f":{one.repo}:", ":", 1)


def lost_its_evidence(history: Sequence[LessonChange]) -> bool:
    """Whether a lesson was retired last because it was no longer found in the executions."""
    return bool(history) and (history[-1].change, history[-1].reason) == ("retired", EVIDENCE_LOST)


def approved_again(history: Sequence[LessonChange]) -> bool:
    """Whether a person approved a lesson after it had been retired, knowing its evidence."""
    decided = [one for one in history if one.change in ("retired", "kept")][-2:]
    return [one.change for one in decided] == ["retired", "kept"] and decided[1].by == "person"


def _lesson(found: LessonFinding, now: datetime) -> Lesson:
    fields = _fields(found) | dict.fromkeys(_TIMES, now)
    return Lesson(lesson_id=uuid7(), origin="evidence", status="candidate", **fields)


def _fields(found: LessonFinding) -> dict[str, Any]:
    return {name: value for name, value in found._asdict().items() if name != "weight"} | {
        "evidence": list(found.evidence)
    }


def _has_moved(old: Lesson, found: LessonFinding) -> bool:
    moved = abs((found.gain or 0.0) - (old.gain or 0.0)) > RECOUNTED
    fresh = len(set(found.evidence) - set(old.evidence)) * 2 > len(found.evidence)
    return moved or fresh


def import_lessons(
    stored: Sequence[Lesson], past: Iterable[PastLesson]
) -> tuple[list[Revision], dict[UUID, UUID]]:
    """Merges exported lessons; existing ones stay unchanged.

    A finding that is a candidate or on trial here is replaced if it was kept or retired there.

    Returns:
        The new states, and for each lesson whose showings are to be added its id here.
    """
    by_id = {one.lesson_id: one for one in stored}
    by_key = {one.key: one for one in stored if one.key}
    revisions: dict[UUID, Revision] = {}
    names = {}
    for one in past:
        new = one.lesson
        old = by_id.get(new.lesson_id) or by_key.get(new.key)
        if old is not None and old.lesson_id != new.lesson_id:
            if not _gives_way(old, one):
                continue
            new = new.model_copy(update={"lesson_id": old.lesson_id})
            old = None
        if old is None:
            revisions[new.lesson_id] = Revision(new, tuple(one.history))
            by_id[new.lesson_id] = new
            by_key |= {new.key: new} if new.key else {}
        names[one.lesson.lesson_id] = new.lesson_id
    return list(revisions.values()), names


def _gives_way(old: Lesson, past: PastLesson) -> bool:
    decided = past.lesson.status in ("kept", "retired") and not lost_its_evidence(past.history)
    return decided and old.status in ("candidate", "trial") and old.origin == "evidence"


def superseded(
    stored: Sequence[Lesson], experience: Iterable[Experience], now: datetime
) -> list[Revision]:
    """Retires saved lessons whose executions have all been superseded."""
    by = {one.supersedes: one.task_id for one in experience if one.supersedes is not None}
    revisions = []
    for old in stored:
        if old.kind != "told" or old.pinned or old.status == "retired" or not old.evidence:
            continue
        if all(task_id in by for task_id in old.evidence):
            reason = f"its evidence is superseded by {by[old.evidence[-1]]}"
            revisions.append(_retired(old, now, reason))
    return revisions


def without_files(gone: Iterable[Lesson], now: datetime) -> list[Revision]:
    """Retires lessons about files that no longer exist."""
    return [_retired(one, now, "its file is gone") for one in gone]


def duplicate(new: Lesson, stored: Iterable[Lesson], *, retired: bool = False) -> Lesson | None:
    """The lesson with (nearly) the same text; of several, the most similar, then the oldest.

    `retired`: among the retired lessons, instead of the others.
    """
    alike = [
        (-jaccard(_text(new), _text(old)), old.created_at, old.lesson_id.int, old)
        for old in stored
        if old.lesson_id != new.lesson_id
        and (old.status == "retired") == retired
        and overlaps(new, old)
    ]
    near = [one for one in alike if -one[0] >= ALIKE]
    return min(near, key=lambda one: one[:3])[3] if near else None


def new_lesson(request: SaveLesson, lesson_id: UUID, repo: str | None, now: datetime) -> Lesson:
    """The candidate that an agent's `save_lesson` makes."""
    times: dict[str, Any] = dict.fromkeys(_TIMES, now)
    return Lesson(
        lesson_id=lesson_id,
        kind="told",
        origin="agent",
        status="candidate",
        when=request.when,
        do=request.do,
        avoid=request.avoid,
        repo=repo,
        task_type=request.task_type,
        evidence=sorted(set(request.evidence)),
        **times,
    )


def merged(old: Lesson, new: Lesson, now: datetime) -> Revision:
    """The stored lesson with the evidence of a duplicate added; its text stays.

    An agent's lesson that nobody was shown yet also gets the `do` or `avoid` that it lacks.
    """
    evidence = list(dict.fromkeys([*old.evidence, *new.evidence]))[:MOST_EVIDENCE]
    is_open = old.origin == "agent" and old.status == "candidate"
    lacking = [name for name in ("do", "avoid") if is_open and getattr(old, name) is None]
    missing = {name: text for name in lacking if (text := getattr(new, name)) is not None}
    if set(evidence) == set(old.evidence) and not missing:
        return Revision(old, ())
    return changed(old, now, "merged", "agent", new.when, evidence=evidence, **missing)


def revised(old: Lesson, new: Lesson, now: datetime) -> Revision:
    """The stored lesson with an agent's new text: a candidate, since its effect is unknown."""
    fields = {name: getattr(new, name) for name in ("when", "do", "avoid", "repo", "task_type")}
    evidence = list(dict.fromkeys([*new.evidence, *old.evidence]))[:MOST_EVIDENCE]
    fields |= {"origin": "agent", "status": "candidate", "worded_at": now, "evidence": evidence}
    return changed(old, now, "reworded", "agent", f"was: {old.when}", **fields)


def apply_decision(old: Lesson, request: ChangeLesson, now: datetime) -> Revision:
    """A lesson after a person's decision."""
    given = {name: getattr(request, name) for name in ("when", "do", "avoid")}
    decided: dict[str, tuple[str, dict[str, Any]]] = {
        "approve": ("kept", {"status": "kept"}),
        "retire": ("retired", {"status": "retired", "pinned": False}),
        "pin": ("pinned", {"status": "kept", "pinned": True}),
        "unpin": ("unpinned", {"pinned": False}),
        "edit": ("reworded", {name: text for name, text in given.items() if text is not None}),
    }
    change, values = decided[request.action]
    if all(getattr(old, name) == value for name, value in values.items()):
        return Revision(old, ())
    if request.action == "edit":
        values |= {"origin": "person", "worded_at": now}
    return changed(old, now, change, "person", request.reason, **values)


def _text(lesson: Lesson) -> str:
    return " ".join(filter(None, (lesson.when, lesson.do, lesson.avoid)))

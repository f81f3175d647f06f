"""Judges executions by complaints in later sessions ("it still doesn't work")."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from mcp_learning.clients.judging.judgements import judgement
from mcp_learning.models.corrections import Judge
from mcp_learning.models.dashboard import ListExecutions
from mcp_learning.models.listed import Listed
from mcp_learning.models.transfer import PastExecution
from mcp_learning.models.verdicts import Verdict
from mcp_learning.service.protocol import Learning

REOPENS = "reopens"
"""Key in an execution's metadata: its session began with a complaint about earlier work."""

_WITHIN = timedelta(days=7)  # longest time between an execution and a complaint about it
_SOON = timedelta(days=1)  # longest time for a complaint that names nothing
CONFIDENCE = 0.6

_FIRST = datetime.min.replace(tzinfo=UTC)

_LOOKED_AT = 5
_NAMES_NOTHING = 40  # most characters of a complaint that names nothing
_LEAST_SHARED = 2
_WORD = re.compile(r"[^\W\d_]{4,}|[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]{2}")


def begins_with_complaint(record: PastExecution) -> bool:
    """Whether a session began with this execution, and with a complaint about earlier work."""
    return bool((record.execution.details.metadata or {}).get(REOPENS))


async def judge_by_complaints(learning: Learning, records: Iterable[PastExecution]) -> list[UUID]:
    """Judges the executions that complaints among these records are about; returns those changed.

    Raises:
        StoreError: The database can't be read or written.
    """
    changed: list[UUID] = []
    for record in records:
        repo = record.execution.repo
        if not repo or not begins_with_complaint(record):
            continue
        since = max(record.recorded_at, _FIRST + _WITHIN) - _WITHIN
        asked = ListExecutions(repo=repo, since=since, until=record.recorded_at, limit=_LOOKED_AT)
        page = await learning.listing(asked)
        session = record.execution.details.session_id
        others = [one for one in page.executions if one.session_id != session]
        if (about := _about(record, others)) is not None:
            said = " ".join(record.execution.task_description.split())
            verdict = Verdict("failure", "user", CONFIDENCE, f"a later session began: {said}")
            made = judgement(about.task_id, "later", verdict, record.recorded_at)
            changed += (await learning.judge(Judge(judgements=[made]))).changed
    return changed


def _about(complaint: PastExecution, earlier: list[Listed]) -> Listed | None:
    """The execution that a complaint is about; `earlier` has the latest first."""
    text = complaint.execution.task_description
    words = set(_WORD.findall(text.lower()))
    for one in earlier:
        told = f"{one.task_description} {one.solution_summary or ''}".lower()
        if len(words & set(_WORD.findall(told))) >= _LEAST_SHARED:
            return one
    if earlier and len(text) <= _NAMES_NOTHING:
        latest = earlier[0]
        return latest if complaint.recorded_at - latest.recorded_at <= _SOON else None
    return None

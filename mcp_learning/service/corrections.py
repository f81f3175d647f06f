"""Resolves short ids, corrects recorded executions, and stores feedback on them."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

import anyio.to_thread

from mcp_learning.errors import InvalidInput, NotFound
from mcp_learning.models import provenance
from mcp_learning.models.corrections import (
    Judge,
    Judged,
    Judgement,
    ResolvedId,
    ResolveId,
    Revised,
    ReviseExecution,
)
from mcp_learning.models.identifiers import short_id
from mcp_learning.models.listed import Listed
from mcp_learning.models.requests import IdentifiedFeedback
from mcp_learning.models.results import Execution, Feedback, FeedbackStored
from mcp_learning.models.verdicts import Verdict
from mcp_learning.redaction.exclusion import excluded_repos, is_excluded, refuse_excluded
from mcp_learning.redaction.executions import redact_fields
from mcp_learning.redaction.secrets import redact
from mcp_learning.store.protocol import Store

CANDIDATES = 5  # executions that are named when an id is too short

_YES = {"yes": True, "no": False, None: None}
_DESCRIPTION = 50
_BEGINNING = re.compile(r"[0-9a-f]{4,32}")


class Corrections:
    """Corrects the executions of one store; all methods raise StoreError if that fails.

    `excluded` is `Settings.excluded_repos`; `noticed` is called after each write.
    """

    def __init__(self, store: Store, excluded: str, noticed: Callable[[], None]) -> None:
        self._store = store
        self._excluded = excluded
        self._noticed = noticed

    async def resolve(self, request: ResolveId) -> ResolvedId:
        """The execution whose id begins with the given digits.

        Raises:
            InvalidInput: The text can't begin an id, or several ids begin with it; the message
                names them.
            NotFound: No id begins with it.
        """
        digits = beginning("task_id", request.task_id)
        found = await self._store.starting_with(digits, CANDIDATES + 1)
        if not found:
            raise NotFound(request.task_id)
        if len(found) > 1:
            named = "; ".join(map(_candidate, found[:CANDIDATES]))
            more = "; and more" if len(found) > CANDIDATES else ""
            problem = f"several ids begin with {request.task_id}, give more of it: {named}{more}"
            raise InvalidInput("task_id", problem)
        return ResolvedId(task_id=found[0].task_id)

    async def revise(self, request: ReviseExecution) -> Revised:
        """Corrects fields of an execution; durable on return. The same call twice changes nothing.

        Fields that are given or cleared count as told: a later import of the session that the
        execution was read from keeps them.

        Raises:
            NotFound: No execution has this id.
            InvalidInput: Its repository, old or new, is excluded.
        """
        excluded = excluded_repos(self._excluded)
        now = datetime.now(UTC)
        redactions, changed = 0, []

        def merge(stored: Execution | None) -> Execution:
            nonlocal redactions, changed
            if stored is None:
                raise NotFound(request.task_id)
            # On the store's thread, since long texts take milliseconds.
            for repo in (stored.repo, request.repo):
                refuse_excluded(repo, excluded)
            given = request.model_dump(exclude={"task_id", "clear"}, exclude_none=True)
            given, redactions = redact_fields(given)
            cleared: dict[str, None] = dict.fromkeys(request.clear)
            told = {**given, **cleared}
            new = stored.model_copy(update=provenance.with_told_fields(stored, told))
            before, after = dict(stored), dict(new)
            changed = [n for n in (*given, *request.clear) if before[n] != after[n]]
            return new.model_copy(update={"updated_at": now}) if changed else stored

        try:
            await self._store.upsert(request.task_id, merge, at=now)
        finally:  # also if the caller is cancelled, since the write is finished nevertheless
            self._noticed()
        return Revised(task_id=request.task_id, changed=changed, redactions=redactions)

    async def judge(self, request: Judge) -> Judged:
        """Stores verdicts of later facts on outcomes, each in its own transaction.

        A contradicted outcome that was told stays, with less confidence; `models.verdicts` has the
        rules. The same judgement twice changes nothing. After a StoreError, earlier judgements of
        the request are kept.
        """
        now = datetime.now(UTC)
        changed: list[UUID] = []
        unknown: list[UUID] = []
        try:
            for one in request.judgements:
                try:
                    merge = partial(self._judged, one, now, changed)
                    await self._store.upsert(one.task_id, merge, at=now)
                except NotFound:
                    unknown.append(one.task_id)
        finally:
            self._noticed()
        return Judged(changed=changed, unknown=unknown)

    def _judged(
        self, one: Judgement, now: datetime, changed: list[UUID], stored: Execution | None
    ) -> Execution:
        if stored is None:
            raise NotFound(one.task_id)
        if is_excluded(stored.repo, excluded_repos(self._excluded)):
            return stored
        why, _ = redact(one.why)
        at = one.at.isoformat() if one.source != "session" else ""
        verdict = Verdict(one.outcome, one.outcome_basis, one.confidence, why, at)
        new = provenance.apply_verdict(stored, one.source, verdict)
        if new == stored:
            return stored
        changed.append(one.task_id)
        return new.model_copy(update={"updated_at": now})

    async def feedback(self, request: IdentifiedFeedback) -> FeedbackStored:
        """Appends feedback to an execution; durable on return. The same call twice appends once.

        Raises:
            NotFound: No execution has this id.
            InvalidInput: Its repository is excluded.
        """
        given = request.feedback
        comment, redactions = await anyio.to_thread.run_sync(redact, given.comment or "")
        feedback = Feedback(
            submitted_at=datetime.now(UTC),
            rating=given.rating,
            accepted=_YES[given.accepted],
            helpful=_YES[given.helpful],
            issue_type=given.issue_type,
            comment=comment or None,
        )
        excluded = excluded_repos(self._excluded)

        def check(about: Execution) -> None:
            refuse_excluded(about.repo, excluded)

        count = await self._store.add_feedback(given.task_id, request.feedback_id, feedback, check)
        if count is None:
            raise NotFound(given.task_id)
        return FeedbackStored(task_id=given.task_id, feedback_count=count, redactions=redactions)


def beginning(field: str, text: str) -> str:
    """The hexadecimal digits of an id or of its beginning.

    Raises:
        InvalidInput: The text is neither.
    """
    digits = text.replace("-", "").lower()
    if not _BEGINNING.fullmatch(digits):
        raise InvalidInput(field, f"{text!a} is not an id; give at least its first four digits")
    return digits


def _candidate(listed: Listed) -> str:
    text = " ".join(listed.task_description.split())
    cut = text if len(text) <= _DESCRIPTION else text[: _DESCRIPTION - 1] + "\u2026"
    day = f"{listed.recorded_at:%Y-%m-%d}"
    return f"{short_id(listed.task_id)} ({day}, {listed.task_type}, {cut!r})"

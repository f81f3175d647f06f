"""A session that begins with a complaint judges the execution that it is about."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from clients.transcripts.sessions import START, assistant, text, user, write
from services import open_service

from mcp_learning.clients.capture.tasks import executions
from mcp_learning.clients.judging.sessions import begins_with_complaint, judge_by_complaints
from mcp_learning.clients.transcripts import claude_code
from mcp_learning.clients.transfer.imported import Notes
from mcp_learning.models.requests import GetExecution
from mcp_learning.models.transfer import ImportBatch, PastExecution
from mcp_learning.settings import Settings

pytestmark = pytest.mark.anyio

ASKED = "The spout of the teapot drips after pouring, mend it"


def session(directory: Path, name: str, said: str, hours: float) -> PastExecution:
    place: dict[str, Any] = {"sessionId": name}
    second = hours * 3_600
    lines = [
        user(second, said, uuid=f"{name}-prompt", **place),
        assistant(second + 1, text("The spout has a new edge."), **place),
    ]
    (found,) = executions(claude_code.read, write(directory / f"{name}.jsonl", *lines), Notes())
    return found


@pytest.mark.parametrize(
    ("said", "hours", "is_about_it"),
    [
        ("the spout still drips, same error as before pouring", 100, True),
        ("still broken", 2, True),
        ("still broken", 100, False),
        (
            "the kettle still whistles, the same problem as in winter",
            2,
            False,
        ),
        ("Mend the spout of the kettle, too, it drips after pouring", 2, False),
    ],
)
async def test_a_complaint_is_about_what_it_names_or_about_the_latest(
    tmp_path: Path, settings: Settings, said: str, hours: float, is_about_it: bool
) -> None:
    first, later = session(tmp_path, "one", ASKED, 0), session(tmp_path, "two", said, hours)
    service = open_service(settings)
    try:
        await service.import_batch(ImportBatch(records=[first, later]))
        changed = await judge_by_complaints(service, [first, later])
        assert changed == ([first.task_id] if is_about_it else [])
        assert await judge_by_complaints(service, [first, later]) == []
        one = await service.get(GetExecution(task_id=first.task_id))
    finally:
        await service.close()
    if is_about_it:
        assert begins_with_complaint(later)
        assert (one.execution.outcome, one.execution.outcome_basis) == ("failure", "user")
        assert one.outcome_reason == f"user: a later session began: {said}"
        assert later.recorded_at == START + timedelta(hours=hours)
    else:
        assert one.execution.outcome == "pending"


async def test_a_complaint_without_a_real_time_is_about_nothing(
    tmp_path: Path, settings: Settings
) -> None:
    never = {"recorded_at": datetime(1, 1, 1, tzinfo=UTC)}  # the zero of some clients' languages
    complaint = session(tmp_path, "one", "still broken", 0).model_copy(update=never)
    service = open_service(settings)
    try:
        assert await judge_by_complaints(service, [complaint]) == []
    finally:
        await service.close()

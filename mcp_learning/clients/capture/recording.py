"""Records what happened in a session of Claude Code, as far as its transcript tells.

That is what was asked, what the agent said last, how long it took and which tools it used. Whether
it worked is not in there, so the outcome is `pending` until somebody who knows says it. An outcome
that was told is never overwritten, and a task that the agent has recorded itself is left to it.
"""

from pathlib import Path
from typing import Any

import anyio

from mcp_learning.clients.transcripts.claude_code import SOURCE
from mcp_learning.clients.transcripts.last_task import LastTask, last_task
from mcp_learning.clients.transcripts.sessions import repository
from mcp_learning.clients.transfer.imported import clean, identity
from mcp_learning.cluster.connect import connect
from mcp_learning.errors import NotFound
from mcp_learning.models.requests import Details, GetExecution, RecordExecution
from mcp_learning.redaction.secrets import redact
from mcp_learning.service.protocol import Learning
from mcp_learning.settings import Settings

TASK_TYPE = "task"
LONGEST_PROMPT = 8_000
LONGEST_REPLY = 2_000
SECONDS = 60
"""Longest time for it all; then nothing is recorded."""


def record(payload: dict[str, Any], data_dir: Path) -> str:
    """Records the latest task of the session that a hook tells of; blocks.

    Args:
        payload: The hook's input.
        data_dir: Where the database is.

    Returns:
        What was done, or why nothing was, in a few words.

    Raises:
        OSError: The transcript can't be read.
        LearningError: It can't be stored.
        TimeoutError: It took longer than `SECONDS`.
    """
    task = last_task(Path(str(payload.get("transcript_path"))))
    if task is None:
        return "nothing recorded: no task in the transcript"
    if task.recorded:
        return "nothing recorded: the agent did it itself"
    if not task.tools:
        return "nothing recorded: no tool was used, so nothing was done"
    request = execution(task, payload)
    settings = Settings.load(data_dir=data_dir)
    return anyio.run(_store, settings, request)


def execution(task: LastTask, payload: dict[str, Any]) -> RecordExecution:
    """The execution that a task is recorded as."""
    closing = payload.get("last_assistant_message")
    took = (task.ended - task.started).total_seconds() if task.started and task.ended else None
    cwd = task.cwd or str(payload.get("cwd") or "")
    metadata: dict[str, Any] = {
        "source": SOURCE,
        "session": str(payload.get("session_id") or "")[:100],
        "model": _clean(task.model, 100),
        "tools": dict(task.tools.most_common(20)),
    }
    return RecordExecution(
        task_id=identity(SOURCE, task.name),
        task_type=TASK_TYPE,
        task_description=_clean(task.prompt, LONGEST_PROMPT),
        outcome="pending",
        repo=repository(cwd) or None,
        solution_summary=_clean(str(closing or task.reply), LONGEST_REPLY) or None,
        duration_seconds=None if took is None or took < 0 else took,
        details=Details(
            file_count=len(task.files) or None,
            metadata={name: value for name, value in metadata.items() if value},
        ),
    )


async def _store(settings: Settings, request: RecordExecution) -> str:
    with anyio.fail_after(SECONDS):
        async with connect(settings) as service:
            if await _is_told(service, request):
                return f"nothing recorded: the outcome of {request.task_id} is known"
            recorded = await service.record(request)
            return f"{'recorded' if recorded.created else 'updated'} {recorded.task_id}"


async def _is_told(service: Learning, request: RecordExecution) -> bool:
    assert request.task_id is not None
    try:
        known = await service.get(GetExecution(task_id=request.task_id))
    except NotFound:
        return False
    return known.execution.outcome != "pending"


def _clean(text: str, limit: int) -> str:
    """Text as it can be stored; secrets go before it is cut, since half of one isn't recognised."""
    text, _ = redact(clean(text, len(text)))
    return clean(text, limit)

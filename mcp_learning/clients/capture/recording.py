"""Records the latest tasks of an agent's session, as an import of the session would.

The task before the latest one is recorded again, since its outcome may follow from the next prompt;
so are earlier ones after which the client ran no hook. Told fields are never overwritten
(`models.provenance`).
"""

from pathlib import Path
from typing import Any

import anyio

from mcp_learning.clients.capture.tasks import Reader, execution, with_following
from mcp_learning.clients.judging.repositories import judge_by_latest_commits
from mcp_learning.clients.judging.sessions import judge_by_complaints
from mcp_learning.clients.transcripts import claude_code, codex, copilot, gemini
from mcp_learning.clients.transcripts.boundaries import is_stopped
from mcp_learning.clients.transcripts.events import Prompt, Reply
from mcp_learning.clients.transcripts.sessions import Session, Task
from mcp_learning.clients.transfer.imported import Notes
from mcp_learning.cluster.connect import connect
from mcp_learning.models.transfer import ImportBatch, PastExecution
from mcp_learning.settings import Settings
from mcp_learning.team.members import service_of

SECONDS = 60
"""Timeout for storing, after which nothing is recorded."""

_READERS: dict[str, Reader] = {
    module.SOURCE: module.read for module in (claude_code, codex, gemini, copilot)
}


def record(client: str, payload: dict[str, Any], data_dir: Path) -> str:
    """Records the latest task of the session that a hook's input names; blocks.

    Returns:
        What was done, or why nothing was, in a few words.

    Raises:
        OSError: The transcript can't be read.
        LearningError: The task can't be stored.
        TimeoutError: Storing took longer than `SECONDS`.
    """
    if client not in _READERS:
        return "nothing recorded: sessions of this client can't be read"
    if not payload.get("transcript_path"):
        return "nothing recorded: the client keeps no transcript"
    transcript, notes = Path(str(payload["transcript_path"])), Notes()
    transcript.stat()
    session = _READERS[client](transcript, notes, "")
    if session.parent:
        return "nothing recorded: the session of a subagent"
    add_hook_input(session, payload)
    latest = _unrecorded(session)
    if not latest:
        return "nothing recorded: no task in the transcript"
    plan: list[PastExecution | str] = []
    for task, following in latest:
        found, why = None, "no tool was used, so nothing was done"
        if task.tools:
            found = execution(task, session.client, notes, following)
            why = notes.examples[-1].reason if notes.examples else "the agent did it itself"
        plan.append(found or why)
    records = [one for one in plan if isinstance(one, PastExecution)]
    begun = session.tasks[0].cwd if len(session.tasks) == 1 else ""
    told = anyio.run(_store, Settings.load(data_dir=data_dir), records, begun) if records else []
    return f"nothing recorded: {plan[-1]}" if isinstance(plan[-1], str) else told[-1]


def _unrecorded(session: Session) -> list[tuple[Task, Prompt | None]]:
    """The latest two tasks, and earlier ones for which no hook ran after the next prompt."""
    tasks = with_following(session)
    begin = max(len(tasks) - 2, 0)
    while begin and not _has_ended_a_turn(*tasks[begin]):
        begin -= 1
    return tasks[begin:]


def _has_ended_a_turn(task: Task, following: Prompt | None) -> bool:
    """Whether the client ran its hook during a task.

    It runs none if the agent is stopped, the service fails, or the next prompt is queued.
    """
    events = [*task.events, *filter(None, [following])]
    return any(
        isinstance(one, Prompt)
        and not (one.is_answer or one.is_queued)
        and not is_stopped(events[:at])
        for at, one in enumerate(events[1:], 1)
    )


def add_hook_input(session: Session, payload: dict[str, Any]) -> None:
    """Adds the values of a hook's input that the transcript lacks, or doesn't have yet."""
    task = session.latest
    if task is None:
        return
    if not task.cwd:
        task.first.cwd = str(payload.get("cwd") or "")
    closing = str(payload.get("last_assistant_message") or "").strip()
    reply = task.replies[-1].text.strip() if task.replies else ""
    is_written = reply and closing.endswith(reply)
    is_cut = reply.startswith(closing)
    if closing and not task.trouble and not is_written and not is_cut:
        session.add(Reply(at=session.events[-1].at, text=closing))


async def _store(settings: Settings, records: list[PastExecution], begun: str) -> list[str]:
    """Stores records; returns for each in a few words what was done.

    When the first task of a session is stored, earlier executions are judged by the latest commits
    of the repository in the directory `begun`.
    """
    told = []
    with anyio.fail_after(SECONDS):
        async with connect(settings, service_of(settings)) as service:
            for record in records:
                done = await service.import_batch(ImportBatch(records=[record]))
                what = "recorded" if done.created else "updated" if done.updated else ""
                if done.excluded:
                    told.append("nothing recorded: the repository is excluded")
                else:
                    told.append(f"{what or 'nothing new of'} {record.task_id}")
            await judge_by_complaints(service, records)
            if begun and told[-1].startswith("recorded"):
                await judge_by_latest_commits(service, Path(begun))
    return told

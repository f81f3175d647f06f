"""Records the latest task of an agent's session, as an import of the session would.

What somebody told is never overwritten (`models.provenance`).
"""

from pathlib import Path
from typing import Any

import anyio

from mcp_learning.clients.capture.tasks import Reader, execution
from mcp_learning.clients.transcripts import claude_code, codex
from mcp_learning.clients.transcripts.events import Reply
from mcp_learning.clients.transcripts.sessions import Session
from mcp_learning.clients.transfer.imported import Notes
from mcp_learning.cluster.connect import connect
from mcp_learning.models.transfer import ImportBatch, PastExecution
from mcp_learning.settings import Settings

SECONDS = 60
"""Longest time for storing; after that nothing is recorded."""


_READERS: dict[str, Reader] = {"claude-code": claude_code.read, "codex": codex.read}


def record(client: str, payload: dict[str, Any], data_dir: Path) -> str:
    """Records the latest task of the session that a hook names; blocks.

    Args:
        client: Name of the client.
        payload: The hook's input.
        data_dir: The data directory.

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
    complete(session, payload)
    task = session.latest
    if task is None:
        return "nothing recorded: no task in the transcript"
    if not task.tools:
        return "nothing recorded: no tool was used, so nothing was done"
    found = execution(task, session.client, notes)
    if found is None:
        why = notes.examples[-1].reason if notes.examples else "the agent did it itself"
        return f"nothing recorded: {why}"
    return anyio.run(_store, Settings.load(data_dir=data_dir), found)


def complete(session: Session, payload: dict[str, Any]) -> None:
    """Adds what the hook's input says and the transcript doesn't, or doesn't yet."""
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


async def _store(settings: Settings, record: PastExecution) -> str:
    with anyio.fail_after(SECONDS):
        async with connect(settings) as service:
            done = await service.import_batch(ImportBatch(records=[record]))
    if done.excluded:
        return "nothing recorded: the repository is excluded"
    what = "recorded" if done.created else "updated" if done.updated else "nothing new of"
    return f"{what} {record.task_id}"

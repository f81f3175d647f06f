"""Tasks as they happen, event by event."""

from datetime import timedelta

from clients.transcripts.sessions import START

from mcp_learning.clients.transcripts.events import (
    Action,
    Notice,
    Prompt,
    Reply,
    SessionEvent,
    ToolCall,
)
from mcp_learning.clients.transcripts.sessions import Session, Task


def task(*events: SessionEvent, remote: str = "", commit: str = "") -> Task:
    """The only task of a session of these events, a second apart."""
    (found,) = tasks(*events, remote=remote, commit=commit)
    return found


def tasks(*events: SessionEvent, remote: str = "", commit: str = "") -> list[Task]:
    """The tasks of a session of these events, a second apart."""
    session = Session("claude-code", "session-1", remote=remote, commit=commit)
    for second, event in enumerate(events):
        event.at = START + timedelta(seconds=second)
        session.add(event)
    return session.tasks


def asked(text: str, cwd: str = "/home/user/teapot") -> Prompt:
    return Prompt(at=START, cwd=cwd, text=text, where="line 1", name=text)


def said(text: str) -> Reply:
    return Reply(at=START, text=text)


def noticed(text: str) -> Notice:
    return Notice(at=START, text=text)


def edited(file: str, cwd: str = "/home/user/teapot") -> ToolCall:
    return ToolCall(at=START, cwd=cwd, tool="Edit", action=Action.EDIT, files=(file,), failed=False)


def ran(command: str, output: str = "", status: int = 0, cwd: str = "") -> ToolCall:
    call = ToolCall(at=START, cwd=cwd, tool="Bash", action=Action.RUN, command=command)
    call.answer(output, failed=status != 0, status=status)
    return call

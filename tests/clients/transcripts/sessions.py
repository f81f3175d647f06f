"""Sessions of agents, line by line, as the clients write them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

from mcp_learning.models.transfer import PastExecution

START = datetime(2025, 3, 1, 9, 0, tzinfo=UTC)


def at(seconds: float) -> str:
    """A time so many seconds after the session's start."""
    return (START + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def write(path: Path, *lines: "dict[str, Any] | bytes") -> Path:
    """Writes a session's file; bytes go in as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    encoded = (one if isinstance(one, bytes) else json.dumps(one).encode() for one in lines)
    path.write_bytes(b"".join(line + b"\n" for line in encoded))
    return path


def user(seconds: float, content: object, **more: Any) -> dict[str, Any]:
    """A line of Claude Code: what the user says, or a tool answers."""
    return _line("user", seconds, {"role": "user", "content": content}, more)


def assistant(seconds: float, *blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A line of Claude Code: what the model says and does."""
    message = {
        "id": f"msg_{seconds}",
        "role": "assistant",
        "model": "claude-sonnet-4-20250514",
        "content": list(blocks),
        "usage": {"input_tokens": 10, "cache_read_input_tokens": 900, "output_tokens": 5},
    }
    return _line("assistant", seconds, {**message, **more.pop("message", {})}, more)


def _line(
    kind: str, seconds: float, message: dict[str, Any], more: dict[str, Any]
) -> dict[str, Any]:
    return {
        "type": kind,
        "uuid": f"uuid-{seconds}-{crc32(json.dumps(message).encode())}",
        "sessionId": "session-1",
        "timestamp": at(seconds),
        "cwd": "/home/user/teapot",
        "gitBranch": "main",
        "isSidechain": False,
        "message": message,
        **more,
    }


def text(told: str) -> dict[str, Any]:
    """Something that is said."""
    return {"type": "text", "text": told}


def tool(name: str, **given: Any) -> dict[str, Any]:
    """A tool that is used."""
    return {"type": "tool_use", "id": "toolu_1", "name": name, "input": given}


def result(content: object, *, failed: bool = False) -> list[dict[str, Any]]:
    """What a tool answers."""
    return [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": content}
        | ({"is_error": True} if failed else {})
    ]


def codex(seconds: float, kind: str, /, **payload: Any) -> dict[str, Any]:
    """A line of Codex."""
    return {"timestamp": at(seconds), "type": kind, "payload": payload}


def event(seconds: float, kind: str, /, **values: object) -> dict[str, Any]:
    """What happened, in a line of Codex."""
    return codex(seconds, "event_msg", type=kind, **values)


def item(seconds: float, kind: str, /, **values: object) -> dict[str, Any]:
    """What was said or done, in a line of Codex."""
    return codex(seconds, "response_item", type=kind, **values)


def codex_start(session: str = "0199-abc") -> dict[str, Any]:
    """The first line of a session of Codex."""
    return codex(
        0,
        "session_meta",
        id=session,
        timestamp=at(0),
        cwd="/home/user/teapot",
        originator="codex_cli_rs",
        cli_version="0.50.0",
        git={"branch": "main", "commit_hash": "ab12", "repository_url": "git@host:me/teapot.git"},
    )


def metadata(record: PastExecution) -> dict[str, object]:
    """The metadata of an execution, which has some."""
    assert record.execution.details.metadata is not None
    return dict(record.execution.details.metadata)

"""Whatever a file of JSON lines holds, every reader makes tasks of it or none, and never raises."""

import json
from pathlib import Path
from typing import Any

import pytest
from clients.transcripts.sessions import at
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_learning.clients.capture.tasks import Reader, executions
from mcp_learning.clients.transcripts import claude_code, codex, copilot, gemini
from mcp_learning.clients.transfer.imported import Notes

NAMES = (
    *("type", "timestamp", "id", "uuid", "message", "content", "role", "text", "payload", "data"),
    *("name", "input", "arguments", "args", "output", "result", "error", "call_id", "toolCalls"),
    *("toolCallId", "tool_use_id", "toolName", "status", "context", "cwd", "info", "attachment"),
    *("prompt", "operation", "changes", "$set", "$rewindTo", "review_output", "thread_settings"),
)
WORDS = (
    *("user", "assistant", "gemini", "session_meta", "event_msg", "response_item", "message"),
    *("user_message", "function_call", "function_call_output", "exec", "exited_review_mode"),
    *("user.message", "assistant.message", "tool.execution_start", "tool.execution_complete"),
    *("session.start", "attachment", "queued_command", "queue-operation", "remove", "tool_use"),
    *("tool_result", "Bash", "record_execution", "Fix it", "1", "", '{"cmd": ', at(1), "\ud800"),
)
VALUES = st.recursive(
    st.sampled_from(WORDS) | st.none() | st.booleans() | st.integers() | st.floats(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6)
    ),
    max_leaves=20,
)
LINES = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8).map(
    lambda line: {"type": "user", "timestamp": at(0), "id": "1", **line}
)


@pytest.mark.parametrize(
    "read",
    [claude_code.read, codex.read, copilot.read, gemini.read],
    ids=lambda one: one.__module__,
)
@settings(max_examples=20, deadline=None)
@given(lines=st.lists(LINES, max_size=5))
def test_any_lines_are_read(
    tmp_path_factory: pytest.TempPathFactory, read: Reader, lines: list[Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    notes = Notes()
    found = list(executions(read, Path(path), notes))
    assert len(found) <= notes.found["tasks"]

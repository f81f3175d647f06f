"""What subagents of Claude Code did belongs to the task that called them."""

from pathlib import Path

import pytest
from clients.transcripts.sessions import assistant, metadata, result, text, tool, user, write

from mcp_learning.clients.sources import sources
from mcp_learning.clients.transfer.imported import Notes

CALL = assistant(1, tool("Agent", subagent_type="general-purpose", prompt="Sharpen the edge"))
EDIT = tool("Edit", file_path="/a/spout.py") | {"id": "toolu_2"}
EDITED = [{"type": "tool_result", "tool_use_id": "toolu_2", "content": "done"}]
DONE = [
    user(2, "Sharpen the edge", isSidechain=True),
    assistant(3, EDIT, isSidechain=True),
    user(4, EDITED, isSidechain=True),
    assistant(5, text("Sharpened."), isSidechain=True),
]


def answered(agent: str) -> dict[str, object]:
    told = {"status": "completed", "agentId": agent}
    return user(9, result("Sharpened."), toolUseResult=told)


@pytest.mark.parametrize("has_file", [False, True], ids=["among the others", "in its own file"])
def test_lines_of_a_subagent_are_read_wherever_they_are(
    tmp_path: Path, notes: Notes, has_file: bool
) -> None:
    file = tmp_path / "-home-user-teapot" / "session-1.jsonl"
    write(
        file,
        user(0, "Fix the drip of the spout after pouring"),
        CALL,
        *([] if has_file else DONE),
        answered("a1b2"),
        assistant(10, text("The edge was blunt; a subagent sharpened it.")),
        user(20, "Next, write the documentation of the lid"),
        assistant(21, text("Written.")),
    )
    if has_file:
        write(file.with_suffix("") / "subagents" / "agent-a1b2.jsonl", *DONE)
    first, second = sources(1)["claude-code"].read(tmp_path, notes)
    assert metadata(first)["files"] == [{"path": "/a/spout.py", "commit": None}]
    assert metadata(first)["tools"] == {"Agent": 1, "Edit": 1}
    assert first.execution.details.estimated_tokens == 4 * 15
    assert first.execution.task_description == "Fix the drip of the spout after pouring"
    assert "tools" not in metadata(second)
    assert notes.found["files"] == 1
    assert not notes.skipped


def test_a_subagent_is_looked_for_beside_the_session_alone(tmp_path: Path, notes: Notes) -> None:
    file = tmp_path / "-home-user-teapot" / "session-1.jsonl"
    write(file, user(0, "Fix the drip of the spout"), CALL, answered("../../elsewhere"))
    write(file.with_suffix("") / "elsewhere.jsonl", *DONE)
    (record,) = sources(1)["claude-code"].read(file, notes)
    assert metadata(record)["tools"] == {"Agent": 1}

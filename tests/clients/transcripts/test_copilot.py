"""Sessions of Copilot CLI become tasks."""

from pathlib import Path
from typing import Any

import pytest
from clients.transcripts.sessions import at, write

from mcp_learning.clients.sources import sources
from mcp_learning.clients.transcripts import copilot
from mcp_learning.clients.transfer.imported import Notes

ASKED = "Fix the drip of the spout after pouring"
DONE = "The edge of the spout was blunt."
CONTEXT = {"cwd": "/home/user/teapot", "branch": "main", "repository": "me/teapot"}


def line(seconds: float, kind: str, /, **data: Any) -> dict[str, Any]:
    return {"type": kind, "id": f"event {seconds}", "timestamp": at(seconds), "data": data}


def started(
    seconds: float, name: str, call: str, patch: str = "", **arguments: str
) -> dict[str, Any]:
    given = {"toolCallId": call, "toolName": name, "arguments": patch or arguments}
    return line(seconds, "tool.execution_start", **given)


def ended(seconds: float, call: str, text: str, *, success: bool = True) -> dict[str, Any]:
    told = {"result": {"content": text}} if success else {"error": {"message": text}}
    return line(seconds, "tool.execution_complete", toolCallId=call, success=success, **told)


SESSION = [
    line(0, "session.start", sessionId="s1", selectedModel="gpt-5", context=CONTEXT),
    line(1, "user.message", content="Load the skill", source="skill-tea"),
    line(2, "user.message", content=ASKED, agentMode="plan"),
    line(3, "assistant.message", content="Let me look.", model="claude-opus-4.6", outputTokens=5),
    started(4, "bash", "1", command="pytest"),
    ended(5, "1", "1 failed\n<exited with exit code 1>"),
    started(6, "edit", "2", path="/home/user/teapot/spout.py"),
    ended(7, "2", "done"),
    started(8, "bash", "3", command="rm -r tea"),
    ended(9, "3", "The user denied permission", success=False),
    line(10, "assistant.message", content="Of a helper", parentToolCallId="9", outputTokens=2),
    line(11, "session.error", errorType="quota", message="You have exceeded your quota"),
    line(12, "abort", reason="user initiated"),
    line(13, "assistant.message", content=DONE),
]


def test_a_session_becomes_a_task(tmp_path: Path) -> None:
    path = write(tmp_path / "session-state" / "s1" / "events.jsonl", *SESSION)
    notes = Notes()
    (record,) = sources(1)["copilot"].read(tmp_path, notes)
    execution = record.execution
    assert execution.task_description == ASKED
    assert (execution.repo, execution.model_tier) == ("teapot", "opus")
    assert (execution.solution_summary or "").startswith(DONE)
    assert (execution.details.session_id, execution.details.estimated_tokens) == ("s1", 7)
    assert "me/teapot" in record.repo_known_as
    assert not notes.skipped
    (task,) = copilot.read(path, Notes()).tasks
    assert [(one.failed, one.status, one.is_rejected) for one in task.calls] == [
        (True, 1, False),
        (False, None, False),
        (True, None, True),
    ]
    assert [one.text for one in task.replies] == ["Let me look.", DONE]
    assert task.interrupted
    assert task.first.in_plan_mode


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("User selected: the upper one", ['"Which edge?"="the upper one"']),
        ("User responded: neither", ['"Which edge?"="neither"']),
        ("User responded: The user is not available to respond", []),
    ],
)
def test_an_answer_to_a_question_of_the_agent_belongs_to_the_task(
    tmp_path: Path, told: str, said: list[str]
) -> None:
    path = write(
        tmp_path / "events.jsonl",
        line(1, "user.message", content=ASKED),
        started(2, "ask_user", "1", question="Which edge?"),
        ended(3, "1", told),
        line(4, "assistant.message", content=DONE),
    )
    (task,) = copilot.read(path, Notes()).tasks
    assert [one.text for one in task.prompts] == [ASKED, *said]
    assert all(one.is_answer for one in task.prompts[1:])


def test_files_in_a_patch_are_edited_and_viewed_ones_are_not(tmp_path: Path) -> None:
    spout, lid = "/home/user/teapot/spout.py", "/home/user/teapot/lid.py"
    patch = f"*** Begin Patch\n*** Update File: {spout}\n@@\n-blunt\n+sharp\n*** End Patch\n"
    lines = [
        line(1, "user.message", content=ASKED),
        started(2, "apply_patch", "1", patch=patch),
        ended(3, "1", "done"),
        started(4, "str_replace_editor", "2", command="view", path=lid),
        ended(5, "2", "the lid"),
    ]
    (task,) = copilot.read(write(tmp_path / "events.jsonl", *lines), Notes()).tasks
    assert task.files == [spout]


def test_a_server_of_tools_that_does_not_start_is_no_error_of_the_service(tmp_path: Path) -> None:
    path = write(
        tmp_path / "events.jsonl",
        line(1, "user.message", content=ASKED),
        line(2, "assistant.message", content=DONE),
        line(3, "session.error", errorType="mcp", message="Failed to start MCP Servers"),
    )
    (task,) = copilot.read(path, Notes()).tasks
    assert task.trouble is None


def test_what_older_versions_added_to_a_prompt_is_left_out(tmp_path: Path) -> None:
    time = "<current_datetime>2025-12-02T05:48:47.774Z</current_datetime>"
    reminder = "<reminder>\n<sql_tables>todos</sql_tables>\n</reminder>"
    path = write(
        tmp_path / "events.jsonl",
        line(1, "user.message", content=f"{ASKED}\n\n{time}"),
        line(2, "user.message", content=f"{time}\n\nyes\n\n{reminder}"),
    )
    (task,) = copilot.read(path, Notes()).tasks
    assert [one.text for one in task.prompts] == [ASKED, "yes"]


def test_the_status_of_a_command_is_not_one_that_it_printed(tmp_path: Path) -> None:
    told = "last night: exit code: 1\n<exited with exit code 0>"
    path = write(
        tmp_path / "events.jsonl",
        line(1, "user.message", content=ASKED),
        started(2, "bash", "1", command="cat night.log"),
        ended(3, "1", told),
    )
    (task,) = copilot.read(path, Notes()).tasks
    assert [(one.status, one.failed) for one in task.calls] == [(0, False)]


def test_lines_that_are_none_are_counted(tmp_path: Path) -> None:
    notes = Notes()
    strange = {"type": "user.message", "data": {"content": ASKED}}
    path = write(tmp_path / "events.jsonl", {"type": 3}, {"type": "abort"}, strange, b"{cut")
    assert copilot.read(path, notes).tasks == []
    assert notes.skipped == {"not a line of a session": 2, "has no time": 1, "not JSON": 1}

"""Sessions of Codex become tasks, in the form of today and in the first one."""

import json
from pathlib import Path

import pytest
from clients.transcripts.sessions import START, at, codex, codex_start, event, item, metadata, write

from mcp_learning.clients.capture.tasks import executions
from mcp_learning.clients.transcripts import codex as reader
from mcp_learning.clients.transfer.imported import Notes
from mcp_learning.models.transfer import PastExecution

ASKED = "Fix the drip of the spout after pouring"
PATCH = "*** Begin Patch\n*** Update File: src/spout.py\n@@\n-a\n+b\n*** End Patch"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sessions" / "2025" / "03" / "01" / "rollout-2025-03-01T09-00-00-0199.jsonl"


def read(path: Path, notes: Notes) -> list[PastExecution]:
    return list(executions(reader.read, path, notes))


def message(seconds: float, role: str, text: str) -> dict[str, object]:
    kind = "input_text" if role == "user" else "output_text"
    content = [{"type": kind, "text": text}]
    return codex(seconds, "response_item", type="message", role=role, content=content)


def test_a_turn_becomes_a_task(file: Path, notes: Notes) -> None:
    failed = json.dumps({"output": "1 failed", "metadata": {"exit_code": 1}})
    worked = json.dumps({"output": "fine", "metadata": {"exit_code": 0}})
    usage = {"input_tokens": 100, "cached_input_tokens": 80, "output_tokens": 7}
    write(
        file,
        codex_start(),
        message(0, "user", "<environment_context>\n  <cwd>/x</cwd>\n</environment_context>"),
        message(0, "user", "# AGENTS.md instructions for /home/user/teapot"),
        codex(1, "turn_context", cwd="/home/user/teapot", model="gpt-5-codex"),
        message(2, "user", ASKED),
        event(2, "user_message", message=ASKED, kind="plain"),
        item(3, "reasoning", encrypted_content="x"),
        item(4, "function_call", name="shell", arguments='{"command": ["ls"]}', call_id="1"),
        item(5, "function_call_output", call_id="1", output=worked),
        item(6, "custom_tool_call", name="apply_patch", input=PATCH, call_id="2"),
        item(7, "function_call", name="shell", arguments='{"command": ["pytest"]}', call_id="3"),
        item(8, "function_call_output", call_id="3", output=failed),
        event(9, "token_count", info={"last_token_usage": usage}),
        event(10, "token_count", info=None),
        message(11, "assistant", "I sharpened the edge."),
        event(11, "agent_message", message="I sharpened the edge."),
    )
    (record,) = read(file, notes)
    execution = record.execution
    assert execution.task_description == ASKED
    assert (execution.task_type, execution.outcome) == ("bug_fix", "pending")
    assert (execution.repo, execution.model_tier) == ("teapot", "gpt-5-codex")
    assert execution.solution_summary == "I sharpened the edge.\n\nChanged: spout.py"
    assert execution.error_message == "1 failed"
    assert execution.duration_seconds == 9
    assert execution.details.file_count == 1
    assert execution.details.estimated_tokens == 27
    assert record.recorded_at == START.replace(second=2)
    assert metadata(record) == {
        "source": "codex",
        "session": "0199-abc",
        "branch": "main",
        "model": "gpt-5-codex",
        "tools": {"shell": 2, "apply_patch": 1},
        "tool_errors": 1,
        "files": [{"path": "src/spout.py", "commit": "ab12"}],
    }
    assert not notes.skipped


def test_the_first_form_without_times_is_read_and_no_duration_is_made_up(
    file: Path, notes: Notes
) -> None:
    write(
        file,
        {"id": "0001", "timestamp": at(0), "instructions": None, "git": {"branch": "dev"}},
        {"record_type": "state"},
        {"type": "message", "role": "user", "content": [{"text": "<user_instructions>x"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": ASKED}]},
        {"record_type": "state"},
        {"type": "function_call", "name": "shell", "arguments": "{}", "call_id": "1"},
        {"type": "message", "role": "assistant", "content": [{"text": "Sharpened."}]},
        {
            "type": "message",
            "role": "user",
            "content": [{"text": "Next, write the docs of the lid, please"}],
        },
    )
    first, second = read(file, notes)
    assert first.execution.task_description == ASKED
    assert first.execution.solution_summary == "Sharpened."
    assert first.execution.duration_seconds is None
    assert first.recorded_at == second.recorded_at == START
    assert first.task_id != second.task_id
    assert metadata(first)["branch"] == "dev"
    assert not notes.skipped


def test_of_a_prompt_from_an_editor_only_the_request_is_kept(file: Path, notes: Notes) -> None:
    context = f"# Context from my IDE setup:\n\n- a.py\n\n## My request for Codex:\n{ASKED}\n"
    write(file, codex_start(), message(1, "user", context), event(1, "user_message", message=ASKED))
    (record,) = read(file, notes)
    assert record.execution.task_description == ASKED


def test_each_question_is_a_task_and_a_short_one_goes_on(file: Path, notes: Notes) -> None:
    write(
        file,
        codex_start(),
        event(1, "user_message", message=ASKED),
        event(2, "agent_message", message="Shall I?"),
        event(3, "user_message", message="yes"),
        event(4, "agent_message", message="Sharpened."),
        event(5, "user_message", message="Next, write documentation about cleaning the kettle"),
        event(6, "agent_message", message="Again."),
    )
    first, second = read(file, notes)
    assert (first.execution.solution_summary, second.execution.solution_summary) == (
        "Sharpened.",
        "Again.",
    )
    assert first.task_id != second.task_id


def test_an_error_of_the_service_at_the_end_counts_little_and_a_stop_decides_nothing(
    file: Path, notes: Notes
) -> None:
    error = event(2, "error", message="stream disconnected")
    write(file, codex_start(), event(1, "user_message", message=ASKED), error)
    (record,) = read(file, notes)
    assert (record.execution.outcome, record.execution.error_message) == ("failure", None)
    assert record.execution.details.outcome_confidence == 0.3
    assert metadata(record)["ended_by"] == "error"
    went_on = event(3, "agent_message", message="Here again.")
    stopped = event(4, "turn_aborted", reason="interrupted")
    write(file, codex_start(), event(1, "user_message", message=ASKED), error, went_on, stopped)
    (record,) = read(file, notes)
    assert record.execution.outcome == "pending"
    assert metadata(record)["interrupted"] is True


def test_reading_a_longer_session_again_gives_the_same_ids(file: Path, notes: Notes) -> None:
    lines = [codex_start(), message(1, "user", ASKED), event(1, "user_message", message=ASKED)]
    write(file, *lines)
    (before,) = read(file.parents[3], notes)
    write(file, *lines, event(60, "agent_message", message="Sharpened."))
    (after,) = read(file, notes)
    assert after.task_id == before.task_id
    assert after.updated_at == START.replace(minute=1)


def test_broken_lines_are_counted_and_the_rest_is_read(file: Path, notes: Notes) -> None:
    write(
        file,
        b"\x00\xff\xfe",
        codex_start(),
        b'{"payload": 3, "type": "event_msg"}',
        b'{"something": "else"}',
        {"timestamp": at(1), "type": ["x"], "payload": {"type": ["y"]}},
        codex(1, "event_msg", type=["user_message"]),
        codex(1, "response_item", type={"a": 1}, role=3),
        event(1, "user_message", message=ASKED),
        codex(
            2,
            "response_item",
            type="function_call",
            name=5,
            arguments='{"a": [["*** Add File: x"]]}',
        ),
        codex(2, "response_item", type="function_call_output", output="{broken"),
        codex(2, "response_item", type="function_call_output", output=[1, {"x": 2}]),
        codex(
            3, "event_msg", type="token_count", info={"last_token_usage": {"output_tokens": "x"}}
        ),
    )
    (record,) = read(file, notes)
    assert record.execution.task_description == ASKED
    assert notes.skipped == {"binary, not text": 1, "not a line of a session": 3}
    assert [one.where for one in notes.examples] == ["line 1", "line 3", "line 4", "line 5"]


def test_a_prompt_without_any_time_is_skipped(file: Path, notes: Notes) -> None:
    write(file, {"type": "message", "role": "user", "content": [{"text": ASKED}]})
    assert read(file, notes) == []
    assert notes.skipped == {"has no time": 1}


def test_a_task_that_the_agent_recorded_itself_is_that_execution(file: Path, notes: Notes) -> None:
    task_id = "0190a5d2-0000-7000-8000-000000000001"
    structured = json.dumps({"task_id": task_id, "created": True, "redactions": 0})
    for output in (
        json.dumps({"content": [{"type": "text", "text": f"Recorded {task_id}."}]}),
        json.dumps([{"type": "text", "text": structured}]),
        {"content": [{"type": "text", "text": f"Recorded {task_id}."}]},
    ):
        write(
            file,
            codex_start(),
            event(2, "user_message", message=ASKED),
            item(4, "function_call", name="learning__record_execution", call_id="1"),
            item(5, "function_call_output", call_id="1", output=output),
        )
        (record,) = read(file, notes)
        assert str(record.task_id) == task_id

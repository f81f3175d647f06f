"""Sessions of Gemini CLI become tasks, from one object and from lines."""

import json
from pathlib import Path
from typing import Any

import pytest
from clients.transcripts.sessions import at, metadata, write

from mcp_learning.clients.sources import sources
from mcp_learning.clients.transcripts import gemini
from mcp_learning.clients.transcripts.events import Prompt
from mcp_learning.clients.transcripts.sessions import Task
from mcp_learning.clients.transfer.imported import Notes
from mcp_learning.clients.values import as_object

ASKED = "Fix the drip of the spout after pouring"
DONE = "The edge of the spout was blunt."
ABOUT = {"sessionId": "session-1", "projectHash": "ab12", "startTime": at(0), "lastUpdated": at(9)}


def message(seconds: float, kind: str, content: object, **more: Any) -> dict[str, Any]:
    return {"id": f"m{seconds}", "timestamp": at(seconds), "type": kind, "content": content, **more}


def called(name: str, answer: str, status: str = "success", **args: str) -> dict[str, Any]:
    response = {"error" if status == "error" else "output": answer}
    result = [{"functionResponse": {"id": "1", "name": name, "response": response}}]
    return {"id": "1", "name": name, "args": args, "status": status, "result": result}


RAN = "Command: pytest\nDirectory: /home/user/teapot\nOutput: 1 failed\nExit Code: 1"
MESSAGES = [
    message(0, "user", [{"text": "<session_context>\nToday is Monday\n</session_context>"}]),
    message(1, "user", f"{ASKED}\n--- Content from referenced files ---\n" + "x" * 500),
    message(
        5,
        "gemini",
        "Let me look.",
        model="gemini-3-pro",
        tokens={"input": 100, "cached": 80, "output": 7},
        toolCalls=[
            called("run_shell_command", RAN, command="pytest"),
            called("replace", "done", file_path="/home/user/teapot/spout.py"),
            called("write_file", "User did not allow it", "cancelled", file_path="/x"),
            called("read_file", "no such file", "error", file_path="/y"),
        ],
    ),
    message(8, "info", "Request cancelled."),
    message(9, "gemini", DONE),
]


def read(path: Path) -> Task:
    (task,) = gemini.read(path, Notes()).tasks
    return task


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "teapot" / "chats" / "session-2025-03-01T09-00-ab12.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({**ABOUT, "messages": MESSAGES}))
    return path


@pytest.mark.parametrize("name", ["session-2025-03-01T09-05-cd34.json", "reviewer.jsonl"])
def test_what_a_subagent_did_belongs_to_the_task_at_that_time(written: Path, name: str) -> None:
    path = written.parent / "session-1" / name
    path.parent.mkdir()
    about = {**ABOUT, "sessionId": "reviewer-1", "kind": "subagent"}
    told = [{**about, "messages": MESSAGES}] if path.suffix == ".json" else [about, *MESSAGES]
    path.write_text("\n".join(map(json.dumps, told)))
    notes = Notes()
    (record,) = sources(1)["gemini"].read(written.parents[2], notes)
    assert record.execution.details.session_id == "session-1"
    assert record.execution.details.estimated_tokens == 2 * 27
    assert as_object(metadata(record)["tools"])["run_shell_command"] == 2
    assert "prompts" not in metadata(record)
    assert notes.found["sessions of subagents, without tasks of their own"] == 1


def test_a_session_in_one_object_becomes_a_task(written: Path, tmp_path: Path) -> None:
    (record,) = sources(1)["gemini"].read(tmp_path, Notes())
    execution = record.execution
    assert execution.task_description == ASKED
    assert (execution.repo, execution.model_tier) == ("teapot", "gemini-3-pro")
    assert (execution.solution_summary or "").startswith(DONE)
    assert execution.details.session_id == "session-1"
    assert (execution.details.estimated_tokens, execution.details.file_count) == (27, 1)
    task = read(written)
    assert [(one.failed, one.status, one.is_rejected) for one in task.calls] == [
        (True, 1, False),
        (False, None, False),
        (True, None, True),
        (True, None, False),
    ]
    assert task.interrupted


def test_what_an_editor_and_the_client_add_is_no_prompt(tmp_path: Path) -> None:
    opened = "Current File Path:\n```python\n/home/user/teapot/spout.py\n```\n\n"
    chosen = "User Selected Files:\n- /home/user/teapot/lid.py\n"
    path = write(
        tmp_path / "session-1.jsonl",
        message(0, "user", f"{ASKED}\n{opened}PRIOR CHAT HISTORY:\nPaint it green"),
        message(1, "gemini", ""),
        message(2, "user", "System: Please continue."),
        message(3, "gemini", DONE),
        message(4, "user", f"yes\n\n{chosen}"),
    )
    assert [one.text for one in read(path).prompts] == [ASKED, "yes"]


def test_an_answer_to_a_question_of_the_agent_belongs_to_the_task(tmp_path: Path) -> None:
    questions = [{"question": "Which edge?"}, {"question": "How hot?"}]
    call = called("ask_user", '{"answers": {"0": "the upper one"}}')
    call["args"] = {"questions": questions}
    path = write(
        tmp_path / "session-1.jsonl",
        message(0, "user", ASKED),
        message(1, "gemini", "Let me ask.", toolCalls=[call]),
        message(2, "gemini", DONE),
    )
    found = [(one.text, one.is_answer) for one in read(path).prompts]
    assert found == [(ASKED, False), ('"Which edge?"="the upper one"', True)]


def test_what_the_user_says_while_the_agent_works_is_a_queued_prompt(tmp_path: Path) -> None:
    instruction = "Internal instruction: Re-evaluate the active plan using this update."
    path = write(
        tmp_path / "session-1.jsonl",
        message(0, "user", ASKED),
        message(1, "gemini", "Let me look."),
        message(
            2,
            "user",
            f"User steering update:\n<user_input>\nthe upper edge\n</user_input>\n{instruction}",
        ),
        message(3, "user", f'User steering update: "and the lid"\n{instruction}'),
        message(4, "user", f"User hints:\n- use the old blade\n\n{instruction}"),
        message(
            5, "user", "Background execution update:\n<background_output>\n1\n</background_output>"
        ),
        message(6, "gemini", DONE),
    )
    found = [(one.text, one.is_queued) for one in read(path).prompts]
    told = ["the upper edge", "and the lid", "- use the old blade"]
    assert found == [(ASKED, False), *((text, True) for text in told)]


def test_what_an_older_version_asked_its_subagent_is_no_prompt(tmp_path: Path) -> None:
    asked = (
        "Your task is to do a deep investigation of the codebase to find all relevant files, code"
        " locations and insights to solve for the following user objective:\n<objective>\nTea"
        "\n</objective>"
    )
    path = write(
        tmp_path / "session-1.jsonl", message(0, "user", asked), message(1, "gemini", DONE)
    )
    assert gemini.read(path, Notes()).tasks == []


@pytest.mark.parametrize(
    ("said", "is_trouble"),
    [
        ("[API Error: No capacity available for model gemini-3-pro]", True),
        ("You have exhausted your quota on this model", True),
        ("Automatic update failed. Please try updating manually", False),
        ("Unknown command: /pour", False),
    ],
)
def test_an_error_of_the_client_is_none_of_the_service(
    tmp_path: Path, said: str, *, is_trouble: bool
) -> None:
    lines = [message(0, "user", ASKED), message(1, "gemini", DONE), message(2, "error", said)]
    assert bool(read(write(tmp_path / "session-1.jsonl", *lines)).trouble) is is_trouble


def test_lines_replace_and_take_back_messages(tmp_path: Path) -> None:
    wrong = message(20, "user", "Paint it green")
    path = write(
        tmp_path / "chats" / "session-1.jsonl",
        {**ABOUT, "kind": "main"},
        *MESSAGES[:-1],
        message(9, "gemini", "The edge"),
        MESSAGES[-1],
        wrong,
        message(21, "gemini", "Green now."),
        {"$rewindTo": wrong["id"]},
        {"$set": {"lastUpdated": at(22)}},
    )
    (tmp_path / ".project_root").write_text("/home/user/kettle\n")
    task = read(path)
    assert [one.text for one in task.events if isinstance(one, Prompt)] == [ASKED]
    assert task.replies[-1].text == DONE
    assert task.cwd == "/home/user/kettle"
    assert task.calls[0].tool == "run_shell_command"


@pytest.mark.parametrize("name", ["session-1.json", "session-1.jsonl"])
def test_a_session_that_is_gone_by_now_is_counted(tmp_path: Path, name: str) -> None:
    notes = Notes()
    assert gemini.read(tmp_path / name, notes).tasks == []
    assert notes.skipped == {"can't be read": 1}


def test_the_status_and_directory_of_a_command_are_not_what_it_printed(tmp_path: Path) -> None:
    log = "Exit Code: 1\nDirectory: /home/user/kettle\nlast night"
    told = [f"Command: cat night.log\nDirectory: (root)\nOutput: \n{log}\nExit Code: 0"]
    told[0] += "\nSignal: (none)\nProcess Group PGID: 3\n"
    told.append(f"Output: {log}")
    calls = [called("run_shell_command", one, command="cat night.log") for one in told]
    calls.append(called("read_file", "Exit Code: 1", file_path="/night.log"))
    path = write(
        tmp_path / "session-1.jsonl",
        message(0, "user", ASKED),
        message(1, "gemini", DONE, toolCalls=calls[:2]),
        message(2, "gemini", DONE, toolCalls=calls[2:]),
    )
    found = read(path).calls
    assert [(one.status, one.failed) for one in found] == [(0, False), (0, False), (None, False)]
    assert [one.output for one in found[:2]] == [log, log]
    assert [one.cwd for one in found] == [""] * 3


def test_what_is_no_session_is_counted(tmp_path: Path) -> None:
    notes = Notes()
    for name, content in (("a", "{cut"), ("b", "[1]"), ("c", '{"messages": 3}')):
        (tmp_path / f"session-{name}.json").write_text(content)
    write(tmp_path / "d.jsonl", {"something": "else"}, message(1, "user", ASKED) | {"timestamp": 3})
    (tmp_path / "settings.json").write_text("{}")
    assert list(sources(1)["gemini"].read(tmp_path, notes)) == []
    assert notes.skipped == {
        "not JSON": 1,
        "not a session": 2,
        "not a line of a session": 1,
        "has no time": 1,
    }

"""Recording of Claude Code's sessions: redacted, once per task, never over a reported outcome."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from cli.conftest import invoked
from clients.transcripts import sessions
from clients.transcripts.sessions import result, text, tool
from hypothesis import given
from hypothesis import strategies as st
from process.wire import Server

from mcp_learning.cli import hook
from mcp_learning.clients.capture import recording
from mcp_learning.clients.capture.tasks import execution, executions
from mcp_learning.clients.transcripts import claude_code
from mcp_learning.clients.transcripts.sessions import Task
from mcp_learning.clients.transfer.imported import Notes
from mcp_learning.clients.values import stable_id

Hook = Callable[..., str]

PROMPT = "Fix the login redirect loop after the session expired"
PLACE = {"cwd": "/somewhere/shop", "gitBranch": ""}
COMMAND = [sys.executable, "-P", "-m", "mcp_learning", "hook", "claude-code"]


def user(said: Any, name: str = "prompt-1", second: int = 0, **more: Any) -> dict[str, Any]:
    return sessions.user(second, said, **{"uuid": name, **PLACE, **more})


def assistant(*parts: Any, second: int = 1, **more: Any) -> dict[str, Any]:
    content = [text(one) if isinstance(one, str) else one for one in parts]
    plain = {"model": "model-1", "usage": None}
    return sessions.assistant(second, *content, message=plain, **{**PLACE, **more})


WORK = [
    user(PROMPT),
    assistant("I look.", tool("Read", file_path="/a")),
    user(result("a file"), "result-1", 2),
    assistant("I change it.", tool("Edit", file_path="/a"), tool("Edit", file_path="/b"), second=9),
    assistant("The loop is gone: the cookie is cleared first.", second=30),
]


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    def written(*lines: Any) -> Path:
        path = tmp_path / "session.jsonl"
        texts = (one if isinstance(one, str) else json.dumps(one) for one in lines)
        path.write_text("".join(text + "\n" for text in texts), encoding="utf-8")
        return path

    return written


@pytest.fixture
def record(
    data_dir: Path,
    written: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., str]:
    """Records a session with those lines, in this process; the last line of the log."""

    def record(*lines: Any, **more: Any) -> str:
        payload = {
            "hook_event_name": "Stop",
            "session_id": "session-1",
            "transcript_path": str(written(*lines)),
            **more,
        }
        stdin = io.TextIOWrapper(io.BytesIO(json.dumps(payload).encode()))
        monkeypatch.setattr(sys, "stdin", stdin)
        hook.main("claude-code", ["--record", "--data-dir", str(data_dir)])
        printed = capsys.readouterr()
        assert printed.out == ""
        if not data_dir.exists():
            return printed.err
        return (data_dir / "hook.log").read_text().splitlines()[-1]

    return record


def latest(path: Path) -> Task | None:
    return claude_code.read(path, Notes()).latest


def stored(server: Server, name: str = "prompt-1") -> dict[str, Any]:
    answer = server.call("get_execution", task_id=str(stable_id("claude-code", name)))
    execution: dict[str, Any] = answer["structuredContent"]["execution"]
    return execution


def test_a_session_is_recorded_through_the_server_that_runs(
    data_dir: Path, record: Callable[..., str]
) -> None:
    with Server(data_dir) as server:
        server.initialize()
        server.call("learning_stats")
        assert " Stop: recorded " in record(*WORK)
        assert " Stop: updated " in record(*WORK, user("yes", "prompt-2", 40), assistant("Done."))
        one = stored(server)
        assert one["task_description"] == PROMPT
        assert one["outcome"] == "pending"
        assert one["repo"] == "shop"
        assert one["solution_summary"].endswith("cleared first.\n\nDone.")
        assert one["session_id"] == "session-1"
        assert one["file_count"] == 2
        assert one["metadata"] == {
            "source": "claude-code",
            "session": "session-1",
            "model": "model-1",
            "tools": {"Read": 1, "Edit": 2},
            "prompts": 2,
            "files": [{"path": "/a", "commit": None}, {"path": "/b", "commit": None}],
        }
        stats = server.call("learning_stats", days=10_000)["structuredContent"]
        assert stats["totals"]["executions"] == 1


def test_without_a_server_it_is_recorded_on_the_database_itself(
    data_dir: Path, record: Callable[..., str]
) -> None:
    assert " SessionEnd: recorded " in record(*WORK, hook_event_name="SessionEnd")
    (one,) = all_stored(data_dir).values()
    assert one["duration_seconds"] == 30


def all_stored(data_dir: Path) -> dict[str, dict[str, Any]]:
    """All columns of all executions by task_id, but for the number of the last change."""
    with duckdb.connect(str(data_dir / "learning.duckdb"), read_only=True) as connection:
        found = connection.execute("SELECT * EXCLUDE (sequence) FROM executions")
        names = [column[0] for column in found.description]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    return {str(row["task_id"]): row for row in rows}


@pytest.mark.parametrize("named", [True, False], ids=["named", "unnamed"])
def test_a_hook_and_an_import_store_the_same_record_of_a_task(
    data_dir: Path, record: Callable[..., str], written: Callable[..., Path], *, named: bool
) -> None:
    usage = {"input_tokens": 10, "cache_read_input_tokens": 900, "output_tokens": 5}
    reply = "It is there: " + "the test waits for the cookie. " * 100
    lines = [
        *WORK,
        user("yes", "prompt-2", 40),
        assistant("I leave it so.", second=41),
        user(
            "New task: add a test for the loop\n" + "as before " * 1_000,
            "prompt-3",
            45,
            gitBranch="main",
        ),
        assistant("I write.", tool("Write", file_path="/t"), tool("Bash"), second=50, costUSD=0.25),
        user(result("1 failed", failed=True), "result-2", 51),
        assistant(reply, second=55),
    ]
    for line in lines[-2:]:
        line["message"] |= {"model": "claude-sonnet-4-20250514", "usage": usage}
    if not named:
        lines = [{name: value for name, value in line.items() if name != "uuid"} for line in lines]
    assert " Stop: recorded " in record(*lines, last_assistant_message=reply.strip()[:800])
    other = data_dir.with_name("imported")
    done = invoked("import", "claude-code", str(written(*lines)), "--data-dir", str(other))
    assert done.exit_code == 0, done.output
    assert all_stored(data_dir) == all_stored(other)
    earlier, recorded = sorted(all_stored(data_dir).values(), key=lambda row: row["timestamp"])
    assert (earlier["success"], earlier["outcome_basis"]) == (True, "user"), "the user went on"
    assert recorded["task_type"] == "test"
    assert (recorded["model_tier"], recorded["estimated_tokens"]) == ("sonnet", 15)
    assert (recorded["actual_cost"], recorded["error_message"]) == (0.25, "1 failed")
    assert recorded["solution_summary"].startswith(reply.strip())


@pytest.mark.parametrize("said", ["hi", "Hola", "你好", "thanks!", "continue", "/model"])
def test_talk_without_a_request_is_no_task(
    tmp_path: Path, written: Callable[..., Path], said: str
) -> None:
    answer = [] if said == "/model" else [assistant("How can I help you?", second=-8)]
    path, notes = written(user(said, "prompt-0", -9), *answer, *WORK), Notes()
    (record,) = executions(claude_code.read, path, notes)
    assert record.execution.task_description == PROMPT
    assert (notes.found["tasks"], notes.found["talk without a request"]) == (1, 1)


def test_tasks_after_which_the_client_ran_no_hook_are_recorded_with_the_next_one(
    data_dir: Path, record: Callable[..., str]
) -> None:
    stopped = "[Request interrupted by user]"
    lines = [
        *WORK,
        user(f"/migrate {'the tables ' * 9}", "prompt-2", 100),
        assistant("I look.", tool("Read", file_path="/b"), second=101),
        user(stopped, "stop-1", 102),
        user(f"/rename-columns {'of all tables ' * 9}", "prompt-3", 103),
        assistant("I look.", tool("Read", file_path="/c"), second=104),
        user(stopped, "stop-2", 105),
        user("/deploy to the test server", "prompt-4", 106),
        assistant("I deploy.", tool("Bash", command="deploy"), second=107),
    ]
    assert " Stop: recorded " in record(*WORK)
    assert " Stop: recorded " in record(*lines)
    names = [str(stable_id("claude-code", f"prompt-{number}")) for number in (1, 2, 3, 4)]
    stored = all_stored(data_dir)
    assert stored.keys() == set(names)
    assert stored[names[0]]["outcome_basis"] == "user", "the user went on"


def test_what_was_told_is_never_overwritten(data_dir: Path, record: Callable[..., str]) -> None:
    told = {
        "task_id": str(stable_id("claude-code", "prompt-1")),
        "task_type": "bug_fix",
        "task_description": "told",
        "outcome": "success",
        "solution_summary": "cleared the cookie first",
    }
    later = [user("yes", "prompt-2", 40), assistant("Done.", timestamp="2999-01-02T03:04:05Z")]
    with Server(data_dir) as server:
        server.initialize()
        server.call("record_execution", **told)
        assert "nothing new of" in record(*WORK)
        assert "updated" in record(*WORK, *later)
        one = stored(server)
        assert {name: one[name] for name in told} == told
        assert one["file_count"] == 2


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([], "no task in the transcript"),
        ([user("<command-name>/clear</command-name>")], "no task"),
        ([user(PROMPT), assistant("Hello.")], "no tool was used"),
        ([*WORK, assistant(tool("mcp__learning__record_execution"))], "the agent did it itself"),
    ],
)
def test_what_is_no_work_or_recorded_already_is_not_recorded(
    data_dir: Path, written: Callable[..., Path], lines: list[Any], why: str
) -> None:
    payload = {"transcript_path": str(written(*lines))}
    assert why in recording.record("claude-code", payload, data_dir)
    assert not data_dir.exists()


def test_a_transcript_that_is_not_there_is_logged_and_no_more(
    data_dir: Path, record: Callable[..., str]
) -> None:
    data_dir.mkdir()
    assert "FileNotFoundError" in record(transcript_path="/nowhere/at/all.jsonl")


def test_secrets_and_private_spans_are_not_stored(
    data_dir: Path, record: Callable[..., str]
) -> None:
    token = "ghp_" + "a1B2" * 9
    prompt = f"Use {token} to push <private>the merger with ACME</private> and <private>more"
    record(user(prompt), *WORK[1:], assistant(f"Pushed with {token}."))
    files = [path for path in data_dir.rglob("*") if path.is_file()]
    assert any(b"[redacted:github-token]" in path.read_bytes() for path in files)
    for path in files:
        content = path.read_bytes()
        assert not any(one in content for one in (token.encode(), b"ACME", b"more"))


def test_the_latest_task_is_the_one_that_was_asked_for(written: Callable[..., Path]) -> None:
    task = latest(
        written(
            *WORK,
            user("Next, rename the module to sessions", "prompt-2", 40),
            assistant(tool("Bash", command="git mv a b"), second=50),
            user("ok", "prompt-3", 51),
            user("[Request interrupted by user]", "prompt-4", 52),
            user("Caveat: the client says this", "prompt-5", 53, isMeta=True),
            assistant("A helper's words.", isSidechain=True),
            user([{"type": "text", "text": "<system-reminder>long text</system-reminder>"}]),
        )
    )
    assert task is not None
    assert (task.first.name, task.first.text) == ("prompt-2", "Next, rename the module to sessions")
    assert (dict(task.tools), task.replies) == ({"Bash": 1}, [])


def test_lines_that_are_cut_binary_or_strange_are_passed_over(
    written: Callable[..., Path], tmp_path: Path
) -> None:
    strange = ["", "{", "[]", "3", '{"type": "user"}', '{"type": "user", "message": []}']
    path = written(*strange, *WORK, *strange)
    path.write_bytes(b"\xff\xfe\x00\n" + path.read_bytes() + b'{"type": "user", "messa')
    task = latest(path)
    assert task is not None
    assert task.first.text == PROMPT


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "name", "input", "x"]), inner, max_size=4
        )
    ),
    max_leaves=10,
)
LINES = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["user", "assistant"]),
        "message": st.fixed_dictionaries({"content": JSON, "model": JSON}),
    },
    optional={"uuid": JSON, "timestamp": JSON, "cwd": JSON, "sessionId": JSON},
)


@given(st.lists(LINES, max_size=6))
def test_any_lines_are_read_to_an_execution_or_to_none(
    tmp_path_factory: pytest.TempPathFactory, lines: list[Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    session = claude_code.read(path, Notes())
    recording.add_hook_input(session, {"cwd": 3, "last_assistant_message": ["x"]})
    if task := session.latest:
        found = execution(task, claude_code.SOURCE, Notes())
        assert found is None or found.execution.details.outcome_confidence is not None


@pytest.mark.skipif(sys.platform != "linux", reason="orphans are waited for as Linux has it")
def test_the_hook_leaves_recording_to_a_process_that_outlives_it_and_ends(
    data_dir: Path, written: Callable[..., Path]
) -> None:
    payload = {"hook_event_name": "SessionEnd", "transcript_path": str(written(*WORK))}
    command = [*COMMAND, "--data-dir", str(data_dir)]
    done = subprocess.run(
        [sys.executable, "-c", ORPHANS_COME_HERE, *command],
        input=json.dumps(payload).encode(),
        capture_output=True,
        timeout=100,
        check=False,
    )
    assert done.stderr == b""
    assert done.stdout.split() == [b"0", b"0"]
    assert " SessionEnd: recorded " in (data_dir / "hook.log").read_text()


ORPHANS_COME_HERE = """
import ctypes, os, subprocess, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
print(subprocess.run(sys.argv[1:]).returncode)
print(os.waitstatus_to_exitcode(os.wait()[1]))
"""
"""Runs a command, and waits for the process that it leaves behind."""

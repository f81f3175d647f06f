"""Where sessions of Codex are, whose they are, and what of them was said before."""

import json
from pathlib import Path
from uuid import UUID

import pytest
from clients.transcripts.sessions import at, codex, codex_start, event, item, metadata, write

from mcp_learning.clients.capture.recording import record
from mcp_learning.clients.capture.tasks import executions
from mcp_learning.clients.sources import sources
from mcp_learning.clients.transcripts import codex as reader
from mcp_learning.clients.transcripts.events import Action, Prompt, ToolCall
from mcp_learning.clients.transcripts.sessions import Session
from mcp_learning.clients.transfer.imported import Notes
from mcp_learning.models.transfer import PastExecution

ASKED = "Fix the drip of the spout after pouring"
BRIEF = "Review the lid of the teapot"


def version_7(second: int) -> str:
    """An id that begins with the time, so many seconds after the session's start."""
    milliseconds = 1_740_819_600_000 + 1_000 * second
    return str(UUID(int=milliseconds << 80 | 7 << 76 | 0b10 << 62))


CHILD, PARENT = version_7(100), version_7(0)


def turn(seconds: float, **values: object) -> dict[str, object]:
    return codex(seconds, "turn_context", **values)


def says(seconds: float, text: str) -> dict[str, object]:
    return event(seconds, "user_message", message=text)


def descriptions(records: list[PastExecution]) -> list[str]:
    return [record.execution.task_description for record in records]


def imported(path: Path, notes: Notes) -> list[PastExecution]:
    return list(sources(1)["codex"].read(path, notes))


def test_compressed_and_archived_sessions_are_read_and_no_copy_twice(
    tmp_path: Path, notes: Notes
) -> None:
    from backports import zstd

    plain = write(
        tmp_path / "sessions" / "2025" / "rollout-a.jsonl", codex_start("a"), says(1, "a" * 30)
    )
    old = write(tmp_path / "old.jsonl", codex_start("b"), says(1, "b" * 30)).read_bytes()
    (plain.parent / "rollout-b.jsonl.zst").write_bytes(zstd.compress(old))
    plain.with_suffix(".jsonl.zst").write_bytes(zstd.compress(plain.read_bytes()))
    write(tmp_path / "archived_sessions" / "rollout-c.jsonl", codex_start("c"), says(1, "c" * 30))
    (plain.parent / "rollout-d.jsonl.zst").write_bytes(zstd.compress(old)[:-9])
    (plain.parent / "rollout-e.jsonl.zst").write_bytes(b"no such thing")
    write(tmp_path / "history.jsonl", {"text": "no session"})
    assert descriptions(imported(tmp_path, notes)) == ["a" * 30, "b" * 30, "c" * 30]
    assert notes.skipped == {
        "compressed copy of a session that is there": 1,
        "not compressed as its name says, or cut short": 2,
    }


FORKED = [
    codex(100, "session_meta", id=CHILD, forked_from_id=PARENT, cwd="/home/user/lid"),
    codex(100, "session_meta", id=PARENT, cwd="/home/user/teapot"),
    event(100.1, "task_started", turn_id=version_7(1)),
    says(100.1, ASKED),
    event(100.1, "agent_message", message="Sharpened."),
    event(100.2, "task_started", turn_id=version_7(101)),
    says(100.3, BRIEF),
    event(160, "agent_message", message="The lid is fine."),
]


@pytest.mark.parametrize("has_turns", [True, False])
def test_a_forked_session_keeps_its_identity_and_repeats_nothing(
    tmp_path: Path, notes: Notes, *, has_turns: bool
) -> None:
    lines = [dict(one) for one in FORKED]
    if not has_turns:
        lines = [one for one in lines if "turn_id" not in json.dumps(one)]
        lines[-2]["timestamp"] = at(150)
    path = write(tmp_path / "rollout-child.jsonl", *lines)
    (record,) = executions(reader.read, path, notes)
    assert record.execution.task_description == BRIEF
    assert record.execution.repo == "lid"
    assert record.execution.details.session_id == CHILD
    assert record.execution.solution_summary == "The lid is fine."


def test_each_command_that_a_template_replaced_is_a_task(tmp_path: Path, notes: Notes) -> None:
    form = "## User Input\n\n```text\n{}\n```\n\nYou **MUST** consider the user input.\n\n{}"
    outline = "1. Run `check.sh --json` from the root of the repository and read its output."
    lines: list[dict[str, object]] = [codex_start()]
    for seconds, phase in ((1, "Phase 1"), (4, "Phase 2")):
        lines += [says(seconds, form.format(phase, outline))]
        lines += [event(seconds + 1, "agent_message", message="The cups are numbered now.")]
    path = write(tmp_path / "rollout-1.jsonl", *lines)
    first, second = executions(reader.read, path, notes)
    assert first.execution.task_description == f"Phase 1\n\n{outline}"
    assert (first.execution.outcome, second.execution.outcome) == ("pending", "pending")


def test_the_session_of_a_subagent_is_left_out(tmp_path: Path, notes: Notes) -> None:
    spawn = {"subagent": {"thread_spawn": {"parent_thread_id": PARENT, "depth": 1}}}
    meta = codex(100, "session_meta", id=CHILD, cwd="/home/user/teapot", source=spawn)
    path = write(tmp_path / "rollout-child.jsonl", meta, says(101, BRIEF))
    assert list(executions(reader.read, path, notes)) == []
    assert notes.found["sessions of subagents, without tasks of their own"] == 1
    hook_input = {"transcript_path": str(path)}
    assert record("codex", hook_input, tmp_path) == "nothing recorded: the session of a subagent"


SPAWN = item(2, "function_call", name="spawn_agent", call_id="1", arguments="{}")
STARTED = {
    "answer": item(3, "function_call_output", call_id="1", output=json.dumps({"agent_id": CHILD})),
    "event": event(3, "sub_agent_activity", kind="started", agent_thread_id=CHILD),
    "item": event(3, "item_completed", item={"kind": "started", "agent_thread_id": CHILD}),
}


@pytest.mark.parametrize("started", STARTED.values(), ids=STARTED)
@pytest.mark.parametrize("day", ["01", "02"])
def test_what_a_subagent_did_belongs_to_the_task_that_started_it(
    tmp_path: Path, notes: Notes, started: dict[str, object], day: str
) -> None:
    tokens = {"last_token_usage": {"input_tokens": 30, "output_tokens": 5}}
    patch = "*** Begin Patch\n*** Update File: lid.py\n*** End Patch"
    write(
        tmp_path / "sessions" / "2025" / "03" / "01" / "rollout-2025-03-01.jsonl",
        codex_start(PARENT),
        turn(0, model="gpt-5-codex"),
        says(1, ASKED),
        SPAWN,
        started,
        started,
        event(300, "agent_message", message="A subagent sharpened it."),
        says(400, "Next, write the documentation of the lid"),
        event(401, "agent_message", message="Written."),
    )
    write(
        tmp_path / "sessions" / "2025" / "03" / day / f"rollout-2025-03-{day}-{CHILD}.jsonl",
        codex(100, "session_meta", id=CHILD, parent_thread_id=PARENT, thread_source="subagent"),
        turn(100, model="gpt-5-mini"),
        says(100, BRIEF),
        item(101, "custom_tool_call", name="apply_patch", call_id="2", input=patch),
        event(101, "token_count", info=tokens),
        event(102, "sub_agent_activity", kind="started", agent_thread_id=PARENT),
        event(103, "agent_message", message="Sharpened."),
    )
    first, second = imported(tmp_path, notes)
    assert first.execution.task_description == ASKED
    assert (first.execution.solution_summary or "").startswith("A subagent sharpened it.")
    assert metadata(first)["tools"] == {"spawn_agent": 1, "apply_patch": 1}
    assert metadata(first)["files"] == [{"path": "lid.py", "commit": "ab12"}]
    assert first.execution.details.estimated_tokens == 35
    assert first.execution.model_tier == "gpt-5-codex"
    assert "tools" not in metadata(second)
    assert not notes.skipped


def session(tmp_path: Path, *lines: dict[str, object]) -> Session:
    return reader.read(write(tmp_path / "rollout.jsonl", codex_start(), *lines), Notes())


def prompts(found: Session) -> list[Prompt]:
    return [one for one in found.events if isinstance(one, Prompt)]


def calls(found: Session) -> list[ToolCall]:
    return [one for one in found.events if isinstance(one, ToolCall)]


def test_model_and_directory_are_those_of_the_turn_wherever_they_stand(tmp_path: Path) -> None:
    found = session(
        tmp_path,
        turn(1, cwd="/home/user/teapot", model="gpt-5", collaboration_mode={"mode": "plan"}),
        says(1, ASKED),
        event(2, "agent_message", message="Planned."),
        says(3, "Next, write the docs of the lid"),
        turn(3, cwd="/home/user/lid", model="gpt-6"),
        event(4, "agent_message", message="Written."),
    )
    assert [(one.cwd, one.in_plan_mode) for one in prompts(found)] == [
        ("/home/user/teapot", True),
        ("/home/user/lid", False),
    ]
    assert [task.model for task in found.tasks] == ["gpt-5", "gpt-6"]


def test_a_plan_that_the_user_accepts_is_of_the_same_task_and_said_once(tmp_path: Path) -> None:
    plan = "# The spout\n\nSharpen the upper edge."
    found = session(
        tmp_path,
        turn(1, collaboration_mode={"mode": "plan"}),
        says(1, ASKED),
        event(2, "item_completed", item={"type": "Plan", "text": f"{plan}\n"}),
        event(2, "agent_message", message=f"<proposed_plan>\n{plan}\n</proposed_plan>"),
        turn(3, collaboration_mode={"mode": "default"}),
        says(3, "Implement the plan."),
        event(4, "agent_message", message="Sharpened."),
    )
    (task,) = found.tasks
    assert [one.text for one in task.replies] == [plan, "Sharpened."]
    assert [one.is_answer for one in task.prompts] == [False, True]


def test_an_answer_to_a_question_of_the_agent_belongs_to_the_task(tmp_path: Path) -> None:
    questions = [{"id": "edge", "question": "Which edge?"}, {"id": "heat", "question": "How hot?"}]
    asks = json.dumps({"questions": questions})
    told = json.dumps({"answers": {"edge": {"answers": ["the upper one"]}}})
    found = session(
        tmp_path,
        says(1, ASKED),
        item(2, "function_call", name="request_user_input", arguments=asks, call_id="1"),
        item(3, "function_call_output", call_id="1", output=told),
        event(4, "agent_message", message="Sharpened."),
    )
    (task,) = found.tasks
    assert [(one.text, one.is_answer) for one in task.prompts] == [
        (ASKED, False),
        ('"Which edge?"="the upper one"', True),
    ]


def test_a_plan_for_a_fresh_context_is_the_request(tmp_path: Path) -> None:
    told = "A previous agent produced the plan below to accomplish the user's task. Implement it."
    assert prompts(session(tmp_path, says(1, f"{told}\n\n# {ASKED}")))[0].text == f"# {ASKED}"


@pytest.mark.parametrize("has_events", [True, False])
def test_what_the_client_put_into_messages_is_no_prompt(
    tmp_path: Path, *, has_events: bool
) -> None:
    context = "<environment_context>\n<cwd>/x</cwd>\n</environment_context>"
    summary = "Another language model started to solve this problem and told what it did"
    own = [{"type": "input_text", "text": one} for one in (context, ASKED)]
    lines = [
        item(1, "message", role="user", content=[{"type": "input_text", "text": summary}]),
        item(1, "message", role="user", content=own),
        *([says(1, ASKED)] if has_events else []),
        item(2, "message", role="assistant", content=[{"text": "Sharpened."}]),
    ]
    assert [one.text for one in prompts(session(tmp_path, *lines))] == [ASKED]


def test_a_command_that_goes_on_gets_its_end_from_the_call_that_waits_for_it(
    tmp_path: Path,
) -> None:
    run = json.dumps({"cmd": "pytest", "workdir": "/home/user/teapot/web"})
    ended = "Chunk ID: 2\nWall time: 1 s\nProcess exited with code 1\nOutput:\n1 failed"
    found = session(
        tmp_path,
        says(1, ASKED),
        item(2, "function_call", name="exec_command", arguments=run, call_id="1"),
        item(3, "function_call_output", call_id="1", output="Process running with session ID 7"),
        item(4, "function_call", name="write_stdin", arguments='{"session_id": 7}', call_id="2"),
        item(5, "function_call_output", call_id="2", output=ended),
    )
    (call,) = calls(found)
    assert (call.command, call.cwd) == ("pytest", "/home/user/teapot/web")
    assert (call.status, call.failed, call.output) == (1, True, "1 failed")


def test_patches_tell_the_files_and_whether_they_could_be_applied(tmp_path: Path) -> None:
    found = session(
        tmp_path,
        says(1, ASKED),
        item(2, "custom_tool_call", name="apply_patch", input="", call_id="1"),
        event(3, "patch_apply_end", call_id="1", success=True, changes={"/a/spout.py": {}}),
        item(4, "function_call", name="shell", arguments='{"command":["ls"]}', call_id="2"),
        item(5, "function_call_output", call_id="2", output="exec command rejected by user"),
    )
    patch, shell = calls(found)
    assert (patch.action, patch.files, patch.is_edit) == (Action.EDIT, ("/a/spout.py",), True)
    assert shell.is_rejected


def test_tokens_that_are_told_again_count_once(tmp_path: Path) -> None:
    info = {
        "last_token_usage": {"input_tokens": 100, "cached_input_tokens": 80, "output_tokens": 7},
        "total_token_usage": {"total_tokens": 107},
    }
    again = [event(n, "token_count", info=info) for n in (2, 3)]
    (task,) = session(tmp_path, says(1, ASKED), *again).tasks
    assert task.tokens == 27


def test_a_script_tells_the_commands_and_patches_in_it(tmp_path: Path) -> None:
    run = (
        'const r = await tools.exec_command({\n  cmd: "git status", workdir: "/home/user/lid"\n});'
    )
    patch = 'await tools.apply_patch("*** Begin Patch\\n*** Update File: lid.py\\n@@\\n-a\\n+b");'
    told = [
        {"type": "input_text", "text": "Script completed\nWall time 0.1 seconds\nOutput:\n"},
        {"type": "input_text", "text": '{"exit_code":128,"output":"no repository"}'},
    ]
    found = session(
        tmp_path,
        says(1, ASKED),
        item(2, "custom_tool_call", name="exec", input=run, call_id="1"),
        item(3, "custom_tool_call_output", call_id="1", output=told),
        item(4, "custom_tool_call", name="exec", input=patch, call_id="2"),
        item(5, "custom_tool_call_output", call_id="2", output=told[:1]),
    )
    command, edit = calls(found)
    assert (command.command, command.cwd) == ("git status", "/home/user/lid")
    assert (command.status, command.failed) == (128, True)
    assert (edit.files, edit.is_edit) == (("lid.py",), True)


def test_the_status_of_a_command_is_not_one_that_it_printed(tmp_path: Path) -> None:
    heads = ["Exit code: 0\nWall time: 0.1 seconds", "Chunk ID: 1\nProcess exited with code 0"]
    told = [f"{head}\nOutput:\nlast night: Exit code: 1" for head in heads]
    arguments = '{"cmd": "cat night.log"}'
    found = session(
        tmp_path,
        says(1, ASKED),
        item(2, "function_call", name="exec_command", arguments=arguments, call_id="1"),
        item(3, "function_call_output", call_id="1", output=told[0]),
        item(4, "function_call", name="exec_command", arguments=arguments, call_id="2"),
        item(5, "function_call_output", call_id="2", output=told[1]),
    )
    assert [(one.status, one.failed) for one in calls(found)] == [(0, False)] * 2


def test_what_ends_a_turn_tells_what_was_said_last_or_went_wrong(tmp_path: Path) -> None:
    error = {"message": "You've hit your usage limit", "codex_error_info": "usage_limit_exceeded"}
    (task,) = session(
        tmp_path,
        says(1, ASKED),
        item(2, "function_call", name="exec_command", arguments='{"cmd": "pytest"}', call_id="1"),
        event(3, "exec_command_end", call_id="1", exit_code=1, aggregated_output="1 failed"),
        event(4, "task_complete", last_agent_message="Sharpened."),
        event(5, "task_complete", last_agent_message=None, error=error),
    ).tasks
    assert [(one.status, one.output) for one in task.calls] == [(1, "1 failed")]
    assert [one.text for one in task.replies] == ["Sharpened."]
    assert task.trouble is not None
    assert task.trouble.trouble == "limit"


def test_a_review_that_the_user_asked_for_is_a_task_with_what_it_found(tmp_path: Path) -> None:
    output = {"overall_explanation": "The lid leaks.", "findings": [{"title": "Hole in the lid"}]}
    (task,) = session(
        tmp_path,
        event(1, "entered_review_mode", target={"type": "x"}, user_facing_hint="current changes"),
        event(9, "exited_review_mode", review_output=output),
    ).tasks
    assert task.first.text == "/review current changes"
    assert [one.text for one in task.replies] == ["The lid leaks.\nHole in the lid"]


@pytest.mark.parametrize(
    "shell", [["bash", "-lc"], ["powershell.exe", "-NoProfile", "-Command"], ["pwsh", "-Command"]]
)
def test_the_command_is_what_a_shell_is_given_to_run(tmp_path: Path, shell: list[str]) -> None:
    run = json.dumps({"command": [*shell, "npm test"]})
    call = item(2, "function_call", name="shell", arguments=run, call_id="1")
    assert [one.command for one in calls(session(tmp_path, says(1, ASKED), call))] == ["npm test"]

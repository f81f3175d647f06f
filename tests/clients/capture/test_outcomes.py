"""How tasks end, by what their sessions show."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from clients.capture.happening import asked, edited, ran, said, task
from clients.transcripts.sessions import START, codex, codex_start, write

from mcp_learning.clients.capture import outcomes
from mcp_learning.clients.capture.outcomes import verdict
from mcp_learning.clients.capture.tasks import executions
from mcp_learning.clients.transcripts import codex as codex_sessions
from mcp_learning.clients.transcripts.events import (
    Action,
    Interrupt,
    Prompt,
    ServiceError,
    SessionEvent,
    ToolCall,
    Trouble,
)
from mcp_learning.clients.transfer.imported import Notes
from mcp_learning.models.verdicts import PENDING, Verdict

HOME = "/home/user/teapot"
EDIT = edited(f"{HOME}/spout.py")
PASSED = ran("pytest -q", "7 passed")
FAILED = ran("pytest -q", "1 failed, 6 passed", status=1)
LINTED = ran("ruff check .", "All checks passed!")
COMMITTED = ran("git commit -am drip", "[main 1a2b3c4] drip")
LIMIT = ServiceError(at=START, text="limit reached", trouble=Trouble.LIMIT)
STOPPED = Interrupt(at=START)
DONE = said("The spout no longer drips.")


def worked(*events: SessionEvent) -> list[SessionEvent]:
    return [asked("The spout drips after pouring, mend it"), *events]


def follow_up(text: str) -> Prompt:
    return replace(asked(text), is_queued=True)  # which belongs to the task at hand


REVERTED = ran("git revert --no-edit HEAD", '[main 5d6e7f8] Revert "drip"')
ERROR = follow_up("it ends with ValueError: negative volume")

ENDINGS: list[tuple[str, list[SessionEvent], Verdict]] = [
    ("tests passed after the last edit", [EDIT, PASSED, DONE], outcomes.TESTED),
    ("tests failed, then passed", [EDIT, FAILED, EDIT, PASSED, DONE], outcomes.TESTED),
    ("edited after the tests", [EDIT, PASSED, EDIT, DONE], PENDING),
    ("the last tests failed", [EDIT, PASSED, FAILED, DONE], PENDING),
    ("tests passed, linters didn't", [EDIT, PASSED, ran("mypy", "", 1), DONE], PENDING),
    ("linters alone", [EDIT, LINTED, DONE], outcomes.CHECKED),
    ("a note aside after the tests", [EDIT, PASSED, edited("/tmp/note.md")], outcomes.TESTED),
    ("a plan of the agent", [EDIT, PASSED, edited(f"{HOME}/.claude/plan.md")], outcomes.TESTED),
    ("code for memory after the tests", [EDIT, PASSED, edited(f"{HOME}/memory/a.py")], PENDING),
    ("the same, as Codex names it", [EDIT, PASSED, edited("src/memory/a.py")], PENDING),
    ("in a project at /tmp", [PASSED, edited("/tmp/teapot/a.py", cwd="/tmp/teapot")], PENDING),
    ("nothing but words", [EDIT, DONE], PENDING),
    ("limit without a result", [EDIT, LIMIT], outcomes.BROKE_OFF),
    ("limit after the tests", [EDIT, PASSED, LIMIT], outcomes.BROKE_OFF),
    ("limit after the commit", [EDIT, COMMITTED, LIMIT], outcomes.PUBLISHED),
    ("limit after praise", [EDIT, DONE, follow_up("thanks, works"), LIMIT], outcomes.PRAISED),
    ("limit, and on", [LIMIT, follow_up("go on"), EDIT, DONE], PENDING),
    ("stopped", [EDIT, STOPPED], PENDING),
    ("praised", [EDIT, DONE, follow_up("thanks, works"), said("Glad.")], outcomes.PRAISED),
    ("praised in German", [EDIT, DONE, follow_up("danke, passt")], outcomes.PRAISED),
    ("asked to commit", [EDIT, DONE, follow_up("commit this please")], outcomes.ORDERED),
    ("asked to push in Chinese", [EDIT, DONE, follow_up("提交一下")], outcomes.ORDERED),
    ("asked to run tests", [EDIT, DONE, follow_up("run the tests")], PENDING),
    ("rejected last", [EDIT, PASSED, DONE, follow_up("it still doesn't work")], outcomes.REJECTED),
    ("rejected in Japanese", [EDIT, DONE, follow_up("まだ動かない")], outcomes.REJECTED),
    (
        "rejected, then mended and tested",
        [EDIT, PASSED, DONE, follow_up("still broken"), EDIT, PASSED, DONE],
        outcomes.TESTED,
    ),
    (
        "rejected, then tried again without a check",
        [EDIT, PASSED, DONE, follow_up("still broken"), EDIT, DONE],
        PENDING,
    ),
    (
        "committed, then taken back",
        [EDIT, COMMITTED, DONE, follow_up("revert that"), ran("git revert HEAD"), DONE],
        outcomes.UNDONE,
    ),
    ("an error after the tests", [EDIT, PASSED, DONE, ERROR, DONE], PENDING),
    ("an error after the commit", [EDIT, COMMITTED, DONE, ERROR, EDIT, DONE], PENDING),
    (
        "an error after the commit, mended and tested",
        [EDIT, COMMITTED, DONE, ERROR, EDIT, PASSED, DONE],
        outcomes.TESTED,
    ),
    ("reverted by the agent", [EDIT, COMMITTED, REVERTED, DONE], outcomes.REVERTED),
    (
        "reverted, which the user was glad of",
        [EDIT, COMMITTED, DONE, follow_up("revert that"), REVERTED, DONE, follow_up("thanks")],
        outcomes.REVERTED,
    ),
    (
        "reverted and made anew",
        [EDIT, COMMITTED, REVERTED, EDIT, ran("git commit -am lid", "[main 9a8b7c6] lid"), DONE],
        outcomes.PUBLISHED,
    ),
    ("another commit reverted", [REVERTED, DONE], outcomes.PUBLISHED),
    ("all taken back", [EDIT, PASSED, ran("git checkout -- ."), DONE], PENDING),
    ("all reset", [EDIT, PASSED, ran("cd lid && git reset --hard"), DONE], PENDING),
    ("a file taken back", [EDIT, PASSED, ran("git restore uv.lock"), DONE], outcomes.TESTED),
    ("the commit reset", [EDIT, COMMITTED, ran("git reset --hard HEAD~1"), DONE], PENDING),
    (
        "the commit reset and made anew",
        [EDIT, COMMITTED, ran("git reset --soft HEAD^"), COMMITTED, DONE],
        outcomes.PUBLISHED,
    ),
    ("brought up to date", [COMMITTED, ran("git reset --hard origin/main")], outcomes.PUBLISHED),
    ("asked whether it works", [EDIT, DONE, follow_up("works now?"), DONE], PENDING),
    (
        "the same once more, last",
        [EDIT, DONE, follow_up("The spout drips after pouring, mend it!")],
        outcomes.REJECTED,
    ),
    (
        "agreed to more twice",
        [said("Shall I?"), follow_up("yes"), EDIT, PASSED, DONE, follow_up("yes")],
        outcomes.TESTED,
    ),
    (
        "an offer declined",
        [EDIT, PASSED, said("Done. Shall I write a changelog, too?"), follow_up("no thanks")],
        outcomes.TESTED,
    ),
    ("said no to the work", [EDIT, PASSED, DONE, follow_up("no")], outcomes.REJECTED),
    (
        "the same once more after a limit",
        [LIMIT, follow_up("The spout drips after pouring, mend it"), LIMIT],
        outcomes.BROKE_OFF,
    ),
]


@pytest.mark.parametrize(
    ("events", "wanted"), [case[1:] for case in ENDINGS], ids=[case[0] for case in ENDINGS]
)
def test_an_ending_decides_or_leaves_the_outcome_open(
    events: list[SessionEvent], wanted: Verdict
) -> None:
    found = verdict(task(*worked(*events)))
    assert found[:3] == wanted[:3], found


def test_a_commit_is_named() -> None:
    found = verdict(task(*worked(EDIT, COMMITTED, DONE)))
    assert found == outcomes.PUBLISHED._replace(why="commit 1a2b3c4")


@pytest.mark.parametrize(
    ("events", "following", "wanted"),
    [
        ([EDIT, DONE], "Write the release notes of the kettle", outcomes.MOVED_ON),
        ([EDIT, DONE], "Great! Now write the release notes", outcomes.PRAISED),
        ([EDIT, DONE], "it still drips, same error as before", outcomes.COMPLAINED),
        ([EDIT, DONE], "The spout drips after pouring, mend it", outcomes.REPEATED),
        ([EDIT, DONE], "that doesn't work, use a cork", outcomes.COMPLAINED),
        ([EDIT, DONE, follow_up("commit this")], "it still drips, same error", outcomes.COMPLAINED),
        ([EDIT, DONE], "The lid doesn't close since Monday", PENDING),
        ([EDIT, DONE], "pour.py:3: ValueError: negative volume", PENDING),
        ([EDIT, PASSED, DONE], "pour.py:3: ValueError: negative volume", PENDING),
        ([EDIT, DONE], "/review why the lid is not closed", outcomes.MOVED_ON),
        ([DONE], "Write the release notes of the kettle", PENDING),
        ([DONE], "Great! Now write the release notes", outcomes.PRAISED),
        ([LIMIT], "Write the release notes of the kettle", outcomes.BROKE_OFF),
        ([EDIT, COMMITTED, DONE], "it still drips, same error", PENDING),
        ([EDIT, COMMITTED, DONE], "Write the release notes", outcomes.PUBLISHED),
        ([EDIT, STOPPED], "Write the release notes of the kettle", PENDING),
        ([LIMIT], "The spout drips after pouring, mend it", PENDING),
        ([EDIT], "Write the release notes of the kettle", PENDING),
    ],
)
def test_what_the_user_asks_next_tells_how_the_task_before_ended(
    events: list[SessionEvent], following: str, wanted: Verdict
) -> None:
    found = verdict(task(*worked(*events)), asked(following))
    assert found[:3] == wanted[:3], found


def test_a_command_that_is_given_again_is_no_complaint() -> None:
    command = "/create-story Follow the instructions in ./workflow.md"
    assert verdict(task(asked(command), EDIT, DONE), asked(command)) == PENDING


def test_a_plan_that_is_not_carried_out_stays_open() -> None:
    planned = replace(asked("Plan how to mend the spout"), in_plan_mode=True)
    assert verdict(task(planned, said("A plan.")), asked("Write the release notes")) == PENDING


def test_a_task_in_which_no_change_was_permitted_has_failed() -> None:
    refused = ToolCall(at=START, tool="Write", action=Action.EDIT, files=("/a",))
    refused.answer("Claude requested permissions to write to /a, but you haven't", failed=True)
    assert verdict(task(*worked(refused, said("I've created it.")))) == outcomes.REFUSED
    assert verdict(task(*worked(refused, EDIT, DONE))) == PENDING


@pytest.mark.parametrize(
    ("command", "output", "status", "wanted"),
    [
        ("pytest -q", "7 passed", 0, outcomes.TESTED),
        ("pytest -q", "1 failed", 1, PENDING),
        ("git commit -am drip", "[main 1a2b3c4] drip", 0, outcomes.PUBLISHED),
    ],
)
def test_a_session_of_codex_ends_as_well(
    tmp_path: Path, command: str, output: str, status: int, wanted: Verdict
) -> None:
    request = "The spout drips after pouring, mend it"
    call = {"call_id": "call-1"}
    arguments = json.dumps({"command": ["bash", "-lc", command]})
    told = json.dumps({"output": output, "metadata": {"exit_code": status}})
    items = [
        {"type": "function_call", "name": "shell", "arguments": arguments, **call},
        {"type": "function_call_output", "output": told, **call},
    ]
    file = write(
        tmp_path / "rollout-2025-03-01.jsonl",
        codex_start(),
        codex(1, "event_msg", type="user_message", message=request),
        *(codex(second, "response_item", **item) for second, item in enumerate(items, 2)),
        codex(9, "event_msg", type="agent_message", message="The spout no longer drips."),
    )
    (record,) = executions(codex_sessions.read, file, Notes())
    details = record.execution.details
    found = (record.execution.outcome, details.outcome_basis, details.outcome_confidence)
    assert found == wanted[:3]

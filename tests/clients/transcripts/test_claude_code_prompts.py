"""What was said in a session of Claude Code, and what tools told, in all their forms."""

from pathlib import Path

import pytest
from clients.transcripts.sessions import assistant, at, result, text, tool, user, write

from mcp_learning.clients.capture.tasks import executions
from mcp_learning.clients.transcripts import claude_code
from mcp_learning.clients.transcripts.events import Prompt
from mcp_learning.clients.transfer.imported import Notes

ASKED = "Fix the drip of the spout after pouring"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "session-1.jsonl"


def prompts(file: Path, *lines: dict[str, object]) -> list[str]:
    session = claude_code.read(write(file, *lines), Notes())
    return [one.text for one in session.events if isinstance(one, Prompt)]


def test_a_slash_command_for_the_agent_is_a_prompt_as_it_was_typed(file: Path) -> None:
    def command(name: str, given: str = "") -> str:
        return (
            f"<command-message>{name}</command-message>\n<command-name>/{name}</command-name>"
            + (f"\n<command-args>{given}</command-args>" if given else "")
        )

    expanded = user(1, [text("Please analyze this teapot and write down how to pour")], isMeta=True)
    found = prompts(
        file,
        user(0, command("init")),
        expanded,
        assistant(2, text("Written.")),
        user(3, command("brew", "green tea, @pot.py")),
        expanded,
        assistant(4, text("Brewed.")),
        user(5, command("context")),
        user(5, "## Context Usage: a tenth of it is tea, the rest is water", isMeta=True),
        user(5, command("clear")),
        user(6, "<local-command-stdout></local-command-stdout>"),
        user(7, command("exit")),
    )
    assert found == [
        "/init\n\nPlease analyze this teapot and write down how to pour",
        "/brew green tea, @pot.py",
    ]


def queued(seconds: float, **more: object) -> dict[str, object]:
    found = {"type": "queued_command", "commandMode": "prompt", **more}
    return {
        "type": "attachment",
        "timestamp": at(seconds),
        "uuid": f"u{seconds}",
        "attachment": found,
    }


def operation(seconds: float, kind: str, **more: object) -> dict[str, object]:
    return {"type": "queue-operation", "operation": kind, "timestamp": at(seconds), **more}


def test_prompts_that_were_queued_while_the_agent_worked_are_taken_once(file: Path) -> None:
    ended = "<task-notification><status>completed</status></task-notification>"
    found = prompts(
        file,
        user(0, ASKED),
        operation(1, "enqueue", content="Leave the lid alone"),
        operation(2, "remove"),
        queued(2, prompt="Leave the lid alone", origin={"kind": "human"}),
        queued(3, prompt="of another session", origin={"kind": "peer"}),
        queued(4, prompt=ended, commandMode="task-notification"),
        operation(5, "enqueue", content="Use the old blade"),
        operation(6, "remove"),
        operation(7, "enqueue", content="Then stop"),
        operation(8, "dequeue"),
        user(8, "Then stop"),
        operation(9, "enqueue", content="<agent-notification>\n<status>completed</status>"),
        operation(9, "remove"),
        operation(9, "enqueue", content="/model"),
        operation(9, "remove"),
        operation(9, "enqueue", content="Taken back"),
        operation(10, "popAll"),
    )
    assert found == [ASKED, "Leave the lid alone", "Use the old blade", "Then stop"]


def test_what_the_client_put_around_a_prompt_is_left_out(file: Path) -> None:
    opened = "<ide_opened_file>The user opened spout.py</ide_opened_file>"
    found = prompts(
        file,
        user(0, [text(opened), text(ASKED)]),
        assistant(1, text("Sharpened.")),
        user(2, "<task-notification>\n<status>completed</status>\n</task-notification>"),
        user(3, '<teammate-message teammate_id="lead">Do the lid</teammate-message>'),
        user(4, "<some-new-notice>\nThe tea is ready\n</some-new-notice>"),
        user(4, "This session is being continued from a previous conversation that ran out of it"),
        user(5, "Operation stopped by hook: Another session is active"),
    )
    assert found == [ASKED]


def test_what_the_user_said_to_a_refused_tool_or_a_question_belongs_to_the_task(
    file: Path,
) -> None:
    refused = (
        "The user doesn't want to proceed with this tool use. The tool use was rejected. "
        "To tell you how to proceed, the user said:\nonly the upper edge"
    )
    answered = 'User has answered your questions: "Which?"="The blue one". You can now continue'
    calls = [{**tool(name), "id": name} for name in ("Edit", "AskUserQuestion")]
    write(
        file,
        user(0, ASKED),
        assistant(1, *calls),
        user(2, [{**result(refused, failed=True)[0], "tool_use_id": "Edit"}]),
        user(3, [{**result(answered)[0], "tool_use_id": "AskUserQuestion"}]),
    )
    (record,) = executions(claude_code.read, file, Notes())
    assert record.execution.task_description == (
        f'{ASKED}\n\nonly the upper edge\n\n"Which?"="The blue one".'
    )
    (task,) = claude_code.read(file, Notes()).tasks
    assert [one.is_rejected for one in task.calls] == [True, False]


@pytest.mark.parametrize(
    ("told", "is_refused", "said"),
    [
        (
            'Your questions have been answered: "Which?"="Blue". '
            "You can now continue with these answers in mind.",
            False,
            '"Which?"="Blue".',
        ),
        (
            'The user answered: "Which?"=(no option selected) notes: the old one. '
            "Read the answers carefully — they may request clarification, changes, or that you "
            "not proceed — and follow what they actually say.",
            False,
            '"Which?"=(no option selected) notes: the old one.',
        ),
        (
            "To tell you how to proceed, the user said:\nonly the edge\n\n"
            "Note: The user's next message may contain a correction or preference. Pay close "
            "attention.",
            True,
            "only the edge",
        ),
        (
            "To tell you how to proceed, the user said:\nThe user wants to clarify these "
            "questions.\n    Start by asking them what they would like to clarify.\n\n"
            '    Questions asked:\n- "Which?"\n  (No answer provided)\n- "How hot?"\n  Answer: 80',
            True,
            '- "How hot?"\n  Answer: 80',
        ),
        (
            "To tell you how to proceed, the user said:\nThe user wants to clarify these "
            'questions.\n\n    Questions asked:\n- "Which?"\n  (No answer provided)',
            True,
            "",
        ),
    ],
)
def test_an_answer_to_a_question_is_what_the_user_said_and_nothing_of_the_client(
    file: Path, told: str, said: str, *, is_refused: bool
) -> None:
    refusal = "The user doesn't want to proceed with this tool use. " if is_refused else ""
    found = prompts(
        file,
        user(0, ASKED),
        assistant(1, tool("AskUserQuestion")),
        user(2, result(refusal + told, failed=is_refused)),
    )
    assert found == [ASKED, *([said] if said else [])]


def test_a_plan_to_implement_is_the_plan_without_what_the_client_added(file: Path) -> None:
    added = (
        "\n\n\nIf you need specific details from before exiting plan mode (like exact code "
        "snippets), read the full transcript at: /home/someone/session.jsonl\n\nIf this plan can "
        "be broken down into multiple independent tasks, consider creating a team"
    )
    plan = "Implement the following plan:\n\n# Sharpen the spout\n\n1. The upper edge"
    assert prompts(file, user(0, plan + added)) == [plan]


def test_a_plan_that_the_agent_showed_is_what_it_said(file: Path) -> None:
    plan = "Sharpen the upper edge, then pour ten cups. " * 5
    refused = "The user doesn't want to proceed with this tool use. The tool use was rejected."
    write(
        file,
        user(0, ASKED, permissionMode="plan"),
        assistant(1, tool("ExitPlanMode", plan=plan)),
        user(2, result(refused, failed=True)),
        user(3, "[Request interrupted by user for tool use]"),
    )
    (task,) = claude_code.read(file, Notes()).tasks
    assert task.first.in_plan_mode
    assert [one.is_rejected for one in task.calls] == [True]
    (record,) = executions(claude_code.read, file, Notes())
    assert record.execution.solution_summary == plan.strip()


def test_commands_have_the_exit_status_that_the_session_tells(file: Path) -> None:
    ids = ("passed", "failed", "away")
    calls = [{**tool("Bash", command=f"run {one}"), "id": one} for one in ids]
    told = ("ok", "Exit code 3\n1 failed", "Command running in background with ID: b1")
    notice = (
        "<task-notification>\n<tool-use-id>away</tool-use-id>\n<status>failed</status>\n"
        "<summary>Background command failed with exit code 2</summary>\n</task-notification>"
    )
    write(
        file,
        user(0, ASKED),
        assistant(1, *calls),
        *(
            user(2, [{**result(one, failed=name == "failed")[0], "tool_use_id": name}])
            for name, one in zip(ids, told, strict=True)
        ),
        user(60, notice),
    )
    (task,) = claude_code.read(file, Notes()).tasks
    assert [(one.status, one.failed) for one in task.commands] == [
        (0, False),
        (3, True),
        (2, True),
    ]


def test_what_files_held_adds_up(file: Path) -> None:
    notes = Notes()
    write(
        file,
        user(0, ASKED),
        assistant(1, text("Sharpened.")),
        user(2, "but it still drips"),
        assistant(3, text("Bent.")),
        user(4, "Next, write the docs of the lid"),
    )
    write(file.with_name("agent-1.jsonl"), user(1, "Look at the lid", isSidechain=True))
    assert len(list(executions(claude_code.read, file.parent, notes))) == 2
    assert notes.found == {
        "files": 2,
        "files without a prompt": 1,
        "prompts": 3,
        "tasks": 2,
        "follow-ups": 1,
    }

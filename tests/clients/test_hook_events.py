"""What each client's hooks tell, read as occasions, and answered in each client's form."""

import json
from typing import Any

import pytest

from mcp_learning.clients import hook_events
from mcp_learning.clients.hook_events import LONGEST_TEXT
from mcp_learning.models.occasions import Occasion

SHELL = {"tool_name": "Bash", "tool_input": {"command": "npm test"}}
PATCH = "*** Begin Patch\n*** Update File: src/a.py\n@@\n-x\n+y\n*** Add File: b.py\n*** End Patch"
COPILOT = "no script\n<shellId: 0 completed with exit code 1>"
GEMINI = {"tool_name": "run_shell_command", "tool_input": {"command": "npm test"}}


def told(client: str, name: str, **payload: Any) -> dict[str, Any]:
    occasion = hook_events.occasion(client, {"hook_event_name": name, **payload})
    return {} if occasion is None else occasion


@pytest.mark.parametrize(
    ("client", "name", "payload", "expected"),
    [
        ("claude-code", "SessionStart", {"source": "clear"}, ("start", "clear", "")),
        ("claude-code", "UserPromptSubmit", {"prompt": " fix it "}, ("prompt", "fix it", "")),
        ("claude-code", "PreToolUse", SHELL, ("before", "", "npm test")),
        (
            "claude-code",
            "PostToolUseFailure",
            {**SHELL, "error": "Exit code 1\nno script"},
            ("failure", "Exit code 1\nno script", "npm test"),
        ),
        ("codex", "UserPromptSubmit", {"prompt": "fix it"}, ("prompt", "fix it", "")),
        (
            "codex",
            "PostToolUse",
            {**SHELL, "tool_response": "Exit code: 2\nOutput:\nexit code 0 expected"},
            ("failure", "Exit code: 2\nOutput:\nexit code 0 expected", "npm test"),
        ),
        (
            "codex",
            "PostToolUse",
            {**SHELL, "tool_response": "> test\nModuleNotFoundError: No module named 'yaml'\n"},
            ("failure", "> test\nModuleNotFoundError: No module named 'yaml'", "npm test"),
        ),
        ("gemini", "BeforeAgent", {"prompt": "fix it"}, ("prompt", "fix it", "")),
        (
            "gemini",
            "AfterTool",
            {**GEMINI, "tool_response": {"llmContent": "Output: no script\nExit Code: 1"}},
            ("failure", "Output: no script\nExit Code: 1", "npm test"),
        ),
        (
            "gemini",
            "AfterTool",
            {"tool_response": {"llmContent": [{"text": "x"}], "error": {"message": "no file"}}},
            ("failure", "no file", ""),
        ),
        ("cursor", "beforeSubmitPrompt", {"prompt": "fix it"}, ("prompt", "fix it", "")),
        (
            "cursor",
            "postToolUse",
            {
                "tool_name": "Shell",
                "tool_input": {"command": "npm test"},
                "tool_output": '{"exitCode": 1, "stdout": "", "stderr": "no script"}',
            },
            ("failure", "no script", "npm test"),
        ),
        ("cursor", "postToolUse", {"tool_output": '{"exitCode": 0}'}, ("after", "", "")),
        ("copilot", "UserPromptSubmit", {"prompt": "fix it"}, ("prompt", "fix it", "")),
        (
            "copilot",
            "PostToolUse",
            {**SHELL, "tool_result": {"result_type": "success", "text_result_for_llm": COPILOT}},
            ("failure", COPILOT, "npm test"),
        ),
        ("copilot", "PostToolUse", {**SHELL, "tool_result": {}}, ("after", "", "npm test")),
    ],
)
def test_an_event_is_an_occasion(
    client: str, name: str, payload: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    occasion = Occasion.model_validate(told(client, name, **payload))
    assert (occasion.event, occasion.text, occasion.command) == expected


@pytest.mark.parametrize(
    ("client", "name", "payload"),
    [
        ("claude-code", "UserPromptSubmit", {"prompt": ""}),
        ("claude-code", "UserPromptSubmit", {"prompt": ["a"]}),
        ("claude-code", "UserPromptSubmit", {}),
        ("claude-code", "UserPromptSubmit", {"prompt": "\x00\x1b\ud800 "}),
        ("claude-code", "PostToolUseFailure", {**SHELL, "error": "x", "is_interrupt": True}),
        ("claude-code", "PreToolUse", {"tool_name": "Read", "tool_input": {"file_path": "a"}}),
        ("claude-code", "Stop", {}),
        ("claude-code", "Notification", {}),
        ("claude-code", "", {}),
        ("codex", "PostToolUse", {**SHELL, "tool_response": "Exit code: 0\nOutput:\nfine"}),
        ("codex", "PostToolUse", {**SHELL, "tool_response": "fine"}),
        ("codex", "PostToolUse", {**SHELL, "tool_response": None}),
        (
            "codex",
            "PostToolUse",
            {
                "tool_name": "Bash",
                "tool_input": {"command": "cd pot && sed -n '1,9p' lid.py"},
                "tool_response": "except OSError as error: print(error, file=stderr)",
            },
        ),
        ("gemini", "AfterTool", {**GEMINI, "tool_response": {"llmContent": "Output: fine"}}),
        ("gemini", "BeforeTool", GEMINI),
    ],
)
def test_what_needs_no_answer_asks_nothing(client: str, name: str, payload: dict[str, Any]) -> None:
    assert told(client, name, **payload) == {}


@pytest.mark.parametrize(
    ("tool", "given", "expected"),
    [
        ("Edit", {"file_path": "/srv/a.py", "old_string": "x"}, ["/srv/a.py"]),
        ("NotebookEdit", {"notebook_path": "/srv/a.ipynb"}, ["/srv/a.ipynb"]),
        ("apply_patch", {"command": PATCH}, ["src/a.py", "b.py"]),
        ("Bash", {"command": ["bash", "-lc", "ls"]}, []),
        ("create", '{"path": "/srv/a.py"}', ["/srv/a.py"]),
        ("Write", {"file_path": 3}, []),
        ("Write", [], []),
    ],
)
def test_files_are_those_that_a_tool_edits(tool: str, given: Any, expected: list[str]) -> None:
    occasion = told("codex", "PreToolUse", tool_name=tool, tool_input=given)
    assert occasion.get("files", []) == expected


def test_sessions_and_directories_are_found_under_every_name() -> None:
    cursor = told(
        "cursor",
        "beforeSubmitPrompt",
        prompt="fix it",
        conversation_id="c",
        workspace_roots=["/srv/shop"],
    )
    assert (cursor["session"], cursor["cwd"], cursor["speaks"]) == ("c", "/srv/shop", False)
    codex = told("codex", "UserPromptSubmit", prompt="fix it", session_id="s", cwd="/srv/shop")
    assert (codex["session"], codex["cwd"], codex["speaks"]) == ("s", "/srv/shop", True)


def test_long_texts_are_cut_at_a_word() -> None:
    occasion = told("codex", "UserPromptSubmit", prompt="secret-word " * LONGEST_TEXT)
    assert len(occasion["text"]) <= LONGEST_TEXT
    assert set(occasion["text"].split()) == {"secret-word"}
    failed = told("claude-code", "PostToolUseFailure", error="x " * LONGEST_TEXT + "the end")
    assert failed["text"].endswith("the end")
    Occasion.model_validate(failed)


def test_answers_have_the_form_of_their_client() -> None:
    def answer(client: str, name: str) -> dict[str, Any]:
        payload = {"hook_event_name": name}
        value: dict[str, Any] = json.loads(hook_events.answer(client, payload, 'so "it" is'))
        return value

    for client, name in (("codex", "PreToolUse"), ("gemini", "AfterTool")):
        specific = {"hookEventName": name, "additionalContext": 'so "it" is'}
        assert answer(client, name) == {"hookSpecificOutput": specific}
    assert answer("cursor", "postToolUse") == {"additional_context": 'so "it" is'}
    assert answer("copilot", "PostToolUse") == {"additionalContext": 'so "it" is'}


@pytest.mark.parametrize("client", sorted(hook_events.CLIENTS))
def test_tasks_of_every_client_with_transcripts_are_recorded_at_an_end(client: str) -> None:
    events = hook_events.CLIENTS[client].events
    assert ("end" in events.values()) == (client != "cursor")
    for name, kind in events.items():
        assert hook_events.is_end(client, {"hook_event_name": name}) is (kind == "end")

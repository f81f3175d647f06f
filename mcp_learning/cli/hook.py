"""`hook claude-code`: answers a hook of Claude Code, and never disturbs the client.

It exits with 0 and prints nothing unless it has an answer; failures are in `hook.log` in the data
directory. It imports only what it needs, since a person waits for it.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

SECONDS = 0.25
"""Longest time to wait for the server. A hook may take 0.3 s; the server answers in 0.02."""

_LARGEST_INPUT = 16 * 2**20
_RECORDED = ("Stop", "SessionEnd")
_LONGEST_REPLY = 8_000


def main(arguments: list[str]) -> None:
    """Runs `hook claude-code ARGUMENTS`; always exits with 0."""
    try:
        options = _options(arguments)
    except ValueError as error:
        _complain(f"hook claude-code: {error}")
    else:
        run(**options)


def run(*, data_dir: str | None = None, patience: float = SECONDS, record: bool = False) -> None:
    """Reads a hook's JSON from stdin and answers it.

    Args:
        data_dir: The data directory; None for the one of the settings.
        patience: Seconds to wait for the server.
        record: Record the session's latest task in this process.
    """
    from mcp_learning.clients import hook_paths

    directory: Path | None = None
    event = "hook"
    try:
        directory = hook_paths.data_directory(data_dir)
        payload = json.loads(sys.stdin.buffer.read(_LARGEST_INPUT))
        event = str(payload.get("hook_event_name"))
        if record:
            _record(payload, directory)
        elif event == "UserPromptSubmit":
            _recall(payload, directory, patience)
        elif event in _RECORDED:
            _hand_over(payload, directory)
    except Exception as error:  # noqa: BLE001 - a hook that fails must not disturb the agent
        _log(directory, f"{event}: {type(error).__name__}: {error}")


def _recall(payload: dict[str, Any], directory: Path, patience: float) -> None:
    from mcp_learning.clients import hooks
    from mcp_learning.cluster.blocking_client import NoLeader

    try:
        answer = hooks.recall(payload, directory, patience)
    except NoLeader:
        return  # usual while no agent has its server running
    if answer:
        sys.stdout.write(answer + "\n")
        sys.stdout.flush()


def _hand_over(payload: dict[str, Any], directory: Path) -> None:
    """Starts a process that records; the client may be about to exit, and doesn't wait."""
    import subprocess

    names = ("session_id", "transcript_path", "cwd", "hook_event_name")
    handed = {name: payload.get(name) for name in names}
    closing = str(payload.get("last_assistant_message") or "")
    handed["last_assistant_message"] = closing[:_LONGEST_REPLY]
    command = [sys.executable, "-P", "-m", "mcp_learning", "hook", "claude-code", "--record"]
    detached: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        detached = {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NO_WINDOW}
    child = subprocess.Popen(
        [*command, "--data-dir", str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=Path(sys.executable).parent,  # in the project's directory, it might keep it in use
        **detached,
    )
    assert child.stdin is not None
    with child.stdin as pipe:
        pipe.write(json.dumps(handed, ensure_ascii=False).encode(errors="replace"))
    child.returncode = 0  # it outlives this process on purpose


def _record(payload: dict[str, Any], directory: Path) -> None:
    from mcp_learning.clients import hook_paths
    from mcp_learning.clients.capture import recording

    result = recording.record(payload, directory)
    hook_paths.note(directory, f"{payload.get('hook_event_name')}: {result}")


def _log(directory: Path | None, text: str) -> None:
    from mcp_learning.clients import hook_paths

    try:
        hook_paths.note(directory or Path(os.devnull), text)
    except OSError as error:
        _complain(f"{text} (not logged: {error})")


def _complain(text: str) -> None:
    try:
        sys.stderr.write(f"mcp-learning: {text}\n")
    except (OSError, ValueError, AttributeError):
        return  # stderr is closed


def _options(arguments: list[str]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    left = list(arguments)
    while left:
        name = left.pop(0)
        if name == "--record":
            options["record"] = True
        elif name == "--data-dir" and left:
            options["data_dir"] = left.pop(0)
        elif name == "--patience" and left:
            options["patience"] = float(left.pop(0))
        elif name != "--json":  # which is what it always prints
            raise ValueError(f"there is no option {name}")
    return options

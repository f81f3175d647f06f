"""`hook CLIENT`: answers a hook of an agent client, and never fails the client.

It prints nothing unless there is something to tell the agent. Failures are logged to `hook.log` in
the data directory. It imports only what it needs, since a person waits for it.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

SECONDS = 0.25
"""Longest time to wait for the server, which usually answers in 0.02 s; a hook may take 0.3 s."""

_RUN_DIRECTORY = "run"  # directory of the leader's address, in the data directory
_LARGEST_INPUT = 16 * 2**20
_LONGEST_REPLY = 8_000


def main(client: str, arguments: list[str]) -> None:
    """Runs `hook CLIENT ARGUMENTS`; never raises."""
    try:
        options = _options(arguments)
    except ValueError as error:
        _write_error(f"hook {client}: {error}")
    else:
        run(client, **options)


def run(
    client: str, *, data_dir: str | None = None, timeout: float = SECONDS, record: bool = False
) -> None:
    """Reads a hook's JSON from stdin, and answers it or, with `record`, records the latest task.

    Waits at most `timeout` seconds for the server.
    """
    from mcp_learning.clients import hook_events, hook_paths

    directory: Path | None = None
    event = "hook"
    try:
        directory = hook_paths.data_directory(data_dir)
        payload = json.loads(sys.stdin.buffer.read(_LARGEST_INPUT))
        event = hook_events.event_of(payload)
        if record:
            from mcp_learning.clients.capture import recording

            result = recording.record(client, payload, directory)
            hook_paths.append_log(directory, f"{client} {event}: {result}")
        elif hook_events.is_end(client, payload):
            _start_recording(client, payload, directory)
        else:
            _answer(client, payload, directory, timeout)
    except Exception as error:  # noqa: BLE001 - a hook that fails must not disturb the agent
        _log(directory, f"{client} {event}: {type(error).__name__}: {error}")


def _answer(client: str, payload: dict[str, Any], directory: Path, timeout: float) -> None:
    from mcp_learning.clients import hook_events

    occasion = hook_events.occasion(client, payload)
    if occasion is None:
        return
    from mcp_learning.cluster import blocking_client

    try:
        said = blocking_client.ask(directory / _RUN_DIRECTORY, "remark", occasion, timeout)
    except blocking_client.NoLeader:
        return  # usual if no agent has a server running
    if text := str(said.get("text") or ""):
        sys.stdout.write(hook_events.answer(client, payload, text) + "\n")
        sys.stdout.flush()


def _start_recording(client: str, payload: dict[str, Any], directory: Path) -> None:
    """Starts a detached process that records the task, since the client may exit soon."""
    import subprocess

    names = ("session_id", "conversation_id", "transcript_path", "cwd", "hook_event_name")
    handed = {name: payload.get(name) for name in names}
    closing = str(payload.get("last_assistant_message") or payload.get("prompt_response") or "")
    handed["last_assistant_message"] = closing[:_LONGEST_REPLY]
    command = [sys.executable, "-P", "-m", "mcp_learning", "hook", client, "--record"]
    detached: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        detached = {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NO_WINDOW}
    child = subprocess.Popen(
        [*command, "--data-dir", str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=Path(sys.executable).parent,  # not the project's directory, which would stay in use
        **detached,
    )
    assert child.stdin is not None
    with child.stdin as pipe:
        pipe.write(json.dumps(handed, ensure_ascii=False).encode(errors="replace"))
    child.returncode = 0  # it outlives this process on purpose


def _log(directory: Path | None, text: str) -> None:
    from mcp_learning.clients import hook_paths

    try:
        hook_paths.append_log(directory or Path(os.devnull), text)
    except OSError as error:
        _write_error(f"{text} (not logged: {error})")


def _write_error(text: str) -> None:
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
        elif name == "--timeout" and left:
            options["timeout"] = float(left.pop(0))
        elif name != "--json":  # the output is always JSON
            raise ValueError(f"there is no option {name}")
    return options

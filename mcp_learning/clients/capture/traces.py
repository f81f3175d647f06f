"""Traces of a task: the files that it changed with their commits, and commands that recovered."""

import re
from typing import Any

from mcp_learning.clients.capture.checks import kinds
from mcp_learning.clients.transcripts.events import ToolCall
from mcp_learning.clients.transcripts.sessions import Task
from mcp_learning.clients.transfer.imported import clean_and_truncate, clean_end
from mcp_learning.clients.values import clean

_MOST_FILES = 50  # files of a task that are recorded
_MOST_COMMANDS = 5  # commands that failed, and later worked in another form
_LONGEST_VALUE = 300  # characters of a path, a command, or the end of an error
_BEFORE_PROGRAM = re.compile(
    r"""\s*(?:(?:cd|pushd|(?:Set|Push)-Location(?:\s+-\w+)*)\s+(?:"[^"]*"|'[^']*'|\S+?)\s*(?:&&|;|\n)\s*"""
    r"|[A-Za-z_]\w*=\S*\s+|\$\w+\s*=[^;\n]*[;\n]\s*|#[^\n]*\n\s*|sudo\s+|time\s+)*"
)
_SAYS_NOTHING = re.compile(r"\s*(?:(?:Error: )?Exit code \d+\s*)?")
_RUNNERS = {
    *("npm", "npx", "pnpm", "yarn", "bun", "uv", "poetry", "python", "python3", "pip", "cargo"),
    *("go", "git", "gh", "docker", "make", "mvn", "gradle"),
}


def files(task: Task) -> list[dict[str, Any]]:
    """The files that were written, each with the commit that contains the change.

    A file that was not committed in the task has the commit at the start of the session, if known.
    """
    found: dict[str, str] = {}
    waiting: list[str] = []
    for call in task.calls:
        if call.is_edit:
            waiting += call.files
        elif call.commits:
            found.update(dict.fromkeys(waiting, call.commits[-1]))
            waiting = []
    found.update({file: found.get(file, task.session.commit) for file in waiting})
    named = list(found.items())[:_MOST_FILES]
    return [
        {"path": clean(path, _LONGEST_VALUE), "commit": commit or None} for path, commit in named
    ]


def recovered(task: Task) -> list[dict[str, str]]:
    """Commands that failed, the end of their output, and the command that then worked.

    Commands belong together if they run the same program: `pytest -q` and `pytest tests/a.py`, but
    not `git add` and `git push`. A check that failed before an edit is not recovered by another
    form of the command, but by the edit.
    """
    found: list[dict[str, str]] = []
    failed: dict[str, ToolCall] = {}
    for call in task.calls:
        if call.is_edit:
            failed = {name: one for name, one in failed.items() if not kinds(one)}
        program = _program(call.command)
        if not program or call.is_rejected or call.failed is None:
            continue
        if call.failed:
            if not _SAYS_NOTHING.fullmatch(call.output):  # such as a search without matches
                failed[program] = call
        elif (before := failed.pop(program, None)) and before.command != call.command:
            found.append(
                {
                    "failed": clean_and_truncate(before.command, _LONGEST_VALUE),
                    "error": clean_end(before.output, _LONGEST_VALUE),
                    "worked": clean_and_truncate(call.command, _LONGEST_VALUE),
                }
            )
    return found[-_MOST_COMMANDS:]


def _program(command: str) -> str:
    """The program that a command runs, with its subcommand for programs that have many."""
    words = _BEFORE_PROGRAM.sub("", command, count=1).split()[:3]
    if not words:
        return ""
    name = words[0].rsplit("/", 1)[-1]
    further = [word for word in words[1:] if not word.startswith("-")]
    return f"{name} {further[0]}" if name in _RUNNERS and further else name

"""Runs git so that no repository can make it execute a program or open a connection.

A repository's own configuration and attributes can name programs: a file system monitor, hooks, a
pager, an external diff, filters, a signature checker, a transport. The options in `_CONFIG` win
over the configuration of the repository, of the user and of the machine. Otherwise the user's and
the machine's stay in effect, for instance `safe.directory`. A missing object of a partial clone is
not fetched: no transport is allowed.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from mcp_learning.errors import InvalidInput, LearningError
from mcp_learning.models.characters import clean

TIMEOUT_SECONDS = 30
"""Timeout of a git command."""

_NO_PROGRAM = "false"
_CONFIG = {
    "i18n.logOutputEncoding": "UTF-8",
    "core.hooksPath": os.devnull,
    "core.pager": "cat",
    **{f"core.{name}": _NO_PROGRAM for name in ("sshCommand", "gitProxy", "askPass", "editor")},
    "core.alternateRefsCommand": _NO_PROGRAM,
    "credential.helper": "",  # empty: resets the list
    "diff.external": "",
    "diff.submodule": "short",
    **{f"gpg{kind}.program": _NO_PROGRAM for kind in ("", ".openpgp", ".ssh", ".x509")},
    **dict.fromkeys(("core.fsmonitor", "diff.relative", "log.showSignature"), "false"),
    **dict.fromkeys(("log.mailmap", "maintenance.auto", "submodule.recurse"), "false"),
    "log.showRoot": "true",
    "gc.auto": "0",
    "protocol.allow": "never",
}
_ENVIRONMENT = {
    "LC_ALL": "C",
    "GIT_ALLOW_PROTOCOL": "none",  # protocol.allow alone still lets ssh through to a promisor
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_PAGER": "cat",
}
# Other variables of git are not passed on: they name programs and files to write, or, while a hook
# runs, another repository than the directory's.
_KEPT = {
    *("GIT_CEILING_DIRECTORIES", "GIT_DISCOVERY_ACROSS_FILESYSTEM", "GIT_EXEC_PATH"),
    *("GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_SYSTEM"),
}
_PROGRAM = "git.exe" if sys.platform == "win32" else "git"


def run(
    directory: Path,
    *arguments: str,
    given: str = "",
    config: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """The output of a git command, invalid UTF-8 replaced; blocks for at most `TIMEOUT_SECONDS`.

    `given` is its standard input; `_CONFIG` takes precedence over `config`.

    Raises:
        InvalidInput: git refuses; the message says why.
        LearningError: There is no git program, or it took too long.
    """
    settings = {**config, **_CONFIG}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    try:
        done = subprocess.run(
            [_program(), "--no-pager", *options, *arguments],
            cwd=directory,
            env=_environment(),
            input=given.encode(),
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LearningError(f"git did not answer about {directory} ({error})") from error
    if done.returncode != 0:
        raise _explain(directory, done.stderr.decode(errors="replace"))
    return done.stdout.decode(errors="replace")


def without_control(text: str) -> str:
    """A text without terminal sequences, control characters and carriage returns."""
    return clean(text).replace("\r", "")


def _program() -> str:
    """The path of git, searched in absolute entries of PATH only, not in the repository."""
    for entry in os.environ.get("PATH", os.defpath).split(os.pathsep):
        found = Path(entry, _PROGRAM)
        if found.is_absolute() and found.is_file() and os.access(found, os.X_OK):
            return str(found)
    raise LearningError("git is not installed, or not on PATH; install it first")


def _environment() -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith("GIT_") or name.upper() in _KEPT
    }
    return kept | _ENVIRONMENT


def _explain(directory: Path, complaint: str) -> InvalidInput:
    if "not a git repository" in complaint:
        return InvalidInput("repo", f"{directory} is not a git repository; give the path of one")
    if "bad revision 'HEAD'" in complaint or "ambiguous argument 'HEAD'" in complaint:
        return InvalidInput("repo", f"{directory} has no commits yet; commit something first")
    reasons = [line for line in complaint.splitlines() if line.startswith(("fatal:", "error:"))]
    reason = (reasons or complaint.splitlines() or ["no reason given"])[0]
    return InvalidInput("repo", f"git can't read {directory}: {without_control(reason)}")

"""Infers the repository that a task worked in.

It is that of the directory with most edits or calls. If that is no project (a home, desktop or
temporary directory) or a worktree that no longer exists, it is inferred from pushes, edited files
and the other directories of the session.
"""

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from mcp_learning.clients.transcripts.events import SessionEvent, ToolCall
from mcp_learning.clients.transcripts.sessions import Session, Task
from mcp_learning.clients.values import clean
from mcp_learning.redaction import repositories, working_copies

LONGEST_NAME = 500

_NO_PROJECT = re.compile(
    r"(?:[A-Za-z]:)?[\\/]?|[A-Za-z]:[\\/](?i:Windows)(?:[\\/].*)?"
    r"|(?:[A-Za-z]:)?[\\/](?:root|tmp|var[\\/]tmp|private[\\/]tmp|opt|mnt|srv|workspaces?|home|Users)"
    r"|(?:/mnt/[a-z]|[A-Za-z]:)?[\\/](?:home|Users)[\\/][^\\/]+(?:[\\/](?:Desktop|Documents|Downloads"
    r"|OneDrive(?:[\\/](?:Desktop|Documents))?|[Pp]rojects?|[Ww]orkspaces?|[Rr]epos?|[Cc]ode|[Dd]ev"
    r"|[Dd]evelopment|[Ss]rc|[Ss]ource|[Ww]ork|[Gg]it|[Gg]it[Hh]ub))?"
)
_WORKTREE = re.compile(
    r"[\\/](?:worktrees?|\.worktrees?|\.trees)[\\/]|[._-]worktrees?[\\/]|[\\/]conductor[\\/]workspaces[\\/]"
)
_WORKTREES_BESIDE = re.compile(r"(?P<main>[^\\/]+?)[._-]worktrees?[\\/][^\\/]+")
_NAMED_WORKTREES = re.compile(
    r"[\\/](?:\.cursor[\\/]worktrees|conductor[\\/]workspaces)[\\/](?P<main>[^\\/]+)[\\/]"
)
_MANAGED = re.compile(r"[\\/]\.codex[\\/]worktrees[\\/][^\\/]+[\\/][^\\/]+")
_SEPARATOR = re.compile(r"[\\/]")
_MAIN_BRANCHES = frozenset({"main", "master", "develop", "dev", "trunk", "next"})
_SHORTEST_STEM = 2
_TELLING = tuple(
    (word, re.compile(command), re.compile(output, re.MULTILINE))
    for word, command, output in (
        ("push", r"\bgit\b.*\bpush\b", r"^To (?P<name>(?![./~]|file:)\S+[:/]\S+)"),
        ("remote", r"\bgit\b.*\bremote\b", r"^origin\s+(?P<name>\S+)\s+\((?:fetch|push)\)"),
        (
            "create",
            r"\bgh\s+pr\s+create\b|\bglab\s+mr\s+create\b",
            r"https?://[\w.-]+/(?P<name>[\w.-]+/[\w.-]+)/(?:pull|-/merge_requests)/\d+",
        ),
    )
)
"""Commands whose output names the repository: a word to find them quickly, the command, and the
pattern of the output."""


def repository(task: Task) -> str:
    """Name of the repository; empty if it can't be inferred."""
    directory = _directory_of(task.events) or task.cwd
    if working_copies.main_directory(directory):
        return _name(directory)
    branch = task.branch
    if _is_project(directory):
        above = _outermost(directory, task.session)
        return _by_path(above, branch) or _pushed(task) or _name(above)
    later = _directory_of(task.session.events)
    elsewhere = _by_path(later, branch) or _name(later) if _is_project(later) else ""
    return _by_files(task, directory) or _pushed(task) or elsewhere


def known_as(task: Task) -> list[str]:
    """Directories and addresses of the repository, for comparing them with excluded ones."""
    directories = dict.fromkeys(one.cwd for one in task.events if one.cwd)
    found = dict.fromkeys(one for cwd in directories for one in _spellings(cwd))
    return [*found, *filter(None, [task.session.remote, _pushed_url(task)])]


def _directory_of(events: Sequence[SessionEvent]) -> str:
    """The directory with most edits; without any edit, with most calls."""
    calls = [one for one in events if isinstance(one, ToolCall) and one.cwd]
    for some in ([one for one in calls if one.is_edit], calls):
        if where := Counter(one.cwd for one in some):
            return where.most_common(1)[0][0]
    return ""


def _is_project(directory: str) -> bool:
    return bool(directory) and not _NO_PROJECT.fullmatch(directory.rstrip("\\/") or directory)


def _outermost(directory: str, session: Session) -> str:
    """The directory that the session was in before it went to this one below it."""
    for event in session.events:
        is_above = event.cwd and directory.startswith((f"{event.cwd}/", f"{event.cwd}\\"))
        if is_above and _is_project(event.cwd):
            return event.cwd
    return directory


def _by_path(directory: str, branch: str) -> str:
    """The repository of a directory that no longer exists, by its path; "" if it isn't named."""
    for pattern in (_NAMED_WORKTREES, _WORKTREES_BESIDE):
        found = pattern.search(f"{directory}/")
        if found and not found["main"].startswith("."):
            return clean(found["main"], LONGEST_NAME)
    name = _SEPARATOR.split(directory.rstrip("\\/"))[-1]
    above = directory.rstrip("\\/").removesuffix(name).rstrip("\\/")
    if stem := _without_branch(name, above, branch):
        return clean(stem, LONGEST_NAME)
    is_open = _WORKTREE.search(f"{directory}/") and _name(directory) == name
    return "" if is_open and not _MANAGED.search(directory) else _name(directory)


def _without_branch(name: str, above: str, branch: str) -> str:
    """The name of a repository in that of a worktree, which tools name by its branch.

    `teapot-no-drip` with the branch `no-drip` is a worktree of `teapot`, and so is
    `teapot/no-drip`.
    """
    for spelt in dict.fromkeys([branch.replace("/", "-"), branch.rsplit("/", 1)[-1]]):
        if not spelt or (spelt in _MAIN_BRANCHES and name != spelt):
            continue
        if name == spelt:
            return _SEPARATOR.split(above)[-1] if _is_project(above) else ""
        stem = name.removesuffix(spelt)
        if stem != name and stem[-1:] in ("-", "_", ".", "+") and len(stem) > _SHORTEST_STEM:
            return stem[:-1]
    return ""


def _by_files(task: Task, directory: str) -> str:
    """The subdirectory with most edited files, of a directory that is no project.

    Directories that aren't projects either, such as a user's downloads or settings, don't count.
    """
    above = directory.rstrip("\\/") + "/"
    below = [
        file.replace("\\", "/").removeprefix(above.replace("\\", "/"))
        for file in task.files
        if file.replace("\\", "/").startswith(above.replace("\\", "/"))
    ]
    names = Counter(
        name
        for file in below
        if "/" in file
        and not (name := file.split("/")[0]).startswith(".")
        and _is_project(above + name)
    )
    return clean(names.most_common(1)[0][0], LONGEST_NAME) if names else ""


def _pushed(task: Task) -> str:
    url = _pushed_url(task) or task.session.remote
    parts = repositories.parse(url).parts if url else ()
    return clean(parts[-1], LONGEST_NAME) if parts else ""


def _pushed_url(task: Task) -> str:
    """The address printed by `git push`, `git remote` or `gh pr create`, in the task or session."""
    earlier = (one for one in task.session.events if isinstance(one, ToolCall) and one.command)
    for call in (*task.commands, *earlier):
        for word, command, told in _TELLING:
            if (
                word in call.command
                and command.search(call.command)
                and (found := told.search(call.output))
            ):
                return found["name"]
    return ""


@lru_cache(1_000)
def _name(cwd: str) -> str:
    return clean(working_copies.name(cwd), LONGEST_NAME)


@lru_cache(1_000)
def _spellings(cwd: str) -> tuple[str, ...]:
    return tuple(working_copies.spellings(cwd))

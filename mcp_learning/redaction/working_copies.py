"""Finds the repository of a local directory by reading git's files.

The git program isn't run, since a repository's configuration could make it execute a program. Paths
on other machines aren't accessed, and only small regular files are read.
"""

import os
import re
import stat
from contextlib import suppress
from pathlib import Path

from mcp_learning.redaction.repositories import parse

LARGEST_FILE = 2**20  # bytes of a file of git that are read
MOST_REMOTES = 20  # remotes that are taken from a configuration

_WORKTREE = re.compile(r"(?P<main>.+?)[\\/](?:\.[^\\/]+[\\/])?worktrees[\\/][^\\/]+")
_REMOTE = re.compile(r'\s*\[\s*remote\s+".*"\s*\]', re.IGNORECASE)
_SECTION = re.compile(r"\s*\[")
_URL = re.compile(r"\s*(?:push)?url\s*=\s*(?P<url>.*)", re.IGNORECASE)


def main_directory(directory: str) -> Path | None:
    """The main directory of the repository of an absolute path, the same for all its worktrees.

    For a bare repository it is the repository itself; None without a repository. Blocks.
    """
    root = root_directory(directory)
    return None if root is None else _main_of(root)


def spellings(directory: str) -> list[str]:
    """All spellings of the repository of a directory. Blocks.

    They are the directory, the targets of links, the root of the worktree, the main directory of
    the repository, and the addresses of its remotes; for a missing directory only its path.
    """
    found = [directory]
    if _is_elsewhere(directory):
        return found
    with suppress(OSError, ValueError, RuntimeError):
        path = Path(directory).expanduser().absolute()
        found += [str(path), os.path.realpath(path)]
        root = root_directory(str(path))
        if root is not None:
            main = _main_of(root)
            found += [str(root), str(main), os.path.realpath(main)]
            found += _remotes(root)
    return list(dict.fromkeys(found))


def name(directory: str) -> str:
    """The name of the repository of a directory, or without one of the directory itself. Blocks.

    A worktree that no longer exists is recognised by `worktrees` in its path.
    """
    main = main_directory(directory)
    if main is not None:
        return main.name.removesuffix(".git") or main.name
    text = directory.rstrip("/\\")
    if worktree := _WORKTREE.match(text):
        main_path = worktree["main"]
        if not re.search(r"(?:^|[\\/])(?:home|Users)[\\/][^\\/]+$|^/root$", main_path):
            text = main_path
    is_windows = "\\" in text and "/" not in text
    return re.split(r"\\" if is_windows else "/", text)[-1].removesuffix(".git")


def known_as(directory: str) -> list[str]:
    """`spellings`, and the name if there is no address with the full name. Blocks."""
    found = spellings(directory)
    return found if any(parse(one).host for one in found) else [*found, name(directory)]


def root_directory(directory: str) -> Path | None:
    """The root of the working copy or worktree of an absolute path; None without one. Blocks."""
    if _is_elsewhere(directory):
        return None
    with suppress(OSError, ValueError):
        path = Path(directory)
        if path.is_absolute():
            target = Path(os.path.realpath(path))  # where a link leads into a working copy
            above = (path, *path.parents, target, *target.parents)
            return next((one for one in above if _is_root(one)), None)
    return None


def _is_root(path: Path) -> bool:
    return (path / ".git").exists() or (
        (path / "HEAD").is_file() and (path / "objects").is_dir() and (path / "refs").is_dir()
    )


def _is_elsewhere(directory: str) -> bool:
    """Whether the path is on another machine."""
    return directory.startswith(("//", "\\\\"))


def _git_directory(root: Path) -> Path:
    """Git's directory of this worktree; for a bare repository its root."""
    dot_git = root / ".git"
    if dot_git.is_dir():
        return dot_git
    text = _read(dot_git)
    if not text.startswith("gitdir:"):
        return root
    return root / text.removeprefix("gitdir:").strip()


def _common_directory(root: Path) -> Path:
    """Git's directory that all worktrees of a repository share."""
    own = _git_directory(root)
    if _is_elsewhere(str(own)):
        return own
    if common := _read(own / "commondir").strip():
        return Path(os.path.normpath(own / common))
    if own.parent.name == "worktrees":  # a deleted worktree, whose files are gone
        return own.parent.parent
    return own


def _main_of(root: Path) -> Path:
    common = _common_directory(root)
    if common.name in (".git", ".bare"):  # `.bare` if all worktrees are beside it
        return common.parent
    # A submodule has its directory in that of the repository around it.
    return root if "modules" in common.parts and (root / ".git").exists() else common


def _remotes(root: Path) -> list[str]:
    common = _common_directory(root)
    if _is_elsewhere(str(common)):
        return []
    urls: list[str] = []
    is_remote = False
    for line in _read(common / "config").splitlines():
        if _SECTION.match(line):
            is_remote = _REMOTE.match(line) is not None
            line = line.partition("]")[2]
        if is_remote and (given := _URL.match(line)):
            urls.append(given["url"].strip().strip('"'))
    return urls[:MOST_REMOTES]


def _read(path: Path) -> str:
    """The text of a regular file; empty if there is none."""
    with suppress(OSError, ValueError):
        status = path.stat()
        if stat.S_ISREG(status.st_mode) and status.st_size <= LARGEST_FILE:
            return path.read_text(encoding="utf-8", errors="replace")
    return ""

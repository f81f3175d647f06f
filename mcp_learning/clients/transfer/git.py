"""Reads the commits of a git repository with the git program, or those of the shipped sample."""

import json
import os
import subprocess
from importlib.resources import files
from pathlib import Path

from mcp_learning.clients.transfer.commits import Commit, History
from mcp_learning.errors import InvalidInput, LearningError
from mcp_learning.models.characters import CONTROL

TIMEOUT_SECONDS = 30
"""Longest time that one git command may take."""

# Fields and records end with NUL, which neither messages nor paths can contain. Files come as
# --raw, which unlike --numstat reads no file contents: fast, and nothing to fetch in a partial
# clone. Its records start with a colon, so they can't be taken for the hash of the next commit.
_LOG = (
    *("log", "-z", "--format=%H%x00%P%x00%cI%x00%s%x00%b", "--raw", "--no-renames"),
    *("--no-merges", "--no-notes", "--no-show-signature", "--no-ext-diff", "--no-color"),
)
_CONFIG = ("-c", "i18n.logOutputEncoding=UTF-8", "-c", "core.fsmonitor=false")
# Set while a hook runs; they would point git to another repository than the directory's.
_ELSEWHERE = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE"})


def read(directory: Path, limit: int) -> History:
    """Reads the latest commits of the repository that `directory` belongs to; blocks.

    Merges are left out, and of a shallow clone the commits at its edge, since what they changed
    is unknown.

    Args:
        directory: A work tree, a directory in one, or a bare repository.
        limit: How many commits at most, >= 1.

    Returns:
        At least one commit, oldest first, text without control characters.

    Raises:
        InvalidInput: `directory` is not a git repository, or has no commits to read.
        LearningError: There is no git program, or it took longer than TIMEOUT_SECONDS.
    """
    if not directory.is_dir():
        raise InvalidInput("repo", f"{directory} is not a directory; give that of a git repository")
    shallow, common = _git(
        directory, "rev-parse", "--is-shallow-repository", "--git-common-dir"
    ).splitlines()
    output = _git(directory, *_LOG, f"--max-count={limit}", "HEAD", "--")
    commits = _parse(output, drop_roots=shallow == "true")
    if not commits:
        fix = "git fetch --unshallow gets it" if shallow == "true" else "commit something first"
        raise InvalidInput("repo", f"{directory} has no history to learn from; {fix}")
    return History(_name((directory / common).resolve()), tuple(reversed(commits)))


def sample() -> History:
    """The commits of an imaginary lending service, shipped with the package; oldest first."""
    text = files(__package__).joinpath("sample_commits.json").read_text(encoding="utf-8")
    stored = json.loads(text)
    commits = (Commit(**{**one, "files": tuple(one["files"])}) for one in stored["commits"])
    return History(stored["name"], tuple(commits))


def _git(directory: Path, *arguments: str) -> str:
    """Runs git in `directory`; returns its output as text, invalid bytes replaced."""
    environment = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
    environment |= {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(
            ["git", "--no-pager", *_CONFIG, *arguments],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise LearningError("git is not installed, or not on PATH; install it first") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LearningError(f"git gave no answer about {directory} ({error})") from error
    if done.returncode != 0:
        raise _explain(directory, done.stderr.decode(errors="replace"))
    return done.stdout.decode(errors="replace")


def _explain(directory: Path, complaint: str) -> InvalidInput:
    if "not a git repository" in complaint:
        return InvalidInput("repo", f"{directory} is not a git repository; give the path of one")
    if "bad revision 'HEAD'" in complaint or "ambiguous argument 'HEAD'" in complaint:
        return InvalidInput("repo", f"{directory} has no commits yet; commit something first")
    reasons = [line for line in complaint.splitlines() if line.startswith(("fatal:", "error:"))]
    reason = (reasons or complaint.splitlines() or ["no reason given"])[0]
    return InvalidInput("repo", f"git can't read {directory}: {_clean(reason)}")


def _parse(output: str, *, drop_roots: bool) -> list[Commit]:
    """Commits in the order of `git log -z`."""
    tokens = output.split("\0")
    commits, position = [], 0
    while position + 5 <= len(tokens):
        commit_hash, parents, committed_at, subject, body = tokens[position : position + 5]
        position += 5
        changed = []
        while position + 1 < len(tokens) and tokens[position].lstrip("\n").startswith(":"):
            changed.append(_clean(tokens[position + 1]))
            position += 2
        if parents or not drop_roots:
            subject, body = _clean(subject).strip(), _clean(body).strip()
            commits.append(Commit(commit_hash, committed_at, subject, body, tuple(changed)))
    return commits


def _clean(text: str) -> str:
    return CONTROL.sub("", text).replace("\r", "")


def _name(common_dir: Path) -> str:
    """Name of the repository, the same from each of its work trees."""
    is_dot_git = common_dir.name == ".git"
    return (common_dir.parent.name if is_dot_git else common_dir.name.removesuffix(".git")) or "/"

"""Reads the commits of a git repository with the git program, or those of the bundled sample."""

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from mcp_learning.clients.transfer import git_program, hunks
from mcp_learning.clients.transfer.commit_history import Commit, CommitHistory
from mcp_learning.clients.transfer.git_program import without_control
from mcp_learning.errors import InvalidInput
from mcp_learning.redaction import working_copies

# Fields and records end with NUL, which neither messages nor paths can contain.
_LOG = (
    *("log", "-z", "--format=%H%x00%P%x00%cI%x00%s%x00%b", "--no-merges", "--no-notes"),
    *("--no-show-signature", "--no-mailmap", "--no-color"),
)
# Files come as --raw, which unlike --numstat reads no file contents: fast, and they needn't be
# there. Its records start with a colon, so they can't be taken for the hash of the next commit.
_WITH_FILES = (
    *("--raw", "--no-renames", "--no-relative", "-O/dev/null"),
    *("--no-ext-diff", "--no-textconv", "--ignore-submodules=dirty"),
)
_WITHOUT_FILES = ("--no-patch",)


def read(directory: Path, limit: int, *, with_functions: bool = True) -> CommitHistory:
    """Reads the latest commits of the repository that `directory` belongs to; blocks.

    At least one is returned; texts have no control characters. Merges are left out, and so are the
    boundary commits of a shallow clone, since their changes are unknown. The directory may also be
    below a work tree, or a bare repository. Reading which functions were changed takes longest.

    Raises:
        InvalidInput: `directory` is not a git repository, or has no commits to read.
        LearningError: There is no git program, or it took longer than
            `git_program.TIMEOUT_SECONDS`.
    """
    if not directory.is_dir():
        raise InvalidInput("repo", f"{directory} is not a directory; give that of a git repository")
    shallow = git_program.run(directory, "rev-parse", "--is-shallow-repository").strip()
    output, has_files = _log(directory, limit)
    commits = _parse(output, drop_roots=shallow == "true", has_files=has_files)
    if with_functions:
        found = hunks.functions(directory, [(one.hash, len(one.files or ())) for one in commits])
        commits = [replace(one, functions=found.get(one.hash, {})) for one in commits]
    if not commits:
        fix = "git fetch --unshallow gets it" if shallow == "true" else "commit something first"
        raise InvalidInput("repo", f"{directory} has no history to learn from; {fix}")
    name = working_copies.name(str(directory.resolve())) or "/"
    known_as = working_copies.spellings(str(directory.absolute()))
    return CommitHistory(name, tuple(reversed(commits)), tuple(known_as))


def sample() -> CommitHistory:
    """The bundled commits of a made-up lending service, oldest first."""
    text = files(__package__).joinpath("sample_commits.json").read_text(encoding="utf-8")
    stored = json.loads(text)
    commits = (Commit(**{**one, "files": tuple(one["files"])}) for one in stored["commits"])
    return CommitHistory(stored["name"], tuple(commits))


def _log(directory: Path, limit: int) -> tuple[str, bool]:
    """The log, and whether it has the files of commits, which a clone without trees lacks."""
    selected = (f"--max-count={limit}", "HEAD", "--")
    try:
        return git_program.run(directory, *_LOG, *_WITH_FILES, *selected), True
    except InvalidInput as error:
        try:
            return git_program.run(directory, *_LOG, *_WITHOUT_FILES, *selected), False
        except InvalidInput:
            raise error from None


def _parse(output: str, *, drop_roots: bool, has_files: bool) -> list[Commit]:
    """Commits in the order of `git log -z`."""
    tokens = output.split("\0")
    commits, position = [], 0
    while position + 5 <= len(tokens):
        commit_hash, parents, committed_at, subject, body = tokens[position : position + 5]
        position += 5
        changed = []
        while position + 1 < len(tokens) and tokens[position].lstrip("\n").startswith(":"):
            changed.append(without_control(tokens[position + 1]))
            position += 2
        if parents or not drop_roots:
            subject, body = without_control(subject).strip(), without_control(body).strip()
            named = tuple(changed) if has_files else None
            commits.append(Commit(commit_hash, committed_at, subject, body, named))
    return commits

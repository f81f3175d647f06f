"""Finds the functions that commits changed, by git's hunk headers and by added declarations.

A hunk header names the function around the first changed line. Git knows a language's syntax by the
file's attributes; `functions.gitattributes` has them for repositories without their own.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from mcp_learning.clients.transfer import git_program
from mcp_learning.clients.transfer.git_program import without_control
from mcp_learning.clients.values import truncate
from mcp_learning.errors import InvalidInput, LearningError

_MOST_FILES = 40  # of a commit whose functions are read; larger ones are mostly reorganisations
_FILES_AT_ONCE = 500
_LARGEST_FILE = "256k"
_MOST_FAILURES = 3
_MOST_NAMES = 8
_LONGEST_NAME = 60
_DIFF = (
    *("diff-tree", "--stdin", "-r", "--root", "-p", "-U0", "--no-renames", "--no-relative"),
    *("--no-ext-diff", "--no-textconv", "--no-color", "--src-prefix=a/", "--dst-prefix=b/"),
    *("-O/dev/null", "--ignore-submodules=all", "--inter-hunk-context=0"),
)
_COMMIT = re.compile(r"[0-9a-f]{40,64}")
_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@ ?(.*)")
_DECLARED = re.compile(  # in C, `struct pot *pour(` declares pour
    r"^[^(=]*?\b(?:def|class|func(?:tion)?|fn|struct|enum|trait|interface|module)\s+"
    r"(?:\([^)]*\)\s*)?(?P<name>[A-Za-z_$][\w$.:]*)(?![\w$.:]|\s+\*)"
    r"|\b(?:const|let|var)\s+(?P<variable>[\w$]+)\s*[:=]"
    r"|^#+ (?P<heading>\S.*)"
)
_ADDED = re.compile(
    r"\+\s*(?:(?:export|default|async|public|private|protected|static|pub(?:\([^)]*\))?)\s+)*"
    r"(?:def|class|func|function|fn|struct|enum|trait|interface)\s+(?:\([^)]*\)\s*)?(\w+)"
)
_CALLED = re.compile(r"(?P<name>[A-Za-z_$~][\w$~:.]*)\s*\(")
_NO_NAMES = {"catch", "elif", "export", "for", "if", "match", "pub", "return", "switch", "while"}

Functions = Mapping[str, tuple[str, ...]]
"""Names by path, in the order of the file; files without any name are left out."""


def functions(directory: Path, commits: Sequence[tuple[str, int]]) -> dict[str, Functions]:
    """The functions that commits changed, by hash; blocks, about a second for a thousand commits.

    Each commit is given with the number of files that it touches. Commits without their contents,
    as in a clone without blobs, are left out.
    """
    found: dict[str, Functions] = {}
    attributes = files(__package__).joinpath("functions.gitattributes")
    config = {
        "core.attributesFile": str(attributes),
        "core.bigFileThreshold": _LARGEST_FILE,
        "core.quotePath": "false",
    }
    failures = 0
    for hashes in _parts(commits):
        given = "".join(f"{one}\n" for one in hashes)
        try:
            output = git_program.run(directory, *_DIFF, given=given, config=config)
        except LearningError as error:
            failures += 1
            if failures == _MOST_FAILURES or not isinstance(error, InvalidInput):
                break
        else:
            found |= _parse(output)
    return found


def _parts(commits: Iterable[tuple[str, int]]) -> Iterator[list[str]]:
    part: list[str] = []
    total = 0
    for name, count in commits:
        if not 0 < count <= _MOST_FILES:
            continue
        if part and total + count > _FILES_AT_ONCE:
            yield part
            part, total = [], 0
        part.append(name)
        total += count
    if part:
        yield part


def _parse(output: str) -> dict[str, Functions]:
    """Functions by path and commit, of the output of `git diff-tree --stdin`."""
    found: dict[str, dict[str, dict[str, None]]] = {}
    changed: dict[str, dict[str, None]] = {}
    path, left = "", 0
    for line in output.split("\n"):
        if left and line[:1] in "+-":
            left -= 1
            if path and (added := _ADDED.match(line)):
                changed.setdefault(path, {})[truncate(added[1], _LONGEST_NAME)] = None
        elif hunk := _HUNK.match(line):
            left = int(hunk[1] or 1) + int(hunk[2] or 1)
            if path and (name := _named(hunk[3])):
                changed.setdefault(path, {})[name] = None
        elif line.startswith(("--- ", "+++ ")):
            # A deleted file has no new path; a new one has no old path.
            path = path if line.endswith("/dev/null") else without_control(_path(line[4:]))
        elif line.startswith("diff --git "):
            path = ""
        elif _COMMIT.fullmatch(line):
            changed = found.setdefault(line, {})
    return {
        commit: {path: tuple(names)[:_MOST_NAMES] for path, names in of_commit.items()}
        for commit, of_commit in found.items()
    }


def _path(text: str) -> str:
    """A path of a header, without its prefix; git quotes one with special characters."""
    text = text.rstrip("\t")
    if text.startswith('"'):
        escaped = text[1:-1].encode().decode("unicode_escape", "replace")
        text = escaped.encode("latin-1", "replace").decode("utf-8", "replace")
    return text[2:]


def _named(header: str) -> str:
    """The name in a hunk header; empty if it has none."""
    header = " ".join(without_control(header).split())
    if declared := _DECLARED.search(header):
        return truncate((declared.group(declared.lastgroup or 0)).strip(".:"), _LONGEST_NAME)
    called = (one["name"].strip(".:") for one in _CALLED.finditer(header))
    return truncate(next((name for name in called if name not in _NO_NAMES), ""), _LONGEST_NAME)

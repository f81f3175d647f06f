"""The sources of `import`: the reader and the default path of each."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mcp_learning.clients.capture import tasks
from mcp_learning.clients.transcripts import claude_code, codex, copilot, gemini
from mcp_learning.clients.transfer import commits, git, tables
from mcp_learning.clients.transfer.imported import Notes
from mcp_learning.models.transfer import PastExecution


@dataclass(frozen=True)
class Source:
    """A kind of files with executions.

    Attributes:
        read: Reads a path; blocks. What can't be read is noted.
        default: Returns the default path; None: the source needs a path.
    """

    read: Callable[[Path, Notes], Iterator[PastExecution]]
    default: Callable[[], Path] | None = None


def sources(commits_limit: int) -> dict[str, Source]:
    """The sources by name; `commits_limit` is the number of commits that `git` reads."""
    return {
        "claude-code": Source(
            partial(tasks.executions, claude_code.read, files_of=claude_code.files),
            claude_code.default_directory,
        ),
        "codex": Source(
            partial(tasks.executions, codex.read, files_of=codex.files), codex.default_directory
        ),
        "gemini": Source(
            partial(tasks.executions, gemini.read, files_of=gemini.files), gemini.default_directory
        ),
        "copilot": Source(partial(tasks.executions, copilot.read), copilot.default_directory),
        "git": Source(partial(_commits, commits_limit), Path.cwd),
        "jsonl": Source(tables.read_jsonl),
        "csv": Source(tables.read_csv),
        "parquet": Source(tables.read_parquet),
        "duckdb": Source(tables.read_duckdb),
    }


def _commits(limit: int, path: Path, notes: Notes) -> Iterator[PastExecution]:
    history = git.read(path, limit)
    notes.total = len(history.commits)
    if not history.has_files:
        notes.leave_out(str(path), "files of the commits", "they are not in this partial clone")
    for record in commits.past_executions(history, notes):
        notes.done += 1
        yield record

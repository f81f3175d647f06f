"""Writes exported executions to a file, JSON lines or Parquet, atomically."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import IO, Any

from mcp_learning.errors import InvalidInput, LearningError
from mcp_learning.models.characters import escaped
from mcp_learning.store.duckdb import parquet
from mcp_learning.store.duckdb.files import rename_durably

_FEEDBACK = (
    "STRUCT(feedback_id VARCHAR, submitted_at TIMESTAMPTZ, rating INTEGER, accepted BOOLEAN, "
    "helpful BOOLEAN, issue_type VARCHAR, comment VARCHAR)[]"
)
_COLUMNS = {
    **dict.fromkeys(("task_id", "task_type", "task_description", "outcome"), "VARCHAR"),
    **dict.fromkeys(("recorded_at", "updated_at"), "TIMESTAMPTZ"),
    **dict.fromkeys(("repo", "approach", "model_tier", "pool_type", "swarm_topology"), "VARCHAR"),
    **dict.fromkeys(("solution_summary", "error_type", "error_message"), "VARCHAR"),
    **dict.fromkeys(("duration_seconds", "cost_usd", "cost_estimate"), "DOUBLE"),
    "file_count": "INTEGER",
    "estimated_tokens": "BIGINT",
    **dict.fromkeys(("routing_confidence", "complexity_score", "quality_score"), "DOUBLE"),
    **dict.fromkeys(("peak_memory_mb", "cpu_time_seconds"), "DOUBLE"),
    "user_accepted": "BOOLEAN",
    "user_rating": "INTEGER",
    "uploaded_at": "TIMESTAMPTZ",
    "metadata": "VARCHAR",
    "outcome_basis": "VARCHAR",
    "outcome_confidence": "DOUBLE",
    **dict.fromkeys(("session_id", "supersedes"), "VARCHAR"),
    "feedback": _FEEDBACK,
    "uses": "STRUCT(task_id VARCHAR, recorded_at TIMESTAMPTZ)[]",
}
"""Columns of an exported Parquet file; metadata is JSON."""


@dataclass(frozen=True)
class Writer:
    """Writes rows, as `models.transfer.Exported` has them, to a file of JSON lines.

    Attributes:
        metadata_as_text: Write the object `metadata` as a text that holds JSON.
    """

    file: IO[bytes]
    metadata_as_text: bool = False

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        """Adds a line per row; blocks."""
        for row in rows:
            if self.metadata_as_text and "metadata" in row:
                row = {**row, "metadata": _json(row["metadata"])}
            self.file.write(escaped(_json(row)).encode() + b"\n")


def lessons_path(path: Path) -> Path:
    """The file with the lessons of an export: the same, or for a table JSON lines beside it."""
    return path.with_suffix(".lessons.jsonl") if path.suffix in (".csv", ".parquet") else path


@contextmanager
def writer(path: Path, *, force: bool) -> Iterator[Writer]:
    """Writes to `path`, or to stdout for `-`; after an error the file is unchanged.

    Rows of a Parquet file are written as JSON lines beside it first. An existing file is only
    replaced with `force`.

    Raises:
        InvalidInput: The name ends neither with .jsonl nor with .parquet, or the file exists.
        LearningError: The file, or stdout, can't be written.
    """
    if str(path) == "-":
        if not sys.stdout:
            raise LearningError("stdout is closed; give the path of a file")
        try:
            yield Writer(sys.stdout.buffer)
            sys.stdout.buffer.flush()
        except OSError as error:
            raise LearningError(f"stdout can't be written: {error.strerror or error}") from error
        return
    is_table = path.suffix == ".parquet"
    if not is_table and path.suffix != ".jsonl":
        raise InvalidInput("path", f"{path} has to end with .jsonl or .parquet")
    if path.exists() and not force:
        raise InvalidInput("path", f"{path} exists; give another name, or --force to replace it")
    lines = path.with_name(f".{path.name}.{os.getpid()}.lines")
    _remove_leftovers(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(lines, flags, 0o600), "wb") as file:  # for the user alone
            with suppress(OSError):  # a file system without locks
                _lock(file)
            yield Writer(file, metadata_as_text=is_table)
        if is_table:
            parquet.write(path, _COLUMNS, lines)
        else:
            rename_durably(lines, path)
    except OSError as error:
        raise LearningError(f"{path} can't be written: {error.strerror or error}") from error
    finally:
        lines.unlink(missing_ok=True)


def _remove_leftovers(path: Path) -> None:
    """Removes what killed exports to `path` have left beside it; running ones lock their file."""
    for lines in path.parent.glob(f".{escape(path.name)}.*.lines"):
        with suppress(OSError):
            with lines.open("r+b") as file:
                _lock(file)
            lines.with_suffix(".part").unlink(missing_ok=True)  # what `parquet.write` was making
            lines.unlink()


if sys.platform == "win32":

    def _lock(file: IO[bytes]) -> None:
        """Does nothing: no process can remove a file that another one has open."""

else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)

"""Writes exported executions to a file: JSON lines or Parquet, as a whole or not at all."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, Protocol

from mcp_learning.errors import InvalidInput, LearningError

if TYPE_CHECKING:
    import pyarrow as pa

Format = Literal["jsonl", "parquet"]

_TIMES = ("recorded_at", "updated_at", "uploaded_at", "submitted_at")


class Writer(Protocol):
    """Takes rows as `models.history.Exported` has them."""

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        """Adds rows; blocks."""


def format_of(path: Path) -> Format:
    """The format that a file's name tells.

    Raises:
        InvalidInput: It tells none.
    """
    if str(path) == "-" or path.suffix == ".jsonl":
        return "jsonl"
    if path.suffix == ".parquet":
        return "parquet"
    raise InvalidInput("path", f"{path} ends neither with .jsonl nor with .parquet; name it so")


@contextmanager
def writer(path: Path, *, force: bool) -> Iterator[Writer]:
    """Writes to `path`, or to stdout for `-`; what goes wrong leaves no file behind.

    Args:
        path: Ends with .jsonl or .parquet.
        force: Replace a file that is there.

    Raises:
        InvalidInput: The name tells no format, or there is such a file.
        LearningError: The file can't be written.
    """
    kind = format_of(path)
    if str(path) == "-":
        try:
            yield _Lines(sys.stdout.buffer)
            sys.stdout.buffer.flush()
        except OSError as error:
            raise LearningError(f"stdout can't be written: {error.strerror or error}") from error
        return
    if path.exists() and not force:
        raise InvalidInput("path", f"{path} exists; give another name, or --force to replace it")
    scratch = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(scratch, flags, 0o600), "wb") as file:
            if kind == "jsonl":
                yield _Lines(file)
            else:
                with _Parquet(file) as parquet:
                    yield parquet
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except OSError as error:
        raise LearningError(f"{path} can't be written: {error.strerror or error}") from error
    finally:
        scratch.unlink(missing_ok=True)


class _Lines:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        """Adds a line per row."""
        for row in rows:
            self._file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")


class _Parquet:
    def __init__(self, file: IO[bytes]) -> None:
        import pyarrow.parquet as pq

        self._schema = _schema()
        self._writer = pq.ParquetWriter(
            file, self._schema, compression="zstd", write_page_checksum=True
        )

    def __enter__(self) -> "_Parquet":
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        """Adds a row group."""
        import pyarrow as pa

        made = [_typed(row) for row in rows]
        self._writer.write_table(pa.Table.from_pylist(made, schema=self._schema))


def _typed(row: dict[str, Any]) -> dict[str, Any]:
    """A row with times as such, and metadata as JSON text."""
    typed = dict(row)
    for name in _TIMES:
        if name in row:
            typed[name] = datetime.fromisoformat(row[name])
    if "metadata" in row:
        typed["metadata"] = json.dumps(row["metadata"], ensure_ascii=False)
    for name in ("feedback", "uses"):
        if name in row:
            typed[name] = [_typed(one) for one in row[name]]
    return typed


def _schema() -> "pa.Schema":
    import pyarrow as pa

    text, real, whole, time = pa.string(), pa.float64(), pa.int64(), pa.timestamp("us", "UTC")
    feedback: dict[str, pa.DataType] = {
        "feedback_id": text,
        "submitted_at": time,
        "rating": pa.int32(),
        "accepted": pa.bool_(),
        "helpful": pa.bool_(),
        "issue_type": text,
        "comment": text,
    }
    columns: dict[str, pa.DataType] = {
        **dict.fromkeys(("task_id", "task_type", "task_description", "outcome"), text),
        **dict.fromkeys(("recorded_at", "updated_at"), time),
        **dict.fromkeys(("repo", "approach", "model_tier", "pool_type", "swarm_topology"), text),
        **dict.fromkeys(("solution_summary", "error_type", "error_message"), text),
        **dict.fromkeys(("duration_seconds", "cost_usd", "cost_estimate"), real),
        "file_count": pa.int32(),
        "estimated_tokens": whole,
        **dict.fromkeys(("routing_confidence", "complexity_score", "quality_score"), real),
        **dict.fromkeys(("peak_memory_mb", "cpu_time_seconds"), real),
        "user_accepted": pa.bool_(),
        "user_rating": pa.int32(),
        "uploaded_at": time,
        "metadata": text,
        "feedback": pa.list_(pa.struct(list(feedback.items()))),
        "uses": pa.list_(pa.struct([("task_id", text), ("recorded_at", time)])),
    }
    return pa.schema(list(columns.items()))

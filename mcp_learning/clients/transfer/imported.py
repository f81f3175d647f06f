"""Shared by the readers of imports: finding files, notes of what was skipped, batches.

A reader takes a path and `Notes`, and yields `PastExecution`s one at a time. It notes and skips
what it can't read; it raises only if there is nothing to read at all.
"""

import json
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ValidationError

from mcp_learning.clients.values import clean, truncate
from mcp_learning.errors import InvalidInput
from mcp_learning.models.fields import Model
from mcp_learning.models.lessons import PastLesson
from mcp_learning.models.transfer import PastExecution
from mcp_learning.redaction.secrets import redact, redact_beginning
from mcp_learning.server.schema import first_problem

_EXAMPLES = 20  # skipped items that are listed; others are only counted
_MANY = 200  # different reasons, and unknown columns, that are counted separately
_BATCH = 500  # executions that are stored together
_BATCH_CHARACTERS = 2_000_000  # of text, so that a batch fits in a message between processes


class Skipped(Model):
    """An item that was skipped or changed: its position in the source, and the reason."""

    where: str
    reason: str


class Notes:
    """Counts and examples that a reader reports besides its executions.

    Attributes:
        done: Bytes, rows or commits that were read, of `total`.
        skipped: Number of skipped lines, rows or files by reason.
        left_out: Number of values of imported rows that were left out or truncated, by reason.
        unknown: Number of values by name of an unknown column.
        found: Numbers of items in the source by kind, such as prompts and tasks.
        lessons: Lessons of an export.
        examples: The first 20 items that were skipped or changed.
    """

    def __init__(self) -> None:
        self.done = 0
        self.total = 0
        self.skipped: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self.found: Counter[str] = Counter()
        self.lessons: list[PastLesson] = []
        self.examples: list[Skipped] = []

    def skip(self, where: str, reason: str, detail: str = "", count: int = 1) -> None:
        """Notes an item that can't be imported; only the examples have the `detail`."""
        self._note(self.skipped, where, reason, detail, count)

    def leave_out(self, where: str, reason: str, detail: str = "") -> None:
        """Notes a value that can't be imported, of an item that is."""
        self._note(self.left_out, where, reason, detail, 1)

    def refuse(self, where: str, error: ValidationError, model: type[BaseModel]) -> None:
        """Notes an item that `model` refuses: the field, what is wrong with it, and the fix."""
        field, problem = first_problem(error, model)
        self.skip(where, f"{field} can't be accepted", problem)

    def pass_over(self, column: str) -> None:
        """Notes a value of an unknown column."""
        self.unknown[_bounded(column, self.unknown)] += 1

    def _note(self, counts: Counter[str], where: str, reason: str, detail: str, count: int) -> None:
        counts[_bounded(reason, counts)] += count
        if len(self.examples) < _EXAMPLES:
            full = f"{reason}: {detail}" if detail else reason
            self.examples.append(Skipped(where=where, reason=clean(full, 300)))


def files_below(path: Path, notes: Notes, *patterns: str) -> list[Path]:
    """The file `path`, or all below the directory `path` that match, in the order of their names.

    Patterns are of names, at any depth. What can't be read is noted.

    Raises:
        InvalidInput: There is nothing of that name.
    """
    if not path.exists():
        raise InvalidInput("path", f"there is no {path}")
    found = {path} if not path.is_dir() else {file for one in patterns for file in path.rglob(one)}
    regular = []
    for file in sorted(found):
        try:
            status = file.stat()
        except OSError as error:
            notes.skip(str(file), "can't be read", error.strerror or "")
            continue
        if stat.S_ISREG(status.st_mode):
            regular.append(file)
            notes.total += status.st_size
        elif not stat.S_ISDIR(status.st_mode):
            notes.skip(str(file), "not a regular file")
    return regular


def batches(records: Iterable[PastExecution]) -> Iterator[list[PastExecution]]:
    """The records in batches that are stored together."""
    batch: list[PastExecution] = []
    characters = 0
    for record in records:
        batch.append(record)
        characters += _characters(record)
        if len(batch) >= _BATCH or characters >= _BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def clean_and_truncate(text: str, limit: int) -> str:
    """A clean text of at most `limit` characters, in time linear in `limit`.

    Secrets are removed before truncation, since half of one isn't recognised.
    """
    whole = clean(text, len(text))
    return whole if len(whole) <= limit else truncate(redact_beginning(whole, limit), limit)


def clean_end(text: str, limit: int) -> str:
    """The end of a clean text, where errors usually are, from the start of a line.

    It has at most `limit` characters. Secrets are removed before, as in `clean_and_truncate`.
    """
    whole, _ = redact(clean(text, len(text)))
    if len(whole) <= limit:
        return whole
    return whole[-limit:].partition("\n")[2] or whole[-limit:]


def modified_at(file: Path) -> datetime:
    """Modification time of a file, to the second: the time of rows that have none."""
    return datetime.fromtimestamp(file.stat().st_mtime, UTC).replace(microsecond=0)


def _bounded(name: str, counts: Counter[str]) -> str:
    name = clean(name, 100) or "(no name)"
    return name if name in counts or len(counts) < _MANY else "(further ones)"


def _characters(record: PastExecution) -> int:
    execution = record.execution
    texts = (
        execution.task_description,
        execution.solution_summary or "",
        execution.error_message or "",
        *(one.comment or "" for one in record.feedback),
    )
    hanging = 200 * (len(record.feedback) + len(record.uses))
    metadata = execution.details.metadata
    return sum(map(len, texts)) + hanging + (len(json.dumps(metadata)) if metadata else 0)

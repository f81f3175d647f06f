"""What readers of other people's files share: what they skip, clean texts, ids, batches.

A reader takes a path and `Notes`, and yields `PastExecution`s one at a time. What it can't read is
noted and skipped; it raises only when there is nothing to be read at all.
"""

import json
import re
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import NAMESPACE_URL, UUID, uuid5

from mcp_learning.errors import InvalidInput
from mcp_learning.models.fields import Model
from mcp_learning.models.transfer import PastExecution

EXAMPLES = 20
"""Skipped places that are told one by one; all are counted."""

MANY = 200
"""Different reasons, and unknown columns, that are counted apart."""

BATCH = 500
"""Executions that are stored together."""

BATCH_CHARACTERS = 2_000_000
"""Characters of text after which a batch is stored, so that it passes between processes."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]{0,500}(?:\x07|\x1b\\)")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class Skipped(Model):
    """Something that was not imported, or not as it was: where it is, and why."""

    where: str
    reason: str


class Notes:
    """What a reader has to say besides its executions.

    Attributes:
        done: Bytes, rows or commits that were read.
        total: How many there are.
        skipped: Number of skipped lines, rows or files by reason.
        left_out: Number of values that were left out, or shortened, of imported rows, by reason.
        unknown: Number of values by name of a column that isn't known.
        examples: The first `EXAMPLES` of what was skipped or left out.
    """

    def __init__(self) -> None:
        self.done = 0
        self.total = 0
        self.skipped: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self.examples: list[Skipped] = []

    def skip(self, where: str, reason: str, detail: str = "", count: int = 1) -> None:
        """Notes something that can't be imported; `detail` is told in the examples alone."""
        self._note(self.skipped, where, reason, detail, count)

    def leave_out(self, where: str, reason: str, detail: str = "") -> None:
        """Notes a value that can't be imported, of something that can."""
        self._note(self.left_out, where, reason, detail, 1)

    def pass_over(self, column: str) -> None:
        """Notes a value under a name that isn't known."""
        self.unknown[_bounded(column, self.unknown)] += 1

    def _note(self, counts: Counter[str], where: str, reason: str, detail: str, count: int) -> None:
        counts[_bounded(reason, counts)] += count
        if len(self.examples) < EXAMPLES:
            told = f"{reason}: {detail}" if detail else reason
            self.examples.append(Skipped(where=where, reason=clean(told, 300)))


def files_below(path: Path, pattern: str, notes: Notes) -> list[Path]:
    """The file `path`, or all below the directory `path` that match, in the order of their names.

    Raises:
        InvalidInput: There is nothing of that name.
    """
    if not path.exists():
        raise InvalidInput("path", f"there is no {path}")
    found = [path] if not path.is_dir() else sorted(path.rglob(pattern))
    regular = []
    for file in found:
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
    """The records in parts that are stored together."""
    batch: list[PastExecution] = []
    characters = 0
    for record in records:
        batch.append(record)
        characters += _characters(record)
        if len(batch) >= BATCH or characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def identity(source: str, name: str) -> UUID:
    """The task_id of what `source` calls `name`: UUID version 5 of `mcp-learning:SOURCE:NAME`."""
    return uuid5(NAMESPACE_URL, _SURROGATE.sub("\ufffd", f"mcp-learning:{source}:{name}"))


def clean(text: str, limit: int) -> str:
    """A text as it can be stored: no control characters or colours, at most `limit` long."""
    if _CONTROL.search(text):
        text = _CONTROL.sub("", _ESCAPE.sub("", text))
    text = _SURROGATE.sub("\ufffd", text).strip(" \t\r\n")
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def moment(value: object) -> datetime | None:
    """A time in ISO 8601, in UTC where it has no offset; None if it is none."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def changed_at(file: Path) -> datetime:
    """When a file was last written: the time of what is in it, where nothing else tells."""
    return datetime.fromtimestamp(file.stat().st_mtime, UTC).replace(microsecond=0)


def _bounded(name: str, counts: Counter[str]) -> str:
    name = clean(name, 100) or "(no name)"
    return name if name in counts or len(counts) < MANY else "(further ones)"


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

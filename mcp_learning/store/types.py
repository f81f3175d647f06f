"""What a store is asked with and what it answers: plain values, whatever the engine."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from mcp_learning.models.requests import Outcome
from mcp_learning.models.results import Execution, Feedback, UsedBy
from mcp_learning.models.transfer import PastExecution

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LABELS = ("repo", "task_type", "approach", "model_tier", "pool_type", "swarm_topology")
CODED = (*LABELS, "error_text", "supersedes")
"""Columns that filters compare, and with them the normal form of the error, and the id of the
execution that a later one replaces. Absent is empty."""


@dataclass(frozen=True)
class Period:
    """Executions recorded in [since, until) with these values; a repo under any spelling.

    A text or label, or the id, contains `text`; `same_task` names a run of their task.
    """

    since: datetime
    until: datetime
    repo: str | None = None
    task_type: str | None = None
    approach: str | None = None
    outcome: Outcome | None = None
    text: str | None = None
    same_task: UUID | None = None

    @classmethod
    def last_days(
        cls, days: int, now: datetime, repo: str | None = None, task_type: str | None = None
    ) -> "Period":
        """The last `days` days; what was recorded `now` is in it."""
        until = now + timedelta(seconds=1)
        return cls(until - timedelta(days=days), until, repo, task_type)

    @property
    def before(self) -> "Period":
        """The equally long period that ends where this one begins."""
        return replace(self, since=self.since - (self.until - self.since), until=self.since)


@dataclass(frozen=True)
class Selection:
    """Executions to delete: those named if any are, else those that match every given filter.

    A repo goes by any spelling; `generated` ones are those of `generate-data`.
    """

    task_ids: Sequence[UUID] = ()
    repo: str | None = None
    task_type: str | None = None
    before: datetime | None = None
    generated: bool = False


class Deletion(NamedTuple):
    """Executions that a selection deleted, or would delete, and named ones that don't exist."""

    task_ids: list[UUID]
    missing: list[UUID]


class Upserted(NamedTuple):
    """Whether `upsert` created it, and unknown ids in `used`; with any, nothing was written."""

    created: bool
    missing: list[UUID]


class StoredExecution(NamedTuple):
    """One execution and everything recorded about it; lists oldest first.

    `times_recalled` is how often it was part of an answer, as far as that was saved.
    """

    execution: Execution
    feedback: list[Feedback]
    used_task_ids: list[UUID]
    used_by: list[UsedBy]
    vote: "Vote"
    times_recalled: int


class Vote(NamedTuple):
    """What speaks for and against one execution, in votes."""

    pro: float
    contra: float


class Shown(NamedTuple):
    """What a search shows of an execution, as of its change number `sequence`.

    The other values are those of an `ExecutionSummary`: caches hold thousands of these, a model
    takes three times the memory, and making one a hundred times that of an attribute.
    """

    sequence: int
    task_id: UUID
    recorded_at: datetime
    task_type: str
    task_description: str
    outcome: Outcome
    repo: str | None
    approach: str | None
    model_tier: str | None
    solution_summary: str | None
    error_type: str | None
    error_message: str | None
    duration_seconds: float | None
    cost_usd: float | None
    author: str | None

    def summary(self) -> dict[str, Any]:
        """The values of an `ExecutionSummary`, by their names."""
        values = self._asdict()
        del values["sequence"]
        return values


class Unembedded(NamedTuple):
    """An execution without a vector. `sequence` tells whether it has changed since."""

    task_id: UUID
    sequence: int
    task_description: str


class IndexedTexts(NamedTuple):
    """The texts of an execution that are searched by their words, and their `text_hash`."""

    text_hash: int
    texts: tuple[str | None, ...]


@dataclass(frozen=True)
class Columns:
    """n executions by ascending change number. All arrays have n elements.

    Attributes:
        high, low: uint64, the halves of the task_id.
        sequence: int64, number of the last change.
        text_hash: uint64, of the id and of every text that is searched by its words.
        task_key: int64, the same for all runs of a task.
        timestamp: int64, microseconds since 1970 in UTC.
        outcome: int8: 0 success, 1 failure, 2 pending.
        confidence: float32, 0..1, how sure the outcome is.
        has_solution: bool.
        description_hash: uint64, `description_hash` of the description.
        labels: str objects by column of `CODED`.
    """

    high: "NDArray[np.uint64]"
    low: "NDArray[np.uint64]"
    sequence: "NDArray[np.int64]"
    text_hash: "NDArray[np.uint64]"
    task_key: "NDArray[np.int64]"
    timestamp: "NDArray[np.int64]"
    outcome: "NDArray[np.int8]"
    confidence: "NDArray[np.float32]"
    has_solution: "NDArray[np.bool_]"
    description_hash: "NDArray[np.uint64]"
    labels: "dict[str, NDArray[np.object_]]"

    def __len__(self) -> int:
        return len(self.sequence)

    def chosen(self, order: "NDArray[np.int64]") -> "Columns":
        """The executions at these positions, in this order."""
        arrays = {name: value[order] for name, value in self.__dict__.items() if name != "labels"}
        return Columns(**arrays, labels={name: v[order] for name, v in self.labels.items()})


@dataclass(frozen=True)
class Mark:
    """How far a reader of `changes` has come; opaque to it."""

    opening: Hashable
    sequence: int
    deletions: int


@dataclass(frozen=True)
class Changes:
    """What was created or changed since a mark. Deletions apply before the rows.

    Attributes:
        complete: This is everything, and what the reader holds is to be dropped first: it passed
            no mark, or one of another opening of the file.
        deleted: (m, 2) uint64, both halves of the task_ids.
    """

    complete: bool
    rows: Columns
    deleted: "NDArray[np.uint64]"
    next: Mark


class Measures(NamedTuple):
    """Raw figures of a set of executions; durations in seconds, cost in US dollars.

    Attributes:
        cost_predictions: Executions with both an estimated and an actual cost above 0.
        cost_spread: Median of |ln(actual / estimate)| over these; `cost_shift` without the bars.
        success_weight: Sum of the confidences of the successes; None without any.
    """

    executions: int
    success: int
    failure: int
    pending: int
    duration_p50: float | None
    duration_p95: float | None
    cost_usd: float | None
    cost_predictions: int = 0
    cost_spread: float | None = None
    cost_shift: float | None = None
    success_weight: float | None = None
    failure_weight: float | None = None


class Outcomes(NamedTuple):
    """How a set of executions ended; those that are compared count by their confidence, rounded."""

    success: int
    failure: int


class Pairing(NamedTuple):
    """An approach within a task type, and all other approaches of that type together."""

    task_type: str
    approach: str
    own: Outcomes
    others: Outcomes


class Extent(NamedTuple):
    """How many executions there are, and when the oldest was recorded, UTC; None without any."""

    executions: int
    earliest: datetime | None


class UseCounts(NamedTuple):
    """How executions of a period ended, by whether they used earlier ones; and all `links`.

    `recalls` is how often answers named an execution, whenever that was.
    """

    with_use: Outcomes
    without_use: Outcomes
    links: int
    recalls: int
    executions_recalled: int


@dataclass(frozen=True)
class ErrorText:
    """Failures with the same normalised error text of 1 to 200 characters.

    Attributes:
        error_type: The commonest one.
        fixed: How many were followed by a success of the same task in the same repo.
        examples: (time in UTC, task_id), latest first.
        fixes: (seconds after its failure, task_id) of successes that followed one.
    """

    text: str
    error_type: str | None
    count: int
    fixed: int
    examples: tuple[tuple[datetime, UUID], ...]
    fixes: tuple[tuple[float, UUID], ...]


class ErrorTexts(NamedTuple):
    """The commonest error texts of a period, and how many failures it has in all."""

    commonest: list[ErrorText]
    failures: int


class Incoming(NamedTuple):
    """An execution from elsewhere, free of secrets; `given` fields None: only its feedback."""

    record: PastExecution
    given: Mapping[str, Any] | None


class BatchCounts(NamedTuple):
    """What became of a batch."""

    created: int
    updated: int
    unchanged: int


class StoreHealth(NamedTuple):
    """Executions, those with and without a vector, and the size of the files on disk."""

    rows: int
    embedded: int
    unembedded: int
    schema_version: int
    bytes: int


class Expired(NamedTuple):
    """Executions that a retention limit covers, oldest first, and the times of both ends in UTC."""

    task_ids: Sequence[UUID]
    oldest: datetime | None
    newest: datetime | None


class Copied(NamedTuple):
    """A whole copy that was read back and compared, with its schema and its rows by table."""

    path: Path
    schema_version: int
    rows: Mapping[str, int]
    bytes: int

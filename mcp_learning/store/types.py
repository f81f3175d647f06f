"""Values that the verbs of a store take and return, independent of the engine."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
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
CODED = (*LABELS, "error_type", "error_text", "supersedes")
"""Columns that search encodes as integers: those of filters, type and normal form of the error, and
the id of the superseded execution. Absent values are empty."""


CLOCK_SKEW = timedelta(minutes=10)
"""How far the clock of another host may be ahead."""


class Period(NamedTuple):
    """Filters of executions recorded in [since, until); None doesn't restrict.

    Attributes:
        repo, task_type, approach: In any spelling.
        text: Contained in a text, a label or the id; case-insensitive.
        same_task: An execution; only runs of the same task pass.
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
        """The last `days` days, including executions of clocks that are ahead by `CLOCK_SKEW`."""
        until = now + CLOCK_SKEW
        return cls(until - timedelta(days=days), until, repo, task_type)

    @property
    def before(self) -> "Period":
        """The equally long period that ends where this one begins."""
        return self._replace(since=self.since - (self.until - self.since), until=self.since)


class Selection(NamedTuple):
    """Executions to delete: `task_ids` if there are any, else those that pass every filter.

    Attributes:
        repo, task_type: In any spelling.
        before: Recorded before this time.
        generated: Made by `generate-data`.
        of_team: Executions that the team has; those that aren't stored are forgotten there.
    """

    task_ids: Sequence[UUID] = ()
    repo: str | None = None
    task_type: str | None = None
    before: datetime | None = None
    generated: bool = False
    of_team: Sequence[UUID] = ()


class Deletion(NamedTuple):
    """Executions that were deleted, or would be, and those of `task_ids` that don't exist.

    Those `elsewhere` aren't stored, and the team is to forget them.
    """

    task_ids: list[UUID]
    missing: list[UUID]
    elsewhere: list[UUID]


class Upserted(NamedTuple):
    """Whether `upsert` created the execution; `missing` ids in `used` mean nothing was written."""

    created: bool
    missing: list[UUID]


class StoredExecution(NamedTuple):
    """One execution and everything recorded about it; lists are oldest first.

    `times_recalled` is how often it was in an answer, as far as that was saved.
    """

    execution: Execution
    feedback: list[Feedback]
    used_task_ids: list[UUID]
    used_by: list[UsedBy]
    vote: "Vote"
    times_recalled: int


class Vote(NamedTuple):
    """Votes in favour of and against one execution."""

    pro: float
    contra: float


class Shown(NamedTuple):
    """The values of an `ExecutionSummary`, as of the change number `sequence`.

    A tuple, since caches hold thousands of them: a model takes three times the memory.
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

    @property
    def texts(self) -> tuple[str | None, ...]:
        """The texts that the word index reads."""
        return self.task_description, self.solution_summary, self.error_type, self.error_message

    def summary(self) -> dict[str, Any]:
        """The values of an `ExecutionSummary`, by their names."""
        values = self._asdict()
        del values["sequence"]
        return values


class Unembedded(NamedTuple):
    """An execution without a vector; by `sequence` a later change is detected."""

    task_id: UUID
    sequence: int
    task_description: str


class IndexedTexts(NamedTuple):
    """The texts of an execution for the word index, and their `text_hash`."""

    text_hash: int
    texts: tuple[str | None, ...]


@dataclass(frozen=True)
class Columns:
    """n executions by ascending change number. All arrays have n elements.

    Attributes:
        high, low: uint64, the halves of the task_id.
        sequence: int64, number of the last change.
        text_hash: uint64, of the id and of every text of the word index.
        task_key: int64, the same for all runs of a task.
        timestamp: int64, microseconds since 1970 in UTC.
        outcome: int8: 0 success, 1 failure, 2 pending.
        confidence: float32, 0..1, of the outcome.
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

    def task_ids(self) -> list[UUID]:
        """The n ids."""
        halves = zip(self.high.tolist(), self.low.tolist(), strict=True)
        return [UUID(int=high << 64 | low) for high, low in halves]

    def chosen(self, order: "NDArray[np.int64]") -> "Columns":
        """The executions at these positions, in this order."""
        arrays = {name: value[order] for name, value in self.__dict__.items() if name != "labels"}
        return Columns(**arrays, labels={name: v[order] for name, v in self.labels.items()})


class Mark(NamedTuple):
    """The position of a reader of `changes`; opaque to it."""

    opening: Hashable
    sequence: int
    deletions: int


class Changes(NamedTuple):
    """What was created or changed since a mark. Deletions apply before the rows.

    Attributes:
        complete: Whether these are all rows, and the reader drops its own first: it passed no mark,
            or one from before the file was opened again.
        deleted: (m, 2) uint64, both halves of the task_ids.
    """

    complete: bool
    rows: Columns
    deleted: "NDArray[np.uint64]"
    next: Mark


class Endings(NamedTuple):
    """How executions ended.

    Attributes:
        success: Their number.
        failure: Likewise.
        success_weight: Sum of the confidences of the successes; None: as their number.
        failure_weight: Likewise.
    """

    success: int
    failure: int
    success_weight: float | None = None
    failure_weight: float | None = None


class Measures(NamedTuple):
    """Aggregates of a set of executions; durations in seconds, costs in US dollars.

    Attributes:
        cost_predictions: Executions with both an estimated and an actual cost above 0.
        cost_spread: Median of |ln(actual / estimate)| over these.
        cost_shift: Median of ln(actual / estimate) over these.
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

    @property
    def ended(self) -> Endings:
        """How they ended."""
        return Endings(self.success, self.failure, self.success_weight, self.failure_weight)


class Outcomes(NamedTuple):
    """Numbers of successes and failures."""

    success: int
    failure: int


class Pairing(NamedTuple):
    """An approach within a task type, and all other approaches of that type together."""

    task_type: str
    approach: str
    own: Endings
    others: Endings


class Extent(NamedTuple):
    """The number of executions, and when the earliest was recorded, UTC; None without any."""

    executions: int
    earliest: datetime | None


class UseCounts(NamedTuple):
    """Outcomes of executions of a period with and without using earlier ones.

    Attributes:
        links: Number of uses.
        recalls: How often answers had an execution in them, at any time.
        executions_recalled: Number of different executions in answers.
    """

    with_use: Endings
    without_use: Endings
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
    """The commonest error texts of a period, and its total number of failures."""

    commonest: list[ErrorText]
    failures: int


class Incoming(NamedTuple):
    """An imported execution without secrets; if its fields `given` are None, only its feedback."""

    record: PastExecution
    given: Mapping[str, Any] | None


class BatchCounts(NamedTuple):
    """Counts of an imported batch."""

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
    """Executions beyond a retention limit, oldest first, and the times of both ends in UTC."""

    task_ids: Sequence[UUID]
    oldest: datetime | None
    newest: datetime | None


class Copied(NamedTuple):
    """A verified copy of the whole store: its path, schema version, rows by table and size."""

    path: Path
    schema_version: int
    rows: Mapping[str, int]
    bytes: int

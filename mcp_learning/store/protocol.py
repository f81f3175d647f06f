"""The protocol of the store: `Store`, and `FileStore` for a store that is one file.

Every method is a coroutine that never blocks the event loop, and every write is one transaction
that is committed when the call returns. Cancelling a call drops its result; a write that has begun
is finished. Change numbers, marks and revisions are opaque: a caller compares them and passes them
back. A new query is a new method, so that no cursor, SQL or type of the engine leaves the room.

All methods raise StoreError when the store can't be opened, read or written; nothing of a failed
write is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable
from uuid import UUID

from mcp_learning.models.requests import Dimension, GroupBy
from mcp_learning.models.results import Execution, Feedback
from mcp_learning.models.transfer import Exported
from mcp_learning.store.file_maintenance import FileMaintenance
from mcp_learning.store.lesson_protocol import LessonStore
from mcp_learning.store.past_run import PastRun
from mcp_learning.store.shared import SharedStore
from mcp_learning.store.traces import Trace
from mcp_learning.store.types import (
    BatchCounts,
    Changes,
    Deletion,
    Endings,
    ErrorTexts,
    Extent,
    Incoming,
    IndexedTexts,
    Mark,
    Measures,
    Pairing,
    Period,
    Selection,
    Shown,
    StoredExecution,
    StoreHealth,
    Unembedded,
    Upserted,
    UseCounts,
    Vote,
)
from mcp_learning.store.vectors import Generation, TakeVectors, VectorState

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mcp_learning.models.listed import Bucket, FilterValue, Listed, SortKey, Step, Used

Merge = Callable[[Execution | None], Execution]
"""Makes the new state of an execution from the stored one, or from None. It runs in the
transaction; an exception rolls the transaction back and reaches the caller."""


@runtime_checkable
class Store(LessonStore, Protocol):
    """Executions and everything recorded about them."""

    @property
    def revision(self) -> Hashable:
        """A value that changes when data is committed that searches or statistics read.

        Vectors that `put_vectors` stores don't change it, since its caller has them.
        """

    @property
    def lesson_revision(self) -> Hashable:
        """The same for lessons, which neither `upsert` nor `add_feedback` changes."""

    @property
    def deletions(self) -> int:
        """Number of executions that were deleted through this store, or left it otherwise."""

    @property
    def closing(self) -> bool:
        """Whether `close` was called: every further call fails."""

    def start(self) -> None:
        """Begins to open the store in the background; never blocks or raises."""

    async def open(self) -> None:
        """Waits until the store is open; a later call tries again after a failure."""

    async def close(self, max_wait: float | None = None) -> None:
        """Finishes queued writes and closes; gives up waiting after `max_wait` seconds."""

    async def free_memory(self) -> None:
        """Gives back memory that only makes reads faster, unless the store is being read."""

    # One execution

    async def upsert(
        self,
        task_id: UUID | None,
        merge: Merge,
        used: Sequence[UUID] = (),
        at: datetime | None = None,
    ) -> Upserted:
        """Creates or changes an execution, and records which earlier ones it used.

        A changed description deletes its vector; an unchanged execution isn't written.

        Args:
            task_id: The execution; None: a new one, whose task_id `merge` makes.
            merge: Makes its new state.
            used: Earlier executions; if one doesn't exist, nothing is written.
            at: Time of the change and of the uses, UTC; None: now.
        """

    async def get(self, task_id: UUID) -> StoredExecution | None:
        """An execution with everything recorded about it."""

    async def add_feedback(
        self,
        task_id: UUID,
        feedback_id: UUID,
        feedback: Feedback,
        check: Callable[[Execution], None],
    ) -> int | None:
        """Appends feedback unless its id exists; returns the number of feedback of the execution.

        None: there is no such execution. An exception of `check`, which gets it, rolls the
        transaction back.
        """

    async def delete(self, selection: Selection, *, dry_run: bool = False) -> Deletion:
        """Deletes executions with everything recorded about them; `dry_run` only lists them."""

    async def suggest(self, column: str, prefix: str, limit: int) -> list[str]:
        """Values of repo, task_type, approach or error_type with a prefix, most frequent first."""

    # What derived indexes read

    async def changes(self, since: Mark | None = None) -> Changes:
        """A consistent snapshot of what was created, changed and deleted since a mark."""

    async def texts(self, numbers: Sequence[int]) -> list[IndexedTexts]:
        """Texts of executions by change number, in any order; those changed since are left out."""

    async def summaries(self, task_ids: Sequence[UUID]) -> dict[UUID, Shown]:
        """The values that a search shows of these executions, as far as they exist."""

    async def latest_summaries(self, limit: int, longest: int) -> dict[UUID, Shown]:
        """The same for the latest changes, oldest first, with at most `longest` characters."""

    async def traces(self, repos: Sequence[str], limit: int) -> list[Trace]:
        """Traces of executions of a repository, given by all its names; the latest first."""

    async def sessions(self, task_ids: Sequence[UUID]) -> dict[UUID, str]:
        """The sessions in which executions were recorded, where known."""

    # Vectors

    async def vector_state(self, generation: Generation = "current") -> VectorState:
        """Which model made the vectors, how many there are and how many are missing."""

    async def vectors(self, take: TakeVectors) -> int:
        """Passes a consistent snapshot of all current vectors to `take`; returns their number."""

    async def unembedded(
        self,
        limit: int,
        *,
        numbers: Sequence[int] | None = None,
        generation: Generation = "current",
    ) -> list[Unembedded]:
        """Executions without a vector, oldest change first.

        `numbers` limits them to these change numbers, which are known to have no vector.
        """

    async def put_vectors(
        self,
        rows: Sequence[Unembedded],
        vectors: NDArray[np.float32],
        model: str,
        generation: Generation = "current",
        passages: Sequence[NDArray[np.float32]] = (),
        *,
        shared: bool = False,
    ) -> dict[UUID, int]:
        """Stores vectors; rows that were deleted, changed or embedded since are left out.

        Args:
            rows: n executions.
            vectors: (n, dimension) float32, L2-normalised.
            model: Fingerprint of the model that made them.
            generation: The generation to store them in.
            passages: n arrays (k, dimension), k >= 0, of further passages. Their versions follow
                the last one that is returned, in the order of its executions.
            shared: Whether they came from the team, so that they aren't sent there again.

        Returns:
            The version of each stored vector, ascending; versions are never reused.
        """

    async def reset_vectors(self, dimension: int, generation: Generation = "current") -> None:
        """Replaces a generation by an empty one for vectors of this length."""

    async def adopt_vectors(self, dimension: int) -> None:
        """Makes the next generation the current one, and empties the next one."""

    async def count_vectors(self, up_to: int) -> int:
        """How many vectors have a version of at most `up_to`."""

    # Statistics

    async def totals(self, period: Period) -> Measures:
        """Counts and figures of a period."""

    async def groups(
        self, by: GroupBy, period: Period, limit: int
    ) -> tuple[list[tuple[str, Measures]], int]:
        """Figures by value of `by`, most executions first (days: newest first); how many more."""

    async def outcomes(
        self, by: GroupBy, period: Period, keys: Sequence[str]
    ) -> dict[str, Endings]:
        """Outcomes of executions with these values of `by`; values without any are left out."""

    async def pairings(self, period: Period, limit: int) -> list[Pairing]:
        """The approaches with most outcomes, each with the other approaches of its task type."""

    async def buckets(self, step: Step, period: Period) -> list[Bucket]:
        """Figures per hour, day, week or month (UTC) that has executions, oldest first."""

    async def listing(
        self,
        period: Period,
        limit: int,
        offset: int,
        sort: SortKey = "recorded_at",
        *,
        descending: bool = True,
    ) -> tuple[list[Listed], int]:
        """Executions of a period in this order, those without a value last; and their total."""

    async def starting_with(self, prefix: str, limit: int) -> list[Listed]:
        """Executions whose id begins with 1 to 32 hexadecimal digits, the latest first."""

    async def choices(self, column: Literal["repo", "task_type"], limit: int) -> list[FilterValue]:
        """Values of a column with their number of executions, most frequent first."""

    async def extent(self) -> Extent:
        """The number of executions, and the time of the earliest."""

    async def error_texts(
        self, period: Period, limit: int, *, examples: int, fixes: int
    ) -> ErrorTexts:
        """The commonest normalised error texts of the failures of a period.

        Each has its latest failures, at most `examples`, and the latest successes that followed
        one, at most `fixes`.
        """

    async def similar_successes(
        self, failures: Sequence[UUID], *, nearest: int, least: float
    ) -> dict[UUID, UUID]:
        """By failure the most similar of the `nearest` next successes of its repo and task type.

        `least` is the least cosine similarity, -1..1, of their descriptions' vectors. Failures
        without a repo or a vector are left out.
        """

    async def history(
        self, by: Dimension, limit: int, offset: int = 0, *, complete: bool = True
    ) -> list[PastRun]:
        """The latest executions after the first `offset`, oldest first, with `by` as label.

        Without `complete`, only those that have ended and have a label and a vector.
        """

    # How answers were used

    async def votes(self) -> dict[UUID, Vote]:
        """The votes of all executions that have any."""

    async def use_counts(self, period: Period) -> UseCounts:
        """Outcomes of executions with and without using earlier ones."""

    async def most_used(self, period: Period, limit: int) -> list[Used]:
        """The executions that were used most by executions of a period."""

    async def add_recalls(self, times: Mapping[UUID, int], at: datetime) -> None:
        """Adds to the recall counts of executions. Doesn't change the revision."""

    # Import, export, state

    async def updated(self, task_ids: Sequence[UUID]) -> dict[UUID, datetime]:
        """When those of these executions that exist were last changed, UTC."""

    async def import_batch(
        self, batch: Sequence[Incoming], *, dry_run: bool = False
    ) -> BatchCounts:
        """Stores imported executions, all or none; an existing one only if it changed later."""

    async def insert_many(
        self,
        executions: Sequence[Execution],
        vectors: NDArray[np.float32] | None = None,
        model: str = "",
        passages: Mapping[UUID, NDArray[np.float32]] | None = None,
    ) -> None:
        """Adds new executions, all of them or none, and the vectors of all of them.

        Args:
            executions: n, with new task_ids.
            vectors: (n, dimension) float32, L2-normalised; None: they are embedded later.
            model: Fingerprint of the model that made the vectors.
            passages: By task_id, (k, dimension) float32 of further passages; with vectors.
        """

    async def export_page(self, after: int, limit: int) -> Exported:
        """Executions after a change number, in the order of their last change, with feedback."""

    async def health(self) -> StoreHealth:
        """Counts, schema version and size."""


class FileStore(Store, FileMaintenance, SharedStore, Protocol):
    """A store that is one file, and can be shared with a team."""

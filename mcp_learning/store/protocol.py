"""The one door to the truth: `Store`. `FileStore` has what a store that is one file offers besides.

Every method is a coroutine that runs its query elsewhere than on the event loop, and every write is
one transaction that is committed when the call returns. A caller that is cancelled drops the
result; a write that has begun is finished. Change numbers, marks and revisions are opaque: a caller
compares them and hands them back. Values that only one query needs are not here; who needs a new
question adds a method, so that no cursor, SQL or type of the engine leaves the room.

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
    ErrorTexts,
    Extent,
    Incoming,
    IndexedTexts,
    Mark,
    Measures,
    Outcomes,
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

    from mcp_learning.models.dashboard import Bucket, Choice, Listed, SortKey, Step, Used

Merge = Callable[[Execution | None], Execution]
"""Makes the new state of an execution from the stored one, or from None; runs in the transaction.
What it raises aborts the transaction and reaches the caller."""


@runtime_checkable
class Store(LessonStore, Protocol):
    """Executions and everything recorded about them."""

    @property
    def revision(self) -> Hashable:
        """Equal as long as nothing was committed that searches or statistics read.

        Vectors that `put_vectors` stores don't count: whoever stores them has them.
        """

    @property
    def closing(self) -> bool:
        """Whether `close` was called: every further call fails."""

    def start(self) -> None:
        """Begins to open the store in the background; never blocks or raises."""

    async def open(self) -> None:
        """Waits until the store is open; a later call tries again after a failure."""

    async def close(self, max_wait: float | None = None) -> None:
        """Finishes queued writes and closes; gives up waiting after `max_wait` seconds."""

    # One execution

    async def upsert(
        self,
        task_id: UUID | None,
        merge: Merge,
        used: Sequence[UUID] = (),
        at: datetime | None = None,
    ) -> Upserted:
        """Creates or changes an execution, and notes which earlier ones it used.

        A changed description removes its vector; an unchanged execution is left alone.

        Args:
            task_id: Which; None: a new one, whose task_id `merge` makes.
            merge: Its new state.
            used: Earlier executions; if one is missing, nothing is written.
            at: Time of the uses, UTC; None: now.
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
        """Appends feedback unless it is there; returns how many there are; None: no execution.

        `check` gets the execution in the transaction, which what it raises aborts.
        """

    async def delete(self, selection: Selection, *, dry_run: bool = False) -> Deletion:
        """Deletes executions with everything recorded about them, or says which it would delete."""

    async def suggest(self, column: str, prefix: str, limit: int) -> list[str]:
        """Recorded values of repo, task_type, approach or error_type by prefix, commonest first."""

    # What derived indexes read

    async def changes(self, since: Mark | None = None) -> Changes:
        """What was created, changed and deleted since a mark, as of one moment."""

    async def texts(self, numbers: Sequence[int]) -> list[IndexedTexts]:
        """Texts of executions by change number, in any order, without those changed since."""

    async def summaries(self, task_ids: Sequence[UUID]) -> dict[UUID, Shown]:
        """What a search shows of these executions, as far as they exist."""

    async def latest_summaries(self, limit: int, longest: int) -> dict[UUID, Shown]:
        """The same of those that changed last, oldest first, without texts over `longest`."""

    async def traces(self, repos: Sequence[str], limit: int) -> list[Trace]:
        """What executions of a repository, by all its names, left in files; the latest first."""

    async def sessions(self, task_ids: Sequence[UUID]) -> dict[UUID, str]:
        """The sessions in which executions were recorded, as far as they tell."""

    # Vectors

    async def vector_state(self, generation: Generation = "current") -> VectorState:
        """Which model made the vectors, how many there are and how many are missing."""

    async def vectors(self, take: TakeVectors) -> int:
        """Hands all current vectors as of one moment to `take`; returns how many."""

    async def unembedded(
        self,
        limit: int,
        *,
        numbers: Sequence[int] | None = None,
        generation: Generation = "current",
    ) -> list[Unembedded]:
        """Executions without a vector, oldest change first.

        Those with the change numbers `numbers` are known to have none: that isn't looked up.
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
            generation: Which set they belong to.
            passages: n arrays (k, dimension), k >= 0, of further passages. Their versions follow
                the last one that is returned, in the order of its executions.
            shared: They came from the team, which isn't to get them again.

        Returns:
            The version of each stored vector, ascending; none ever repeats.
        """

    async def reset_vectors(self, dimension: int, generation: Generation = "current") -> None:
        """Replaces a generation by an empty one for vectors of this length."""

    async def adopt_vectors(self, dimension: int) -> None:
        """Makes the next generation the current one, and empties the next."""

    async def count_vectors(self, up_to: int) -> int:
        """How many vectors have a version of at most `up_to`."""

    # Statistics

    async def totals(self, period: Period) -> Measures:
        """Figures of a period."""

    async def groups(
        self, by: GroupBy, period: Period, limit: int
    ) -> tuple[list[tuple[str, Measures]], int]:
        """Figures per value of `by`, most executions first (days: newest first); how many more."""

    async def outcomes(
        self, by: GroupBy, period: Period, keys: Sequence[str]
    ) -> dict[str, Outcomes]:
        """How executions with these values of `by` ended; values without any are left out."""

    async def pairings(self, period: Period, limit: int) -> list[Pairing]:
        """The approaches that ended most often, each beside the others of its task type."""

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
        """Executions of a period in this order, those without a value last; and how many in all."""

    async def starting_with(self, prefix: str, limit: int) -> list[Listed]:
        """Executions whose id begins with 1 to 32 hexadecimal digits, the latest first."""

    async def choices(self, column: Literal["repo", "task_type"], limit: int) -> list[Choice]:
        """Recorded values of a column with their number of executions, commonest first."""

    async def extent(self) -> Extent:
        """How many executions there are, and since when."""

    async def error_texts(
        self, period: Period, limit: int, *, examples: int, fixes: int
    ) -> ErrorTexts:
        """The commonest normalised error texts of the failures of a period.

        For each, so many `examples` are named, and `fixes`: successes that followed; the latest.
        """

    async def similar_successes(
        self, failures: Sequence[UUID], *, nearest: int, least: float
    ) -> dict[UUID, UUID]:
        """By failure the most similar later success of the same repo and task type.

        Failures without a repo or a vector have none.

        Args:
            failures: Which.
            nearest: How many of the successes that came next are compared.
            least: Smallest cosine similarity of the descriptions' vectors, -1..1.
        """

    async def history(
        self, by: Dimension, limit: int, offset: int = 0, *, complete: bool = True
    ) -> list[PastRun]:
        """The latest executions but for the first `offset`, oldest first, with `by` as label.

        Unless `complete`, only those that have ended, have a label and a vector.
        """

    # How answers were used

    async def votes(self) -> dict[UUID, Vote]:
        """Of all executions that have any."""

    async def use_counts(self, period: Period) -> UseCounts:
        """How executions ended with and without using earlier ones."""

    async def most_used(self, period: Period, limit: int) -> list[Used]:
        """The executions that those of a period used most."""

    async def add_recalls(self, times: Mapping[UUID, int], at: datetime) -> None:
        """Counts how often answers named executions. Doesn't change the revision."""

    # Import, export, state

    async def updated(self, task_ids: Sequence[UUID]) -> dict[UUID, datetime]:
        """When those of these executions that exist were last changed, UTC."""

    async def import_batch(
        self, batch: Sequence[Incoming], *, dry_run: bool = False
    ) -> BatchCounts:
        """Stores executions from elsewhere, all or none; one that exists if it changed later."""

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
        """The next executions in the order of their last change, with feedback and uses."""

    async def health(self) -> StoreHealth:
        """Counts, schema version and size."""


class FileStore(Store, FileMaintenance, SharedStore, Protocol):
    """A store that is one file, and that a team is served from."""

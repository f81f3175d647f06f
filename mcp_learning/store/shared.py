"""The verbs of a store for a team: the outbox, and applying the team's changes.

A change to an execution of a shared repository adds an entry to the outbox in the same transaction.
Entries are patches: the fields that changed, not the whole row. What comes from the team was
redacted where it was recorded, and is not validated again.
"""

from collections.abc import Hashable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol
from uuid import UUID

from mcp_learning.store.types import Changes, Shown, Unembedded

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EntryKind = Literal["patch", "forget", "feedback", "use", "vector", "lesson"]


class OutboxEntry(NamedTuple):
    """One change for the team.

    Attributes:
        number: Ascending.
        kind: What was changed.
        task_id: The execution; or the lesson.
        fields: A JSON object. Of a patch, fields of an Execution; of feedback, its columns with its
            `feedback_id`; of a use, `used` and `at`; of a lesson, its fields. Otherwise empty.
        at: Time of the entry, UTC; of a patch, of the last change if the execution is stored.
        is_whole: Whether it is a patch with all fields, of an execution that is new to the team.
    """

    number: int
    kind: EntryKind
    task_id: UUID
    fields: str
    at: datetime
    is_whole: bool = False


class SharedVector(NamedTuple):
    """A vector of an execution.

    Attributes:
        task_id: The execution.
        part: 0 for the first vector; further passages count from 1.
        described: Hash of the description that it was made of (`identifiers.description_hash`).
        vector: (dimension,) float32, L2-normalised.
    """

    task_id: UUID
    part: int
    described: int
    vector: "NDArray[np.float32]"


class Outgoing(NamedTuple):
    """Entries that the team doesn't have yet.

    Attributes:
        entries: Oldest first.
        vectors: The vectors of entries of kind `vector`, as far as they still exist.
        model: Fingerprint of the model that made them.
    """

    entries: Sequence[OutboxEntry]
    vectors: Sequence[SharedVector]
    model: str


class TeamMark(NamedTuple):
    """The position up to which a team's changes are applied in this store.

    Attributes:
        team: Name of the team.
        epoch: Of the team's store; change numbers of different epochs can't be compared.
        change: The last change number that was applied; 0: none.
        sweeping: Whether everything is being read again; executions that weren't are deleted at
            the end.
        role: The database role under which this host writes to the team's store.
        part: Name of the part of the team's executions that this host holds; empty: all.
    """

    team: str
    epoch: str
    change: int
    sweeping: bool
    role: str
    part: str = ""


class OutboxState(NamedTuple):
    """The number of entries that wait, the time of the oldest in UTC, and the mark."""

    waiting: int
    since: datetime | None
    mark: TeamMark | None


class TeamExecution(NamedTuple):
    """An execution as the team has it; `fields` is None if it was forgotten."""

    task_id: UUID
    author: str
    updated_at: datetime
    fields: Mapping[str, Any] | None


class TeamFeedback(NamedTuple):
    """Feedback as the team has it; `fields` are its columns."""

    feedback_id: UUID
    task_id: UUID
    fields: Mapping[str, Any]


class TeamUse(NamedTuple):
    """That an execution used an earlier one, and when that was recorded, UTC."""

    task_id: UUID
    used: UUID
    at: datetime


class TeamLesson(NamedTuple):
    """A lesson as the team has it; `fields` are those of a Lesson, None: it is gone."""

    lesson_id: UUID
    fields: Mapping[str, Any] | None


class Part(NamedTuple):
    """Which of a team's executions this host holds.

    Attributes:
        author: Author of the executions; empty: none are held; None: any author.
        since: When they were recorded at the earliest, UTC; None: at any time.
        most: Most executions that are held; the earliest changed or fetched are evicted.
        fetched: Most executions outside of the part, fetched for questions, that are held.
    """

    author: str | None
    since: datetime | None
    most: int
    fetched: int

    @property
    def is_all(self) -> bool:
        """Whether all executions belong to it, up to `most`."""
        return self.author is None and self.since is None


class Held(NamedTuple):
    """Number of stored executions that the team has, and of all."""

    of_team: int
    total: int


class TeamPage(NamedTuple):
    """Some of a team's changes, and the mark up to which the store has all of them afterwards.

    Attributes:
        left_out: Changed executions outside of this host's part; stale copies of them are evicted.
    """

    executions: Sequence[TeamExecution]
    feedback: Sequence[TeamFeedback]
    uses: Sequence[TeamUse]
    lessons: Sequence[TeamLesson]
    mark: TeamMark
    left_out: Sequence[UUID] = ()


class EmbeddedRows(NamedTuple):
    """Executions with the vectors of all their passages, made by the same model.

    Attributes:
        rows: n executions, not stored yet, so that their `sequence` is meaningless.
        vectors: (n, dimension) float32, L2-normalised: the first vector of each.
        passages: n arrays (k, dimension), k >= 0, of further passages.
        model: Fingerprint of the model.
    """

    rows: Sequence[Unembedded]
    vectors: "NDArray[np.float32]"
    passages: "Sequence[NDArray[np.float32]]"
    model: str


class Cached(NamedTuple):
    """Executions that were fetched for a question, and added.

    Attributes:
        texts: What searches show of them.
        versions: Versions of the stored vectors, by execution.
        changes: What an index at the revision `since` applies to be at `revision`; None: nothing
            was added.
        since, revision: `Store.revision` before and after they were added.
    """

    texts: Sequence[Shown]
    versions: Mapping[UUID, int]
    changes: Changes | None
    since: Hashable
    revision: Hashable


class AppliedChanges(NamedTuple):
    """What the team's changes did to this store.

    Attributes:
        changed: Executions created or changed.
        deleted: Executions forgotten.
        evicted: Executions removed from this host only.
    """

    changed: Sequence[UUID]
    deleted: Sequence[UUID]
    evicted: Sequence[UUID] = ()

    @property
    def gone(self) -> Sequence[UUID]:
        """All executions that were removed."""
        return [*self.deleted, *self.evicted]


MOST_USING = 200
"""Most users of an execution that are fetched to show it."""


class SharedStore(Protocol):
    """The part of a store that exchanges with a team."""

    async def outbox_state(self) -> OutboxState:
        """The state of the outbox, and the mark."""

    async def fill_outbox(self) -> int:
        """Queues executions that were recorded before their repository was shared.

        Those that came from the team or are already queued are left out. Returns their number.
        """

    async def outgoing(self, limit: int, after: int = 0) -> Outgoing:
        """The oldest unsent entries with numbers above `after`, at most `limit`."""

    async def sent(
        self,
        numbers: Mapping[int, int],
        forgotten: Sequence[UUID],
        absent: Sequence[UUID],
        mark: TeamMark | None = None,
    ) -> AppliedChanges:
        """Records that the team has received entries.

        Args:
            numbers: The team's change number of each, by the entry's number.
            forgotten: Executions that the team has forgotten; they are deleted here, too.
            absent: Executions that the team lacks; they are queued whole.
            mark: The new mark, if no other host's changes preceded these entries: then they needn't
                be pulled, and executions that they created get their author now.
        """

    async def sent_ids(self) -> list[UUID]:
        """Executions and lessons of which anything but vectors was sent within the last day."""

    async def send_again(self, there: Mapping[UUID, int], common: int | None) -> int:
        """Queues changes again that were sent within the last day and lost by the team's store.

        Executions and lessons that it lacks are queued whole. For those that it has, only lost
        patches are queued, since others may have changed them meanwhile.

        Args:
            there: The change numbers of those of `sent_ids` that it has.
            common: Entries with a higher change number were lost; None: those with a higher number
                than `there` says.

        Returns:
            The highest change number of a sent entry; 0: none.
        """

    async def apply_page(self, page: TeamPage) -> AppliedChanges:
        """Applies a page and its mark in one transaction, with unsent local changes on top."""

    async def cache(self, page: TeamPage, embedded: EmbeddedRows | None) -> Cached | None:
        """Adds executions that were fetched for a question, with their vectors, in one transaction.

        Executions that are already stored or have unsent entries stay unchanged, and so does the
        mark.

        Args:
            page: The executions, and as mark the state of the team in which they were read.
            embedded: Those of them that have vectors.

        Returns:
            What was added; None if nothing was, since this store is ahead of that state.
        """

    async def absent(self, task_ids: Sequence[UUID]) -> list[UUID]:
        """Those of these executions that aren't stored."""

    async def using(self, task_id: UUID) -> list[UUID]:
        """The latest `MOST_USING` executions that used this one, stored or not."""

    async def evict(self, part: Part) -> AppliedChanges:
        """Removes executions that the team has and that aren't in `part`, from this host only."""

    async def held(self) -> Held:
        """How many executions are stored."""

    async def fetched(self) -> list[UUID]:
        """Stored executions that were fetched for a question."""

    async def lacking_vectors(self, task_ids: Sequence[UUID]) -> list[UUID]:
        """Those of these executions that have no vector, or aren't stored."""

    async def without_vector(self, task_ids: Sequence[UUID]) -> list[Unembedded]:
        """Those of these executions that are stored without a vector, oldest change first."""

    async def set_mark(self, mark: TeamMark | None) -> None:
        """Replaces the mark; None leaves the team, and empties the outbox."""

    async def sweep(self, kept: Sequence[UUID], mark: TeamMark) -> AppliedChanges:
        """Deletes what came from the team, except `kept` and unsent executions; sets the mark."""

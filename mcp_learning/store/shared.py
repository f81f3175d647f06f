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
            `feedback_id`; of a use, `used` and `at`; of a lesson, fields of it. Otherwise empty.
        at: When it was made, UTC; of a patch, when the execution was last changed, if it is here.
    """

    number: int
    kind: EntryKind
    task_id: UUID
    fields: str
    at: datetime


class SharedVector(NamedTuple):
    """A vector of an execution.

    Attributes:
        task_id: The execution.
        part: 0 for the first one, then those of further passages.
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
        sweeping: Whether everything is being read anew; what isn't among it is deleted at the end.
        role: The database role under which this host writes there.
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
        author: Those of one author alone; empty: none; None: of all authors.
        since: Those recorded since then, UTC; None: at any time.
        most: How many at most, those that were changed or fetched last.
        fetched: How many others that were fetched for a question may stay, the last ones.
    """

    author: str | None
    since: datetime | None
    most: int
    fetched: int

    @property
    def is_all(self) -> bool:
        """Whether everything belongs to it, as long as there is room."""
        return self.author is None and self.since is None


class Held(NamedTuple):
    """How many executions are here that the team has, and how many in all."""

    of_team: int
    total: int


class TeamPage(NamedTuple):
    """Some of a team's changes, and the mark up to which this store then has them all.

    Attributes:
        left_out: Executions that have changed, too, and that aren't to be here: what is here of
            them is out of date, and is taken away.
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
        rows: n executions; `sequence` means nothing, since they aren't stored yet.
        vectors: (n, dimension) float32, L2-normalised, the first one of each.
        passages: n arrays (k, dimension), k >= 0: of their further passages.
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
        versions: Of the vectors that were stored, by execution.
        changes: What whoever had all changes up to the revision `since` has to take in to have all
            up to `revision`; None: nothing was added.
        since, revision: `Store.revision` before and after they were added.
    """

    texts: Sequence[Shown]
    versions: Mapping[UUID, int]
    changes: Changes | None
    since: Hashable
    revision: Hashable


class TakenIn(NamedTuple):
    """What was done here.

    Attributes:
        changed: Executions created or changed.
        deleted: Those that were forgotten.
        evicted: Those that aren't here any more, but aren't forgotten.
    """

    changed: Sequence[UUID]
    deleted: Sequence[UUID]
    evicted: Sequence[UUID] = ()

    @property
    def gone(self) -> Sequence[UUID]:
        """All that aren't here any more."""
        return [*self.deleted, *self.evicted]


MOST_USING = 200
"""Executions that used one, at most, that are fetched to show it."""


class SharedStore(Protocol):
    """The part of a store that a team is served from."""

    async def outbox_state(self) -> OutboxState:
        """The state of the outbox, and the mark."""

    async def fill_outbox(self) -> int:
        """Adds what is shared and neither came from the team nor was ever sent; returns how many.

        For executions that were recorded before their repository was shared.
        """

    async def outgoing(self, limit: int, after: int = 0) -> Outgoing:
        """The oldest entries after that number that the team doesn't have, at most `limit`."""

    async def sent(
        self,
        numbers: Mapping[int, int],
        forgotten: Sequence[UUID],
        absent: Sequence[UUID],
        mark: TeamMark | None = None,
    ) -> TakenIn:
        """Notes that the team has entries.

        Args:
            numbers: The team's change number of each, by the entry's number.
            forgotten: Executions that the team has forgotten: they are deleted here, too.
            absent: Executions of which the team has nothing: they are sent as a whole.
            mark: Where this store is now, if nothing else reached the team before these entries:
                they needn't be read from there, and what they created gets its author here.
        """

    async def sent_ids(self) -> list[UUID]:
        """Executions and lessons of which anything but vectors was sent within the last day."""

    async def send_again(self, there: Mapping[UUID, int], common: int | None) -> int:
        """Adds what was sent within the last day and the team's store has lost.

        Of what it has, the patches that were lost, since others may have changed it meanwhile; what
        it hasn't, as a whole.

        Args:
            there: The numbers of those executions and lessons that it has.
            common: Entries with a higher number were lost; None: those that are newer than what it
                has.

        Returns:
            The highest number that was sent; 0: none.
        """

    async def take_in(self, page: TeamPage) -> TakenIn:
        """Applies a page with its mark, all or nothing; what waits to be sent stays on top."""

    async def cache(self, page: TeamPage, embedded: EmbeddedRows | None) -> Cached | None:
        """Adds executions that were fetched for a question, with their vectors, in one transaction.

        What is here already, or is changed or forgotten here in a way that the team doesn't know
        yet, stays as it is. So does the mark.

        Args:
            page: Its mark is the state of the team that it was read from.
            embedded: Those of its executions that have vectors.

        Returns:
            What was added; None: nothing, since the changes here are later than that state.
        """

    async def absent(self, task_ids: Sequence[UUID]) -> list[UUID]:
        """Those of these executions that aren't here."""

    async def using(self, task_id: UUID) -> list[UUID]:
        """Executions that used one, here or not, the latest `MOST_USING`."""

    async def evict(self, part: Part) -> TakenIn:
        """Takes away what the team has and this host isn't to hold; nothing is forgotten by it."""

    async def held(self) -> Held:
        """How many executions are here."""

    async def fetched(self) -> list[UUID]:
        """Executions that are here since a question was about them."""

    async def lacking_vectors(self, task_ids: Sequence[UUID]) -> list[UUID]:
        """Those of these executions that have no vector here, or don't exist here."""

    async def without_vector(self, task_ids: Sequence[UUID]) -> list[Unembedded]:
        """Those of these executions that exist here and have no vector, oldest change first."""

    async def set_mark(self, mark: TeamMark | None) -> None:
        """Replaces the mark; None leaves the team, and empties the outbox."""

    async def sweep(self, kept: Sequence[UUID], mark: TeamMark) -> TakenIn:
        """Deletes what came from the team but for `kept` and what waits; then sets the mark."""

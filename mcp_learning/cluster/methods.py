"""What can be asked of the learning service, here or in another process: the one table of it.

A new method of the service takes its place in `Learning`, in the table below, and as one line in
`service.SharedService`. It may be repeated when a leader goes away before it has answered, so it
has to do no harm the second time.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar
from uuid import UUID

from pydantic import BaseModel

from mcp_learning.models.dashboard import (
    History,
    Learned,
    ListExecutions,
    ListHistory,
    Listing,
    LookedUp,
    LookUp,
    Overview,
    Pulse,
    View,
    Vitals,
)
from mcp_learning.models.fields import Model
from mcp_learning.models.insights import Insights
from mcp_learning.models.maintenance import (
    Backup,
    BackupReport,
    EmbedMissing,
    EmbedReport,
    Prune,
    PruneReport,
    Unarchive,
    UnarchiveReport,
)
from mcp_learning.models.requests import (
    FindSimilarTasks,
    ForgetExecutions,
    GetExecution,
    LearningStats,
    RebuildIndex,
    RecommendApproach,
    RecordExecution,
    SubmitFeedback,
)
from mcp_learning.models.results import (
    ExecutionDetail,
    FeedbackStored,
    Forgotten,
    Health,
    RebuildReport,
    Recommendation,
    Recorded,
    SimilarTasks,
    Stats,
)
from mcp_learning.models.transfer import Exported, ExportPage, ImportBatch, Imported

if TYPE_CHECKING:  # importing it loads what followers do without
    from mcp_learning.service.learning import LearningService

Report = Callable[[float, str], Awaitable[None]]
"""Hears of progress: the share done, 0..1, and what is being done."""

Q = TypeVar("Q", bound=BaseModel)
A = TypeVar("A", bound=BaseModel)


class Learning(Protocol):
    """What a server or a command needs of a learning service; each method is described there."""

    async def record(self, request: RecordExecution) -> Recorded:
        """Stores or updates an execution."""
        ...

    async def find(self, request: FindSimilarTasks) -> SimilarTasks:
        """The most similar earlier tasks."""
        ...

    async def recommend(self, request: RecommendApproach) -> Recommendation:
        """Options for a task, compared by their outcomes on similar ones."""
        ...

    async def get(self, request: GetExecution) -> ExecutionDetail:
        """One whole record."""
        ...

    async def feedback(self, request: SubmitFeedback) -> FeedbackStored:
        """Appends feedback."""
        ...

    async def stats(self, request: LearningStats) -> Stats:
        """Totals, groups, trend and health."""
        ...

    async def insights(self) -> Insights:
        """What the executions of a period say."""
        ...

    async def health(self) -> Health:
        """State of the database and what is derived from it."""
        ...

    async def rebuild(self, request: RebuildIndex, progress: Report) -> RebuildReport:
        """Builds the HNSW index."""
        ...

    async def forget(self, request: ForgetExecutions) -> Forgotten:
        """Deletes executions, or counts them."""
        ...

    async def backup(self, request: Backup) -> BackupReport:
        """Copies the whole database."""
        ...

    async def embed_missing(self, request: EmbedMissing, progress: Report) -> EmbedReport:
        """Makes vectors that are missing."""
        ...

    async def prune(self, request: Prune, progress: Report) -> PruneReport:
        """Archives and forgets what limits let go."""
        ...

    async def unarchive(self, request: Unarchive) -> UnarchiveReport:
        """Brings back what was archived."""
        ...

    async def suggest(self, column: str, prefix: str, limit: int = 20) -> list[str]:
        """Recorded values that start with `prefix`."""
        ...

    async def import_batch(self, request: ImportBatch) -> Imported:
        """Stores executions from elsewhere."""
        ...

    async def export_page(self, request: ExportPage) -> Exported:
        """Executions with all that hangs on them, some at a time."""
        ...

    async def overview(self, view: View) -> Overview:
        """Figures over time, by repo and by task type."""
        ...

    async def listing(self, request: ListExecutions) -> Listing:
        """Executions of a view, the latest first."""
        ...

    async def learned(self, view: View) -> Learned:
        """Approaches, failures and the use of recalls."""
        ...

    async def inspect(self, request: GetExecution) -> ExecutionDetail:
        """One whole record, for a person: not measured as an agent's call."""
        ...

    async def look_up(self, request: LookUp) -> LookedUp:
        """A search with what it leaves out; doesn't count as a recall."""
        ...

    async def history(self, request: ListHistory) -> History:
        """Ended executions, for an evaluation elsewhere."""
        ...

    async def vitals(self) -> Vitals:
        """How the leader does."""
        ...

    async def pulse(self) -> Pulse:
        """What changes when the database does."""
        ...


@dataclass(frozen=True)
class Method(Generic[Q, A]):
    """One method: its name in frames, its models, and how a leader answers it."""

    name: str
    request: type[Q]
    answer: type[A]
    serve: Callable[["LearningService", Q, Report], Awaitable[A]]


class IdentifiedFeedback(Model):
    """Feedback that is stored once, however often it is sent."""

    feedback_id: UUID
    feedback: SubmitFeedback


class Nothing(Model):
    """No arguments."""


class Prefix(Model):
    """Arguments of `suggest`."""

    column: str
    prefix: str
    limit: int


class Suggestions(Model):
    """Answer of `suggest`."""

    values: list[str]


async def _suggest(service: "LearningService", request: Prefix, _: Report) -> Suggestions:
    return Suggestions(values=await service.suggest(request.column, request.prefix, request.limit))


RECORD = Method("record", RecordExecution, Recorded, lambda s, q, _: s.record(q))
FIND = Method("find", FindSimilarTasks, SimilarTasks, lambda s, q, _: s.find(q))
RECOMMEND = Method("recommend", RecommendApproach, Recommendation, lambda s, q, _: s.recommend(q))
GET = Method("get", GetExecution, ExecutionDetail, lambda s, q, _: s.get(q))
FEEDBACK = Method(
    "feedback",
    IdentifiedFeedback,
    FeedbackStored,
    lambda s, q, _: s.feedback(q.feedback, q.feedback_id),
)
STATS = Method("stats", LearningStats, Stats, lambda s, q, _: s.stats(q))
INSIGHTS = Method("insights", Nothing, Insights, lambda s, q, _: s.insights())
HEALTH = Method("health", Nothing, Health, lambda s, q, _: s.health())
REBUILD = Method("rebuild", RebuildIndex, RebuildReport, lambda s, q, r: s.rebuild(q, r))
FORGET = Method("forget", ForgetExecutions, Forgotten, lambda s, q, _: s.forget(q))
BACKUP = Method("backup", Backup, BackupReport, lambda s, q, _: s.backup(q))
EMBED = Method("embed_missing", EmbedMissing, EmbedReport, lambda s, q, r: s.embed_missing(q, r))
PRUNE = Method("prune", Prune, PruneReport, lambda s, q, r: s.prune(q, r))
UNARCHIVE = Method("unarchive", Unarchive, UnarchiveReport, lambda s, q, _: s.unarchive(q))
SUGGEST = Method("suggest", Prefix, Suggestions, _suggest)
IMPORT = Method("import_batch", ImportBatch, Imported, lambda s, q, _: s.import_batch(q))
EXPORT = Method("export_page", ExportPage, Exported, lambda s, q, _: s.export_page(q))
OVERVIEW = Method("overview", View, Overview, lambda s, q, _: s.dashboard.overview(q))
LISTING = Method("listing", ListExecutions, Listing, lambda s, q, _: s.dashboard.listing(q))
LEARNED = Method("learned", View, Learned, lambda s, q, _: s.dashboard.learned(q))
INSPECT = Method("inspect", GetExecution, ExecutionDetail, lambda s, q, _: s.get(q))
LOOK_UP = Method("look_up", LookUp, LookedUp, lambda s, q, _: s.look_up(q))
HISTORY = Method("history", ListHistory, History, lambda s, q, _: s.dashboard.history(q))
VITALS = Method("vitals", Nothing, Vitals, lambda s, q, _: s.vitals())
PULSE = Method("pulse", Nothing, Pulse, lambda s, q, _: s.dashboard.pulse())

METHODS: dict[str, Method[Any, Any]] = {
    method.name: method
    for method in (
        *(RECORD, FIND, RECOMMEND, GET, FEEDBACK, STATS, INSIGHTS, HEALTH, REBUILD, FORGET),
        *(SUGGEST, BACKUP, EMBED, PRUNE, UNARCHIVE, IMPORT, EXPORT),
        *(OVERVIEW, LISTING, LEARNED, INSPECT, LOOK_UP, HISTORY, VITALS, PULSE),
    )
}

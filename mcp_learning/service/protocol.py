"""Learning: what can be asked of the learning service, in this process or in another.

This is the one list of its methods. `learning.LearningService` implements them; the `cluster` room
derives what passes between processes from the signatures here. A method is

    async def name(self, request: Request, progress: Progress, /) -> Result

where both parameters are positional and may be missing, and request and result are pydantic
models. A method may be called a second time when the leader goes away before it has answered, so
the second call must do no harm.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # a server imports the models of a method when it is first called
    from mcp_learning.models.corrections import (
        Judge,
        Judged,
        ResolvedId,
        ResolveId,
        Revised,
        ReviseExecution,
    )
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
        Telemetry,
        View,
    )
    from mcp_learning.models.health import Health
    from mcp_learning.models.insights import Insights
    from mcp_learning.models.lessons import (
        ChangeLesson,
        ExportedLessons,
        ExportLessons,
        GetLesson,
        ImportLessons,
        LessonDetail,
        LessonPackets,
        Lessons,
        LessonSaved,
        LessonsFor,
        ListLessons,
        ReviewLessons,
        SaveLesson,
        ShownLessons,
    )
    from mcp_learning.models.maintenance import (
        Backup,
        BackupReport,
        EmbedMissing,
        EmbedReport,
        Prune,
        PruneReport,
        RebuildReport,
        Unarchive,
        UnarchiveReport,
    )
    from mcp_learning.models.occasions import Occasion, Remark
    from mcp_learning.models.requests import (
        FindSimilarTasks,
        ForgetExecutions,
        GetExecution,
        IdentifiedFeedback,
        LearningStats,
        RebuildIndex,
        RecommendApproach,
        RecordExecution,
        SuggestValues,
    )
    from mcp_learning.models.results import (
        ExecutionDetail,
        FeedbackStored,
        Forgotten,
        Recommendation,
        Recorded,
        SimilarTasks,
        Stats,
        SuggestedValues,
    )
    from mcp_learning.models.team import Exchanged, ExchangeWithTeam, LeftTeam
    from mcp_learning.models.transfer import Exported, ExportPage, ImportBatch, Imported

Progress = Callable[[float, str], Awaitable[None]]
"""Is told the share of the work that is done, 0..1, and what is being done."""


async def ignore_progress(share: float, message: str) -> None:
    """A `Progress` for callers who don't need one."""


class Learning(Protocol):
    """A learning service; `LearningService` describes each method, and what it raises."""

    async def record(self, request: RecordExecution, /) -> Recorded:
        """Stores or updates an execution."""

    async def find(self, request: FindSimilarTasks, /) -> SimilarTasks:
        """Finds the most similar earlier tasks."""

    async def remark(self, request: Occasion, /) -> Remark:
        """Tells an agent what it should know on an occasion, if anything."""

    async def recommend(self, request: RecommendApproach, /) -> Recommendation:
        """Compares the options for a task by their outcomes on similar tasks."""

    async def get(self, request: GetExecution, /) -> ExecutionDetail:
        """Returns one whole record."""

    async def resolve(self, request: ResolveId, /) -> ResolvedId:
        """Finds the execution that a short id means."""

    async def revise(self, request: ReviseExecution, /) -> Revised:
        """Corrects fields of an execution."""

    async def judge(self, request: Judge, /) -> Judged:
        """Notes what later facts say of how executions ended."""

    async def feedback(self, request: IdentifiedFeedback, /) -> FeedbackStored:
        """Appends feedback to an execution."""

    async def stats(self, request: LearningStats, /) -> Stats:
        """Returns totals, groups, the trend and the state of the database."""

    async def insights(self) -> Insights:
        """Summarises the executions of the last period."""

    async def health(self) -> Health:
        """Returns the state of the database and of what is derived from it."""

    async def rebuild(self, request: RebuildIndex, progress: Progress, /) -> RebuildReport:
        """Builds the HNSW index."""

    async def forget(self, request: ForgetExecutions, /) -> Forgotten:
        """Deletes executions, or counts them."""

    async def suggest(self, request: SuggestValues, /) -> SuggestedValues:
        """Completes a value from those that are recorded."""

    async def backup(self, request: Backup, /) -> BackupReport:
        """Copies the whole database."""

    async def embed_missing(self, request: EmbedMissing, progress: Progress, /) -> EmbedReport:
        """Embeds executions that have no vector."""

    async def prune(self, request: Prune, progress: Progress, /) -> PruneReport:
        """Archives and deletes the executions that are beyond the limits."""

    async def unarchive(self, request: Unarchive, /) -> UnarchiveReport:
        """Restores archived executions."""

    async def import_batch(self, request: ImportBatch, /) -> Imported:
        """Stores executions from elsewhere."""

    async def export_page(self, request: ExportPage, /) -> Exported:
        """Returns a page of executions with their feedback and uses."""

    async def save_lesson(self, request: SaveLesson, /) -> LessonSaved:
        """Stores what an agent learned."""

    async def review_lessons(self, request: ReviewLessons, /) -> LessonPackets:
        """Returns what lessons are due for."""

    async def list_lessons(self, request: ListLessons, /) -> Lessons:
        """Lists lessons with their effects."""

    async def get_lesson(self, request: GetLesson, /) -> LessonDetail:
        """Returns a lesson with its history."""

    async def change_lesson(self, request: ChangeLesson, /) -> LessonDetail:
        """Carries out a person's decision about a lesson."""

    async def lessons_for(self, request: LessonsFor, /) -> ShownLessons:
        """Returns lessons for a task that is to begin, or a command that is to be run."""

    async def export_lessons(self, request: ExportLessons, /) -> ExportedLessons:
        """Returns a page of lessons with their histories."""

    async def import_lessons(self, request: ImportLessons, /) -> Imported:
        """Stores lessons from elsewhere."""

    async def overview(self, request: View, /) -> Overview:
        """Returns figures over time, by repository and by task type."""

    async def listing(self, request: ListExecutions, /) -> Listing:
        """Returns a page of a view's executions."""

    async def learned(self, request: View, /) -> Learned:
        """Compares approaches, and lists failure patterns and the use of recalls."""

    async def inspect(self, request: GetExecution, /) -> ExecutionDetail:
        """Returns one whole record to a person: `get`, but not measured as an agent's call."""

    async def look_up(self, request: LookUp, /) -> LookedUp:
        """Searches for a person: shows what the answer leaves out, and counts no recall."""

    async def history(self, request: ListHistory, /) -> History:
        """Returns ended executions with their vectors, for an evaluation elsewhere."""

    async def telemetry(self) -> Telemetry:
        """Returns latencies of recent calls, and recent events."""

    async def exchange(self, request: ExchangeWithTeam, /) -> Exchanged:
        """Pulls what the team has, and pushes what waits for it."""

    async def leave_team(self) -> LeftTeam:
        """Forgets the team in this database."""

    async def pulse(self) -> Pulse:
        """Returns a text that changes whenever the database does."""

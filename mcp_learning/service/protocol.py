"""`Learning`, the methods of the learning service, in this process or in another.

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
    from mcp_learning.models import (
        corrections,
        dashboard,
        lessons,
        maintenance,
        occasions,
        requests,
        results,
        team,
        transfer,
    )
    from mcp_learning.models.health import Health
    from mcp_learning.models.insights import Insights
    from mcp_learning.models.telemetry import Telemetry

Progress = Callable[[float, str], Awaitable[None]]
"""Called with the share of the work that is done, 0..1, and the current step."""


async def ignore_progress(share: float, message: str) -> None:
    """A `Progress` for callers who don't need one."""


class Learning(Protocol):
    """A learning service; `LearningService` describes each method, and what it raises."""

    async def record(self, request: requests.RecordExecution, /) -> results.Recorded:
        """Stores or updates an execution."""

    async def find(self, request: requests.FindSimilarTasks, /) -> results.SimilarTasks:
        """Finds the most similar earlier tasks."""

    async def remark(self, request: occasions.Occasion, /) -> occasions.Remark:
        """Tells an agent what it should know on an occasion, if anything."""

    async def recommend(self, request: requests.RecommendApproach, /) -> results.Recommendation:
        """Compares the options for a task by their outcomes on similar tasks."""

    async def get(self, request: requests.GetExecution, /) -> results.ExecutionDetail:
        """Returns one whole record."""

    async def resolve(self, request: corrections.ResolveId, /) -> corrections.ResolvedId:
        """Finds the execution that a short id means."""

    async def revise(self, request: corrections.ReviseExecution, /) -> corrections.Revised:
        """Corrects fields of an execution."""

    async def judge(self, request: corrections.Judge, /) -> corrections.Judged:
        """Stores verdicts of later facts on outcomes."""

    async def feedback(self, request: requests.IdentifiedFeedback, /) -> results.FeedbackStored:
        """Appends feedback to an execution."""

    async def stats(self, request: requests.LearningStats, /) -> results.Stats:
        """Returns totals, groups, the trend and the state of the database."""

    async def insights(self) -> Insights:
        """Summarises the executions of the last period."""

    async def health(self) -> Health:
        """Returns the state of the database and of what is derived from it."""

    async def rebuild(
        self, request: requests.RebuildIndex, progress: Progress, /
    ) -> maintenance.RebuildReport:
        """Builds the HNSW index."""

    async def forget(self, request: requests.ForgetExecutions, /) -> results.Forgotten:
        """Deletes executions, or counts them."""

    async def suggest(self, request: requests.SuggestValues, /) -> results.SuggestedValues:
        """Completes a value from those that are recorded."""

    async def backup(self, request: maintenance.Backup, /) -> maintenance.BackupReport:
        """Copies the whole database."""

    async def embed_missing(
        self, request: maintenance.EmbedMissing, progress: Progress, /
    ) -> maintenance.EmbedReport:
        """Embeds executions that have no vector."""

    async def prune(
        self, request: maintenance.Prune, progress: Progress, /
    ) -> maintenance.PruneReport:
        """Archives and deletes the executions that are beyond the limits."""

    async def unarchive(self, request: maintenance.Unarchive, /) -> maintenance.UnarchiveReport:
        """Restores archived executions."""

    async def import_batch(self, request: transfer.ImportBatch, /) -> transfer.Imported:
        """Stores executions from elsewhere."""

    async def export_page(self, request: transfer.ExportPage, /) -> transfer.Exported:
        """Returns a page of executions with their feedback and uses."""

    async def save_lesson(self, request: lessons.SaveLesson, /) -> lessons.LessonSaved:
        """Stores what an agent learned."""

    async def review_lessons(self, request: lessons.ReviewLessons, /) -> lessons.LessonPackets:
        """Returns the kinds of tasks for which a lesson is due."""

    async def list_lessons(self, request: lessons.ListLessons, /) -> lessons.Lessons:
        """Lists lessons with their effects."""

    async def get_lesson(self, request: lessons.GetLesson, /) -> lessons.LessonDetail:
        """Returns a lesson with its history."""

    async def change_lesson(self, request: lessons.ChangeLesson, /) -> lessons.LessonDetail:
        """Carries out a person's decision about a lesson."""

    async def lessons_for(self, request: lessons.LessonsFor, /) -> lessons.ShownLessons:
        """Returns lessons for a task or a command that is about to start."""

    async def export_lessons(self, request: lessons.ExportLessons, /) -> lessons.ExportedLessons:
        """Returns a page of lessons with their histories."""

    async def import_lessons(self, request: lessons.ImportLessons, /) -> transfer.Imported:
        """Stores lessons from elsewhere."""

    async def overview(self, request: dashboard.View, /) -> dashboard.Overview:
        """Returns figures over time, by repository and by task type."""

    async def listing(self, request: dashboard.ListExecutions, /) -> dashboard.Listing:
        """Returns a page of a view's executions."""

    async def learned(self, request: dashboard.View, /) -> dashboard.Learned:
        """Compares approaches, and lists failure patterns and the use of recalls."""

    async def inspect(self, request: requests.GetExecution, /) -> results.ExecutionDetail:
        """Returns one whole record to a person: `get`, but not measured as an agent's call."""

    async def look_up(self, request: dashboard.LookUp, /) -> dashboard.LookUpResult:
        """Searches for a person: adds matches that the answer leaves out, and counts no recall."""

    async def history(self, request: dashboard.ListHistory, /) -> dashboard.History:
        """Returns ended executions with their vectors, for an evaluation elsewhere."""

    async def telemetry(self) -> Telemetry:
        """Returns latencies of recent calls, and recent events."""

    async def exchange(self, request: team.ExchangeWithTeam, /) -> team.Exchanged:
        """Pulls the team's changes, and pushes those of this host."""

    async def leave_team(self) -> team.LeftTeam:
        """Makes this database forget its team."""

    async def pulse(self) -> dashboard.Pulse:
        """Returns a text that changes whenever the database does."""

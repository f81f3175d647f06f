"""`LearningService`, which every tool, command and page calls.

Each method takes a request model and returns a result model. A write is acknowledged after it is
committed; a background task then embeds it and updates the indexes. Texts are redacted before they
are stored or searched for.
"""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from mcp_learning.errors import ConfigurationError, InvalidInput, NotFound
from mcp_learning.models import provenance, requests, results
from mcp_learning.models.health import Health
from mcp_learning.models.identifiers import uuid7
from mcp_learning.models.maintenance import (
    Backup,
    BackupReport,
    EmbedMissing,
    EmbedReport,
    RebuildReport,
)
from mcp_learning.models.team import NO_TEAM, Exchanged, ExchangeWithTeam, LeftTeam
from mcp_learning.models.telemetry import Telemetry
from mcp_learning.models.transfer import Exported, ExportPage, ImportBatch, Imported
from mcp_learning.models.verdicts import reason
from mcp_learning.recommend.votes import weight_of
from mcp_learning.redaction.exclusion import excluded_repos, refuse_excluded
from mcp_learning.redaction.executions import redact_execution
from mcp_learning.redaction.secrets import warm
from mcp_learning.service import importing, maintenance, retrieval
from mcp_learning.service.agent_sessions import AgentSessions
from mcp_learning.service.health import report_health
from mcp_learning.service.lazy import Lazy
from mcp_learning.service.protocol import Progress
from mcp_learning.service.recalls import Recalls
from mcp_learning.service.retention import Retention
from mcp_learning.service.telemetry import Recorder
from mcp_learning.settings import Settings
from mcp_learning.store.protocol import FileStore
from mcp_learning.store.types import Selection

if TYPE_CHECKING:
    from mcp_learning.models.dashboard import LookUp, LookUpResult
    from mcp_learning.service.corrections import Corrections
    from mcp_learning.service.dashboard import Dashboard
    from mcp_learning.service.indexer import Indexer
    from mcp_learning.service.lesson_book import LessonBook
    from mcp_learning.service.remarks import Remarks
    from mcp_learning.service.statistics import Statistics


class LearningService:
    """Implements `protocol.Learning` on a store. Keep `run` running, and call `close` at the end.

    Methods raise `StoreError` when the database can't be read or written; nothing of a failed write
    is kept. Those that search raise `EmbedderUnavailable` when the model can't be loaded.

    Args:
        settings: Excluded repositories, embedding model, search mode, retention policy.
        store: The store; `close` closes it.
        indexer: An indexer of this store; `close` closes it. None: one is made at first use.
    """

    def __init__(
        self, settings: Settings, store: FileStore, indexer: "Indexer | None" = None
    ) -> None:
        self.settings = settings
        self.store = store
        self.recorder = Recorder()
        self._recalls = Recalls(self.store)
        self._agents = AgentSessions(settings.index_dir)
        # The indexer's import takes 0.1 s, with numpy and others.
        self._indexer: Lazy[Indexer] = Lazy(
            "mcp_learning.service.indexer",
            lambda module: module.Indexer(settings, store),
            made=indexer,
        )
        self._indexing = self._indexer.get
        self._retention = Retention(settings, store, self._indexing)
        self.prune, self.unarchive = self._retention.prune, self._retention.unarchive
        self._dashboard: Lazy[Dashboard] = Lazy(
            "mcp_learning.service.dashboard",
            lambda module: module.Dashboard(store, self._indexing),
        )
        self.overview = self._dashboard.method(lambda part: part.overview)
        self.listing = self._dashboard.method(lambda part: part.listing)
        self.learned = self._dashboard.method(lambda part: part.learned)
        self.history = self._dashboard.method(lambda part: part.history)
        self.pulse = self._dashboard.method(lambda part: part.pulse)
        corrections: Lazy[Corrections] = Lazy(
            "mcp_learning.service.corrections",
            lambda module: module.Corrections(store, settings.excluded_repos, self._notice),
        )
        self.resolve = corrections.method(lambda part: part.resolve)
        self.revise = corrections.method(lambda part: part.revise)
        self.judge = corrections.method(lambda part: part.judge)
        self.feedback = corrections.method(lambda part: part.feedback)
        self._book: Lazy[LessonBook] = Lazy(
            "mcp_learning.service.lesson_book",
            lambda module: module.LessonBook(store, settings.excluded_repos, self._indexing),
        )
        self.save_lesson = self._book.method(lambda part: part.save)
        self.review_lessons = self._book.method(lambda part: part.review)
        self.list_lessons = self._book.method(lambda part: part.list_lessons)
        self.get_lesson = self._book.method(lambda part: part.get_lesson)
        self.change_lesson = self._book.method(lambda part: part.change_lesson)
        self.lessons_for = self._book.method(lambda part: part.lessons_for)
        self.export_lessons = self._book.method(lambda part: part.export_lessons)
        self.import_lessons = self._book.method(lambda part: part.import_lessons)
        remarks: Lazy[Remarks] = Lazy("mcp_learning.service.remarks", self._make_remarks)
        self.remark = remarks.method(lambda part: part.remark)
        statistics: Lazy[Statistics] = Lazy(
            "mcp_learning.service.statistics", self._make_statistics
        )
        self.stats = statistics.method(lambda part: part.stats)
        self.insights = statistics.method(lambda part: part.insights)

    def _make_remarks(self, module: Any) -> "Remarks":
        lessons = self._book.method(lambda part: part.showings.lessons_for)
        check_files = self._book.method(lambda part: part.check_files)
        remarks: Remarks = module.Remarks(
            self.store, self._similar, lessons, self._recalls.returned, self._agents, check_files
        )
        return remarks

    def _make_statistics(self, module: Any) -> "Statistics":
        lessons = self._book.method(lambda part: part.counts)
        statistics: Statistics = module.Statistics(self.store, self.health, lessons)
        return statistics

    async def run(self) -> None:
        """Embeds what is recorded, saves recall counts and applies the retention policy.

        Returns when the store is closed; runs until then or until cancelled.
        """
        await anyio.to_thread.run_sync(_share_arena)
        indexer = await self._indexing()
        await anyio.to_thread.run_sync(warm)
        book = await self._book.get()
        async with anyio.create_task_group() as group:
            group.start_soon(self._recalls.run)
            group.start_soon(self._retention.keep_to_policy)
            group.start_soon(book.keep_current)
            group.start_soon(book.showings.run)
            group.start_soon(self._agents.run)
            await indexer.run()
            group.cancel_scope.cancel()

    async def ready(self) -> None:
        """Waits until everything is loaded and the embedding queue is empty.

        Raises:
            LearningError: The database or the model can't be opened.
        """
        indexer = await self._indexing()
        await indexer.load()
        await indexer.drain()

    async def close(self, patience: float | None = None) -> None:
        """Finishes queued writes and closes the files; gives up after `patience` seconds."""
        self.recorder.stop()
        await self._recalls.save()
        await self._save_showings()
        await self._agents.save()
        await self.store.close(patience)
        if self._indexer.made is not None:
            await self._indexer.made.close()

    async def record(self, request: requests.RecordExecution) -> results.Recorded:
        """Stores an execution, or updates the one with the same task_id; durable on return.

        An update changes the given fields only. The same call twice changes nothing.

        Raises:
            InvalidInput: used_task_ids or supersedes names executions that don't exist, or the
                repository is excluded.
        """
        excluded = excluded_repos(self.settings.excluded_repos)
        if excluded and request.repo:
            await anyio.to_thread.run_sync(refuse_excluded, request.repo, excluded)
        task_id = request.task_id or uuid7()
        if task_id in request.used_task_ids:
            raise InvalidInput("used_task_ids", f"{task_id} can't have used itself; leave it out")
        if (superseded := request.details.supersedes) is not None:
            if superseded == task_id:
                raise InvalidInput("details.supersedes", "is the task itself; name an earlier one")
            if await self.store.get(superseded) is None:
                raise InvalidInput("details.supersedes", f"no execution {superseded}; leave it out")
        now = datetime.now(UTC)
        redactions = 0

        def merge(stored: results.Execution | None) -> results.Execution:
            nonlocal redactions
            if stored is not None:
                refuse_excluded(stored.repo, excluded)
            # On the store's thread, since long texts take milliseconds.
            given, redactions = redact_execution(request)
            given = provenance.with_files(stored, given, request)
            given = provenance.with_trace(
                stored, provenance.with_told_fields(stored, given), request
            )
            if stored is None:
                return results.Execution(task_id=task_id, recorded_at=now, updated_at=now, **given)
            new = stored.model_copy(update=given)
            return stored if new == stored else new.model_copy(update={"updated_at": now})

        try:
            used = request.used_task_ids
            done = await self.store.upsert(request.task_id, merge, used, now)
        finally:  # also if the caller is cancelled, since the write is finished nevertheless
            self._notice()
        if done.missing:
            raise InvalidInput("used_task_ids", f"no execution {done.missing[0]}; leave it out")
        return results.Recorded(task_id=task_id, created=done.created, redactions=redactions)

    async def find(self, request: requests.FindSimilarTasks) -> results.SimilarTasks:
        """The most similar earlier tasks that pass the filters and the floor, best first."""
        answer = await self._similar(request)
        self._recalls.returned(match.task_id for match in answer.matches)
        return await (await self._book.get()).showings.with_matches(answer, request)

    async def look_up(self, request: "LookUp") -> "LookUpResult":
        """The answer of `find`, further matches, and a recommendation; counts no recall."""
        dashboard = await self._dashboard.get()
        return await dashboard.look_up(request, await self._recalls.votes())

    async def telemetry(self) -> Telemetry:
        """Latencies of recent calls in this process, and the latest events."""
        return self.recorder.snapshot()

    async def recommend(self, request: requests.RecommendApproach) -> results.Recommendation:
        """Compares the options for a task by how similar tasks ended, and names their failures.

        Deterministic for the same data at the same time.
        """
        votes = await self._recalls.votes()
        result = await retrieval.recommendation(await self._indexing(), request, votes)
        named = [
            task_id
            for advice in (result, *result.more)
            for option in advice.options
            for task_id in option.evidence
        ]
        self._recalls.returned({*named, *(pitfall.task_id for pitfall in result.pitfalls)})
        return await (await self._book.get()).showings.with_advice(result, request)

    async def get(self, request: requests.GetExecution) -> results.ExecutionDetail:
        """Returns an execution with its feedback, its uses and its weight as evidence.

        Raises:
            NotFound: No execution has this id.
        """
        unsaved = self._recalls.unsaved(request.task_id)
        stored = await self.store.get(request.task_id)
        if stored is None:
            raise NotFound(request.task_id)
        return results.ExecutionDetail(
            execution=stored.execution,
            feedback=stored.feedback,
            used_task_ids=stored.used_task_ids,
            used_by=stored.used_by,
            times_returned=stored.times_recalled + unsaved,
            weight=weight_of(stored.vote),
            outcome_reason=reason(dict(stored.execution)) or None,
        )

    inspect = get

    async def health(self) -> Health:
        """State of the database, the embedder and the indexes."""
        return await report_health(self.settings, self.store, self._indexer.made)

    async def rebuild(self, request: requests.RebuildIndex, progress: Progress) -> RebuildReport:
        """Builds the HNSW index, after recomputing every embedding if asked.

        Raises:
            IndexUnavailable: It can't be built; searches go on as before.
        """
        return await (await self._indexing()).rebuild(request, progress)

    async def forget(self, request: requests.ForgetExecutions) -> results.Forgotten:
        """Deletes executions with everything recorded about them, or counts them in a dry run."""
        selection = await self._selection(request)
        await self._save_showings()  # so that showings of these tasks are deleted, too
        with anyio.CancelScope(shield=True):  # what is deleted has to be removed from memory, too
            done = await self.store.delete(selection, dry_run=request.dry_run)
            if self._indexer.made is not None and not request.dry_run:
                await self._indexer.made.forget(done.task_ids)
        return results.Forgotten(
            executions=len(done.task_ids) + len(done.elsewhere),
            dry_run=request.dry_run,
            unknown_task_ids=done.missing,
        )

    async def _selection(self, request: requests.ForgetExecutions) -> Selection:
        """The executions to forget."""
        days = request.older_than_days
        return Selection(
            task_ids=request.task_ids,
            repo=request.repo,
            task_type=request.task_type,
            before=None if days is None else datetime.now(UTC) - timedelta(days=days),
        )

    async def backup(self, request: Backup) -> BackupReport:
        """Writes a copy of the whole database as of one moment, reads it back and compares.

        Reads and writes go on meanwhile. The file appears, or replaces an existing one, when it is
        complete.

        Raises:
            InvalidInput: The target is the database itself.
        """
        started = time.monotonic()
        copied = await self.store.backup(Path(request.path))
        seconds = round(time.monotonic() - started, 3)
        return BackupReport(**copied._asdict() | {"path": str(copied.path)}, seconds=seconds)

    async def embed_missing(self, request: EmbedMissing, progress: Progress) -> EmbedReport:
        """Computes missing vectors; as `maintenance.embed_missing`."""
        indexer = await self._indexing()
        return await maintenance.embed_missing(self.store, indexer, request, progress)

    async def import_batch(self, request: ImportBatch) -> Imported:
        """Stores executions from elsewhere, as a whole or not at all; durable on return.

        The same batch twice changes nothing. Vectors are computed later, from the queue.
        """
        excluded = excluded_repos(self.settings.excluded_repos)
        records = await anyio.to_thread.run_sync(importing.kept, request.records, excluded)
        stored = await self.store.updated([record.task_id for record in records])
        if excluded and stored:
            known = await self.store.summaries(list(stored))
            there = {task_id: shown.repo for task_id, shown in known.items()}
            records = await anyio.to_thread.run_sync(importing.kept, records, excluded, there)
        batch, redactions = await anyio.to_thread.run_sync(importing.prepare, records, stored)
        try:
            counts = await self.store.import_batch(batch, dry_run=request.dry_run)
        finally:
            if not request.dry_run:
                self._notice()
        return Imported(
            **counts._asdict(), redactions=redactions, excluded=len(request.records) - len(records)
        )

    async def export_page(self, request: ExportPage) -> Exported:
        """The next executions in the order of their last change, with feedback and uses."""
        return await self.store.export_page(request.after, request.limit)

    async def suggest(self, request: requests.SuggestValues) -> results.SuggestedValues:
        """Recorded values of a column that start with a prefix, the commonest first."""
        values = await self.store.suggest(request.column, request.prefix, request.limit)
        return results.SuggestedValues(values=values)

    async def exchange(self, request: ExchangeWithTeam) -> Exchanged:
        """Raises ConfigurationError, which says what to set; the room `team` overrides it."""
        raise ConfigurationError(NO_TEAM)

    async def leave_team(self) -> LeftTeam:
        """Makes the database forget its former team, if any. No execution is deleted."""
        state = await self.store.outbox_state()
        await self.store.set_mark(None)
        return LeftTeam(team=state.mark and state.mark.team, dropped=state.waiting)

    async def _similar(self, request: requests.FindSimilarTasks) -> results.SimilarTasks:
        return await retrieval.similar_tasks(await self._indexing(), request)

    def _notice(self) -> None:
        if self._indexer.made is not None:
            self._indexer.made.notice()

    async def _save_showings(self) -> None:
        if self._book.made is not None:
            await self._book.made.showings.save()


def _share_arena() -> None:
    from mcp_learning.service import allocator  # ctypes takes milliseconds of a start

    allocator.share_arena()

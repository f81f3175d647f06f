"""SharedService: the learning service of a data directory, wherever it runs.

It leads when it gets the seat, and follows whoever has it otherwise; when the leader goes away it
tries again. A call waits for that, and is made again if the leader went away before it answered.
So that a call may be made twice, a record and a feedback get their ids before they are sent.
"""

import logging
import os
import random
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
from anyio.abc import Listener, SocketStream

from mcp_learning import __version__
from mcp_learning.cluster import address as addresses
from mcp_learning.cluster import methods
from mcp_learning.cluster.address import Address
from mcp_learning.cluster.follower import Follower, LeaderGone, Unanswered, connect
from mcp_learning.cluster.leader import Leader
from mcp_learning.cluster.leader_lock import LeaderLock
from mcp_learning.cluster.looking import Looking
from mcp_learning.cluster.methods import A, Method, Q, Report
from mcp_learning.cluster.watchdog import Watchdog
from mcp_learning.errors import StoreError, StoreLocked
from mcp_learning.models.identifiers import uuid7
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
    Member,
    RebuildReport,
    Recommendation,
    Recorded,
    SimilarTasks,
    Stats,
)
from mcp_learning.models.transfer import Exported, ExportPage, ImportBatch, Imported
from mcp_learning.redaction.privacy import refuse_excluded
from mcp_learning.settings import Settings
from mcp_learning.store.duckdb.connection import Database, make_private
from mcp_learning.store.duckdb.migrations import open_database

if TYPE_CHECKING:  # importing it loads what followers do without
    from mcp_learning.service.learning import LearningService

logger = logging.getLogger(__name__)

PATIENCE = 20.0
"""Seconds that calls wait for a leader, counted from when there was none; then they fail."""

LEAST_PATIENCE = 3.0
"""Seconds that a call waits even when there has been no leader for long."""

FIRST_PAUSE, GROWTH = 0.02, 1.5
"""Seconds between two attempts to find a leader or become one, and how they grow; shortened by up
to a half at random, so that followers don't come all at once."""

LONGEST_WAITED_PAUSE, LONGEST_PAUSE = 0.25, 5.0
"""Seconds that such a pause grows to: while calls wait, and after `PATIENCE`."""

Upkeep = Callable[["LearningService"], Coroutine[Any, Any, None]]
"""Keeps a service up for as long as this process leads."""


class SharedService(Looking):
    """Make it, keep `run` going, call its methods, `close` it.

    Args:
        settings: Say which data directory, and what a leader needs.
        follows: Whether it stays, and is listed as a follower; a command doesn't stay.
    """

    def __init__(self, settings: Settings, *, follows: bool = True) -> None:
        self._settings = settings
        self._follows = follows
        self._directory = run_directory(settings)
        self._seat = LeaderLock(self._directory)
        self._since = datetime.now(UTC)
        self._database: Database | None = None
        self._service: LearningService | None = None
        self._address: Address | None = None
        self._post: Leader | Follower | None = None
        self._problem: StoreError = StoreLocked("no leader was looked for yet")
        self._rounds_begun = self._rounds_ended = 0
        self._vacant_since = 0.0
        self._wanted = anyio.Event()
        self._changed = anyio.Event()
        self._upkeep: Upkeep | None = None
        self._scope: anyio.CancelScope | None = None
        self._closing = False

    @property
    def leads(self) -> bool:
        """Whether calls are answered in this process."""
        return isinstance(self._post, Leader)

    def begin(self) -> None:
        """Opens the database at once if nobody leads; blocks for milliseconds, never raises.

        For a process that has other things to import before its event loop runs. DuckDB and the
        service are imported on threads, and only if this process is going to need them.

        An address without a leader is of one that was killed: its followers can take over at once,
        while this process still has to start, so the seat is left to them.
        """
        try:
            if addresses.read(self._directory) is not None or not self._take_seat():
                return
        except StoreError:
            return  # told to whoever calls
        self._open_database()
        threading.Thread(
            target=import_module, args=("mcp_learning.service.learning",), daemon=True
        ).start()

    async def run(self, upkeep: Upkeep | None = None) -> None:
        """Leads or follows, whichever it can, until it is closed or cancelled.

        Args:
            upkeep: Runs while this process leads.
        """
        self._upkeep = upkeep
        self._vacate()
        try:
            with anyio.CancelScope() as self._scope:
                await self._take_part()
        finally:
            if self._closing and self._database is None:
                self._seat.leave()  # taken while it was being closed

    async def _take_part(self) -> None:
        pause = FIRST_PAUSE
        while True:
            if await self._round():
                pause = FIRST_PAUSE
                continue
            self._wanted = anyio.Event()
            with anyio.move_on_after(random.uniform(pause / 2, pause)):  # noqa: S311
                await self._wanted.wait()
            for_long = anyio.current_time() > self._vacant_since + PATIENCE
            pause = min(pause * GROWTH, LONGEST_PAUSE if for_long else LONGEST_WAITED_PAUSE)

    async def close(self, patience: float | None = None) -> None:
        """Leaves: another process may lead. `patience` as in `Database.close`."""
        self._closing = True
        if isinstance(self._post, Leader):
            self._post.leave()
        if self._scope is not None:
            self._scope.cancel()
        self._settle(StoreError(f"{self._settings.database_path} was closed; call again"))
        try:
            if self._address is None:
                await anyio.to_thread.run_sync(self._tidy)
            else:
                await anyio.to_thread.run_sync(addresses.remove, self._directory, self._address)
            if self._service is not None:
                await self._service.close(patience)
            elif self._database is not None:
                await self._database.close(patience)
        finally:
            self._seat.leave()

    async def record(self, request: RecordExecution) -> Recorded:
        """As `LearningService.record`; what is excluded here or at the leader is refused."""
        refuse_excluded(request.repo, self._settings.excluded_repos)
        if request.task_id is not None or self.leads:
            return await self._ask(methods.RECORD, request)
        # Its leader may have stored it and gone before it could say so.
        again = request.model_copy(update={"task_id": uuid7()})
        recorded = await self._ask(methods.RECORD, again)
        return recorded.model_copy(update={"created": True})

    async def find(self, request: FindSimilarTasks) -> SimilarTasks:
        """As `LearningService.find`."""
        return await self._ask(methods.FIND, request)

    async def recommend(self, request: RecommendApproach) -> Recommendation:
        """As `LearningService.recommend`."""
        return await self._ask(methods.RECOMMEND, request)

    async def get(self, request: GetExecution) -> ExecutionDetail:
        """As `LearningService.get`."""
        return await self._ask(methods.GET, request)

    async def feedback(self, request: SubmitFeedback) -> FeedbackStored:
        """As `LearningService.feedback`."""
        once = methods.IdentifiedFeedback(feedback_id=uuid7(), feedback=request)
        return await self._ask(methods.FEEDBACK, once)

    async def stats(self, request: LearningStats) -> Stats:
        """As `LearningService.stats`; its health names who leads and who follows."""
        return await self._ask(methods.STATS, request)

    async def insights(self) -> Insights:
        """As `LearningService.insights`."""
        return await self._ask(methods.INSIGHTS, methods.Nothing())

    async def health(self) -> Health:
        """As `LearningService.health`, with who leads and who follows."""
        return await self._ask(methods.HEALTH, methods.Nothing())

    async def rebuild(self, request: RebuildIndex, progress: Report) -> RebuildReport:
        """As `LearningService.rebuild`; made again, it reports no less than it had."""
        reached = 0.0

        async def onward(share: float, message: str) -> None:
            nonlocal reached
            if share >= reached:
                reached = share
                await progress(share, message)

        return await self._ask(methods.REBUILD, request, onward)

    async def forget(self, request: ForgetExecutions) -> Forgotten:
        """As `LearningService.forget`; made again, it counts what was left to forget."""
        return await self._ask(methods.FORGET, request)

    async def backup(self, request: Backup) -> BackupReport:
        """As `LearningService.backup`."""
        return await self._ask(methods.BACKUP, request)

    async def embed_missing(self, request: EmbedMissing, progress: Report) -> EmbedReport:
        """As `LearningService.embed_missing`; made again, it goes on where it was."""
        return await self._ask(methods.EMBED, request, progress)

    async def prune(self, request: Prune, progress: Report) -> PruneReport:
        """As `LearningService.prune`."""
        return await self._ask(methods.PRUNE, request, progress)

    async def unarchive(self, request: Unarchive) -> UnarchiveReport:
        """As `LearningService.unarchive`; made again, it counts what was left to bring back."""
        return await self._ask(methods.UNARCHIVE, request)

    async def suggest(self, column: str, prefix: str, limit: int = 20) -> list[str]:
        """As `LearningService.suggest`."""
        request = methods.Prefix(column=column, prefix=prefix, limit=limit)
        return (await self._ask(methods.SUGGEST, request)).values

    async def import_batch(self, request: ImportBatch) -> Imported:
        """As `LearningService.import_batch`; made again, it counts what was left to store."""
        return await self._ask(methods.IMPORT, request)

    async def export_page(self, request: ExportPage) -> Exported:
        """As `LearningService.export_page`."""
        return await self._ask(methods.EXPORT, request)

    async def _ask(self, method: Method[Q, A], request: Q, report: Report | None = None) -> A:
        while True:
            post = await self._at_post()
            try:
                return await post.ask(method, request, report or _unheard)
            except LeaderGone:
                if self._post is post:
                    self._vacate()

    async def _at_post(self) -> Leader | Follower:
        """Who answers calls; waits until somebody does.

        Raises:
            StoreError: Nobody does, and why.
        """
        if self._post is not None:
            return self._post
        seen = self._rounds_begun
        self._wanted.set()
        patience = max(LEAST_PATIENCE, self._vacant_since + PATIENCE - anyio.current_time())
        with anyio.move_on_after(patience):
            while self._post is None and not self._closing:
                if self._rounds_ended > seen and not isinstance(self._problem, StoreLocked):
                    break
                await self._changed.wait()
        if self._post is None:
            raise self._problem
        return self._post

    async def _round(self) -> bool:
        """Leads or follows once, for as long as that lasts; returns whether it did."""
        self._rounds_begun += 1
        try:
            follower = await self._find_leader()
        except StoreError as error:
            self._rounds_ended = self._rounds_begun
            self._settle(error)
            return False
        self._rounds_ended = self._rounds_begun
        if follower is None:
            await self._lead()
        else:
            self._settle(follower)
            await follower.run()
            self._vacate()
        return True

    async def _find_leader(self) -> Follower | None:
        """A connection to the leader; None when this process has the seat.

        Raises:
            StoreLocked: Somebody has the seat, and doesn't answer yet.
            StoreError: There can be no seat here, or the leader can't be followed.
        """
        if self._seat.held:
            return None
        address = await anyio.to_thread.run_sync(addresses.read, self._directory)
        if address is not None:
            try:
                me = self._me()
                return await connect(self._directory, address, me, follows=self._follows)
            except (OSError, Unanswered):
                pass  # it left, or will answer later: the seat tells
        if await anyio.to_thread.run_sync(self._take_seat):
            return None
        raise StoreLocked(_held(self._settings, address))

    def _take_seat(self) -> bool:
        make_private(self._settings.data_dir)
        make_private(self._directory)
        return self._seat.take()

    def _tidy(self) -> None:
        """Removes the address of a leader that is gone, should no other process do it."""
        address = addresses.read(self._directory)
        with suppress(StoreError):
            if address is not None and self._seat.take():
                addresses.remove(self._directory, address)

    def _open_database(self) -> Database:
        if self._database is None:
            self._database = open_database(self._settings)
            self._database.start()
        return self._database

    async def _lead(self) -> None:
        """Leads for the rest of this object's life."""
        database = self._open_database()
        module = await anyio.to_thread.run_sync(import_module, "mcp_learning.service.learning")
        service = self._service = module.LearningService(self._settings, database)
        service.recorder.start()
        self._since = datetime.now(UTC)
        listener = await self._listen()
        leader = Leader(service, self._me(), self._address.token if self._address else "")
        async with anyio.create_task_group() as group:
            group.start_soon(Watchdog().run)
            self._settle(leader)
            if self._upkeep is not None:
                group.start_soon(self._upkeep, service)
            if listener is None:
                await anyio.sleep_forever()
            else:
                async with listener:
                    await listener.serve(leader.attend)

    async def _listen(self) -> Listener[SocketStream] | None:
        """Opens a socket and says where; without one, this process leads all the same."""
        listener: Listener[SocketStream] | None = None
        try:
            listener, address = await addresses.listen(self._directory, self._me())
            await anyio.to_thread.run_sync(addresses.write, self._directory, address)
        except (OSError, StoreError) as error:
            logger.warning("other processes can't share the database: %s", error)
            if listener is not None:
                await listener.aclose()
            return None
        self._address = address
        return listener

    def _me(self) -> Member:
        return Member(pid=os.getpid(), since=self._since, version=__version__)

    def _vacate(self) -> None:
        self._post = None
        self._vacant_since = anyio.current_time()

    def _settle(self, outcome: Leader | Follower | StoreError) -> None:
        """Tells waiting calls how a round has ended."""
        if isinstance(outcome, StoreError):
            self._problem = outcome
        else:
            self._post = outcome
        self._changed.set()
        self._changed = anyio.Event()


@asynccontextmanager
async def joined(settings: Settings, *, follows: bool = True) -> AsyncIterator[SharedService]:
    """A shared service that runs for as long as the context lasts; arguments as for the class."""
    shared = SharedService(settings, follows=follows)
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(shared.run)
            try:
                yield shared
            finally:
                with anyio.CancelScope(shield=True):
                    await shared.close()
    except ExceptionGroup as several:
        if len(several.exceptions) > 1:
            raise
        raise several.exceptions[0] from None  # what the context's body raised


async def peek(settings: Settings) -> Health | None:
    """The health that a leader reports; None if nobody leads, or answers at once.

    Raises:
        LeaderIncompatible: The leader speaks another protocol.
    """
    directory = run_directory(settings)
    address = await anyio.to_thread.run_sync(addresses.read, directory)
    if address is None:
        return None
    me = Member(pid=os.getpid(), since=datetime.now(UTC), version=__version__)
    try:
        follower = await connect(directory, address, me, follows=False)
    except (OSError, Unanswered):
        return None
    health = None
    async with anyio.create_task_group() as group:
        group.start_soon(follower.run)
        with suppress(LeaderGone):
            health = await follower.ask(methods.HEALTH, methods.Nothing(), _unheard)
        group.cancel_scope.cancel()
    return health


def run_directory(settings: Settings) -> Path:
    """Where the leader's seat, its address and its socket are."""
    return settings.data_dir / "run"


def _held(settings: Settings, address: Address | None) -> str:
    path = settings.database_path
    if address is None:
        return (
            f"{path} is being opened by another mcp-learning, which doesn't answer yet; call again"
        )
    leader = address.leader
    return (
        f"{path} is in use by process {leader.pid} (mcp-learning {leader.version}), which doesn't "
        f"answer; if it was stopped, let it go on (kill -CONT {leader.pid}) or end it (kill "
        f"{leader.pid}), then call again"
    )


async def _unheard(share: float, message: str) -> None:
    """Progress of a call that reports none."""

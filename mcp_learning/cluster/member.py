"""A process's membership in the cluster of processes that share a data directory.

A member leads if it acquires the leader lock, and otherwise follows the process that holds it. When
the leader ends, the member tries both again. A call waits for that, and is repeated if the leader
ended before it had answered; so records and feedback get their ids before they are sent.
"""

import logging
import os
import random
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
from anyio.abc import Listener, SocketStream
from pydantic import BaseModel

from mcp_learning import __version__
from mcp_learning.cluster import address as addresses
from mcp_learning.cluster.address import Address, run_directory
from mcp_learning.cluster.config import ClusterConfig
from mcp_learning.cluster.file_watch import until_replaced
from mcp_learning.cluster.follower import Follower, HandshakeFailed, LeaderGone, follow
from mcp_learning.cluster.leader import Leader
from mcp_learning.cluster.leader_lock import LeaderLock
from mcp_learning.cluster.loading import load_service
from mcp_learning.cluster.methods import Method, monotonic, proxy
from mcp_learning.cluster.watchdog import Watchdog
from mcp_learning.errors import StoreError, StoreLocked, StoreReplaced
from mcp_learning.models.health import Member
from mcp_learning.permissions import restrict_files
from mcp_learning.service.protocol import Learning, Progress, ignore_progress
from mcp_learning.settings import Settings
from mcp_learning.store import open_store
from mcp_learning.store.duckdb.files import make_private
from mcp_learning.store.protocol import FileStore

if TYPE_CHECKING:  # followers do without what importing it loads
    from mcp_learning.service.learning import LearningService

logger = logging.getLogger(__name__)

_UNUSABLE = "this server can't use the database; its log on stderr has the details; call again"

MakeService = Callable[[Settings, FileStore], "LearningService"]

WhileLeading = Callable[["LearningService"], Coroutine[Any, Any, None]]
"""A coroutine that runs on the service for as long as this process leads."""


class ClusterMember:
    """A member of the cluster. Keep `run` running, call `learning`, then `close`.

    `learning` is the learning service, in whichever process it runs. A leader makes its store with
    `store`, and the service on it with `service` (None: `LearningService`, imported when needed).
    It doesn't list commands, for which `listed` is False, among its followers.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        listed: bool = True,
        config: ClusterConfig | None = None,
        store: Callable[[Settings], FileStore] = open_store,
        service: MakeService | None = None,
    ) -> None:
        self.learning: Learning = proxy(self.call, lambda: self.leads, settings.excluded_repos)
        self._settings = settings
        self._listed = listed
        self._config = config or ClusterConfig()
        self._make_store, self._make_service = store, service
        self._directory = run_directory(settings)
        self._lock = LeaderLock(self._directory)
        self._since = datetime.now(UTC)
        self._store: FileStore | None = None
        self._service: LearningService | None = None
        self._address: Address | None = None
        self._role: Leader | Follower | None = None
        self._problem: StoreError = StoreLocked("no leader was looked for yet")
        self._attempts_begun = self._attempts_ended = 0
        self._without_role_since: float | None = None
        self._database_found = False
        self._role_wanted = anyio.Event()
        self._attempt_ended = anyio.Event()
        self._while_leading: WhileLeading | None = None
        self._scope: anyio.CancelScope | None = None
        self._closing = False

    @property
    def role(self) -> Leader | Follower | None:
        """The object that answers calls; None while this process neither leads nor follows."""
        return self._role

    @property
    def leads(self) -> bool:
        """Whether calls are answered in this process."""
        return isinstance(self._role, Leader)

    @property
    def holds_lock(self) -> bool:
        """Whether this process holds the leader lock; it may still have to open the database."""
        return self._lock.held

    @property
    def identity(self) -> Member:
        """This process, as others see it."""
        return Member(pid=os.getpid(), since=self._since, version=__version__)

    def prepare(self) -> None:
        """Acquires the leader lock and opens the database, if no process leads. Never raises.

        Blocks for milliseconds. For a process that imports other modules before its event loop
        runs: DuckDB and the service are imported on threads meanwhile, if they are needed.

        Does nothing if there is an address, even that of a leader that was killed: its followers
        can lead at once, while this process still has to start.
        """
        try:
            if addresses.read(self._directory) is not None or not self._acquire_lock():
                return
        except StoreError:
            return  # a call will report it
        self._open_store()
        threading.Thread(target=load_service, daemon=True).start()

    async def run(self, while_leading: WhileLeading | None = None) -> None:
        """Leads or follows until this is closed or cancelled."""
        self._while_leading = while_leading
        self._lose_role()
        try:
            with anyio.CancelScope() as self._scope:
                await self._lead_or_follow()
        finally:
            if self._closing and self._store is None:
                self._lock.release()  # acquired while this was being closed

    async def close(self, max_wait: float | None = None) -> None:
        """Leaves the cluster; another process may lead. `max_wait` as in `Store.close`."""
        self._closing = True
        if isinstance(self._role, Leader):
            self._role.stop_answering()
        if self._scope is not None:
            self._scope.cancel()
        self._end_attempt(StoreError(f"{self._settings.database_path} was closed; call again"))
        try:
            if self._address is None:
                await anyio.to_thread.run_sync(self._remove_stale_address)
            await self._stop_leading(max_wait)
        finally:
            self._lock.release()

    async def call(
        self, method: Method, request: BaseModel | None = None, progress: Progress = ignore_progress
    ) -> Any:
        """Sends a call to the leader, and repeats it if the leader ends before it has answered.

        Raises:
            StoreError: No process leads; the message says why.
            LearningError: As the method does.
        """
        if method.takes_progress:
            progress = monotonic(progress)
        replaced = 0
        while True:
            role = self._role or await self._wait_for_role()
            try:
                result = await role.call(method, request, progress)
            except LeaderGone as gone:
                if self._role is role:
                    self._lose_role()
                replaced += isinstance(gone.__cause__, StoreReplaced)
                if replaced > self._config.max_replaced and gone.__cause__ is not None:
                    raise gone.__cause__ from None
            else:
                self._database_found = True
                return result

    async def _wait_for_role(self) -> Leader | Follower:
        seen, config = self._attempts_begun, self._config
        self._role_wanted.set()
        with anyio.move_on_after(max(config.min_leader_wait, config.leader_wait - self._waited())):
            while self._role is None and not self._closing:
                if self._attempts_ended > seen and not isinstance(self._problem, StoreLocked):
                    break
                await self._attempt_ended.wait()
        if self._role is None:
            raise self._problem
        return self._role

    async def _lead_or_follow(self) -> None:
        config = self._config
        pause = config.first_pause
        while True:
            if await self._attempt():
                pause = config.first_pause
                continue
            self._role_wanted = anyio.Event()
            with anyio.move_on_after(random.uniform(pause / 2, pause)):  # noqa: S311
                await self._role_wanted.wait()
            soon = self._waited() <= config.leader_wait
            longest = config.max_pause if soon else config.max_idle_pause
            pause = min(pause * config.pause_growth, longest)

    async def _attempt(self) -> bool:
        """Leads or follows once, for as long as that lasts; returns whether it did."""
        self._attempts_begun += 1
        try:
            follower = await self._find_leader()
        except StoreError as error:
            self._attempts_ended = self._attempts_begun
            self._end_attempt(error)
            return False
        self._attempts_ended = self._attempts_begun
        if follower is None:
            return await self._lead()
        self._end_attempt(follower)
        await follower.run()
        self._lose_role()
        return True

    async def _find_leader(self) -> Follower | None:
        """Connects to the leader; returns None when this process holds the leader lock.

        Raises:
            StoreLocked: Another process holds the lock, and doesn't answer yet.
            StoreError: The lock can't be acquired here, or the leader can't be followed.
        """
        if self._lock.held:
            return None
        address = await anyio.to_thread.run_sync(addresses.read, self._directory)
        if address is not None:
            try:
                follower = await follow(
                    self._directory,
                    address,
                    self.identity,
                    self._config,
                    listed=self._listed,
                    excluded_repos=self._settings.excluded_repos,
                )
            except (OSError, HandshakeFailed):
                pass  # it has ended if the lock is free, and will answer later if it isn't
            else:
                if await anyio.to_thread.run_sync(self._settings.database_path.exists):
                    self._database_found = True
                return follower
        if await anyio.to_thread.run_sync(self._acquire_lock):
            return None
        raise StoreLocked(addresses.in_use_message(self._settings.database_path, address))

    def _acquire_lock(self) -> bool:
        if self._database_found and not self._settings.database_path.exists():
            # A new database would be in the way of a person who moves or restores this one.
            raise StoreError(
                f"{self._settings.database_path} is gone: it was moved or removed while this "
                "server used it; put it back, or restart the server to begin with an empty one"
            )
        make_private(self._settings.data_dir)
        make_private(self._directory)
        acquired = self._lock.acquire()
        if acquired:
            restrict_files(self._settings.data_dir)
        return acquired

    def _remove_stale_address(self) -> None:
        """Removes the address of a leader that is gone, unless another process leads."""
        address = addresses.read(self._directory)
        with suppress(StoreError):
            if address is not None and self._lock.acquire():
                addresses.remove(self._directory, address)

    def _open_store(self) -> FileStore:
        if self._store is None:
            self._store = self._make_store(self._settings)
            self._store.start()
        return self._store

    async def _lead(self) -> bool:
        """Leads until this is closed or cancelled, or the files at their paths are replaced.

        Returns:
            False if leading failed.
        """
        problem = None
        try:
            await self._lead_here()
        except Exception:  # for instance a library that can't allocate memory
            logger.exception("this server can't lead; it tries again")
            problem = StoreError(_UNUSABLE)
        with anyio.CancelScope(shield=True):
            if isinstance(self._role, Leader):
                self._role.stop_answering()
            self._lose_role()
            await self._stop_leading()
            self._lock.release()
        if problem is not None:
            self._end_attempt(problem)
        return problem is None

    async def _lead_here(self) -> None:
        store = self._open_store()
        imported = await anyio.to_thread.run_sync(load_service)
        service = (self._make_service or imported)(self._settings, store)
        self._service = service
        service.recorder.start()
        self._since = datetime.now(UTC)
        listener = await self._listen()
        token = self._address.token if self._address else ""
        leader = Leader(service, self.identity, token, self._config)
        watchdog = Watchdog(self._config.watchdog_interval, self._config.max_missed_checks)
        async with anyio.create_task_group() as group:
            group.start_soon(watchdog.run)
            group.start_soon(self._end_when_replaced, leader, store, group.cancel_scope.cancel)
            self._end_attempt(leader)
            if self._while_leading is not None:
                group.start_soon(self._while_leading, service)
            if listener is None:
                await anyio.sleep_forever()
            else:
                async with listener:
                    await listener.serve(leader.serve)

    async def _end_when_replaced(
        self, leader: Leader, store: FileStore, end: Callable[[], None]
    ) -> None:
        def is_found() -> bool:
            address = self._address
            return address is None or addresses.is_there(self._directory, address)

        interval = self._config.file_check_interval
        if await until_replaced(store, self._lock, is_found, leader.replaced, interval):
            self._database_found = True
        end()

    async def _stop_leading(self, max_wait: float | None = None) -> None:
        """Removes the address and closes the service; `max_wait` as in `Store.close`."""
        if self._address is not None:
            await anyio.to_thread.run_sync(addresses.remove, self._directory, self._address)
        if self._service is not None:
            await self._service.close(max_wait)
        elif self._store is not None:
            await self._store.close(max_wait)
        self._address = self._service = self._store = None

    async def _listen(self) -> Listener[SocketStream] | None:
        """Opens a socket and writes its address; without one, this process leads alone."""
        try:
            listener, self._address = await addresses.publish(
                self._directory, self.identity, unix_sockets=self._config.unix_sockets
            )
        except OSError as error:
            logger.warning("other processes can't share the database: %s", error)
            return None
        return listener

    def _waited(self) -> float:
        """Seconds since there was a leader."""
        now = anyio.current_time()
        if self._without_role_since is None:
            self._without_role_since = now
        return now - self._without_role_since

    def _lose_role(self) -> None:
        self._role = None
        self._without_role_since = anyio.current_time()

    def _end_attempt(self, outcome: Leader | Follower | StoreError) -> None:
        """Sets the role, or the reason why there is none, and wakes the calls that wait for it."""
        if isinstance(outcome, StoreError):
            self._problem = outcome
        else:
            self._role = outcome
        self._attempt_ended.set()
        self._attempt_ended = anyio.Event()

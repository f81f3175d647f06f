"""Exchanges with the team in the background and on demand.

Changes of this host are sent at once. Changes of others are pulled every second, and sooner when
the server sends a hint. No call waits for that, unless records are to be acknowledged by the team.
While the server is unreachable, changes are collected in the outbox.
"""

import logging
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from mcp_learning.errors import LearningError, MayNotWrite, NotShared, TeamError
from mcp_learning.models.team import Exchanged, ExchangeWithTeam, LeftTeam, TeamHealth
from mcp_learning.settings import Settings
from mcp_learning.team.access import access
from mcp_learning.team.holding import Holding
from mcp_learning.team.local import Local

if TYPE_CHECKING:
    from mcp_learning.team.exchange import Exchange
    from mcp_learning.team.postgres.remote import Remote, RemoteState

logger = logging.getLogger(__name__)

POLL = 0.8
"""Most seconds between two pulls."""

SHORTEST_PAUSE = 0.05
"""Least seconds between two exchanges, so that many records are sent together."""

LONGEST_PAUSE = 15.0
"""Most seconds between two attempts to reach a server."""

ACKNOWLEDGE_SECONDS = 1.5
"""Seconds within which the team has to acknowledge a record, if required. A call that waits for a
hanging server has to end within 2.5 s, also on a busy machine."""

COUNT_SECONDS = 60.0
"""Seconds after which the team's executions are counted again, if this host doesn't hold all."""

SAFE_AGAIN = "the same call again is safe"

LEAST_SECONDS = 0.3
"""Least of these seconds that remain if the call has already waited for the team."""

READ_IN_SECONDS = 2.0
"""Seconds for which an exchange makes the team's store update its search tables."""

TIMEOUT = 10.0
"""Seconds that one query may take; a page of the first exchange takes longest."""


class TeamSync:
    """The exchange of one database with its team."""

    def __init__(self, settings: Settings, local: Local) -> None:
        self._settings = settings
        self._local = local
        self._holding = Holding.of(settings)
        self._remote: Remote | None = None
        self._exchange: Exchange | None = None
        self._lock = anyio.Lock()
        self._work: anyio.Event | None = None
        self._has_left = False
        self._has_filled = False
        self._problem: str | None = None
        self._last_contact: datetime | None = None
        self._there = 0  # the team's last change number at the last contact
        self.total: int | None = None
        """Number of the team's executions; None: this host holds all, or they weren't counted."""
        self._counted_at = 0  # the team's change number when they were counted
        self._counted = -COUNT_SECONDS

    def notice(self) -> None:
        """Notes that this host or another has written something. Never waits."""
        if self._work is not None:
            self._work.set()

    async def run(self) -> None:
        """Exchanges until the store is closed. `health` reports a problem, and it is retried."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._listen)
            pause = POLL
            while True:
                self._work = anyio.Event()
                if await self._attempt(ExchangeWithTeam(fill=not self._has_filled)):
                    pause = POLL
                    await anyio.sleep(SHORTEST_PAUSE)
                    with anyio.move_on_after(pause):
                        await self._work.wait()
                elif self._local.store.closing:
                    group.cancel_scope.cancel()
                    return
                else:  # `notice` doesn't end this pause: another attempt would fail as well
                    await anyio.sleep(pause)
                    pause = min(2 * pause, LONGEST_PAUSE)

    async def _attempt(self, request: ExchangeWithTeam) -> bool:
        try:
            async with self._lock:
                if not self._has_left:
                    await self._exchange_all(request)
        except LearningError as error:
            if str(error) != self._problem:
                logger.warning("the team: %s; it is tried again", error)
            self._problem = str(error)
            return isinstance(error, MayNotWrite)  # everything else was exchanged
        except Exception:
            self._problem = "an exchange with the team failed; the log on stderr has the details"
            logger.exception("an exchange with the team failed; it is tried again")
        else:
            self._problem = None
            return True
        return False

    async def _listen(self) -> None:
        """Listens for hints that the team has changed; polling works without them."""
        module = await anyio.to_thread.run_sync(import_module, "mcp_learning.team.postgres.hints")
        while True:
            try:
                target = await anyio.to_thread.run_sync(access, self._settings)
                await module.listen(target, self._hear)
            except LearningError:
                pass  # an exchange has the same problem, and reports it
            except Exception:
                logger.exception("the team's hints can't be received; it is polled every second")
            await anyio.sleep(LONGEST_PAUSE)

    def _hear(self, team: str, sender: int) -> None:
        if self._exchange is not None and self._exchange.is_news(team, sender):
            self.notice()

    async def exchange(self, request: ExchangeWithTeam) -> Exchanged:
        """Pulls and pushes all current changes, as the request says.

        Raises:
            TeamError: The team's store can't be used; changes exchanged until then are kept.
            ConfigurationError: The settings of the team are wrong.
            StoreError: The database can't be read or written.
        """
        async with self._lock:
            self._has_left = False
            return await self._exchange_all(request)

    async def _exchange_all(self, request: ExchangeWithTeam) -> Exchanged:
        exchange = await self._opened()
        state = await exchange.refresh_state()
        done = Exchanged()
        if request.direction != "push" or request.fill:
            done = _sum(done, await exchange.pull(state))
        if request.fill:  # after the pull, as the team may have later versions
            added = await self._local.store.fill_outbox()
            self._has_filled = True
            done = done.model_copy(update={"added": added})
        refused: MayNotWrite | None = None
        try:
            if request.direction != "pull":
                done = _sum(done, await exchange.push(state))
        except MayNotWrite as error:
            refused = error
        self._last_contact, self._there = datetime.now(UTC), exchange.last_number
        await self._count(anew=request.fill)
        await self._read_in(state)
        if refused is not None:
            raise refused
        return done

    async def _read_in(self, state: "RemoteState") -> None:
        """Updates the search tables of the team's store for a time, if this host uses them."""
        if self._remote is None or self._holding.is_whole(self._there):
            return
        until = anyio.current_time() + READ_IN_SECONDS
        while await self._remote.read_in(state.team) and anyio.current_time() < until:
            pass

    async def _count(self, *, anew: bool) -> None:
        """Counts the team's executions, if this host doesn't hold all."""
        anew |= anyio.current_time() - self._counted >= COUNT_SECONDS
        if self._holding.is_whole(self._there):
            self.total = None
        elif self._remote is not None and anew:
            self._counted = anyio.current_time()
            self.total, self._counted_at = await self._remote.count(), self._there

    async def is_partial(self) -> bool:
        """Whether the team may have executions that this host doesn't hold."""
        if not self._there:  # no contact yet; a command with a single question has none
            mark = (await self._local.store.outbox_state()).mark
            self._there = mark.change if mark else 0
        if self._has_left or self._holding.is_whole(self._there):
            return False
        if self.total is None or self._counted_at != self._there:
            return True
        if self.total > 2 * self._holding.most:  # saves counting the held ones for each query
            return True
        return (await self._local.store.held()).of_team < self.total

    async def acknowledge(self, again: str = SAFE_AGAIN, waited: float = 0.0) -> None:
        """Waits until the team has this host's changes, if the settings want that.

        Args:
            again: Advice on repeating the call, for the error.
            waited: Seconds that the call has waited for the team already, >= 0.

        Raises:
            NotShared: The team doesn't have them in time. They are stored here and are sent later.
        """
        self.notice()
        if self._settings.team_ack == "local":
            return
        why = "the team's server doesn't answer in time"
        with anyio.move_on_after(max(ACKNOWLEDGE_SECONDS - waited, LEAST_SECONDS)):
            try:
                async with self._lock:
                    if not self._has_left:
                        await self._send()
                return
            except TeamError as error:
                why = str(error)
        raise NotShared(f"stored here, but not shared yet: {why}. It will be shared later; {again}")

    async def _send(self) -> None:
        """Sends the outbox; exchanges everything if it wasn't filled yet."""
        if not self._has_filled:
            await self._exchange_all(ExchangeWithTeam(fill=True))
            return
        exchange = await self._opened()
        await exchange.push(await exchange.refresh_state())

    async def leave(self) -> LeftTeam:
        """Makes this database forget its team: the outbox and the mark are emptied.

        Executions stay, including those of others, and so does the team's store. This process
        exchanges nothing more until `exchange` is called.
        """
        async with self._lock:
            state = await self._local.store.outbox_state()
            await self._local.store.set_mark(None)
            self._has_left, self._has_filled = True, False
        return LeftTeam(team=state.mark and state.mark.team, dropped=state.waiting)

    async def health(self) -> TeamHealth:
        """The size and age of the outbox, how far behind this host is, and the last problem."""
        state = await self._local.store.outbox_state()
        mark = state.mark
        reached = mark is not None and self._last_contact is not None
        here = await self._local.store.held()
        return TeamHealth(
            team=self._settings.team,
            role=mark.role if mark else None,
            waiting=state.waiting,
            waiting_since=state.since,
            known=mark.change if mark else None,
            behind=max(self._there - mark.change, 0) if mark and reached else None,
            held=here.of_team,
            there=self.total,
            last_contact=self._last_contact,
            problem=self._problem,
        )

    async def close(self) -> None:
        """Closes the connection."""
        if self._remote is not None:
            await self._remote.close()

    async def _opened(self) -> "Exchange":
        if self._exchange is None:
            target = await anyio.to_thread.run_sync(access, self._settings)
            exchange = await anyio.to_thread.run_sync(import_module, "mcp_learning.team.exchange")
            remote = await anyio.to_thread.run_sync(
                import_module, "mcp_learning.team.postgres.remote"
            )
            self._remote = remote.Remote(target, TIMEOUT)
            self._exchange = exchange.Exchange(self._settings, self._local, self._remote)
        return self._exchange


def _sum(one: Exchanged, other: Exchanged) -> Exchanged:
    values = {name: getattr(one, name) + getattr(other, name) for name in Exchanged.model_fields}
    return Exchanged(**values)

"""Exchange: pulls a team's changes into this host's store, and pushes those of this host.

Pull comes before push: what a host did while it was alone is put on top of what the others did
meanwhile, and what they forgot is gone before it could come back. All of it may be done twice.
"""

import logging
from collections.abc import Sequence
from functools import partial
from uuid import UUID

import anyio.to_thread

from mcp_learning.errors import TeamError, TeamRefused
from mcp_learning.models.team import Exchanged
from mcp_learning.settings import Settings
from mcp_learning.store.shared import (
    OutboxEntry,
    Outgoing,
    TakenIn,
    TeamMark,
    TeamPage,
)
from mcp_learning.team.concurrently import both
from mcp_learning.team.holding import Holding
from mcp_learning.team.local import Local
from mcp_learning.team.postgres.pages import RemotePage, vectors_of
from mcp_learning.team.postgres.parts import Wanted
from mcp_learning.team.postgres.remote import Remote, RemoteState
from mcp_learning.team.rows import rows_of

logger = logging.getLogger(__name__)

PAGE = 1_000
"""Rows of each kind that are pulled at a time: 2 to 3 MB with their vectors."""

BATCH = 500
"""Entries that are pushed at a time; others of the team wait for as long as that takes."""


OVERFLOW = 4
"""What was fetched for questions exceeds its room by one of so many before some of it is taken
away: that takes about as long as fetching it."""


class Exchange:
    """One host's exchange with its team. For one task at a time.

    Args:
        settings: Of the team, and of what this host is to hold and to hide.
        local: This host's store and indexes.
        remote: The team's store.
    """

    def __init__(self, settings: Settings, local: Local, remote: Remote) -> None:
        self._team = settings.team
        self._private = settings.team_private
        self._holding = Holding.of(settings)
        self._has_fitted = False
        self._local = local
        self._remote = remote
        self._at = TeamMark(self._team, "", 0, sweeping=False, role="")
        self._id = ""
        self.last_number = 0
        """The team's, as of the last contact."""

    async def meet(self) -> RemoteState:
        """Asks how the team's store is now; goes first. Begins anew if that was replaced.

        Raises:
            TeamError: It can't be used, or this database belongs to another team.
        """
        state = await self._remote.state()
        self.last_number, self._id = state.change, str(state.team)
        self._at = await self._mark(state)
        return state

    def is_news(self, team: str, sender: int) -> bool:
        """Whether a hint is about this team, and of another host.

        Args:
            team: Id of a team that has changed.
            sender: Number of the server's process that says so.
        """
        return team == self._id and sender != self._remote.backend

    async def pull(self, state: RemoteState) -> Exchanged:
        """Brings everything here that the team has now; goes on where it was interrupted.

        Args:
            state: Of this meeting.

        Raises:
            TeamError: The team's store can't be used; what was read until then is kept.
        """
        changed = deleted = 0
        mark = self._at
        page: RemotePage | None = None
        wanted = await self._wanted(mark.change, state) if mark.change < state.change else None
        while mark.change < state.change:
            this = page or await self._page(mark.change, wanted)
            mark = mark._replace(change=this.change)
            # What of a part is read depends on what of it is here.
            reads_ahead = wanted is None and mark.change < state.change
            taken, page = await both(
                partial(self._take_in, this, mark),
                partial(self._page, mark.change, wanted) if reads_ahead else _nothing,
            )
            changed, deleted = changed + len(taken.changed), deleted + len(taken.deleted)
        if mark.sweeping:
            done = mark._replace(sweeping=False)
            swept = await self._local.store.sweep(await self._remote.all_ids(), done)
            await self._local.changed(swept.deleted)
            deleted += len(swept.deleted)
            mark = done
        self._at = mark
        room = self._holding.part(state.role).fetched
        if changed or self._local.grown > room // OVERFLOW or not self._has_fitted:
            await self.fit(state)
        return Exchanged(pulled=changed, forgotten=deleted)

    async def fit(self, state: RemoteState) -> None:
        """Takes away what this host isn't to hold.

        Args:
            state: Of this meeting.
        """
        self._has_fitted, self._local.grown = True, 0
        taken = await self._local.store.evict(self._holding.part(state.role))
        if taken.gone:
            await self._local.changed(taken.gone)

    async def _wanted(self, since: int, state: RemoteState) -> Wanted | None:
        """Which changes after that number this host wants; None: all."""
        if self._holding.is_whole(state.change):
            return None
        part = self._holding.part(state.role)
        older = await self._remote.older(state, since, part)
        is_empty = not (await self._local.store.held()).total
        return Wanted(part, older, unneeded=older if is_empty else 0)

    async def _page(self, since: int, wanted: Wanted | None) -> RemotePage:
        model, store = await self._local.model(), self._local.store
        if wanted is None:
            return await self._remote.page(since, PAGE, model, store.lacking_vectors, store.absent)
        return await self._remote.page_of_part(since, model, wanted, store.absent)

    async def push(self, state: RemoteState) -> Exchanged:
        """Sends everything that waits here.

        Args:
            state: Of this meeting.

        Raises:
            TeamError: This host may not write, or the team's store can't be used. What was sent
                until then is noted, and the rest goes on waiting.
        """
        pushed = forgotten = 0
        store = self._local.store
        outgoing = await store.outgoing(BATCH)
        if outgoing.entries and not state.can_write:
            raise TeamError(f"{state.refusal}; what is recorded here waits")
        while outgoing.entries:
            this, last = outgoing, outgoing.entries[-1].number
            gone, outgoing = await both(
                partial(self._push, state, this), partial(store.outgoing, BATCH, last)
            )
            forgotten += gone
            pushed += len(this.entries)
            if not outgoing.entries:  # or it was added since, as what the team turned out to lack
                outgoing = await store.outgoing(BATCH, last)
        if pushed and not self._holding.is_whole(state.change):
            await self.fit(state)
        return Exchanged(pushed=pushed, forgotten=forgotten)

    async def _push(self, state: RemoteState, outgoing: Outgoing) -> int:
        """Pushes entries; returns how many executions that have been forgotten were deleted here.

        A batch with a value that the team's store refuses is sent in halves, and an entry that is
        refused alone is left out.
        """
        rows, places = await anyio.to_thread.run_sync(rows_of, outgoing, self._private)
        entries = outgoing.entries
        try:
            done = await self._remote.push(state.team, rows)
        except TeamRefused as error:
            if len(entries) == 1:
                logger.warning("%s was not shared: %s", entries[0].task_id, error)
                await self._local.store.sent({entries[0].number: 0}, [], [])
                return 0
            half = len(entries) // 2
            first = await self._push(state, outgoing._replace(entries=entries[:half]))
            return first + await self._push(state, outgoing._replace(entries=entries[half:]))
        numbers = {number: done.base + place for number, place in places.items()}
        is_last = len(entries) < BATCH  # of those that wait: the others hear of all together
        mark = None
        asks = any(one.kind == "patch" and one.fields == "{}" for one in entries)
        # Nobody else wrote meanwhile, and nothing is to be read back.
        if done.base == self._at.change and not self._at.sweeping and not asks:
            mark = self._at = self._at._replace(change=done.base + len(rows))
        forgotten = [*done.forgotten, *_recorded_again(entries)]
        taken, _ = await both(
            partial(self._local.store.sent, numbers, forgotten, done.absent, mark),
            partial(self._remote.tell, state.team) if is_last else _nothing,
        )
        if taken.changed or taken.deleted:
            await self._local.changed([*taken.changed, *taken.deleted])
        return len(taken.deleted)

    async def _mark(self, state: RemoteState) -> TeamMark:
        """Where to go on; begins anew if the team's numbers don't mean the same any more.

        Raises:
            TeamError: This database belongs to another team.
        """
        store = self._local.store
        known = (await store.outbox_state()).mark
        name = self._holding.name
        fresh = TeamMark(self._team, state.epoch, 0, sweeping=False, role=state.role, part=name)
        if known is None:
            await store.set_mark(fresh)
            return fresh
        if known.team != self._team:
            raise TeamError(
                f"this database is the one of the team {known.team!r}; run `mcp-learning team "
                "leave` before it joins another, or give it a directory of its own"
            )
        lost = known.epoch != state.epoch or known.change > state.change
        if lost and await self._send_lost_again(known):
            known, lost = known._replace(epoch=state.epoch), False
            await store.set_mark(known)
        if not lost and known.change >= state.floor:
            # Another role may read what this one could not, also under earlier numbers.
            return known if (known.part, known.role) == (name, state.role) else fresh
        logger.warning("the team's store was replaced or restored: all of it is read anew")
        fresh = fresh._replace(sweeping=True)
        await store.set_mark(fresh)
        return fresh

    async def _send_lost_again(self, known: TeamMark) -> bool:
        """Puts what this host sent, and the team's store has lost, into the outbox again.

        Returns:
            Whether the store has all that this host knows of it.
        """
        lacks = await self._remote.lacks(await self._local.store.sent_ids(), known.epoch)
        last = await self._local.store.send_again(*lacks)
        return lacks.common is not None and max(known.change, last) <= lacks.common

    async def _take_in(self, page: RemotePage, mark: TeamMark) -> TakenIn:
        given = TeamPage(
            page.executions, page.feedback, page.uses, page.lessons, mark, page.left_out
        )
        taken = await self._local.store.take_in(given)
        await self._local.changed(taken.gone)
        if page.vectors:
            await self._local.adopt(await anyio.to_thread.run_sync(vectors_of, page))
        return taken


def _recorded_again(entries: Sequence[OutboxEntry]) -> list[UUID]:
    """Executions that were forgotten here and then recorded again: the team has them forgotten."""
    ids = [{one.task_id for one in entries if one.kind == kind} for kind in ("forget", "patch")]
    return list(set.intersection(*ids))


async def _nothing() -> None:
    return None

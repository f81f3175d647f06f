"""Pulls a team's changes into this host's store, and pushes those of this host.

Pull comes before push, so that changes made offline are applied after those that others made
meanwhile, and executions that others forgot are deleted before they could be pushed again. Every
step may be repeated.
"""

import logging
from collections.abc import Sequence
from functools import partial
from uuid import UUID

import anyio.to_thread

from mcp_learning.errors import MayNotWrite, TeamError, TeamRefused
from mcp_learning.models.team import Exchanged
from mcp_learning.settings import Settings
from mcp_learning.store.shared import AppliedChanges, OutboxEntry, Outgoing, TeamMark, TeamPage
from mcp_learning.team.concurrently import both
from mcp_learning.team.holding import Holding
from mcp_learning.team.local import Local
from mcp_learning.team.postgres.pages import RemotePage, vectors_of
from mcp_learning.team.postgres.parts import Wanted
from mcp_learning.team.postgres.remote import Remote, RemoteState
from mcp_learning.team.rows import rows_of

logger = logging.getLogger(__name__)

PAGE = 1_000
"""Rows of each kind that are pulled at a time: 2 to 3 MB with vectors."""

BATCH = 500
"""Entries that are pushed at a time; other hosts' writes wait meanwhile."""


OVERFLOW = 4
"""Fetched executions are evicted when they exceed their limit by a quarter, since evicting takes
about as long as fetching."""


class Exchange:
    """One host's exchange with its team. Not for concurrent use."""

    def __init__(self, settings: Settings, local: Local, remote: Remote) -> None:
        self._team = settings.team
        self._private = settings.team_private
        self._holding = Holding.of(settings)
        self._has_evicted = False
        self._local = local
        self._remote = remote
        self._at = TeamMark(self._team, "", 0, sweeping=False, role="")
        self._id = ""
        self.last_number = 0
        """The team's last change number at the last contact."""

    async def refresh_state(self) -> RemoteState:
        """Reads the state of the team's store, which the others take, and where to continue.

        If the store was replaced, everything is read again.

        Raises:
            TeamError: The store can't be used, or this database belongs to another team.
        """
        state = await self._remote.state()
        self.last_number, self._id = state.change, str(state.team)
        self._at = await self._mark(state)
        return state

    def is_news(self, team: str, sender: int) -> bool:
        """Whether a hint is about this team and from another host; arguments as of `listen`."""
        return team == self._id and sender != self._remote.backend

    async def pull(self, state: RemoteState) -> Exchanged:
        """Applies all changes of the team from the mark on.

        Raises:
            TeamError: The team's store can't be used; changes applied until then are kept.
        """
        changed = deleted = 0
        mark = self._at
        page: RemotePage | None = None
        wanted = await self._wanted(mark.change, state) if mark.change < state.change else None
        while mark.change < state.change:
            this = page or await self._page(mark.change, wanted)
            mark = mark._replace(change=this.change)
            # Which changes of a part are read depends on the executions that are stored.
            reads_ahead = wanted is None and mark.change < state.change
            taken, page = await both(
                partial(self._apply_page, this, mark),
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
        if changed or self._local.grown > room // OVERFLOW or not self._has_evicted:
            await self.evict_surplus(state)
        return Exchanged(pulled=changed, forgotten=deleted)

    async def evict_surplus(self, state: RemoteState) -> None:
        """Evicts executions that this host isn't to hold."""
        self._has_evicted, self._local.grown = True, 0
        taken = await self._local.store.evict(self._holding.part(state.role))
        if taken.gone:
            await self._local.changed(taken.gone)

    async def _wanted(self, since: int, state: RemoteState) -> Wanted | None:
        """Which changes after the number `since` this host wants; None: all."""
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
        """Sends all entries of the outbox.

        Raises:
            TeamError: This host may not write, or the team's store can't be used. Entries sent
                until then are marked, the others stay in the outbox.
        """
        pushed = forgotten = 0
        store = self._local.store
        outgoing = await store.outgoing(BATCH)
        if not state.can_write:
            if all(one.kind == "vector" for one in outgoing.entries):  # made here of others' texts
                return Exchanged()
            raise MayNotWrite(f"{state.refusal}; local changes wait")
        while outgoing.entries:
            this, last = outgoing, outgoing.entries[-1].number
            gone, outgoing = await both(
                partial(self._push, state, this), partial(store.outgoing, BATCH, last)
            )
            forgotten += gone
            pushed += len(this.entries)
            if not outgoing.entries:  # some may have been added, e.g. for executions the team lacks
                outgoing = await store.outgoing(BATCH, last)
        if pushed and not self._holding.is_whole(state.change):
            await self.evict_surplus(state)
        return Exchanged(pushed=pushed, forgotten=forgotten)

    async def _push(self, state: RemoteState, outgoing: Outgoing) -> int:
        """Pushes entries; returns how many executions were deleted here, as the team forgot them.

        A batch that the team's store refuses is split in halves; a single refused entry is dropped.
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
        is_last = len(entries) < BATCH  # then other hosts are notified of all batches at once
        mark = None
        asks = done.present or any(one.kind == "patch" and one.fields == "{}" for one in entries)
        # No other host has written since the pull, and nothing is to be read back.
        if done.base == self._at.change and not self._at.sweeping and not asks:
            mark = self._at = self._at._replace(change=done.base + len(rows))
        forgotten = [*done.forgotten, *_recorded_again(entries)]
        taken, _ = await both(
            partial(self._local.store.sent, numbers, forgotten, done.absent, mark),
            partial(self._remote.notify, state.team) if is_last else _nothing,
        )
        if taken.changed or taken.deleted:
            await self._local.changed([*taken.changed, *taken.deleted])
        return len(taken.deleted)

    async def _mark(self, state: RemoteState) -> TeamMark:
        """The mark to continue from; 0 if the team's change numbers have another meaning now.

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
        if lost and await self._requeue_lost(known):
            known, lost = known._replace(epoch=state.epoch), False
            await store.set_mark(known)
        if not lost and known.change >= state.floor:
            # Another role or part may include earlier changes that weren't read, and another role
            # may not read what is private to the one before.
            is_same = (known.part, known.role) == (name, state.role)
            return known if is_same else fresh._replace(sweeping=known.role != state.role)
        logger.warning("the team's store was replaced or restored: all of it is read again")
        fresh = fresh._replace(sweeping=True)
        await store.set_mark(fresh)
        return fresh

    async def _requeue_lost(self, known: TeamMark) -> bool:
        """Queues again what this host sent and the team's store has lost.

        Returns:
            Whether the store has all changes up to the mark, so that it needn't be read again.
        """
        lacks = await self._remote.lacks(await self._local.store.sent_ids(), known.epoch)
        last = await self._local.store.send_again(*lacks)
        return lacks.common is not None and max(known.change, last) <= lacks.common

    async def _apply_page(self, page: RemotePage, mark: TeamMark) -> AppliedChanges:
        given = TeamPage(
            page.executions, page.feedback, page.uses, page.lessons, mark, page.left_out
        )
        taken = await self._local.store.apply_page(given)
        await self._local.changed(taken.gone)
        if page.vectors:
            await self._local.adopt(await anyio.to_thread.run_sync(vectors_of, page))
        return taken


def _recorded_again(entries: Sequence[OutboxEntry]) -> list[UUID]:
    """Executions forgotten here and then recorded again; for the team they stay forgotten."""
    ids = [{one.task_id for one in entries if one.kind == kind} for kind in ("forget", "patch")]
    return list(set.intersection(*ids))


async def _nothing() -> None:
    return None

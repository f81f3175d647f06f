"""Fetches executions relevant to a query that this host doesn't hold from the team's store.

Fetched executions are part of the replica for a while, so that the same code ranks, shows, judges
and forgets them as all others. A server that doesn't answer in time isn't queried for a while,
longer each time; answers then use only this host's executions, and say so.
"""

import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import anyio
import anyio.to_thread

from mcp_learning.errors import TeamError, TeamUnreachable
from mcp_learning.models.requests import Filters
from mcp_learning.redaction.repositories import matching
from mcp_learning.settings import Settings
from mcp_learning.store.shared import TeamMark, TeamPage
from mcp_learning.store.types import Selection
from mcp_learning.team.access import access
from mcp_learning.team.back_off import BackOff
from mcp_learning.team.concurrently import both
from mcp_learning.team.local import Local

if TYPE_CHECKING:
    from mcp_learning.search.scorer import Query
    from mcp_learning.team.postgres.pages import RemotePage
    from mcp_learning.team.postgres.search import RemoteSearch, SearchScope

logger = logging.getLogger(__name__)


TIMEOUT = 1.5
"""Seconds within which the team's store has to answer a query."""

MAX_WAIT = 1.0  # seconds that a query waits for others before it goes on without the team's store


class Most(NamedTuple):
    """Most tasks that are fetched: by words, and by meaning."""

    by_words: int
    by_meaning: int

    @classmethod
    def for_matches(cls, limit: int) -> "Most":
        """Enough for the best `limit` matches."""
        share = max(1.0, limit / 5)
        return cls(*(round(share * most) for most in TASKS))


TASKS = Most(by_words=20, by_meaning=12)
"""Limits for a search of up to five matches."""

EVIDENCE = Most(by_words=100, by_meaning=100)
"""Limits for a recommendation."""

COUNTED = 64
"""Most terms of a query whose document frequencies are requested from the team's store."""

_AT_ONCE = 500
_TRIES = 2

_SLOW = "the team's server doesn't answer in time"
_BUSY = "other questions to the team's server are still to be answered"
_NOT_SEARCHED = "what isn't on this host was not searched"
_BY_WORDS = (
    "what isn't on this host was searched by words alone, since the team's store has no pgvector "
    "for this model"
)


class Fetcher:
    """Fetches executions from the team's store for one host.

    `total` returns the number of executions that the team has; 0: unknown.
    """

    def __init__(
        self, settings: Settings, local: Local, total: Callable[[], int], max_wait: float = MAX_WAIT
    ) -> None:
        self._settings = settings
        self._local = local
        self._total = total
        self._max_wait = max_wait
        self._remotes: tuple[RemoteSearch, RemoteSearch] | None = None
        self._lock = anyio.Lock()
        self._has_restored = False
        self._back_off = BackOff()
        self.shortcoming: str | None = None
        """What the last answer lacked; None: nothing."""

    async def fetch_similar(self, text: str, filters: Filters, most: Most) -> str | None:
        """Fetches executions similar to a text; returns the shortcoming, if any.

        Raises:
            EmbedderUnavailable: The model can't be loaded.
            StoreError: The database can't be read or written.
        """
        if not self._has_restored:
            await self._local.restore_fetched(self._total())
            self._has_restored = self._total() > 0  # repeated until the total is known
        query = await (await self._local.indexer()).searches.asked(text)
        try:
            async with self._one_question():
                self.shortcoming = await self._fetch_similar(query, filters, most)
        except TeamError as error:
            self.shortcoming = f"{_NOT_SEARCHED}: {error}"
        return self.shortcoming

    async def fetch(self, task_ids: Sequence[UUID]) -> None:
        """Fetches those of these executions that aren't stored here, if the server answers.

        Raises:
            StoreError: The database can't be read or written.
        """
        if not (absent := await self._local.store.absent(list(task_ids))):
            return
        with suppress(TeamError):  # already logged
            async with self._one_question():
                await self._fetch(absent)

    async def selected(self, selection: Selection) -> list[UUID]:
        """The team's executions that a selection covers.

        Raises:
            TeamError: The team's store can't be queried.
        """
        async with self._one_question():
            remote, _ = await self._connections()
            return await remote.selected(selection)

    async def close(self) -> None:
        """Closes the connections."""
        for remote in self._remotes or ():
            await remote.close()

    @asynccontextmanager
    async def _one_question(self) -> AsyncIterator[None]:
        """Context of one question to the server, one at a time; a failure begins a pause.

        Raises:
            TeamError: The server can't be used, or doesn't answer within `TIMEOUT`; or other
                questions took longer than `max_wait`, which begins no pause.
        """
        try:
            with anyio.fail_after(self._max_wait):
                await self._lock.acquire()
        except TimeoutError:
            raise TeamUnreachable(_BUSY) from None
        try:
            with anyio.fail_after(TIMEOUT):
                yield
        except TimeoutError:
            self._failed(_SLOW)
            raise TeamUnreachable(_SLOW) from None
        except TeamError as error:
            self._failed(str(error))
            raise
        finally:
            self._lock.release()
        self._back_off.succeed()

    async def _fetch_similar(self, query: "Query", filters: Filters, most: Most) -> str | None:
        from mcp_learning.team.postgres.search import SearchScope

        remote, beside = await self._connections()
        scope = SearchScope(await self._passing(remote, filters, query.now), *most)
        named, (near, shortcoming) = await both(
            partial(remote.by_words, query.text, scope),
            partial(self._by_meaning, beside, query, scope),
        )
        indexer = await self._local.indexer()
        absent = await indexer.absent(list(dict.fromkeys((*named, *near))))
        await both(partial(self._fetch, absent), partial(self._count_terms, beside, query.text))
        return shortcoming

    async def _by_meaning(
        self, remote: "RemoteSearch", query: "Query", scope: "SearchScope"
    ) -> tuple[Sequence[UUID], str | None]:
        """Executions near a query, or that may supersede such; and the shortcoming, if any."""
        from mcp_learning.search.supersession import CUES

        vector = None if query.vector is None else query.vector.tolist()
        model = await self._local.model()
        found = await remote.by_meaning(query.text, vector, model, scope, CUES)
        return found.task_ids, None if found.is_complete or vector is None else _BY_WORDS

    async def _count_terms(self, remote: "RemoteSearch", question: str) -> None:
        """Passes the document frequencies of a query's terms in the team to the indexes."""
        if not (total := self._total()):
            return
        indexer = await self._local.indexer()
        terms = await indexer.informative_terms(question, COUNTED)
        frequencies = await remote.frequencies(list(terms.values()))
        counts = zip(terms, frequencies, strict=True)
        counted = {term: count for term, count in counts if count is not None}
        await indexer.set_frequencies(counted, total)

    async def _fetch(self, task_ids: Sequence[UUID]) -> None:
        """Fetches executions with everything recorded about them, and stores them."""
        remote, _ = await self._connections()
        model = await self._local.model()
        for start in range(0, len(task_ids), _AT_ONCE):
            some = task_ids[start : start + _AT_ONCE]
            for _ in range(_TRIES):  # this host may have pulled newer changes since the read
                page, epoch = await remote.whole(some, model)
                with anyio.CancelScope(shield=True):  # the timeout is for the server's answer only
                    done = not page.executions or await self._store_page(page, epoch)
                if done:
                    break

    async def _store_page(self, page: "RemotePage", epoch: str) -> bool:
        """Stores fetched executions; False if this store is ahead of the page."""
        from mcp_learning.team.postgres.pages import vectors_of

        mark = TeamMark(self._settings.team, epoch, page.change, sweeping=False, role="")
        given = TeamPage(page.executions, page.feedback, page.uses, (), mark)
        vectors = await anyio.to_thread.run_sync(vectors_of, page)
        return await self._local.cache(given, vectors, self._total())

    async def _passing(
        self, remote: "RemoteSearch", filters: Filters, now: datetime
    ) -> Mapping[str, Any]:
        """The filters in the form of `mcpl.passing`."""
        names = ("task_type", "approach", "model_tier")
        given: dict[str, Any] = {name: getattr(filters, name) for name in names}
        given["outcome"] = None if filters.outcome == "any" else filters.outcome
        if filters.repo is not None:
            given["repo"] = matching(filters.repo, await remote.spellings())
        moments = [filters.since]
        if filters.since_days is not None:
            moments.append(now - timedelta(days=filters.since_days))
        since = max((one for one in moments if one is not None), default=None)
        if since is not None:
            given["since"] = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return {name: value for name, value in given.items() if value is not None}

    async def _connections(self) -> tuple["RemoteSearch", "RemoteSearch"]:
        """Two connections, for two concurrent searches.

        Raises:
            TeamUnreachable: A pause after a failure is under way.
        """
        if self._back_off.pausing:
            raise TeamUnreachable(self._back_off.reason or _SLOW)
        if self._remotes is None:
            module = await anyio.to_thread.run_sync(
                import_module, "mcp_learning.team.postgres.search"
            )
            target = await anyio.to_thread.run_sync(access, self._settings)
            first, second = (module.RemoteSearch(target, TIMEOUT) for _ in range(2))
            self._remotes = first, second
        return self._remotes

    def _failed(self, reason: str) -> None:
        if self._back_off.fail(reason):
            logger.warning("%s: %s", _NOT_SEARCHED, reason)

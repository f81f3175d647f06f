"""Searches the team's store, for hosts that don't hold all of it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast
from uuid import UUID

import anyio.to_thread

from mcp_learning.errors import TeamError
from mcp_learning.models.folding import normalised
from mcp_learning.redaction.repositories import matching
from mcp_learning.store.types import Selection
from mcp_learning.team.access import Access
from mcp_learning.team.postgres import parts
from mcp_learning.team.postgres.connection import fetch
from mcp_learning.team.postgres.pages import RemotePage, page_of
from mcp_learning.team.postgres.remote import Remote

_CANDIDATES = """
SELECT c.task_ids, c.by_meaning
FROM mcpl.teams t, mcpl.candidates(t.team, %s, %s::real[], %s, %s::jsonb, %s, %s) c
WHERE t.name = %s
"""
_FREQUENCIES = """
SELECT mcpl.frequencies_of(t.team, %s::text[]) FROM mcpl.teams t WHERE t.name = %s
"""
_SPELLINGS = "SELECT s FROM mcpl.teams t, mcpl.spellings(t.team) s WHERE t.name = %s"
_LABELS = """
SELECT DISTINCT x.doc->>%s FROM mcpl.executions x JOIN mcpl.teams t USING (team)
WHERE t.name = %s AND x.doc IS NOT NULL
"""
# Not `mcpl.spellings`, which has only the executions that were already prepared for searches.
_SELECTED = """
SELECT x.task_id FROM mcpl.executions x JOIN mcpl.teams t USING (team)
WHERE t.name = %(name)s AND x.doc IS NOT NULL
    AND (%(ids)s::uuid[] IS NULL OR x.task_id = ANY(%(ids)s))
    AND (%(repos)s::text[] IS NULL OR x.doc->>'repo' = ANY(%(repos)s))
    AND (%(types)s::text[] IS NULL OR x.doc->>'task_type' = ANY(%(types)s))
    AND (%(before)s::text IS NULL OR x.doc->>'recorded_at' < %(before)s)
"""


class SearchScope(NamedTuple):
    """What a search covers, and how much it returns.

    Attributes:
        filters: Filters of `mcpl.passing`: labels by name, spellings of a repository, `since`.
        by_words: Most tasks to find by words.
        by_meaning: Most tasks to find by meaning; half as many more that may supersede others.
    """

    filters: Mapping[str, Any]
    by_words: int
    by_meaning: int


class FoundByMeaning(NamedTuple):
    """Candidates that are near a question in meaning, or may supersede others.

    Attributes:
        task_ids: The candidates.
        is_complete: Whether it could be searched by meaning: False without a vector, or without
            pgvector for its model.
    """

    task_ids: Sequence[UUID]
    is_complete: bool


class RemoteSearch(Remote):
    """A `Remote` that also searches."""

    def __init__(self, access: Access, timeout: float) -> None:
        super().__init__(access, timeout)
        self._id: UUID | None = None  # the team's

    async def by_words(self, text: str, scope: SearchScope) -> Sequence[UUID]:
        """The team's executions that are similar by words to a text without secrets."""
        filters = json.dumps(dict(scope.filters))
        found = await self._candidates(text, None, None, filters, scope.by_words, None)
        return found.task_ids

    async def by_meaning(
        self, text: str, vector: Sequence[float] | None, model: str, scope: SearchScope, cues: str
    ) -> FoundByMeaning:
        """The team's executions near a vector, and those that may supersede them.

        Args:
            text: The text, without secrets.
            vector: The text's vector; None: nothing is near it.
            model: Fingerprint of the model that made the vector.
            scope: Filters and size of the result.
            cues: Words by which an execution may supersede others (`supersession.CUES`).
        """
        # As text: psycopg takes milliseconds for a list of hundreds of numbers.
        given = None if vector is None else f"{{{','.join(map(str, vector))}}}"
        filters = json.dumps(dict(scope.filters))
        return await self._candidates(text, given, model, filters, scope.by_meaning, cues)

    async def _candidates(self, *values: str | int | None) -> FoundByMeaning:
        """Calls `mcpl.candidates` with these arguments after the team."""
        return FoundByMeaning(*(await self._of_team(_CANDIDATES, *values))[0])

    async def frequencies(self, texts: Sequence[str]) -> Sequence[int | None]:
        """How many of the team's executions have each of n words and identifiers.

        Returns:
            n document frequencies, without executions that are private; None: not a word.
        """
        rows = await self._of_team(_FREQUENCIES, list(texts))
        return cast("list[int | None]", rows[0][0])

    async def _of_team(self, query: str, *values: object) -> list[Any]:
        """The rows of a query whose last value is the team's name, at least one."""
        async with self._connected() as connection:
            if not (rows := await fetch(connection, query, [*values, self._access.team])):
                await self._state(connection)  # raises an error that says what is wrong
                raise TeamError("the team's store was created again; try again")
            return rows

    async def whole(self, task_ids: Sequence[UUID], model: str) -> tuple[RemotePage, str]:
        """As `parts.whole`, as a page; and the epoch of its change numbers."""
        async with self._connected() as connection:
            if self._id is None:
                self._id = (await self._state(connection)).team
            read, epoch = await parts.whole(connection, self._id, task_ids, model)
        return await anyio.to_thread.run_sync(page_of, read), epoch

    async def spellings(self) -> list[str]:
        """All spellings of repositories in the team's store."""
        async with self._connected() as connection:
            return [row[0] for row in await fetch(connection, _SPELLINGS, [self._access.team])]

    async def selected(self, selection: Selection) -> list[UUID]:
        """The team's executions that a selection covers."""
        before = selection.before
        values: dict[str, Any] = {
            "name": self._access.team,
            "ids": list(selection.task_ids) or None,
            "repos": None,
            "types": None,
            "before": None if before is None else before.strftime("%Y-%m-%dT%H:%M:%S"),
        }
        async with self._connected() as connection:
            if selection.repo is not None:
                known = await fetch(connection, _LABELS, ["repo", self._access.team])
                values["repos"] = matching(selection.repo, [row[0] for row in known if row[0]])
            if selection.task_type is not None:
                known = await fetch(connection, _LABELS, ["task_type", self._access.team])
                form = normalised(selection.task_type)
                values["types"] = [row[0] for row in known if normalised(row[0]) == form]
            return [row[0] for row in await fetch(connection, _SELECTED, values)]

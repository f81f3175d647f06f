"""Searching in the team's store, for a host that doesn't hold all of it; and what keeps that up."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import anyio.to_thread

from mcp_learning.store.types import Selection
from mcp_learning.team.access import Access
from mcp_learning.team.postgres import parts
from mcp_learning.team.postgres.connection import fetch
from mcp_learning.team.postgres.pages import Read, RemotePage, page_of
from mcp_learning.team.postgres.remote import Remote

_CANDIDATES = """
SELECT c.task_ids, c.by_meaning, c.frequencies
FROM mcpl.teams t,
    mcpl.candidates(t.team, %s, %s::real[], %s, %s::jsonb, %s, %s::text[], %s) c
WHERE t.name = %s
"""
_SPELLINGS = "SELECT s FROM mcpl.teams t, mcpl.spellings(t.team) s WHERE t.name = %s"
_SELECTED = """
SELECT x.task_id FROM mcpl.executions x JOIN mcpl.teams t USING (team)
WHERE t.name = %(name)s AND x.doc IS NOT NULL
    AND (%(ids)s::uuid[] IS NULL OR x.task_id = ANY(%(ids)s))
    AND (%(repos)s::text[] IS NULL OR x.doc->>'repo' = ANY(%(repos)s))
    AND (%(task_type)s::text IS NULL OR x.doc->>'task_type' = %(task_type)s)
    AND (%(before)s::text IS NULL OR x.doc->>'recorded_at' < %(before)s)
"""


class TeamQuestion(NamedTuple):
    """What is searched for.

    Attributes:
        text: Without secrets.
        vector: Of the text, by the model; None: it is searched for by words alone.
        model: Fingerprint of the model.
        filters: Of `mcpl.passing`: labels by name, spellings of a repository, `since`.
        most: Tasks of each kind, by words and by meaning.
        words: Words and identifiers whose document frequencies are wanted.
        cues: Words of executions that may supersede others without saying so.
    """

    text: str
    vector: Sequence[float] | None
    model: str
    filters: Mapping[str, Any]
    most: int
    words: Sequence[str]
    cues: str


class TeamCandidates(NamedTuple):
    """Executions that are worth comparing.

    Attributes:
        task_ids: These.
        by_meaning: Whether they were found by meaning, too.
        frequencies: How many executions have each of the question's `words`; None: not known.
    """

    task_ids: Sequence[UUID]
    by_meaning: bool
    frequencies: Sequence[int | None]


class RemoteSearch(Remote):
    """A connection on which questions are asked, as `Remote`."""

    def __init__(self, access: Access, timeout: float) -> None:
        super().__init__(access, timeout)
        self._id: UUID | None = None  # of the team

    async def candidates(self, question: TeamQuestion) -> TeamCandidates:
        """What the team has that is like a question.

        Raises:
            TeamError: It can't be searched.
        """
        vector = None if question.vector is None else list(question.vector)
        filters = json.dumps(dict(question.filters))
        async with self._connected() as connection:
            values: list[object] = [question.text, vector, question.model, filters, question.most]
            values += [list(question.words), question.cues, self._access.team]
            rows = await fetch(connection, _CANDIDATES, values)
            if not rows:
                await self._state(connection)  # says what is wrong
                return TeamCandidates((), by_meaning=False, frequencies=())
        return TeamCandidates(*rows[0])

    async def whole(self, task_ids: Sequence[UUID], model: str) -> tuple[RemotePage, str]:
        """Executions with all that belongs to them, and the epoch of their numbers.

        Args:
            task_ids: Those that the team doesn't have are left out.
            model: Whose vectors are wanted.

        Raises:
            TeamError: They can't be read.
        """
        async with self._connected() as connection:
            if self._id is None:
                self._id = (await self._state(connection)).team
            found = await parts.whole(connection, self._id, task_ids, model)
        read = Read(*found[:3], [], found.vectors, found.change)
        return await anyio.to_thread.run_sync(page_of, read), found.epoch

    async def spellings(self) -> list[str]:
        """The repositories of the team, as they are written there.

        Raises:
            TeamError: They can't be read.
        """
        async with self._connected() as connection:
            return [row[0] for row in await fetch(connection, _SPELLINGS, [self._access.team])]

    async def selected(self, selection: Selection, repos: Sequence[str]) -> list[UUID]:
        """The executions of the team that a selection means.

        Args:
            selection: Its repository is given by `repos`.
            repos: In all spellings.

        Raises:
            TeamError: They can't be read.
        """
        before = selection.before
        values = {
            "name": self._access.team,
            "ids": list(selection.task_ids) or None,
            "repos": list(repos) if selection.repo is not None else None,
            "task_type": selection.task_type,
            "before": None if before is None else before.strftime("%Y-%m-%dT%H:%M:%S"),
        }
        async with self._connected() as connection:
            answer = await connection.execute(_SELECTED.encode(), values)
            return [UUID(str(row[0])) for row in await answer.fetchall()]

"""The learning service of a host that is in a team."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

import anyio

from mcp_learning.errors import TeamError
from mcp_learning.models.dashboard import LookUp, LookUpResult
from mcp_learning.models.health import Health
from mcp_learning.models.requests import (
    Filters,
    FindSimilarTasks,
    ForgetExecutions,
    GetExecution,
    RecommendApproach,
    RecordExecution,
)
from mcp_learning.models.results import (
    ExecutionDetail,
    Forgotten,
    Recommendation,
    Recorded,
    SimilarTasks,
)
from mcp_learning.models.team import Exchanged, ExchangeWithTeam, LeftTeam
from mcp_learning.models.transfer import ImportBatch, Imported
from mcp_learning.service.indexer import Indexer
from mcp_learning.service.learning import LearningService
from mcp_learning.settings import Settings
from mcp_learning.store.protocol import FileStore
from mcp_learning.store.types import Selection
from mcp_learning.team.fetching import EVIDENCE, PER_MATCH, TASKS, Fetcher
from mcp_learning.team.local import Local
from mcp_learning.team.sync import SAFE_AGAIN, TeamSync

Given = ParamSpec("Given")
Done = TypeVar("Done")


class SharedLearning(LearningService):
    """A `LearningService` whose writes reach a team, and that has what the team knows.

    Args:
        settings: With a team.
        store: The truth that is asked; it is a replica of the team's.
        indexer: As for `LearningService`.
    """

    def __init__(
        self, settings: Settings, store: FileStore, indexer: Indexer | None = None
    ) -> None:
        super().__init__(settings, store, indexer)
        local = Local(store, self._indexing)
        self._sync = TeamSync(settings, local)
        self._fetcher = Fetcher(settings, local, lambda: self._sync.total or 0)
        # What is told under an id that the call gets on its way would be there twice.
        told = "don't repeat the call, which would add it once more"
        self.revise = self._shared(self.revise, about=lambda request: [request.task_id])
        self.judge = self._shared(
            self.judge, about=lambda request: [one.task_id for one in request.judgements]
        )
        self.feedback = self._shared(
            self.feedback, told, about=lambda request: [request.feedback.task_id]
        )
        self.save_lesson = self._shared(self.save_lesson, told)
        self.change_lesson = self._shared(self.change_lesson)
        self.import_lessons = self._shared(self.import_lessons)

    def _shared(
        self,
        call: Callable[Given, Coroutine[Any, Any, Done]],
        again: str = SAFE_AGAIN,
        about: Callable[Given, Sequence[UUID]] = lambda *_args, **_kwargs: (),
    ) -> Callable[Given, Coroutine[Any, Any, Done]]:
        """The call, acknowledged as `record` is.

        Args:
            call: A verb of the service.
            again: What is told of repeating it.
            about: The executions that it needs here.
        """

        async def acknowledged(*args: Given.args, **kwargs: Given.kwargs) -> Done:
            waited = await self._fetch(*about(*args, **kwargs))
            done = await call(*args, **kwargs)
            await self._sync.acknowledge(again, waited)
            return done

        return acknowledged

    async def run(self) -> None:
        """Does what `LearningService.run` does, and exchanges with the team meanwhile."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._sync.run)
            await super().run()
            group.cancel_scope.cancel()

    async def close(self, patience: float | None = None) -> None:
        """Closes the connection, then as `LearningService.close`."""
        await self._fetcher.close()
        await self._sync.close()
        await super().close(patience)

    async def record(self, request: RecordExecution) -> Recorded:
        """As `LearningService.record`.

        Raises:
            NotShared: It is stored here, and the team has not acknowledged it, as it should.
        """
        named = (request.task_id, request.details.supersedes, *request.used_task_ids)
        waited = await self._fetch(*named)
        done = await super().record(request)
        again = f"the same call with the task_id {done.task_id} again is safe"
        await self._sync.acknowledge(again, waited)
        return done

    async def get(self, request: GetExecution) -> ExecutionDetail:
        """As `LearningService.get`, also of what the team has and this host doesn't hold."""
        if await self._sync.lacks():
            await self._fetcher.fetch([request.task_id])
            # What used it is named with its outcome.
            await self._fetcher.fetch(await self.store.using(request.task_id))
        return await super().get(request)

    inspect = get

    async def look_up(self, request: LookUp) -> LookUpResult:
        """As `LearningService.look_up`, also of what this host doesn't hold."""
        told = await self._fetch_similar(*_asked(request))
        found = await super().look_up(request)
        return found.model_copy(update={"answer": _qualified(found.answer, told)})

    async def recommend(self, request: RecommendApproach) -> Recommendation:
        """As `LearningService.recommend`, also by what this host doesn't hold."""
        told = None
        for task in (request.task_description, *request.more_tasks):
            told = await self._fetch_similar(task, Filters(), EVIDENCE) or told
        result = await super().recommend(request)
        if told is None:
            return result
        basis = result.basis.model_copy(update={"note": f"{result.basis.note}; {told}"})
        return result.model_copy(update={"basis": basis})

    async def _similar(self, request: FindSimilarTasks) -> SimilarTasks:
        told = await self._fetch_similar(*_asked(request))
        return _qualified(await super()._similar(request), told)

    async def _fetch_similar(self, text: str, filters: Filters, most: int) -> str | None:
        """Fetches what is like a text and isn't here; what the search has to do without."""
        if not await self._sync.lacks():
            return None
        return await self._fetcher.fetch_similar(text, filters, most)

    async def _fetch(self, *task_ids: UUID | None) -> float:
        """Fetches those of these executions that aren't here; returns the seconds that took."""
        began = anyio.current_time()
        wanted = [one for one in task_ids if one is not None]
        if wanted and await self._sync.lacks():
            await self._fetcher.fetch(wanted)
        return anyio.current_time() - began

    async def forget(self, request: ForgetExecutions) -> Forgotten:
        """As `LearningService.forget`, also of what this host doesn't hold.

        Raises:
            NotShared: As `record`.
            TeamError: The team has more, and can't be asked; nothing was forgotten.
        """
        done = await super().forget(request)
        if not request.dry_run:
            await self._sync.acknowledge()
        return done

    async def _selection(self, request: ForgetExecutions) -> Selection:
        selection, lacks = await super()._selection(request), await self._sync.lacks()
        if not (lacks or await self.store.absent(selection.task_ids)):  # it may be archived here
            return selection
        try:
            return selection._replace(of_team=await self._fetcher.selected(selection))
        except TeamError:
            if lacks:
                raise
            return selection

    async def import_batch(self, request: ImportBatch) -> Imported:
        """As `LearningService.import_batch`; raises `NotShared` as `record` does."""
        waited = await self._fetch(*(one.task_id for one in request.records))
        done = await super().import_batch(request)
        if not request.dry_run:
            await self._sync.acknowledge(waited=waited)
        return done

    async def health(self) -> Health:
        """As `LearningService.health`, and how far this host and its team know of each other."""
        found, team = await super().health(), await self._sync.health()
        team = team.model_copy(update={"beyond": self._fetcher.shortcoming})
        return found.model_copy(update={"team": team})

    async def exchange(self, request: ExchangeWithTeam) -> Exchanged:
        """Pulls what the team has, and pushes what waits for it; as `TeamSync.exchange`."""
        return await self._sync.exchange(request)

    async def leave_team(self) -> LeftTeam:
        """Forgets the team in this database; as `TeamSync.leave`."""
        return await self._sync.leave()


def _asked(request: FindSimilarTasks) -> tuple[str, Filters, int]:
    return request.task_description, request.filters, max(TASKS, PER_MATCH * request.limit)


def _qualified(answer: SimilarTasks, told: str | None) -> SimilarTasks:
    """The answer, with what its search had to do without."""
    if told is None:
        return answer
    reason = "; ".join(filter(None, (answer.search.reason, told)))
    search = answer.search.model_copy(update={"degraded": True, "reason": reason})
    return answer.model_copy(update={"search": search})

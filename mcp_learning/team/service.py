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
from mcp_learning.team.fetching import EVIDENCE, Fetcher, Most
from mcp_learning.team.local import Local
from mcp_learning.team.sync import SAFE_AGAIN, TeamSync

Given = ParamSpec("Given")
Done = TypeVar("Done")


class SharedLearning(LearningService):
    """A `LearningService` whose writes reach a team, and that knows the team's executions."""

    def __init__(
        self, settings: Settings, store: FileStore, indexer: Indexer | None = None
    ) -> None:
        super().__init__(settings, store, indexer)
        local = Local(store, self._indexing)
        self._sync = TeamSync(settings, local)
        self._fetcher = Fetcher(settings, local, lambda: self._sync.total or 0)
        # Feedback and lessons get new ids within the call, so a repetition would add them again.
        add_again = "don't repeat the call, which would add it once more"
        self.revise = self._shared(self.revise, about=lambda request: [request.task_id])
        self.judge = self._shared(
            self.judge, about=lambda request: [one.task_id for one in request.judgements]
        )
        self.feedback = self._shared(
            self.feedback, add_again, about=lambda request: [request.feedback.task_id]
        )
        self.save_lesson = self._shared(self.save_lesson, add_again)
        self.change_lesson = self._shared(self.change_lesson)
        self.import_lessons = self._shared(self.import_lessons)

    def _shared(
        self,
        call: Callable[Given, Coroutine[Any, Any, Done]],
        again: str = SAFE_AGAIN,
        about: Callable[Given, Sequence[UUID]] = lambda *_args, **_kwargs: (),
    ) -> Callable[Given, Coroutine[Any, Any, Done]]:
        """Wraps a method: fetches what it needs, and waits for the team's acknowledgement.

        Args:
            call: The method.
            again: Advice on repeating the call, for the error `NotShared`.
            about: Returns the executions that the call needs in this store.
        """

        async def acknowledged(*args: Given.args, **kwargs: Given.kwargs) -> Done:
            waited = await self._fetch(*about(*args, **kwargs))
            done = await call(*args, **kwargs)
            await self._sync.acknowledge(again, waited)
            return done

        return acknowledged

    async def run(self) -> None:
        """As `LearningService.run`, and exchanges with the team meanwhile."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._sync.run)
            await super().run()
            group.cancel_scope.cancel()

    async def close(self, patience: float | None = None) -> None:
        """Closes the connections, then as `LearningService.close`."""
        await self._fetcher.close()
        await self._sync.close()
        await super().close(patience)

    async def record(self, request: RecordExecution) -> Recorded:
        """As `LearningService.record`.

        Raises:
            NotShared: It is stored here, but the team hasn't acknowledged it as the settings want.
        """
        named = (request.task_id, request.details.supersedes, *request.used_task_ids)
        waited = await self._fetch(*named)
        done = await super().record(request)
        again = f"the same call with the task_id {done.task_id} again is safe"
        await self._sync.acknowledge(again, waited)
        return done

    async def get(self, request: GetExecution) -> ExecutionDetail:
        """As `LearningService.get`, also for executions that this host doesn't hold."""
        if await self._sync.is_partial():
            await self._fetcher.fetch([request.task_id])
            # The result has the outcomes of the executions that used it.
            await self._fetcher.fetch(await self.store.using(request.task_id))
        return await super().get(request)

    inspect = get

    async def look_up(self, request: LookUp) -> LookUpResult:
        """As `LearningService.look_up`, including executions that this host doesn't hold."""
        shortcoming = await self._fetch_similar(*_asked(request))
        found = await super().look_up(request)
        return found.model_copy(update={"answer": _qualified(found.answer, shortcoming)})

    async def recommend(self, request: RecommendApproach) -> Recommendation:
        """As `LearningService.recommend`, including executions that this host doesn't hold."""
        shortcoming = None
        for task in (request.task_description, *request.more_tasks):
            shortcoming = await self._fetch_similar(task, Filters(), EVIDENCE) or shortcoming
        result = await super().recommend(request)
        if shortcoming is None:
            return result
        basis = result.basis.model_copy(update={"note": f"{result.basis.note}; {shortcoming}"})
        return result.model_copy(update={"basis": basis})

    async def _similar(self, request: FindSimilarTasks) -> SimilarTasks:
        shortcoming = await self._fetch_similar(*_asked(request))
        return _qualified(await super()._similar(request), shortcoming)

    async def _fetch_similar(self, text: str, filters: Filters, most: Most) -> str | None:
        """Fetches similar executions that aren't stored here; returns the shortcoming, if any."""
        if not await self._sync.is_partial():
            return None
        return await self._fetcher.fetch_similar(text, filters, most)

    async def _fetch(self, *task_ids: UUID | None) -> float:
        """Fetches those of these executions that aren't stored here; returns the seconds taken."""
        began = anyio.current_time()
        wanted = [one for one in task_ids if one is not None]
        if wanted and await self._sync.is_partial():
            await self._fetcher.fetch(wanted)
        return anyio.current_time() - began

    async def forget(self, request: ForgetExecutions) -> Forgotten:
        """As `LearningService.forget`, including executions that this host doesn't hold.

        Raises:
            NotShared: As `record`.
            TeamError: The team has more, but its store can't be reached; nothing was forgotten.
        """
        done = await super().forget(request)
        if not request.dry_run:
            await self._sync.acknowledge()
        return done

    async def _selection(self, request: ForgetExecutions) -> Selection:
        selection, is_partial = await super()._selection(request), await self._sync.is_partial()
        if not (is_partial or await self._may_be_archived(selection)):
            return selection
        try:
            return selection._replace(of_team=await self._fetcher.selected(selection))
        except TeamError:
            if is_partial:
                raise
            return selection

    async def _may_be_archived(self, selection: Selection) -> bool:
        """Whether the team may have executions of a selection that are archived here."""
        if (await self.store.outbox_state()).mark is None:
            return False
        return not selection.task_ids or bool(await self.store.absent(selection.task_ids))

    async def import_batch(self, request: ImportBatch) -> Imported:
        """As `LearningService.import_batch`; raises `NotShared` as `record` does."""
        waited = await self._fetch(*(one.task_id for one in request.records))
        done = await super().import_batch(request)
        if not request.dry_run:
            await self._sync.acknowledge(waited=waited)
        return done

    async def health(self) -> Health:
        """As `LearningService.health`, with the state of the exchange with the team."""
        found, team = await super().health(), await self._sync.health()
        team = team.model_copy(update={"beyond": self._fetcher.shortcoming})
        return found.model_copy(update={"team": team})

    async def exchange(self, request: ExchangeWithTeam) -> Exchanged:
        """As `TeamSync.exchange`."""
        return await self._sync.exchange(request)

    async def leave_team(self) -> LeftTeam:
        """As `TeamSync.leave`."""
        return await self._sync.leave()


def _asked(request: FindSimilarTasks) -> tuple[str, Filters, Most]:
    return request.task_description, request.filters, Most.for_matches(request.limit)


def _qualified(answer: SimilarTasks, shortcoming: str | None) -> SimilarTasks:
    """The answer, marked as degraded if there was a shortcoming."""
    if shortcoming is None:
        return answer
    reason = "; ".join(filter(None, (answer.search.reason, shortcoming)))
    search = answer.search.model_copy(update={"degraded": True, "reason": reason})
    return answer.model_copy(update={"search": search})

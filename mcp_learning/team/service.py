"""The learning service of a host that is in a team."""

from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

import anyio

from mcp_learning.models.health import Health
from mcp_learning.models.requests import ForgetExecutions, RecordExecution
from mcp_learning.models.results import Forgotten, Recorded
from mcp_learning.models.team import Exchanged, ExchangeWithTeam, LeftTeam
from mcp_learning.models.transfer import ImportBatch, Imported
from mcp_learning.service.indexer import Indexer
from mcp_learning.service.learning import LearningService
from mcp_learning.settings import Settings
from mcp_learning.store.protocol import FileStore
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
        self._sync = TeamSync(settings, Local(store, self._indexing))
        # What is told under an id that the call gets on its way would be there twice.
        told = "don't repeat the call, which would add it once more"
        self.revise = self._shared(self.revise)
        self.judge = self._shared(self.judge)
        self.feedback = self._shared(self.feedback, told)
        self.save_lesson = self._shared(self.save_lesson, told)
        self.change_lesson = self._shared(self.change_lesson)
        self.import_lessons = self._shared(self.import_lessons)

    def _shared(
        self, call: Callable[Given, Coroutine[Any, Any, Done]], again: str = SAFE_AGAIN
    ) -> Callable[Given, Coroutine[Any, Any, Done]]:
        """The call, acknowledged as `record` is; `again` is told of repeating it."""

        async def acknowledged(*args: Given.args, **kwargs: Given.kwargs) -> Done:
            done = await call(*args, **kwargs)
            await self._sync.acknowledge(again)
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
        await self._sync.close()
        await super().close(patience)

    async def record(self, request: RecordExecution) -> Recorded:
        """As `LearningService.record`.

        Raises:
            NotShared: It is stored here, and the team has not acknowledged it, as it should.
        """
        done = await super().record(request)
        again = f"the same call with the task_id {done.task_id} again is safe"
        await self._sync.acknowledge(again)
        return done

    async def forget(self, request: ForgetExecutions) -> Forgotten:
        """As `LearningService.forget`; raises `NotShared` as `record` does."""
        done = await super().forget(request)
        if not request.dry_run:
            await self._sync.acknowledge()
        return done

    async def import_batch(self, request: ImportBatch) -> Imported:
        """As `LearningService.import_batch`; raises `NotShared` as `record` does."""
        done = await super().import_batch(request)
        if not request.dry_run:
            await self._sync.acknowledge()
        return done

    async def health(self) -> Health:
        """As `LearningService.health`, and how far this host and its team know of each other."""
        found = await super().health()
        return found.model_copy(update={"team": await self._sync.health()})

    async def exchange(self, request: ExchangeWithTeam) -> Exchanged:
        """Pulls what the team has, and pushes what waits for it; as `TeamSync.exchange`."""
        return await self._sync.exchange(request)

    async def leave_team(self) -> LeftTeam:
        """Forgets the team in this database; as `TeamSync.leave`."""
        return await self._sync.leave()

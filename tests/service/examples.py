"""Requests and reads that the tests of the learning service share."""

import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import anyio
import anyio.to_thread

from mcp_learning.models.requests import FindSimilarTasks, RecordExecution
from mcp_learning.models.results import Recorded, SimilarTasks
from mcp_learning.service.learning import LearningService
from mcp_learning.service.protocol import Learning
from mcp_learning.store.duckdb.connection import Database
from mcp_learning.store.duckdb.store import DuckDBStore

LOGIN = "Fix the login redirect loop after the session has expired"
LOGIN_PARAPHRASE = "users are redirected to the sign-in page again and again"
EXPORT = "Speed up the CSV export of invoices"
UNRELATED = "bake a chocolate cake for a birthday party"


async def record(service: Learning, description: str = LOGIN, **values: Any) -> Recorded:
    """Records a bug fix that succeeded, but for what `values` say."""
    given = {"task_type": "bug_fix", "task_description": description, "outcome": "success"}
    return await service.record(RecordExecution.model_validate(given | values))


async def find(service: LearningService, text: str, **values: Any) -> SimilarTasks:
    """Searches with the defaults, but for what `values` say."""
    return await service.find(FindSimilarTasks.model_validate({"task_description": text} | values))


async def found_ids(service: LearningService, text: str, **values: Any) -> list[UUID]:
    """Ids of what a search finds, best first."""
    return [match.task_id for match in (await find(service, text, **values)).matches]


def database_of(service: LearningService) -> Database:
    """The file under the service's store."""
    assert isinstance(service.store, DuckDBStore)
    return service.store.database


async def query(service: LearningService, sql: str, *values: object) -> list[tuple[Any, ...]]:
    """Rows of the service's own database."""
    return await database_of(service).read(lambda c: c.execute(sql, list(values)).fetchall())


async def execute(service: LearningService, sql: str, *values: object) -> None:
    """Changes the service's own database behind its back."""
    await database_of(service).write(lambda cursor: cursor.execute(sql, list(values)) and None)


async def change_of(service: LearningService, task_id: UUID) -> tuple[datetime, int]:
    """When a row last changed, and the number of that change."""
    rows = await query(
        service, "SELECT updated_at, sequence FROM executions WHERE task_id = ?", task_id
    )
    return rows[0][0], rows[0][1]


def all_bytes(directory: Path) -> bytes:
    """Everything in all files below a directory."""
    return b"\0".join(p.read_bytes() for p in sorted(directory.rglob("*")) if p.is_file())


class Gate:
    """Holds up the first call of a function: says that it began, and waits until it may go on."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.entered = threading.Event()
        self.may_go_on = threading.Event()
        self._function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self.entered.is_set():
            self.entered.set()
            assert self.may_go_on.wait(30)
        return self._function(*args, **kwargs)

    async def cancel_inside(self, call: Callable[[], Any]) -> None:
        """Makes the call, cancels it once it is inside the function, then lets that go on."""
        async with anyio.create_task_group() as group:
            group.start_soon(call)
            await anyio.to_thread.run_sync(self.entered.wait, 30)
            group.cancel_scope.cancel()
            self.may_go_on.set()

    async def meanwhile(self, call: Callable[[], Any], change: Callable[[], Any]) -> Any:
        """The result of a call; what `change` does happens while it is inside the function."""
        results = []

        async def make_call() -> None:
            results.append(await call())

        async with anyio.create_task_group() as group:
            group.start_soon(make_call)
            await anyio.to_thread.run_sync(self.entered.wait, 30)
            await change()
            self.may_go_on.set()
        return results[0]

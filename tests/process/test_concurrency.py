"""Sixteen searches, four writers, rebuilds and cancellations at once, in one process.

No answer is wrong, whatever they interleave to; how fast searches are is printed, never judged.
"""

import itertools
import random
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import anyio
import numpy as np
import pytest
from process.life import UNDER_WAY, WAITING
from process.oracle import assert_equal, consult, copy_truth
from process.workload import PARAPHRASES, REPOS, TASKS

from mcp_learning.errors import IndexUnavailable
from mcp_learning.models.requests import (
    FindSimilarTasks,
    ForgetExecutions,
    RebuildIndex,
    RecordExecution,
)
from mcp_learning.models.results import SimilarTasks
from mcp_learning.server.answers import structured
from mcp_learning.server.service_runner import SWITCH_INTERVAL
from mcp_learning.service.learning import LearningService
from mcp_learning.service.protocol import ignore_progress
from mcp_learning.settings import Settings

pytestmark = pytest.mark.anyio

T = TypeVar("T")

SEARCHERS = 16
WRITERS = 4
SEARCHES = 150
"""Completed searches of the short form."""

BUILDS = 2
"""Completed builds of the index in the short form."""

PATIENCE = 400
"""Writes acknowledged during one search: more, and writers starve it."""

CANCELLED = 0.05
"""Chance that the start of a call has a call in flight cancelled."""

ROWS_OF_A_WRITER = 60


class Storm:
    """Everything at once, and what is known of the rows meanwhile.

    A row is `settled` while no write on it is in flight. `texts` are all that were sent for a row,
    `acknowledged` the place of the last one that is stored for certain.
    """

    def __init__(self, service: LearningService, seed: int, seconds: float | None) -> None:
        self.service = service
        self.random = random.Random(seed)
        self.settled: dict[UUID, str] = {}
        self.texts: dict[UUID, list[str]] = {}
        self.acknowledged: dict[UUID, int] = {}
        self.forgotten: list[UUID] = []
        self.took: list[float] = []
        self.builds = self.cancelled = self.writes = 0
        self._waiting: dict[int, int] = {}
        self._numbers = itertools.count()
        self._in_flight: list[anyio.CancelScope] = []
        self._started = anyio.Event()
        self._end = None if seconds is None else time.monotonic() + seconds

    @property
    def over(self) -> bool:
        if self._end is not None:
            return time.monotonic() >= self._end
        return len(self.took) >= SEARCHES and self.builds >= BUILDS

    async def run(self) -> None:
        async with anyio.create_task_group() as background:
            background.start_soon(self.service.run)
            background.start_soon(self._cancel)
            async with anyio.create_task_group() as group:
                for number in range(SEARCHERS):
                    group.start_soon(self._search, number)
                for _ in range(WRITERS):
                    group.start_soon(self._write)
                group.start_soon(self._rebuild)
            background.cancel_scope.cancel()

    async def _call(self, call: Callable[[], Awaitable[T]], may_be_cancelled: bool) -> T | None:
        """The result of a call, None when it was cancelled."""
        with anyio.CancelScope() as scope:
            if may_be_cancelled:
                self._in_flight.append(scope)
            self._started.set()
            try:
                return await call()
            finally:
                if may_be_cancelled:
                    self._in_flight.remove(scope)
        self.cancelled += 1
        return None

    async def _cancel(self) -> None:
        while True:
            await self._started.wait()
            self._started = anyio.Event()
            if self._in_flight and self.random.random() < CANCELLED:
                self.random.choice(self._in_flight).cancel()

    async def _write(self) -> None:
        mine: list[UUID] = []
        while not self.over:
            if len(mine) > ROWS_OF_A_WRITER or (mine and self.random.random() < 0.2):
                await self._forget([mine.pop(self.random.randrange(len(mine)))])
            elif mine and self.random.random() < 0.3:
                task_id = mine.pop(self.random.randrange(len(mine)))
                if await self.store(task_id):
                    mine.append(task_id)
            else:
                task_id = UUID(int=self.random.getrandbits(128), version=4)
                if await self.store(task_id):
                    mine.append(task_id)

    async def store(self, task_id: UUID) -> bool:
        """Records or updates a row; whether it was acknowledged."""
        text = self.random.choice(TASKS).format(f"module_{next(self._numbers)}_handler")
        request = RecordExecution(
            task_id=task_id,
            task_type="bug_fix",
            task_description=text,
            outcome="success",
            repo=self.random.choice(REPOS),
        )
        self.settled.pop(task_id, None)
        self.texts.setdefault(task_id, []).append(text)
        recorded = await self._call(lambda: self.service.record(request), may_be_cancelled=True)
        if recorded is None:
            return False  # stored or not: nobody touches it again
        self.acknowledged[task_id] = len(self.texts[task_id]) - 1
        self.settled[task_id] = text
        self._count_write()
        return True

    def _count_write(self) -> None:
        self.writes += 1
        oldest = min(self._waiting.values(), default=self.writes)
        assert self.writes - oldest <= PATIENCE, "writers starve a search"

    async def _forget(self, task_ids: list[UUID]) -> None:
        for task_id in task_ids:
            self.settled.pop(task_id)
        request = ForgetExecutions(task_ids=task_ids, dry_run=False)
        forgotten = await self._call(lambda: self.service.forget(request), may_be_cancelled=True)
        if forgotten is not None:
            assert (forgotten.executions, forgotten.unknown_task_ids) == (len(task_ids), [])
            self.forgotten += task_ids
            self._count_write()

    async def _rebuild(self) -> None:
        for turn in itertools.count():
            if self.over or (self._end is None and self.builds == BUILDS):
                return
            request = RebuildIndex(preset="fast")
            try:
                done = await self._call(
                    lambda request=request: self.service.rebuild(request, ignore_progress),  # type: ignore[misc]
                    may_be_cancelled=turn % 2 == 0,
                )
            except IndexUnavailable as error:
                if UNDER_WAY not in str(error):
                    raise
            else:
                self.builds += done is not None

    async def _search(self, number: int) -> None:
        while not self.over:
            self._waiting[number] = self.writes
            target = self.random.choice(list(self.settled.items()) or [None])
            if self.random.random() < 0.3:
                target = None
            repo = self.random.choice(REPOS) if target is None else None
            text = self.random.choice(PARAPHRASES) if target is None else target[1]
            request = FindSimilarTasks(
                task_description=text, repo=repo, limit=self.random.choice((1, 5, 20))
            )
            gone, certain = set(self.forgotten), dict(self.acknowledged)
            started = time.perf_counter()
            found = await self._call(lambda r=request: self.service.find(r), may_be_cancelled=True)  # type: ignore[misc]
            if found is not None:
                self.took.append(time.perf_counter() - started)
                self._check(found, request, gone, certain)
                untouched = target is not None and self.settled.get(target[0]) == text
                if target and untouched and WAITING not in (found.search.reason or ""):
                    assert found.matches, f"{text}: nothing found"
                    assert found.matches[0].task_id == target[0], f"{text}: {found.matches[0]}"

    def _check(
        self,
        found: SimilarTasks,
        request: FindSimilarTasks,
        gone: set[UUID],
        certain: dict[UUID, int],
    ) -> None:
        """What is true of every answer; `gone` and `certain` are of when the search started."""
        ids = [match.task_id for match in found.matches]
        similarities = [match.similarity for match in found.matches]
        assert len(set(ids)) == len(ids) <= request.limit
        assert similarities == sorted(similarities, reverse=True)
        assert not gone & set(ids), "forgotten and yet found"
        for match in found.matches:
            assert request.repo in (None, match.repo)
            possible = self.texts[match.task_id][certain.get(match.task_id, 0) :]
            assert match.task_description in possible, f"out of date: {match}"

    def questions(self) -> list[dict[str, Any]]:
        """Arguments of searches for what is stored now, with and without filters."""
        stored = sorted(self.settled.values())
        texts = [*PARAPHRASES, *self.random.sample(stored, min(20, len(stored)))]
        asked = [{"task_description": text, "limit": 10} for text in texts]
        return asked + [{**question, "repo": REPOS[0]} for question in asked]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Searches use the index as soon as there is one."""
    return settings.model_copy(update={"search_mode": "hnsw"})


@pytest.fixture
def _threads_as_in_a_server() -> None:
    sys.setswitchinterval(SWITCH_INTERVAL)


@pytest.mark.usefixtures("_threads_as_in_a_server")
async def test_searches_writes_rebuilds_and_cancellations_at_once_give_no_wrong_answer(
    service: LearningService,
    settings: Settings,
    tmp_path: Path,
    pytestconfig: pytest.Config,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seed, seconds = pytestconfig.getoption("seed"), pytestconfig.getoption("seconds")
    storm = Storm(service, seed, seconds)
    await storm.store(UUID(int=0))  # so that there is something to index
    await service.ready()
    await storm.run()

    await service.ready()
    questions = storm.questions()
    requests = [FindSimilarTasks.model_validate(question) for question in questions]
    found = [structured(await service.find(request)) for request in requests]
    await service.close()
    oracle = await consult(copy_truth(settings.data_dir, tmp_path / "copy"), questions)
    assert_equal(questions, found, oracle.found)
    assert not set(map(str, storm.forgotten)) & oracle.stored.keys()
    for task_id, text in storm.settled.items():
        assert oracle.stored[str(task_id)]["execution"]["task_description"] == text
    p50, p95, p99 = np.percentile(np.array(storm.took) * 1000, [50, 95, 99])
    with capsys.disabled():
        print(  # noqa: T201 - what the long form is run for
            f"\n{len(storm.took)} searches, {SEARCHERS} at a time: p50 {p50:.0f} ms, "
            f"p95 {p95:.0f} ms, p99 {p99:.0f} ms; {storm.builds} builds, "
            f"{storm.cancelled} calls cancelled, {len(storm.texts)} rows, "
            f"{len(storm.forgotten)} forgotten (seed {seed})"
        )

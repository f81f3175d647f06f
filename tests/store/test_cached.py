"""Executions that were fetched for a question: stored with their vectors, or not at all."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from store.rows import NOW

from mcp_learning.settings import Settings
from mcp_learning.store import open_store
from mcp_learning.store.protocol import FileStore
from mcp_learning.store.shared import (
    EmbeddedRows,
    TeamExecution,
    TeamFeedback,
    TeamMark,
    TeamPage,
    TeamUse,
)
from mcp_learning.store.types import Columns, Selection, Unembedded

pytestmark = pytest.mark.anyio

MARK = TeamMark("shop", "epoch", 5, sweeping=False, role="ben")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[FileStore]:
    made = open_store(Settings.load(data_dir=tmp_path))
    await made.set_mark(MARK)
    yield made
    await made.close()


def page(task_ids: Sequence[UUID], mark: TeamMark = MARK) -> TeamPage:
    """Executions, each with feedback and a use of an earlier one."""
    fields = {"task_type": "bug_fix", "outcome": "success", "recorded_at": NOW.isoformat()}
    said = {"rating": 4, "submitted_at": NOW.isoformat()}
    return TeamPage(
        [
            TeamExecution(one, "ada", NOW, {**fields, "task_description": f"mend {one}"})
            for one in task_ids
        ],
        [TeamFeedback(UUID(int=one.int ^ 1), one, said) for one in task_ids],
        [TeamUse(one, uuid4(), NOW) for one in task_ids],
        (),
        mark,
    )


def embedded(task_ids: Sequence[UUID], passages: int = 0) -> EmbeddedRows:
    vectors = np.eye(384, dtype=np.float32)
    return EmbeddedRows(
        [Unembedded(one, 0, f"mend {one}") for one in task_ids],
        vectors[: len(task_ids)],
        [vectors[:passages] for _ in task_ids],
        "a model",
    )


async def test_what_is_fetched_has_its_vectors_feedback_and_uses_from_the_first_moment(
    store: FileStore,
) -> None:
    ids = [uuid4() for _ in range(4)]
    added = await store.cache(page(ids), embedded(ids[1:], passages=2))
    assert added is not None
    assert list(added.versions) == ids[1:]
    assert {one.task_id: one for one in added.texts} == await store.summaries(ids)
    assert [one.task_id for one in await store.unembedded(9)] == ids[:1]
    assert await store.count_vectors(2**62) == 9
    found = await store.get(ids[0])
    assert found is not None
    assert [one.rating for one in found.feedback] == [4]
    assert len(found.used_task_ids) == 1
    assert (await store.outbox_state()).mark == MARK


async def test_what_is_added_is_told_as_the_changes_since_the_revision_before(
    store: FileStore,
) -> None:
    earlier = await store.cache(page([uuid4()]), None)
    known, revision = await store.changes(), store.revision
    added = await store.cache(page([uuid4() for _ in range(3)]), None)
    assert earlier is not None
    assert added is not None
    assert earlier.revision == added.since == revision
    assert added.revision == store.revision
    read = await store.changes(known.next)
    assert added.changes is not None
    assert added.changes.next == read.next
    assert not len(added.changes.deleted)
    for one, other in zip(values(added.changes.rows), values(read.rows), strict=True):
        np.testing.assert_array_equal(one, other)


async def test_where_nothing_is_added_there_are_no_changes(store: FileStore) -> None:
    ids = [uuid4()]
    await store.cache(page(ids), None)
    again = await store.cache(page(ids), None)
    assert again is not None
    assert again.changes is None


def values(rows: Columns) -> list[Any]:
    arrays = {**vars(rows), **rows.labels}
    return [arrays[name] for name in sorted(arrays) if name != "labels"]


@pytest.mark.parametrize("mark", [MARK._replace(change=4), MARK._replace(epoch="another")])
async def test_what_is_older_than_this_store_is_refused(store: FileStore, mark: TeamMark) -> None:
    ids = [uuid4()]
    assert await store.cache(page(ids, mark), embedded(ids)) is None
    assert await store.absent(ids) == ids


async def test_what_is_here_or_waits_to_be_forgotten_stays_as_it_is(store: FileStore) -> None:
    here, waiting, new = uuid4(), uuid4(), uuid4()
    assert await store.cache(page([here]), None) is not None
    await store.delete(Selection([waiting], of_team=[waiting]))
    added = await store.cache(page([here, waiting, new]), embedded([here, waiting, new]))
    assert added is not None
    assert list(added.versions) == [new]
    assert await store.absent([here, waiting, new]) == [waiting]

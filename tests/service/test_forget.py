"""Forgetting executions: a dry run counts them; else they go with everything about them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from service.examples import (
    EXPORT,
    LOGIN,
    LOGIN_PARAPHRASE,
    UNRELATED,
    execute,
    find,
    found_ids,
    query,
    record,
)
from services import open_service

from mcp_learning.errors import NotFound
from mcp_learning.models.requests import (
    ForgetExecutions,
    GetExecution,
    RebuildIndex,
    SubmitFeedback,
)
from mcp_learning.models.results import Forgotten
from mcp_learning.service.indexer import Indexer
from mcp_learning.service.learning import LearningService
from mcp_learning.service.protocol import ignore_progress
from mcp_learning.settings import Settings
from mcp_learning.store import open_store

pytestmark = pytest.mark.anyio


async def forget(service: LearningService, **arguments: Any) -> Forgotten:
    return await service.forget(ForgetExecutions.model_validate(arguments))


async def test_a_dry_run_counts_and_deletes_nothing(service: LearningService) -> None:
    task_id, unknown = (await record(service)).task_id, uuid4()

    answer = await forget(service, task_ids=[task_id, unknown, task_id])

    assert (answer.executions, answer.dry_run) == (1, True)
    assert answer.unknown_task_ids == [unknown]
    assert await found_ids(service, LOGIN) == [task_id]


async def test_what_is_forgotten_is_not_counted_among_the_candidates(
    service: LearningService,
) -> None:
    gone, _ = (await record(service)).task_id, await record(service, EXPORT)
    assert (await find(service, UNRELATED)).search.candidates == 2

    await forget(service, task_ids=[gone], dry_run=False)

    assert (await find(service, UNRELATED)).search.candidates == 1


async def test_what_is_forgotten_is_not_kept_in_memory(settings: Settings) -> None:
    store = open_store(settings)
    indexer = Indexer(settings, store)
    service = LearningService(settings, store, indexer)
    gone, kept = (await record(service)).task_id, (await record(service, EXPORT)).task_id
    await find(service, LOGIN)
    await find(service, EXPORT)

    await forget(service, task_ids=[gone], dry_run=False)

    summaries = indexer.retriever.summaries
    assert [task_id in summaries for task_id in (gone, kept)] == [False, True]
    await service.close()


async def test_what_is_forgotten_is_gone_with_all_that_hangs_on_it(
    service: LearningService,
) -> None:
    gone, kept = (await record(service)).task_id, (await record(service, EXPORT)).task_id
    await record(service, EXPORT, task_id=kept, used_task_ids=[gone])
    await record(service, LOGIN, task_id=gone, used_task_ids=[kept])
    await service.feedback(SubmitFeedback(task_id=gone, rating=1).identified())
    await service.feedback(SubmitFeedback(task_id=kept, rating=5).identified())
    assert await found_ids(service, LOGIN_PARAPHRASE) == [gone]

    answer = await forget(service, task_ids=[gone], dry_run=False)

    assert (answer.executions, answer.dry_run, answer.unknown_task_ids) == (1, False, [])
    assert await found_ids(service, LOGIN_PARAPHRASE) == []
    with pytest.raises(NotFound):
        await service.get(GetExecution(task_id=gone))
    for table in ("executions", "embeddings", "feedback"):
        assert await query(service, f"SELECT task_id FROM {table}") == [(kept,)]
    assert await query(service, "FROM uses") == []
    assert (await forget(service, task_ids=[gone], dry_run=False)).unknown_task_ids == [gone]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"repo": "a"}, {"a-old-bug", "a-new-bug", "a-new-doc"}),
        ({"task_type": "doc"}, {"a-new-doc", "b-old-doc"}),
        ({"older_than_days": 10}, {"a-old-bug", "b-old-doc"}),
        ({"repo": "a", "task_type": "bug"}, {"a-old-bug", "a-new-bug"}),
        ({"repo": "a", "task_type": "bug", "older_than_days": 10}, {"a-old-bug"}),
        (
            {"repo": "a", "task_type": "", "older_than_days": None},
            {"a-old-bug", "a-new-bug", "a-new-doc"},
        ),
        ({"older_than_days": 0}, {"a-old-bug", "a-new-bug", "a-new-doc", "b-old-doc"}),
        ({"repo": "c"}, set()),
    ],
)
async def test_filters_choose_what_matches_all_of_them(
    filters: dict[str, Any], expected: set[str], service: LearningService
) -> None:
    names = {"a-old-bug", "a-new-bug", "a-new-doc", "b-old-doc"}
    for name in names:
        repo, age, task_type = name.split("-")
        made = await record(service, name, repo=repo, task_type=task_type)
        days = 11 if age == "old" else 9
        moment = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=days)
        await execute(
            service, "UPDATE executions SET timestamp = ? WHERE task_id = ?", moment, made.task_id
        )

    assert (await forget(service, **filters)).executions == len(expected)
    assert (await forget(service, **filters, dry_run=False)).executions == len(expected)

    left = {row[0] for row in await query(service, "SELECT task_description FROM executions")}
    assert left == names - expected


@pytest.mark.parametrize("mode", ["exact", "hnsw"])
async def test_forgotten_rows_never_come_back_from_an_index(mode: str, settings: Settings) -> None:
    chosen = settings.model_copy(update={"search_mode": mode})
    service = open_service(chosen)
    ids = [(await record(service, f"{LOGIN} on page {page}")).task_id for page in range(30)]
    await service.rebuild(RebuildIndex(preset="fast"), ignore_progress)
    assert (await find(service, LOGIN)).search.mode == mode
    await forget(service, task_ids=ids[:25], dry_run=False)
    assert set(await found_ids(service, LOGIN, limit=50)) == set(ids[25:])
    await service.close()

    # A new process trusts the index file as it is; the truth has the last word.
    service = open_service(chosen)
    assert set(await found_ids(service, LOGIN, limit=50)) == set(ids[25:])
    await service.close()


async def test_an_id_that_is_recorded_again_starts_afresh(service: LearningService) -> None:
    task_id = UUID(int=7)
    await record(service, LOGIN, task_id=task_id)
    await service.feedback(SubmitFeedback(task_id=task_id, rating=1).identified())
    assert await found_ids(service, LOGIN_PARAPHRASE) == [task_id]
    await forget(service, task_ids=[task_id], dry_run=False)

    assert (await record(service, EXPORT, task_id=task_id)).created

    assert await found_ids(service, LOGIN_PARAPHRASE) == []
    assert await found_ids(service, EXPORT) == [task_id]
    assert (await service.get(GetExecution(task_id=task_id))).feedback == []

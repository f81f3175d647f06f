"""Retention: archived first, then forgotten, then reclaimed; and back again."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import anyio
import duckdb
import pytest
from service.examples import EXPORT, LOGIN, all_bytes, execute, find, found_ids, query, record
from services import open_service
from waiting import until

from mcp_learning.errors import StoreError
from mcp_learning.models.maintenance import Prune, PruneReport, Unarchive
from mcp_learning.models.requests import (
    ForgetExecutions,
    GetExecution,
    RebuildIndex,
    SubmitFeedback,
)
from mcp_learning.service import retention
from mcp_learning.service.indexer import Indexer
from mcp_learning.service.learning import LearningService
from mcp_learning.service.protocol import ignore_progress
from mcp_learning.settings import Settings
from mcp_learning.store import open_store

pytestmark = pytest.mark.anyio


_MANY = """
INSERT INTO executions BY NAME SELECT uuid() AS task_id, 'bug_fix' AS task_type, i AS task_key,
    now()::TIMESTAMP - to_minutes(6_000 - i) AS timestamp, now()::TIMESTAMP AS updated_at,
    nextval('execution_sequence') AS sequence,
    (SELECT string_agg(md5(random()::VARCHAR || i || j), ' ') FROM range(10) s(j))
        AS task_description
FROM range(6_000) r(i)
"""


async def prune(service: LearningService, **limits: Any) -> PruneReport:
    return await service.prune(Prune.model_validate(limits), ignore_progress)


async def age(service: LearningService, task_id: UUID, days: float) -> None:
    moment = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=days)
    await execute(service, "UPDATE executions SET timestamp = ? WHERE task_id = ?", moment, task_id)


async def everything(service: LearningService) -> list[Any]:
    """All that is kept of all executions but change numbers."""
    ids = await query(service, "SELECT task_id FROM executions ORDER BY 1")
    return [await service.get(GetExecution(task_id=task_id)) for (task_id,) in ids]


async def test_what_is_older_goes_and_comes_back_from_its_archive_as_it_was(
    service: LearningService, settings: Settings
) -> None:
    old = (await record(service, LOGIN, details={"metadata": {"a": [1, "ü"]}})).task_id
    older = (await record(service, f"{LOGIN} again", used_task_ids=[old])).task_id
    new = (await record(service, EXPORT, used_task_ids=[old])).task_id
    await service.feedback(SubmitFeedback(task_id=old, rating=2, comment="not bad").identified())
    await age(service, old, 31)
    await age(service, older, 40)
    before = await everything(service)
    archive = str(settings.archive_dir)

    preview = await prune(service, older_than_days=30, archive=archive, dry_run=True)
    assert (preview.executions, preview.kept, preview.archives) == (2, 1, [])
    assert await everything(service) == before
    done = await prune(service, older_than_days=30, archive=archive)

    assert (done.executions, done.kept) == (preview.executions, preview.kept)
    if os.name == "posix":
        assert os.stat(done.archives[0]).st_mode & 0o777 == 0o600  # noqa: PTH116 - not awaited
    assert (done.oldest, done.newest) == (preview.oldest, preview.newest)
    assert await query(service, "SELECT task_id FROM executions") == [(new,)]
    assert await query(service, "FROM uses") == []
    assert await found_ids(service, LOGIN) == []
    for _ in range(2):
        back = await service.unarchive(Unarchive(paths=done.archives))
        assert back.executions + back.present == 2
        assert await everything(service) == before
    assert (back.executions, back.feedback) == (0, 0)
    assert set(await found_ids(service, LOGIN)) == {old, older}


async def test_from_several_archives_come_the_links_between_them_and_the_latest_versions(
    service: LearningService, settings: Settings
) -> None:
    used = (await record(service, LOGIN)).task_id
    task_id = (await record(service, EXPORT, used_task_ids=[used])).task_id
    await age(service, used, 40)
    await age(service, task_id, 31)

    async def gone_and_back() -> None:
        for days in (35, 30):
            await prune(service, older_than_days=days, archive=str(settings.archive_dir))
        paths = [str(path) for path in retention.archives_in(settings.archive_dir)]
        assert (await service.unarchive(Unarchive(paths=paths))).executions == 2

    before = await everything(service)
    await gone_and_back()
    assert await everything(service) == before
    await record(service, LOGIN, task_id=used, solution_summary="found since")
    before = await everything(service)
    await gone_and_back()
    assert await everything(service) == before


async def test_without_a_limit_nothing_goes(service: LearningService, settings: Settings) -> None:
    task_id = (await record(service)).task_id
    await age(service, task_id, 9_999)
    done = await prune(service, archive=str(settings.archive_dir))
    assert (done.executions, done.kept) == (0, 1)


async def test_a_size_lets_the_oldest_go_until_the_file_is_that_small(
    service: LearningService, settings: Settings
) -> None:
    await execute(service, _MANY)
    await execute(
        service,
        "INSERT INTO embeddings SELECT task_id, nextval('embedding_version'), "
        "list_transform(range(384), x -> random())::FLOAT[384], 'model' FROM executions",
    )

    done = await prune(service, max_mb=10, archive=str(settings.archive_dir), reclaim=True)

    assert 0 < done.executions < 6_000
    assert 5 * 2**20 < done.bytes_after <= 10 * 2**20 < done.bytes_before
    left = await query(service, "SELECT min(timestamp) FROM executions")
    assert left[0][0].replace(tzinfo=UTC) > (done.newest or datetime.now(UTC))
    again = await prune(service, max_mb=10, archive=str(settings.archive_dir))
    assert again.executions == 0


async def test_an_archive_that_can_t_be_written_forgets_nothing(
    service: LearningService, tmp_path: Path
) -> None:
    await age(service, (await record(service)).task_id, 31)
    taken = tmp_path / "taken"
    taken.write_text("a file")
    with pytest.raises(StoreError, match="archive"):
        await prune(service, older_than_days=30, archive=str(taken))
    assert await query(service, "SELECT count(*) FROM executions") == [(1,)]


@pytest.mark.parametrize("content", [b"", b"PAR1 no more than that PAR1"])
async def test_what_is_no_archive_is_refused(
    content: bytes, service: LearningService, tmp_path: Path
) -> None:
    (tmp_path / "file.parquet").write_bytes(content)
    with pytest.raises(StoreError, match="Parquet"):
        await service.unarchive(Unarchive(paths=[str(tmp_path / "file.parquet")]))
    duckdb.execute(f"COPY (SELECT 1 AS task_id) TO '{tmp_path}/other.parquet' (FORMAT parquet)")
    with pytest.raises(StoreError, match="not an archive"):
        await service.unarchive(Unarchive(paths=[str(tmp_path / "other.parquet")]))


async def test_what_is_forgotten_is_in_no_file_after_reclaiming(settings: Settings) -> None:
    words = ("quuxlogin", "zyxwexport")
    service = LearningService(
        settings.model_copy(update={"search_mode": "hnsw"}), open_store(settings)
    )
    gone = (
        await record(
            service,
            f"Fix {words[0]} after the session has expired",
            solution_summary=f"what {words[1]} needed",
            details={"metadata": {"note": "plughnote"}},
        )
    ).task_id
    kept = [(await record(service, f"{EXPORT} number {n}")).task_id for n in range(12)]
    await service.feedback(
        SubmitFeedback(task_id=gone, rating=1, comment="frobcomment").identified()
    )
    await service.rebuild(RebuildIndex(preset="fast"), ignore_progress)
    vector = await query(
        service, "SELECT embedding::FLOAT[] FROM embeddings WHERE task_id = ?", gone
    )
    traces = [word.encode() for word in (*words, "plughnote", "frobcomment")]
    traces += [_bytes_of(vector[0][0]), gone.bytes]
    await service.store.checkpoint()
    present = all_bytes(settings.data_dir)
    assert all(trace in present for trace in traces[:-1])

    await service.forget(ForgetExecutions(task_ids=[gone], dry_run=False))
    done = await prune(service, reclaim=True)

    assert (done.executions, done.reclaimed, done.index_dropped) == (0, True, True)
    left = all_bytes(settings.data_dir)
    assert [trace for trace in traces if trace in left] == []
    assert set(await found_ids(service, EXPORT, limit=50)) == set(kept)
    more = (await record(service, f"{EXPORT} once more")).task_id
    assert more in await found_ids(service, EXPORT, limit=50)
    await service.close()
    left = all_bytes(settings.data_dir)
    assert [trace for trace in traces if trace in left] == []


async def test_searches_and_records_go_on_while_space_is_reclaimed(
    service: LearningService,
) -> None:
    ids = [(await record(service, f"{LOGIN} on page {n}")).task_id for n in range(40)]
    assert await found_ids(service, LOGIN)
    await service.forget(ForgetExecutions(task_ids=ids[:20], dry_run=False))
    recorded: list[UUID] = []

    async def work() -> None:
        for number in range(8):
            recorded.append((await record(service, f"{EXPORT} {number}")).task_id)
            assert (await find(service, LOGIN)).matches

    async with anyio.create_task_group() as group:
        group.start_soon(work)
        for _ in range(2):
            await prune(service, reclaim=True)

    rows = await query(service, "SELECT task_id FROM executions")
    assert {row[0] for row in rows} == {*ids[20:], *recorded}
    assert set(await found_ids(service, EXPORT, limit=50)) == set(recorded)


async def test_a_configured_limit_is_kept_to_by_the_leader(settings: Settings) -> None:
    limited = settings.model_copy(update={"retention_days": 30})
    service = open_service(limited)
    old, new = (await record(service)).task_id, (await record(service, EXPORT)).task_id
    await age(service, old, 31)

    async def applied() -> bool:
        return await query(service, "SELECT task_id FROM executions") == [(new,)]

    async with anyio.create_task_group() as group:
        group.start_soon(service.run)
        await until(applied)
        group.cancel_scope.cancel()

    (archive,) = settings.archive_dir.glob("*.parquet")
    assert (await service.unarchive(Unarchive(paths=[str(archive)]))).executions == 1
    await service.close()


async def test_a_configured_limit_is_applied_again_every_day(settings: Settings) -> None:
    limited = settings.model_copy(update={"retention_days": 30})
    store = open_store(limited)
    indexer = Indexer(limited, store)
    service = LearningService(limited, store, indexer)
    kept: list[list[UUID]] = []
    slept: list[float] = []

    async def indexing() -> Indexer:
        return indexer

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        kept.append([row for (row,) in await query(service, "SELECT task_id FROM executions")])
        if len(kept) == 2:
            group.cancel_scope.cancel()
        else:
            await age(service, new, 31)

    old, new = (await record(service)).task_id, (await record(service, EXPORT)).task_id
    await age(service, old, 31)
    policy = retention.Retention(limited, store, indexing, sleep)
    async with anyio.create_task_group() as group:
        group.start_soon(policy.keep_to_policy)
    assert (kept, slept) == ([[new], []], [retention.PERIOD] * 2)
    await service.close()


def _bytes_of(vector: list[float]) -> bytes:
    import numpy as np

    return np.array(vector, np.float32).tobytes()[:64]

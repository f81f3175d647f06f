"""Embeddings of another model: refused, said so, recomputed; and a model that can't be loaded."""

import socket
from uuid import UUID

import anyio
import duckdb
import pytest
from service.examples import (
    EXPORT,
    LOGIN,
    LOGIN_PARAPHRASE,
    database_of,
    find,
    found_ids,
    query,
    record,
)
from services import opened

from mcp_learning.errors import EmbedderUnavailable, IndexUnavailable
from mcp_learning.models.requests import (
    ForgetExecutions,
    GetExecution,
    LearningStats,
    RebuildIndex,
    SubmitFeedback,
)
from mcp_learning.service.embedding import BATCH
from mcp_learning.service.learning import LearningService
from mcp_learning.service.protocol import ignore_progress
from mcp_learning.settings import Settings

pytestmark = pytest.mark.anyio

OTHER_WORDS = "users are sent back to the sign-in page again and again"
"""Says the same as `LOGIN`, in none of its words."""

ANOTHER_MODEL = "UPDATE embeddings SET model = 'another@0123/recipe-1'"
ANOTHER_DIMENSION = """
    CREATE OR REPLACE TABLE embeddings AS SELECT task_id, version,
    list_transform(range(128), lambda i: i / 128)::FLOAT[128] AS embedding,
    'another@0123/recipe-1' AS model FROM embeddings
"""


async def test_reembedding_recomputes_every_vector(service: LearningService) -> None:
    login = (await record(service)).task_id
    export = (await record(service, EXPORT)).task_id
    await service.ready()
    before = await query(service, "SELECT task_id, embedding FROM embeddings ORDER BY 1")
    await database_of(service).write(
        lambda c: c.execute("UPDATE embeddings SET embedding = list_reverse(embedding)") and None
    )

    report = await service.rebuild(RebuildIndex(reembed=True), ignore_progress)

    assert (report.reembedded, report.rows) == (2, 2)
    assert await query(service, "SELECT task_id, embedding FROM embeddings ORDER BY 1") == before
    assert await found_ids(service, LOGIN_PARAPHRASE) == [login]
    assert await found_ids(service, EXPORT) == [export]


async def test_reembedding_reports_rising_progress(service: LearningService) -> None:
    for number in range(BATCH + 1):
        await record(service, f"task number {number}")
    shares: list[float] = []

    async def note(share: float, message: str) -> None:
        shares.append(share)

    await service.rebuild(RebuildIndex(reembed=True, preset="fast"), note)

    assert shares == sorted(shares)
    assert len(shares) >= 4
    assert shares[-1] == 1.0


@pytest.mark.parametrize("change", [ANOTHER_MODEL, ANOTHER_DIMENSION], ids=["model", "dimension"])
async def test_while_vectors_are_of_another_model_only_words_are_searched(
    change: str, settings: Settings
) -> None:
    async with opened(settings) as service:
        task_id = (await record(service)).task_id
        await service.rebuild(RebuildIndex(), ignore_progress)
    with duckdb.connect(str(settings.database_path)) as connection:
        connection.execute(change)

    async with opened(settings) as service:
        newer = (await record(service, EXPORT)).task_id
        found = await find(service, LOGIN)
        assert [match.task_id for match in found.matches] == [task_id]
        assert await found_ids(service, "the login redirect after a session") == [task_id]
        assert await found_ids(service, EXPORT) == [newer]
        assert await found_ids(service, OTHER_WORDS) == []
        assert found.search.degraded
        assert "reembed=true" in (found.search.reason or "")
        assert (await service.health()).reembed_due
        with pytest.raises(IndexUnavailable, match="reembed=true"):
            await service.rebuild(RebuildIndex(), ignore_progress)
        await service.ready()
        assert (await query(service, "SELECT count(*) FROM embeddings")) == [(1,)]

        report = await service.rebuild(RebuildIndex(reembed=True), ignore_progress)

        assert (report.reembedded, report.rows) == (2, 2)
        assert not (await service.health()).reembed_due
        assert not (await find(service, LOGIN)).search.degraded
        assert await found_ids(service, LOGIN_PARAPHRASE) == [task_id]
        assert await found_ids(service, OTHER_WORDS, min_similarity=0.3) == [task_id]

    async with opened(settings) as service:
        assert await found_ids(service, EXPORT) == [newer]


async def test_a_cancelled_reembedding_leaves_searches_as_they_were_and_is_resumed(
    settings: Settings,
) -> None:
    chosen = settings.model_copy(update={"search_mode": "hnsw"})
    async with opened(chosen) as service:
        for number in range(BATCH + 6):
            await record(service, f"{LOGIN} on page {number}")
        await service.rebuild(RebuildIndex(preset="fast"), ignore_progress)
        built_at = (await service.health()).index.built_at
        answer = await find(service, LOGIN)
        vectors = await query(service, "SELECT task_id, version FROM embeddings ORDER BY ALL")

        with anyio.CancelScope() as scope:

            async def cancel(share: float, message: str) -> None:
                scope.cancel()

            await service.rebuild(RebuildIndex(reembed=True), cancel)

        assert scope.cancelled_caught
        assert await find(service, LOGIN) == answer
        assert (await service.health()).index.built_at == built_at
        assert (
            await query(service, "SELECT task_id, version FROM embeddings ORDER BY ALL") == vectors
        )
        newer = (await record(service, EXPORT)).task_id
        assert await found_ids(service, EXPORT) == [newer]

        report = await service.rebuild(RebuildIndex(reembed=True), ignore_progress)

        assert (report.reembedded, report.rows) == (7, BATCH + 7)
        assert await found_ids(service, EXPORT) == [newer]


async def test_what_changes_during_a_reembedding_is_found_by_its_new_words(
    service: LearningService,
) -> None:
    changed = (await record(service, LOGIN)).task_id
    gone = (await record(service, EXPORT)).task_id
    added: list[UUID] = []

    async def change(share: float, message: str) -> None:
        if not added:
            added.append((await record(service, "Compress the backup files")).task_id)
            await record(service, "Translate the settings page to German", task_id=changed)
            await service.forget(ForgetExecutions(task_ids=[gone], dry_run=False))

    await service.rebuild(RebuildIndex(reembed=True), change)

    assert await found_ids(service, LOGIN_PARAPHRASE) == []
    assert await found_ids(service, "a German version of the settings page") == [changed]
    assert await found_ids(service, "make backups smaller") == added
    health = await service.health()
    assert (health.rows, health.embedded, health.pending) == (2, 2, 0)


async def test_without_its_model_only_searches_fail(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError("network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    chosen = settings.model_copy(update={"embedding_model": "BAAI/bge-small-en-v1.5"})

    async with opened(chosen) as service:
        task_id = (await record(service)).task_id
        for _ in range(2):
            with pytest.raises(EmbedderUnavailable, match=r"BAAI/bge-small-en-v1\.5") as refused:
                await find(service, LOGIN)
            assert "MCP_LEARNING_EMBEDDING_MODEL" in str(refused.value)
            assert "\n" not in str(refused.value)
        with pytest.raises(EmbedderUnavailable):
            await service.rebuild(RebuildIndex(), ignore_progress)
        assert (await service.get(GetExecution(task_id=task_id))).execution.task_id == task_id
        await service.feedback(SubmitFeedback(task_id=task_id, rating=4).identified())
        stats = await service.stats(LearningStats())
        assert (stats.totals.executions, stats.health.pending) == (1, 1)

    async with opened(settings) as service:  # the bundled model again: nothing was lost
        assert await found_ids(service, LOGIN_PARAPHRASE) == [task_id]

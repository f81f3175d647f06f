"""What is told of the HNSW index, loaded or not, and searches that name how they want to search."""

import pytest
from service.examples import EXPORT, LOGIN, find, record
from services import opened

from mcp_learning.errors import IndexUnavailable
from mcp_learning.models.requests import RebuildIndex
from mcp_learning.service.learning import LearningService
from mcp_learning.service.protocol import ignore_progress
from mcp_learning.settings import Settings

pytestmark = pytest.mark.anyio


async def test_the_index_is_known_before_anything_is_loaded(settings: Settings) -> None:
    async with opened(settings) as service:
        await record(service)
        none = (await service.health()).index
        assert none.state == "none"
        assert none.reason is not None
        assert "faster below 200,000" in none.reason
        custom = RebuildIndex(preset="custom", m=12, ef_construction=60)
        built = await service.rebuild(custom, ignore_progress)
        told = (await service.health()).index
    async with opened(settings) as service:
        index = (await service.health()).index
    assert (index.state, index.rows, index.bytes) == ("ready", 1, built.bytes)
    assert (index.preset, index.m, index.ef_construction) == ("custom", 12, 60)
    assert index.reason == none.reason
    assert told.model_dump(exclude={"age_seconds", "newer_rows"}) == index.model_dump(
        exclude={"age_seconds", "newer_rows"}
    )

    async with opened(settings.model_copy(update={"search_mode": "hnsw"})) as service:
        assert (await service.health()).index.reason is None
    (settings.index_dir / "hnsw.duckdb").write_bytes(b"no index")
    async with opened(settings) as service:
        assert (await service.health()).index.state == "stale"


async def test_a_search_may_ask_for_the_index_or_for_none(settings: Settings) -> None:
    async with opened(settings) as service:
        login = (await record(service, LOGIN)).task_id
        await record(service, EXPORT, repo="acme/shop")
        with pytest.raises(IndexUnavailable, match="rebuild-index builds one"):
            await find(service, LOGIN, mode="hnsw")
        await service.rebuild(RebuildIndex(preset="fast"), ignore_progress)

        for mode, told in (("hnsw", "hnsw"), ("exact", "exact"), ("configured", "exact")):
            found = await find(service, LOGIN, mode=mode)
            assert [match.task_id for match in found.matches] == [login]
            assert found.search.mode == told
        filtered = await find(service, EXPORT, mode="hnsw", repo="acme/shop")
        assert filtered.search.mode == "hnsw"
        assert len(filtered.matches) == 1


async def test_a_search_may_begin_at_a_moment(service: LearningService) -> None:
    await record(service, LOGIN)
    await record(service, f"{LOGIN} on the phone")
    first, second = sorted(
        (await find(service, LOGIN)).matches, key=lambda match: match.recorded_at
    )
    found = await find(service, LOGIN, since=second.recorded_at)
    assert [match.task_id for match in found.matches] == [second.task_id]
    assert len((await find(service, LOGIN, since=first.recorded_at)).matches) == 2

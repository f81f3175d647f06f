"""Filters and row security of searches in the team's store, where almost nothing passes them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from team.hosts import Host, hosts, make_team, search_by_meaning
from team.server import PostgresServer

from mcp_learning.models.requests import FindSimilarTasks

pytestmark = pytest.mark.anyio

QUESTION = "repair the login redirect of the storefront"
CROWD = 4_000
OLD = (datetime.now(UTC) - timedelta(days=900)).strftime("%Y-%m-%dT%H:%M:%SZ")
GIVEN: dict[str, dict[str, Any]] = {
    "approach": {"approach": "by hand"},
    "model_tier": {"model_tier": "opus"},
    "outcome": {"outcome": "failure"},
    "repo": {"repo": "acme/rare"},
    "task_type": {"task_type": "chore"},
    "since_days": {},
}
ASKED = {name: next(iter(given.values()), 30) for name, given in GIVEN.items()}
PASSING = 3
"""Of each filter, fewer than one in a thousand."""


def make_crowd(server: PostgresServer, database: str, team: str, task_id: str) -> None:
    """Copies an execution with its vector, so that all are nearer to the question than others."""
    server.execute(
        database,
        "CREATE TEMP TABLE made AS SELECT gen_random_uuid() AS task_id, n FROM "
        f"generate_series(1, {CROWD}) n; "
        "INSERT INTO mcpl.executions (team, task_id, change, author, updated_at, doc) "
        "SELECT t.team, made.task_id, t.change + n, 'eve', now(), x.doc || jsonb_build_object("
        f"'task_description', '{QUESTION} ' || n, 'recorded_at', '{OLD}') "
        "FROM made, mcpl.teams t, mcpl.executions x "
        f"WHERE t.name = '{team}' AND x.task_id = '{task_id}'; "
        "INSERT INTO mcpl.vectors (team, task_id, part, change, model, described, vector) "
        f"SELECT t.team, made.task_id, 0, t.change + {CROWD} + n, v.model, n, v.vector "
        "FROM made, mcpl.teams t, mcpl.vectors v "
        f"WHERE t.name = '{team}' AND v.task_id = '{task_id}' AND v.part = 0; "
        f"UPDATE mcpl.teams SET change = change + {2 * CROWD} WHERE name = '{team}'",
    )


async def found(host: Host, **filters: Any) -> set[str]:
    request = FindSimilarTasks(task_description=QUESTION, min_similarity=0.01, limit=20, **filters)
    return {match.task_description for match in (await host.service.find(request)).matches}


async def test_what_passes_a_filter_that_few_pass_is_found_whatever_the_filter(
    vector_server: PostgresServer, vector_database: str, tmp_path: Path
) -> None:
    database = vector_database
    await make_team(vector_server, database, "ada", "ben", "eve")
    wanted: dict[str, set[str]] = {}
    async with hosts(vector_server, database, tmp_path / "ada", "ada") as (ada,):
        crowd = await ada.record(QUESTION, approach="retry", model_tier="haiku")
        for name, given in GIVEN.items():
            values = {"approach": "retry", "model_tier": "haiku", **given}
            wanted[name] = {f"mend the sign-in page, {name} {n}" for n in range(PASSING)}
            for text in wanted[name]:
                await ada.record(text, **values)
        await ada.service.ready()
        await ada.exchange()
    wanted["since_days"] = {QUESTION}.union(*wanted.values())
    make_crowd(vector_server, database, "shop", str(crowd))
    assert await search_by_meaning(vector_server, database) is None
    async with hosts(vector_server, database, tmp_path / "ben", "ben", team_replica="none") as (
        ben,
    ):
        await ben.exchange()
        for name, texts in wanted.items():
            assert await found(ben, **{name: ASKED[name]}) == texts, name


async def test_a_small_team_finds_its_own_beside_a_large_one_in_the_same_store(
    vector_server: PostgresServer, vector_database: str, tmp_path: Path
) -> None:
    database = vector_database
    await make_team(vector_server, database, "eve", team="large")
    await make_team(vector_server, database, "ada", "ben")
    # The index gives up before it has met any row of the small team.
    vector_server.execute(database, f"ALTER DATABASE {database} SET hnsw.max_scan_tuples = 100")
    async with hosts(vector_server, database, tmp_path / "eve", "eve", team="large") as (eve,):
        crowd = await eve.record(QUESTION)
        await eve.service.ready()
        await eve.exchange()
    make_crowd(vector_server, database, "large", str(crowd))
    texts = {f"mend the sign-in page {n}" for n in range(PASSING)}
    async with hosts(vector_server, database, tmp_path / "ada", "ada") as (ada,):
        for text in texts:
            await ada.record(text)
        await ada.service.ready()
        await ada.exchange()
    assert await search_by_meaning(vector_server, database) is None
    async with hosts(vector_server, database, tmp_path / "ben", "ben", team_replica="none") as (
        ben,
    ):
        await ben.exchange()
        assert await found(ben) == texts

"""Hosts of a team: what one records, corrects and forgets is on the others, once they exchange."""

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from team.hosts import REPO, Host, Pair, exchange, hosts, make_team
from team.server import PostgresServer

from mcp_learning.models.identifiers import uuid7
from mcp_learning.models.lessons import SaveLesson
from mcp_learning.models.requests import RecommendApproach, RecordExecution
from mcp_learning.models.transfer import ImportBatch, PastExecution

pytestmark = pytest.mark.anyio

TASKS = ("repair the login redirect", "speed up the nightly export", "translate the invoice")


async def test_what_one_host_records_is_found_on_the_other_with_its_author_and_vector(
    pair: Pair,
) -> None:
    first, second = pair
    ids = [await first.record(task) for task in TASKS]
    await first.service.ready()
    await first.exchange()
    assert (await second.exchange()).pulled == 3
    health = await second.service.health()
    assert (health.rows, health.embedded) == (3, 3)  # by the vectors that came along
    assert (await second.found(TASKS[1]))[0] == ids[1]
    assert (await second.execution(ids[0])).author == "ada"
    await first.exchange()
    assert (await first.execution(ids[0])).author == "ada"


async def test_the_time_of_a_change_is_the_same_on_all_hosts(pair: Pair) -> None:
    first, second = pair
    ids = [await first.record(task) for task in TASKS[:2]]
    await first.revise(ids[1], approach="by hand")
    await exchange(first, second)
    for one in ids:
        assert (await first.execution(one)).updated_at == (await second.execution(one)).updated_at


async def test_what_was_changed_long_before_it_is_sent_has_the_same_time_on_all_hosts(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada", "ben")
    moments = [datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3)]
    values = {"task_description": "mend the cart", "task_type": "bug_fix", "outcome": "success"}
    recorded = {
        "task_id": uuid7(),
        "execution": {**values, "repo": REPO},
        "recorded_at": moments[0],
    }
    async with hosts(server, database, tmp_path, "ada", "ben") as team:
        for host, moment in zip((*team, team[0]), moments, strict=True):
            record = PastExecution.model_validate({**recorded, "updated_at": moment})
            done = await host.service.import_batch(ImportBatch(records=[record]))
            assert done.created + done.updated == 1  # a later state of the source
            for other in (host, *team):
                await other.exchange()
                assert (await other.execution(record.task_id)).updated_at == moment


async def test_a_change_that_waits_keeps_its_time_when_what_it_changed_is_read_back(
    pair: Pair,
) -> None:
    first, second = pair
    await second.record(TASKS[0])
    await second.exchange()
    one = await first.record(TASKS[1])
    await first.exchange(direction="push")
    await first.revise(one, approach="by hand")
    await exchange(first, second)
    assert (await first.execution(one)).updated_at == (await second.execution(one)).updated_at


async def test_what_a_host_sends_has_its_author_at_once_and_need_not_be_read_back(
    pair: Pair, server: PostgresServer, database: str
) -> None:
    def last() -> object:
        return server.execute(database, "SELECT change FROM mcpl.teams")[0][0]

    async def known(host: Host) -> int | None:
        health = (await host.service.health()).team
        return health.known if health else None

    first, second = pair
    ids = [await first.record(task) for task in TASKS]
    await first.exchange()
    assert [(await first.execution(one)).author for one in ids] == ["ada"] * 3
    assert (await first.exchange()).pulled == 0
    assert await known(first) == last() == 3
    await second.record("what came between")
    await second.exchange()
    await first.revise(ids[0], approach="later")
    await first.exchange(direction="push")
    assert (await known(first), last()) == (3, 5)  # what came between is still to be read
    await first.exchange()
    assert await known(first) == 5


async def test_what_waits_when_old_executions_are_archived_reaches_the_others_as_it_was(
    pair: Pair,
) -> None:
    first, second = pair
    task_id = await first.record(
        'mend the "cart"\n', details={"metadata": {"x": [None, 0.1]}, "peak_memory_mb": 0.1}
    )
    before = await first.execution(task_id)
    await first.service.store.archive([task_id], None)
    await exchange(first, second)
    after = await second.execution(task_id)
    same = {"author": before.author, "updated_at": before.updated_at}
    assert after.model_copy(update=same) == before


async def test_only_repositories_that_are_named_are_shared(
    pair: Pair, server: PostgresServer, database: str
) -> None:
    first, second = pair
    for repo in ("acme/shop", "https://github.com/acme/shop.git", "other/shop", None):
        await first.record("mend the cart", repo=repo)
    await first.exchange()
    assert (await second.exchange()).pulled == 2
    stored = server.execute(database, "SELECT doc->>'repo' FROM mcpl.executions ORDER BY 1")
    assert stored == [("acme/shop",), ("https://github.com/acme/shop.git",)]


async def test_feedback_and_uses_travel_and_secrets_and_counts_of_answers_dont(
    pair: Pair, server: PostgresServer, database: str
) -> None:
    first, second = pair
    earlier = await first.record("deploy with password=hunter2horse <private>at noon</private>")
    await first.judge(earlier, rating=5)
    later = await first.record("deploy again", used_task_ids=[earlier])
    await first.service.ready()
    await first.found("deploy")
    await exchange(first, second)
    detail = await second.detail(earlier)
    assert [one.rating for one in detail.feedback] == [5]
    assert [one.task_id for one in detail.used_by] == [later]
    assert detail.times_returned == 0
    everything = str(server.execute(database, "SELECT doc::text FROM mcpl.executions"))
    assert "deploy" in everything
    assert "hunter2horse" not in everything
    assert "at noon" not in everything


async def test_of_changes_on_both_sides_each_field_has_the_last_one_and_forgotten_stays_forgotten(
    pair: Pair, server: PostgresServer, database: str
) -> None:
    first, second = pair
    ids = [await first.record(task) for task in TASKS]
    await exchange(first, second)
    # both are alone for a while
    await first.revise(ids[0], approach="by ada", solution_summary="only ada")
    await second.revise(ids[0], approach="by ben", model_tier="large")
    await first.forget(ids[1])
    await second.revise(ids[1], approach="of what is forgotten")
    await first.revise(ids[2], approach="of what is forgotten, too")
    await second.forget(ids[2])
    # and together again, ada first
    await exchange(first, second, first, second)
    for host in (first, second):
        merged = await host.execution(ids[0])
        assert merged.approach == "by ben"
        assert (merged.solution_summary, merged.model_tier) == ("only ada", "large")
        assert not await host.knows(ids[1])
        assert not await host.knows(ids[2])
    server.execute(database, "VACUUM FULL")
    texts = server.execute(database, "SELECT * FROM mcpl.executions, mcpl.feedback")
    assert "forgotten" not in str(texts)
    # a late change to what is forgotten doesn't bring it back
    again = RecordExecution(
        task_id=ids[1], task_type="x", task_description="again", outcome="success", repo="acme/x"
    )
    await second.service.record(again)
    await second.exchange()
    assert not await second.knows(ids[1])


async def test_a_host_keeps_nothing_of_what_was_sent_and_then_forgotten(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada", "ben")
    async with hosts(server, database, tmp_path, "ada", "ben") as (first, second):
        ids = [await first.record("mend the cart with a spanner") for _ in range(2)]
        await first.judge(ids[0], comment="spanner")
        save = SaveLesson(when="mending", do="take a spanner", evidence=ids, repo=REPO)
        await first.service.save_lesson(save)
        await exchange(first, second)
        await second.revise(ids[1], approach="another spanner")
        await second.exchange()
        await first.forget(*ids)
        await exchange(first, second)
    for number in range(2):
        with duckdb.connect(tmp_path / f"host{number}" / "learning.duckdb") as file:
            kept = file.execute("SELECT * FROM outbox").fetchall()
        assert "spanner" not in str(kept)


async def test_what_is_recorded_again_after_it_was_forgotten_stays_forgotten(pair: Pair) -> None:
    first, second = pair
    task_id = uuid7()
    await first.record(TASKS[0], task_id=task_id)
    await exchange(first, second)
    await first.forget(task_id)
    await first.record(TASKS[0], task_id=task_id)  # as an import would
    await exchange(first, second)
    assert [await host.knows(task_id) for host in (first, second)] == [False, False]


async def test_fields_of_a_newer_version_survive_the_patch_of_an_older_one(
    pair: Pair, server: PostgresServer, database: str
) -> None:
    first, second = pair
    task_id = await first.record(TASKS[0])
    await exchange(first, second)
    server.execute(database, 'UPDATE mcpl.executions SET doc = doc || \'{"mood": "hopeful"}\'')
    await second.revise(task_id, approach="older")
    await second.exchange()
    (stored,) = server.execute(
        database, "SELECT doc->>'mood', doc->>'approach' FROM mcpl.executions"
    )
    assert stored == ("hopeful", "older")


async def test_hosts_give_the_same_answers_in_the_same_order(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    kinds = ("login", "export", "invoice", "search", "cart", "report", "upload", "cache")
    await make_team(server, database, "ada", "ben", "eve")
    async with hosts(server, database, tmp_path, "ada", "ben", "eve") as team:
        ids = []
        for number in range(48):
            host, kind = team[number % 3], kinds[number % 8]
            ids.append(
                await host.record(
                    f"mend the {kind} of the shop, attempt {number}",
                    approach=("retry", "rewrite")[number % 2],
                    outcome=("success", "failure", "success")[number % 3],
                )
            )
            if number % 3 == 2:
                await host.exchange()
                await host.service.ready()
            if number % 5 == 4:
                await host.revise(ids[-1], model_tier="large")
        for _ in range(2):
            for host in team:
                await host.service.ready()
                await host.exchange()
        answers = []
        for host in team:
            await host.service.ready()
            found = [await host.found(f"the {kind} is broken") for kind in kinds]
            advice = RecommendApproach(task_description="mend the cart", repo="acme/shop")
            answers.append((found, await host.service.recommend(advice)))
        assert len(set(map(str, (found for found, _ in answers)))) == 1
        assert [len(found) for found in answers[0][0]] != [0] * 8
        rates = [[(o.label, o.success_rate) for o in advice.options] for _, advice in answers]
        assert rates[0] == rates[1] == rates[2]

"""What a host doesn't hold: it is found, shown, judged and forgotten there as if it did."""

from itertools import islice, permutations
from pathlib import Path
from typing import Any

import anyio
import pytest
from services import embedder
from team.hosts import Pair, exchange, make_team, search_by_meaning
from team.partial import TASKS, find, ids_of, share, similarities, two
from team.server import PostgresServer

from mcp_learning.errors import NotFound
from mcp_learning.models.requests import (
    Filters,
    FindSimilarTasks,
    ForgetExecutions,
    RecommendApproach,
)
from mcp_learning.service.indexer import Indexer
from mcp_learning.service.learning import LearningService
from mcp_learning.team.fetching import Fetcher, Most
from mcp_learning.team.local import Local

pytestmark = pytest.mark.anyio


async def test_what_only_the_team_has_is_found_by_its_words_and_the_answer_says_so(
    whole_and_part: Pair,
) -> None:
    whole, part = whole_and_part
    ids = [await whole.record(task) for task in TASKS]
    await share(whole, part)
    answer = await find(part, "the nightly export is slow")
    assert answer.matches[0].task_id == ids[1]
    assert answer.matches[0].author == "ada"
    assert "by words alone" in str(answer.search.reason)
    assert "by words alone" in str((await part.team()).beyond)
    assert await whole.found("the nightly export is slow") == ids_of(answer)


async def test_what_isn_t_here_is_shown_judged_corrected_used_and_forgotten(
    whole_and_part: Pair, server: PostgresServer, database: str
) -> None:
    whole, part = whole_and_part
    ids = [await whole.record(task) for task in TASKS]
    others = [await whole.record("tidy up", task_type="chore") for _ in range(2)]
    await whole.judge(ids[0], rating=4)
    await share(whole, part)
    server.execute(database, "ANALYZE mcpl.searched (words)")
    detail = await part.detail(ids[0])
    assert [one.rating for one in detail.feedback] == [4]
    await part.judge(ids[1], rating=2)
    await part.revise(ids[1], approach="in batches")
    used = await part.record("translate the imprint", used_task_ids=[ids[2]])
    for chosen in ({"task_ids": [ids[0]]}, {"task_type": "chore"}):
        request = ForgetExecutions.model_validate({**chosen, "dry_run": False})
        assert (await part.service.forget(request)).executions in (1, 2)
    await exchange(part, whole)
    judged = await whole.detail(ids[1])
    assert judged.execution.approach == "in batches"
    assert [one.rating for one in judged.feedback] == [2]
    named = await whole.detail(ids[2])
    assert [one.task_id for one in named.used_by] == [used]
    for host in (whole, part):
        for gone in (ids[0], *others):
            with pytest.raises(NotFound):
                await host.detail(gone)
    server.execute(database, "VACUUM FULL")
    samples = "SELECT * FROM pg_stats WHERE schemaname = 'mcpl'"
    assert "login" not in str(server.execute(database, samples))
    assert "login" not in str(server.execute(database, "SELECT * FROM mcpl.searched"))


async def test_filters_and_row_security_hold_for_what_isn_t_here(
    whole_and_part: Pair, server: PostgresServer, database: str
) -> None:
    whole, part = whole_and_part
    for number in range(60):
        await whole.record(f"mend the cart, part {number}")
    rare = await whole.record("mend the cart, too", repo="git@github.com:acme/rare.git")
    hidden = await whole.record("mend the cart of the surprise")
    await share(whole, part)
    found = await find(part, "mend the cart", repo="acme/rare")
    assert ids_of(found) == [rare]
    assert len((await find(part, "mend the cart", outcome="failure")).matches) == 0
    server.execute(
        database, f"UPDATE mcpl.executions SET visibility = 'private' WHERE task_id = '{hidden}'"
    )
    answer = await find(part, "mend the cart of the surprise", limit=20)
    assert hidden not in ids_of(answer)
    assert hidden in await whole.found("mend the cart of the surprise")


async def test_a_server_that_hangs_delays_nothing_for_long_and_the_answer_says_what_is_missing(
    tmp_path: Path,
) -> None:
    server = PostgresServer()
    server.start()
    server.execute("postgres", "CREATE ROLE ada LOGIN", "CREATE ROLE ben LOGIN")
    try:
        async with two(server, "postgres", tmp_path) as (whole, part):
            for task in TASKS:
                await whole.record(task)
            own = await part.record("repair the login page")
            await share(whole, part)
            before = await find(part, "repair the login")
            assert len(before.matches) == 2
            server.suspend()
            answer = await find(part, "repair the login")
            assert own in ids_of(answer)
            assert similarities(answer) == similarities(before)
            assert "was not searched: the team's server" in str(answer.search.reason)
    finally:
        server.resume()
        server.remove()


async def test_a_connection_that_the_server_has_ended_meanwhile_is_made_anew(
    whole_and_part: Pair, server: PostgresServer, database: str
) -> None:
    whole, part = whole_and_part
    ids = [await whole.record(task) for task in TASKS]
    await share(whole, part)
    await find(part, TASKS[0])
    server.execute(
        "postgres",
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
        f"WHERE usename IN ('ada', 'ben') AND datname = '{database}'",
    )
    assert ids_of(await find(part, TASKS[1]))[0] == ids[1]
    late = await whole.record("count the boxes")
    await share(whole, part)
    assert (await part.execution(late)).author == "ada"


async def test_a_question_that_finds_nothing_doesn_t_spoil_the_next_one(
    whole_and_part: Pair,
) -> None:
    whole, part = whole_and_part
    ids = [await whole.record(task) for task in TASKS]
    await share(whole, part)
    assert (await find(part, "zebra")).matches == []
    assert await part.rows() == 0
    assert ids_of(await find(part, "the nightly export is slow"))[:1] == ids[1:2]


class WaitingLocal(Local):
    """Stores what was fetched when it is told to."""

    def __init__(self, service: LearningService, indexer: Indexer) -> None:
        async def indexing() -> Indexer:
            return indexer

        super().__init__(service.store, indexing)
        self.waits, self.told = anyio.Event(), anyio.Event()

    async def cache(self, *args: Any) -> bool:
        self.waits.set()
        await self.told.wait()
        return await super().cache(*args)


async def test_waiting_for_other_questions_doesn_t_count_against_the_server(
    whole_and_part: Pair,
) -> None:
    whole, part = whole_and_part
    ids = [await whole.record(task) for task in TASKS]
    await share(whole, part)
    service = part.service
    indexer = Indexer(service.settings, service.store, embedder())
    local = WaitingLocal(service, indexer)
    fetcher = Fetcher(service.settings, local, lambda: len(ids), max_wait=0.05)
    async with anyio.create_task_group() as group:
        group.start_soon(fetcher.fetch_similar, TASKS[0], Filters(), Most(5, 5))
        await local.waits.wait()
        told = await fetcher.fetch_similar(TASKS[1], Filters(), Most(5, 5))
        assert "other questions" in str(told)
        local.told.set()
    await fetcher.fetch_similar(TASKS[1], Filters(), Most(5, 5))
    assert await service.store.absent(ids) == ids[2:]
    await fetcher.close()
    await indexer.close()


async def test_what_only_the_team_has_is_found_by_its_meaning(
    vector_server: PostgresServer, vector_database: str, tmp_path: Path
) -> None:
    async with two(vector_server, vector_database, tmp_path) as (whole, part):
        await search_by_meaning(vector_server, vector_database)
        ids = [await whole.record(task, approach="by hand") for task in TASKS]
        for number in range(40):
            await whole.record(f"count the boxes in hall {number}", repo="acme/halls")
        await share(whole, part)
        answer = await find(part, "customers can't sign in to the web shop")
        assert answer.matches[0].task_id == ids[0]
        assert not answer.search.degraded
        assert await whole.found("customers can't sign in to the web shop") == ids_of(answer)
        found = await find(part, "tally crates", repo="acme/halls", limit=3, min_similarity=0.1)
        assert len(found.matches) == 3
        request = RecommendApproach(task_description="customers can't sign in to the web shop")
        advice = await part.service.recommend(request)
        assert [option.label for option in advice.options] == ["by hand"]


async def test_what_is_fetched_comes_with_its_vectors_and_none_is_made_here(
    whole_and_part: Pair, server: PostgresServer, database: str
) -> None:
    whole, part = whole_and_part
    ids = [await whole.record(task) for task in TASKS]
    await share(whole, part)
    server.execute(  # as no model would make them
        database,
        "UPDATE mcpl.vectors v SET vector = other.vector FROM mcpl.vectors other "
        f"WHERE v.task_id = '{ids[0]}' AND other.task_id = '{ids[1]}'",
    )
    await part.execution(ids[0])
    found = await find(part, TASKS[1], min_similarity=0.0)
    similar = {match.task_id: match.similarity for match in found.matches}
    assert similar[ids[0]] > 0.7


async def test_of_many_tasks_with_one_error_those_come_that_a_full_replica_ranks_first(
    whole_and_part: Pair,
) -> None:
    error = "worker of the audit trail exited with status 139"
    failed = {"outcome": "failure", "error_message": error}
    more = ["shop", "closes", "early", "on", "rainy", "days", "and", "nobody", "knows", "why"]
    whole, part = whole_and_part
    for number in range(60):  # the shorter a text, the more each of its words counts
        length = number * 7 % 60
        words = " ".join(more[(number + at) % len(more)] for at in range(length))
        await whole.record(f"tidy up room {number} {words}", **failed)
    await share(whole, part)
    answer = await find(part, error, limit=5)
    wanted = await whole.service.find(FindSimilarTasks(task_description=error, limit=5))
    assert ids_of(answer) == ids_of(wanted)


async def test_words_are_as_rare_as_in_all_that_the_team_has_not_as_in_what_was_fetched(
    whole_and_part: Pair,
) -> None:
    whole, part = whole_and_part
    for number in range(90):
        await whole.record(f"tidy up room {number}")
    for number in range(60):
        await whole.record(f"an invoice got {number}")
    for number in range(3):
        await whole.record(f"invoice deadlock got {number}")
    await share(whole, part)
    answer = await find(part, "invoice deadlock", limit=3)
    assert await part.rows() < 90
    wanted = await find(whole, "invoice deadlock", limit=3)
    assert similarities(answer) == pytest.approx(similarities(wanted), abs=0.005)


async def test_how_many_have_a_word_follows_what_is_changed_forgotten_and_kept_private(
    whole_and_part: Pair, server: PostgresServer, database: str
) -> None:
    def having(text: str) -> list[tuple[object, ...]]:
        of_text = f"tsvector_to_array(mcpl.words_of('{text}'))"
        query = f"SELECT rows FROM mcpl.frequencies WHERE lexeme = ANY({of_text}) ORDER BY rows"
        return server.execute(database, query)

    whole, part = whole_and_part
    ids = [await whole.record(f"the parser hangs in src/read_{name}.py") for name in "abc"]
    await share(whole, part)
    assert having("parsers") == [(3,)]
    assert having("src/read_a.py") == [(1,), (1,), (1,), (3,), (3,), (3,)]
    assert having("readA") == [(1,), (3,)]
    await whole.revise(ids[0], task_description="it stops")
    await whole.forget(ids[1])
    await share(whole, part)
    assert (having("parser"), having("stop"), having("read_b")) == ([(1,)], [(1,)], [(1,)])
    hidden = f"UPDATE mcpl.executions SET visibility = 'private' WHERE task_id = '{ids[2]}'"
    server.execute(database, hidden)
    assert (having("parser"), having("stop")) == ([], [(1,)])


async def test_what_supersedes_a_match_comes_with_it_and_before_it(whole_and_part: Pair) -> None:
    whole, part = whole_and_part
    first = await whole.record("sign releases with the key of the build host")
    second = await whole.record("hardware tokens for everybody", details={"supersedes": first})
    third = await whole.record("passkeys from now on", details={"supersedes": second})
    await share(whole, part)
    answer = await find(part, "sign releases with the key of the build host")
    assert ids_of(answer)[:2] == [third, first]


async def test_what_supersedes_a_match_by_its_words_comes_too_among_many_that_are_more_similar(
    whole_and_part: Pair,
) -> None:
    words = ("sign", "release", "key", "build", "host")
    whole, part = whole_and_part
    for order in islice(permutations(words), 45):
        await whole.record(" ".join(order))
    last = await whole.record("sign release build host hardware token instead key")
    await share(whole, part)
    answer, wanted = await find(part, " ".join(words)), await find(whole, " ".join(words))
    assert ids_of(answer)[0] == ids_of(wanted)[0] == last


async def test_an_old_pgvector_is_refused(
    vector_server: PostgresServer, vector_database: str, tmp_path: Path
) -> None:
    await make_team(vector_server, vector_database, "ada")
    vector_server.execute(
        vector_database,
        "CREATE EXTENSION vector",
        "UPDATE pg_extension SET extversion = '0.8.3' WHERE extname = 'vector'",
    )
    why = await search_by_meaning(vector_server, vector_database)
    assert why == "its pgvector is of version 0.8.3; 0.8.4 is needed"

"""A follower gives the answers that the leader gives: results, errors, progress, cancellation."""

import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from uuid import UUID

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import pytest
from waiting import until

from mcp_learning.cluster import address as addresses
from mcp_learning.cluster.address import run_directory
from mcp_learning.cluster.config import ClusterConfig
from mcp_learning.cluster.connect import running
from mcp_learning.cluster.follower import Follower
from mcp_learning.cluster.member import ClusterMember
from mcp_learning.cluster.methods import NAMES
from mcp_learning.errors import IndexUnavailable, InvalidInput, LearningError, NotFound
from mcp_learning.models.requests import (
    FindSimilarTasks,
    ForgetExecutions,
    GetExecution,
    IdentifiedFeedback,
    LearningStats,
    RebuildIndex,
    RecommendApproach,
    RecordExecution,
    SubmitFeedback,
    SuggestValues,
)
from mcp_learning.service.protocol import Learning, ignore_progress
from mcp_learning.settings import Settings
from mcp_learning.store.duckdb.store import DuckDBStore, open_store

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_blocks_the_loop")]

ABSENT = UUID("01a205cd-bc2b-7552-b855-cb78666bdacf")


@pytest.fixture
def store(settings: Settings) -> DuckDBStore:
    """The leader's, which opens it."""
    return open_store(settings)


@pytest.fixture
async def leader(settings: Settings, store: DuckDBStore) -> AsyncIterator[ClusterMember]:
    async with running(ClusterMember(settings, store=lambda _: store)) as shared:
        await shared.learning.health()
        assert shared.leads
        yield shared


@pytest.fixture
async def follower(leader: ClusterMember, settings: Settings) -> AsyncIterator[ClusterMember]:
    async with running(ClusterMember(settings)) as shared:
        await shared.learning.health()
        assert not shared.leads
        yield shared


def task(text: str = "fix the login redirect loop", **values: object) -> RecordExecution:
    given = {"task_type": "bug_fix", "task_description": text, "outcome": "success", **values}
    return RecordExecution.model_validate(given)


async def test_each_finds_at_once_what_the_other_recorded(
    leader: ClusterMember, follower: ClusterMember
) -> None:
    by_follower = await follower.learning.record(task("fix the login redirect loop"))
    by_leader = await leader.learning.record(task("speed up the nightly backup"))
    assert by_follower.created
    for member in (leader, follower):
        for recorded, question in (
            (by_follower, "login redirects for ever"),
            (by_leader, "nightly backup is slow"),
        ):
            found = await member.learning.find(FindSimilarTasks(task_description=question))
            assert found.matches[0].task_id == recorded.task_id


async def test_every_answer_is_the_leader_s(leader: ClusterMember, follower: ClusterMember) -> None:
    text = 'täst \u2028 with \U0001f600 and "quotes"\nand lines'
    first = await follower.learning.record(
        task(text, details={"metadata": {"a": [1, 2.5, None, "x"]}, "quality_score": 99.5})
    )
    second = await follower.learning.record(task(used_task_ids=[first.task_id], repo="acme/shop"))
    await follower.learning.feedback(
        SubmitFeedback(task_id=first.task_id, rating=5, comment="good").identified()
    )
    asked: list[Callable[[Learning], Awaitable[object]]] = [
        lambda s: s.get(GetExecution(task_id=first.task_id)),
        lambda s: s.get(GetExecution(task_id=second.task_id)),
        lambda s: s.find(FindSimilarTasks(task_description="login redirect", limit=3)),
        lambda s: s.find(FindSimilarTasks(task_description="login redirect", repo="acme/shop")),
        lambda s: s.recommend(RecommendApproach(task_description="login redirect")),
        lambda s: s.forget(ForgetExecutions(repo="acme/shop")),
        lambda s: s.suggest(SuggestValues(column="repo", prefix="acme")),
    ]
    for ask in asked:
        assert await ask(leader.learning) == await ask(follower.learning)
    theirs, ours = (
        await leader.learning.stats(LearningStats()),
        await follower.learning.stats(LearningStats()),
    )
    assert theirs.totals == ours.totals
    assert theirs.groups == ours.groups


async def test_every_method_can_be_asked_through_a_follower(follower: ClusterMember) -> None:
    asked = {name for name in dir(Learning) if not name.startswith("_")}
    assert asked == NAMES
    assert all(callable(getattr(follower.learning, name)) for name in asked)
    with pytest.raises(AttributeError):
        _ = follower.learning.close  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("kind", "ask"),
    [
        (NotFound, lambda s: s.get(GetExecution(task_id=ABSENT))),
        (NotFound, lambda s: s.feedback(SubmitFeedback(task_id=ABSENT, rating=1).identified())),
        (InvalidInput, lambda s: s.record(task(used_task_ids=[ABSENT]))),
        (IndexUnavailable, lambda s: s.rebuild(RebuildIndex(), ignore_progress)),
    ],
    ids=["get", "feedback", "record", "rebuild"],
)
async def test_an_error_is_the_same_through_a_follower(
    kind: type[LearningError],
    ask: Callable[[Learning], Awaitable[object]],
    leader: ClusterMember,
    follower: ClusterMember,
) -> None:
    with pytest.raises(kind) as here:
        await ask(leader.learning)
    with pytest.raises(kind) as there:
        await ask(follower.learning)
    assert str(here.value) == str(there.value)


async def test_progress_of_a_rebuild_reaches_the_follower_that_asked(
    follower: ClusterMember,
) -> None:
    await follower.learning.record(task())
    heard: list[tuple[float, str]] = []

    async def hear(share: float, message: str) -> None:
        heard.append((share, message))

    report = await follower.learning.rebuild(RebuildIndex(preset="fast"), hear)

    assert report.rows == 1
    shares = [share for share, _ in heard]
    assert shares == sorted(shares)
    assert heard[-1] == (1.0, "the new index is in use")


async def rebuild_ended(leader: ClusterMember) -> bool:
    return (await leader.learning.health()).index.state != "building"


async def test_a_rebuild_is_cancelled_at_the_leader_when_its_follower_gives_up(
    leader: ClusterMember, follower: ClusterMember
) -> None:
    await follower.learning.record(task())
    started = anyio.Event()

    async def hear(share: float, message: str) -> None:
        started.set()

    async with anyio.create_task_group() as group:
        group.start_soon(partial(follower.learning.rebuild, RebuildIndex(), hear))
        await started.wait()
        assert (await leader.learning.health()).index.state == "building"
        group.cancel_scope.cancel()

    # One rebuild runs at a time: this one can only run when the other has ended.
    await until(partial(rebuild_ended, leader))
    assert (await leader.learning.rebuild(RebuildIndex(preset="fast"), ignore_progress)).rows == 1


async def test_a_follower_that_leaves_takes_its_calls_with_it(
    leader: ClusterMember, settings: Settings
) -> None:
    await leader.learning.record(task())
    started = anyio.Event()

    async def hear(share: float, message: str) -> None:
        started.set()

    async with anyio.create_task_group() as group, running(ClusterMember(settings)) as leaving:
        await leaving.learning.health()
        group.start_soon(partial(leaving.learning.rebuild, RebuildIndex(), hear))
        await started.wait()
        group.cancel_scope.cancel()
    await until(partial(rebuild_ended, leader))
    assert (await leader.learning.health()).followers == []


async def test_health_and_stats_name_who_leads_and_who_follows(
    leader: ClusterMember, follower: ClusterMember, settings: Settings
) -> None:
    async with running(
        ClusterMember(settings, listed=False)
    ) as command:  # one that doesn't stay isn't listed
        for member in (leader, follower, command):
            for health in (
                await member.learning.health(),
                (await member.learning.stats(LearningStats())).health,
            ):
                assert health.leader == leader.identity
                assert health.followers == [follower.identity]


async def test_feedback_that_is_sent_twice_is_stored_once(
    leader: ClusterMember, follower: ClusterMember
) -> None:
    recorded = await follower.learning.record(task())
    once = IdentifiedFeedback(
        feedback_id=ABSENT, feedback=SubmitFeedback(task_id=recorded.task_id, rating=4)
    )
    for member in (leader, follower, follower):
        stored = await member.learning.feedback(once)
        assert stored.feedback_count == 1
    again = await follower.learning.feedback(
        SubmitFeedback(task_id=recorded.task_id, rating=4).identified()
    )
    assert again.feedback_count == 2


async def test_calls_in_flight_are_answered_as_they_are_done(
    store: DuckDBStore, leader: ClusterMember, follower: ClusterMember
) -> None:
    recorded = await follower.learning.record(task())
    gate, reached = threading.Event(), anyio.Event()
    token = anyio.lowlevel.current_token()

    def hold(_: object) -> None:
        anyio.from_thread.run_sync(reached.set, token=token)
        gate.wait()

    async with anyio.create_task_group() as group:
        group.start_soon(store.database.write, hold)
        await reached.wait()
        group.start_soon(follower.learning.record, task("waits for the writer"))
        read = await follower.learning.get(GetExecution(task_id=recorded.task_id))
        assert read.execution.task_id == recorded.task_id
        gate.set()
    assert (await follower.learning.health()).rows == 2


async def test_a_long_text_passes_whole(leader: ClusterMember, follower: ClusterMember) -> None:
    text = "\U0001f600 " * 6_666
    recorded = await follower.learning.record(task(text))
    detail = await follower.learning.get(GetExecution(task_id=recorded.task_id))
    assert detail.execution.task_description == text.strip()


async def test_a_hundred_calls_at_once_all_get_their_own_answers(
    follower: ClusterMember,
) -> None:
    answers: dict[str, UUID] = {}

    async def record(text: str) -> None:
        answers[text] = (await follower.learning.record(task(text))).task_id

    async with anyio.create_task_group() as group:
        for number in range(100):
            group.start_soon(record, f"task number {number}")
    for text, task_id in answers.items():
        detail = await follower.learning.get(GetExecution(task_id=task_id))
        assert detail.execution.task_description == text


async def test_leader_and_follower_can_meet_on_a_port(settings: Settings) -> None:
    as_on_windows = ClusterConfig(unix_sockets=False)
    async with running(ClusterMember(settings, config=as_on_windows)) as leader:
        await leader.learning.health()
        async with running(ClusterMember(settings)) as follower:
            recorded = await follower.learning.record(task())
            assert isinstance(follower.role, Follower)
            address = await anyio.to_thread.run_sync(addresses.read, run_directory(settings))
            assert address is not None
            assert address.port
            detail = await leader.learning.get(GetExecution(task_id=recorded.task_id))
            assert detail.execution.task_id == recorded.task_id


@pytest.mark.parametrize("name", ["leader.sock", "leader.json"])
async def test_a_leader_whose_address_was_removed_is_found_again(
    settings: Settings, name: str
) -> None:
    config = ClusterConfig(file_check_interval=0.02)
    async with running(ClusterMember(settings, config=config)) as leader:
        recorded = await leader.learning.record(task())
        await anyio.to_thread.run_sync((run_directory(settings) / name).unlink)
        async with running(ClusterMember(settings)) as other:
            assert (await other.learning.health()).rows == 1
            assert leader.leads != other.leads
            again = await leader.learning.get(GetExecution(task_id=recorded.task_id))
            assert again.execution.task_id == recorded.task_id

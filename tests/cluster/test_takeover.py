"""The leader goes away, says nothing or speaks another protocol: what its followers do."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import pytest
from anyio.abc import ByteStream
from waiting import until

from mcp_learning.cluster import address as addresses
from mcp_learning.cluster.address import run_directory
from mcp_learning.cluster.blocking_client import PROTOCOL
from mcp_learning.cluster.channel import Channel
from mcp_learning.cluster.config import ClusterConfig
from mcp_learning.cluster.connect import running
from mcp_learning.cluster.follower import Follower, LeaderGone
from mcp_learning.cluster.leader_lock import LeaderLock
from mcp_learning.cluster.member import ClusterMember
from mcp_learning.cluster.methods import method_of
from mcp_learning.errors import InvalidInput, LeaderIncompatible, StoreLocked
from mcp_learning.models.health import Member
from mcp_learning.models.requests import GetExecution, RecordExecution, SubmitFeedback
from mcp_learning.models.results import FeedbackStored, Recorded
from mcp_learning.service.protocol import ignore_progress
from mcp_learning.settings import Settings
from mcp_learning.store.duckdb.connection import Cursor, Database
from mcp_learning.store.duckdb.store import DuckDBStore, open_store
from mcp_learning.store.types import Upserted

pytestmark = pytest.mark.anyio

CHILDREN = Path(__file__).parent.parent / "store" / "children.py"


def task(text: str = "fix the login redirect loop") -> RecordExecution:
    return RecordExecution(task_type="bug_fix", task_description=text, outcome="success")


class WatchedStore(DuckDBStore):
    """Says when writes are queued, and when it is being closed."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.recording, self.rating, self.leaving = anyio.Event(), anyio.Event(), anyio.Event()

    async def upsert(self, *args: Any, **kwargs: Any) -> Upserted:
        self.recording.set()  # the waiting test goes on when this task waits for the writer
        return await super().upsert(*args, **kwargs)

    async def add_feedback(self, *args: Any, **kwargs: Any) -> Any:
        self.rating.set()
        return await super().add_feedback(*args, **kwargs)

    async def close(self, max_wait: float | None = None) -> None:
        self.leaving.set()
        await super().close(max_wait)


class Gate:
    """Holds a leader's writer, and with it every write that comes after."""

    def __init__(self, settings: Settings) -> None:
        self.store = WatchedStore(open_store(settings).database)
        self.reached = anyio.Event()
        self._lifted = threading.Event()
        self._token = anyio.lowlevel.current_token()

    def hold(self, _: Cursor) -> None:
        anyio.from_thread.run_sync(self.reached.set, token=self._token)
        self._lifted.wait()

    def lift(self) -> None:
        self._lifted.set()


async def test_writes_in_flight_when_the_leader_leaves_are_made_once(settings: Settings) -> None:
    gate = Gate(settings)
    recorded: list[Recorded] = []
    stored: list[FeedbackStored] = []
    async with running(ClusterMember(settings, store=lambda _: gate.store)) as leader:
        await leader.learning.health()
        async with running(ClusterMember(settings)) as follower, anyio.create_task_group() as group:
            known = await follower.learning.record(task())

            async def record() -> None:
                recorded.append(await follower.learning.record(task("in flight")))

            async def rate() -> None:
                rating = SubmitFeedback(task_id=known.task_id, rating=5)
                stored.append(await follower.learning.feedback(rating.identified()))

            gate.store.recording = anyio.Event()
            group.start_soon(gate.store.database.write, gate.hold)
            await gate.reached.wait()
            async with anyio.create_task_group() as writes:
                writes.start_soon(record)
                writes.start_soon(rate)
                await gate.store.recording.wait()
                await gate.store.rating.wait()
                group.start_soon(leader.close)
                await gate.store.leaving.wait()
                gate.lift()  # the leader commits what nobody hears of
            assert follower.leads
            assert recorded[0].created
            assert stored[0].feedback_count == 1
            assert (await follower.learning.health()).rows == 2


async def has_followers(member: ClusterMember, count: int) -> bool:
    return len((await member.learning.health()).followers) == count


async def test_one_of_several_followers_takes_over_and_the_others_follow_it(
    settings: Settings,
) -> None:
    async with AsyncExitStack() as stack:
        members = []
        for _ in range(5):
            member = await stack.enter_async_context(running(ClusterMember(settings)))
            await member.learning.health()
            members.append(member)
        known = await members[-1].learning.record(task())
        for left in range(4, 0, -1):
            leader = next(member for member in members if member.leads)
            members.remove(leader)
            await leader.close()
            for member in members:
                detail = await member.learning.get(GetExecution(task_id=known.task_id))
                assert detail.execution.task_id == known.task_id
            assert sum(member.leads for member in members) == 1
            await until(partial(has_followers, members[0], left - 1))


async def test_nothing_is_left_behind_but_the_database_and_the_lock_s_file(
    settings: Settings,
) -> None:
    async with (
        running(ClusterMember(settings)) as leader,
        running(ClusterMember(settings)) as follower,
    ):
        await leader.learning.record(task())
        await follower.learning.record(task())
    left = {
        path.name for path in await anyio.to_thread.run_sync(list, settings.data_dir.rglob("*"))
    }
    assert left == {"learning.duckdb", "run", "leader.lock"}


async def gone(settings: Settings) -> None:
    """Leaves the address and the socket of a leader that was killed."""
    directory = run_directory(settings)
    directory.mkdir(parents=True)
    me = Member(pid=4711, since=datetime.now(UTC), version="0.0.9")
    listener, address = await addresses.listen(directory, me)
    await listener.aclose()
    addresses.write(directory, address)


async def test_a_starting_process_leaves_the_lock_of_a_killed_leader_to_followers(
    settings: Settings,
) -> None:
    await gone(settings)
    starting = ClusterMember(settings)
    starting.prepare()
    async with running(ClusterMember(settings)) as follower:
        await follower.learning.record(task())
        assert follower.leads
        assert not starting.holds_lock
    await starting.close()


async def test_a_starting_process_without_any_other_leads_at_once(settings: Settings) -> None:
    starting = ClusterMember(settings)
    starting.prepare()
    assert starting.holds_lock
    await starting.close()
    assert not starting.holds_lock


async def test_what_a_killed_leader_left_is_removed_by_the_last_to_leave(
    settings: Settings,
) -> None:
    await gone(settings)
    await ClusterMember(settings).close()
    left = await anyio.to_thread.run_sync(list, run_directory(settings).iterdir())
    assert {path.name for path in left} == {"leader.lock"}


@asynccontextmanager
async def mute(settings: Settings) -> AsyncIterator[Member]:
    """A process holds the leader lock and accepts connections, but never sends a frame."""
    directory = run_directory(settings)
    directory.mkdir(parents=True)
    lock = LeaderLock(directory)
    assert lock.acquire()
    me = Member(pid=4711, since=datetime.now(UTC), version="0.0.9")
    listener, address = await addresses.listen(directory, me)

    async def ignore(stream: ByteStream) -> None:
        async with stream:
            await anyio.sleep_forever()

    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, ignore)
        addresses.write(directory, address)
        yield me
        group.cancel_scope.cancel()
    lock.release()


IMPATIENT = ClusterConfig(
    leader_wait=0.3,
    min_leader_wait=0.3,
    handshake_timeout=0.1,
    ping_interval=0.02,
    lock_handover=0.3,
)
"""Waits that would take seconds are short."""


async def test_a_leader_that_says_nothing_is_named_until_it_is_gone(settings: Settings) -> None:
    async with running(ClusterMember(settings, config=IMPATIENT)) as follower:
        async with mute(settings):
            for _ in range(2):
                with pytest.raises(StoreLocked, match=r"process 4711 .*0\.0\.9.*kill -CONT 4711"):
                    await follower.learning.health()
        assert (await follower.learning.record(task())).created
        assert follower.leads


async def test_a_leader_that_falls_silent_is_given_up_with_its_calls(settings: Settings) -> None:
    async with mute(settings) as me:
        address = addresses.read(run_directory(settings))
        assert address is not None
        stream = await addresses.connect(run_directory(settings), address)
        follower = Follower(Channel(stream), me, IMPATIENT)
        async with anyio.create_task_group() as group:
            group.start_soon(follower.run)
            with pytest.raises(LeaderGone):
                await follower.call(await method_of("health"), None, ignore_progress)


async def test_a_leader_that_is_busy_for_long_is_not_given_up(settings: Settings) -> None:
    config = ClusterConfig(ping_interval=0.02)
    gate = Gate(settings)
    async with running(ClusterMember(settings, store=lambda _: gate.store)) as leader:
        await leader.learning.health()
        async with (
            running(ClusterMember(settings, config=config)) as follower,
            anyio.create_task_group() as group,
        ):
            await follower.learning.health()
            connection = follower.role
            assert isinstance(connection, Follower)
            group.start_soon(gate.store.database.write, gate.hold)
            await gate.reached.wait()
            group.start_soon(follower.learning.record, task())
            enough = connection.frames_received + 2 * config.max_missed_pings  # signs of life
            await until(lambda: connection.frames_received >= enough)
            assert follower.role is connection
            gate.lift()


@pytest.mark.parametrize("theirs", [PROTOCOL - 1, PROTOCOL + 1])
async def test_a_leader_of_another_protocol_is_named_and_succeeded(
    theirs: int, settings: Settings
) -> None:
    async with running(ClusterMember(settings, config=ClusterConfig(protocol=theirs))) as leader:
        await leader.learning.health()
        async with running(ClusterMember(settings, config=IMPATIENT)) as other:
            for _ in range(2):
                with pytest.raises(LeaderIncompatible, match=rf"process {os.getpid()} .*restart"):
                    await other.learning.health()
            await leader.close()
            assert (await other.learning.record(task())).created


async def test_a_request_that_the_leader_s_version_does_not_know_is_refused_by_name(
    settings: Settings,
) -> None:
    class RecordedLater(RecordExecution):
        mood: str

    async with running(ClusterMember(settings, config=IMPATIENT)) as leader:
        await leader.learning.health()
        async with running(ClusterMember(settings, config=IMPATIENT)) as follower:
            later = RecordedLater(mood="good", **task().model_dump(exclude_unset=True))
            with pytest.raises(InvalidInput, match=r"^mood: .*not understood"):
                await follower.learning.record(later)
            assert (await follower.learning.health()).rows == 0


async def test_who_does_not_know_the_token_is_not_answered(settings: Settings) -> None:
    async with running(ClusterMember(settings, config=IMPATIENT)) as leader:
        await leader.learning.health()
        file = run_directory(settings) / "leader.json"
        address = json.loads(file.read_text())
        file.write_text(json.dumps({**address, "token": "guessed"}))
        async with running(ClusterMember(settings, config=IMPATIENT)) as stranger:
            with pytest.raises(StoreLocked, match=f"process {os.getpid()}"):
                await stranger.learning.health()


async def test_a_leader_that_has_no_address_yet_is_waited_for(settings: Settings) -> None:
    directory = run_directory(settings)
    directory.mkdir(parents=True)
    starting = LeaderLock(directory)
    assert starting.acquire()
    async with running(ClusterMember(settings, config=IMPATIENT)) as follower:
        with pytest.raises(StoreLocked, match="being opened by another mcp-learning"):
            await follower.learning.health()
        starting.release()
        assert (await follower.learning.health()).rows == 0


async def test_a_call_that_comes_before_a_leader_was_looked_for_waits_as_long_as_others(
    settings: Settings,
) -> None:
    directory = run_directory(settings)
    directory.mkdir(parents=True)
    changing = LeaderLock(directory)
    assert changing.acquire()
    member = ClusterMember(settings, config=ClusterConfig(min_leader_wait=0.0))
    answers = []

    async def record() -> None:
        answers.append(await member.learning.record(task()))

    async with anyio.create_task_group() as group:
        group.start_soon(record)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(member.run)
        await anyio.wait_all_tasks_blocked()
        changing.release()
        while not answers:
            await anyio.lowlevel.checkpoint()
        assert answers[0].created
        await member.close()
        group.cancel_scope.cancel()


@pytest.mark.parametrize("garbage", [b"\x00\x00\x00\x02{}", b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 9])
async def test_a_leader_passes_over_connections_that_speak_otherwise(
    garbage: bytes, settings: Settings
) -> None:
    async with running(ClusterMember(settings)) as leader:
        await leader.learning.health()
        address = addresses.read(run_directory(settings))
        assert address is not None
        stream = await addresses.connect(run_directory(settings), address)
        async with stream:
            await stream.send(garbage)
            with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
                await stream.receive()
        async with running(ClusterMember(settings)) as follower:
            assert (await follower.learning.health()).rows == 0


@pytest.fixture
def holder(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """A process without the leader lock that has the file open until it is told to end."""
    command = [sys.executable, str(CHILDREN), "hold", str(settings.data_dir)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        yield process


async def test_a_successor_waits_for_the_lock_of_the_file(
    settings: Settings, holder: subprocess.Popen[bytes]
) -> None:
    """The kernel may release a dead leader's own lock before the file's."""
    async with running(ClusterMember(settings)) as successor:
        async with anyio.create_task_group() as group:
            group.start_soon(successor.learning.record, task())
            await until(lambda: successor.leads)
            await anyio.to_thread.run_sync(holder.communicate)
        assert (await successor.learning.health()).rows == 1

"""A follower's connection to the leader: calls go out, answers and progress come back.

While calls are in flight, a leader that says nothing is asked for a sign of life, and given up when
it gives none: it may have been stopped, and hold its lock for as long as it is.
"""

import math
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from pydantic import ValidationError

from mcp_learning.cluster import address as addresses
from mcp_learning.cluster import frames
from mcp_learning.cluster.address import Address
from mcp_learning.cluster.channel import Channel, Disconnected
from mcp_learning.cluster.frames import (
    PROTOCOL,
    Call,
    Cancel,
    Failure,
    Hello,
    Ping,
    Progress,
    Result,
    Welcome,
)
from mcp_learning.cluster.methods import A, Method, Q, Report
from mcp_learning.errors import LeaderIncompatible
from mcp_learning.models.results import Member

HELLO_SECONDS = 2.0
"""How long a leader may take to welcome a follower; one that is busy takes milliseconds."""

PING_SECONDS = 1.0
"""Silence during a call after which a sign of life is asked for."""

SILENCES = 5
"""How many times it is asked for in vain before the leader is given up."""

Answer = Progress | Result | Failure


class LeaderGone(Exception):
    """Raised when the leader went away, or fell silent, before it had answered."""


class Unanswered(Exception):
    """Raised when somebody takes the connection, but doesn't say welcome."""


async def connect(directory: Path, address: Address, me: Member, *, follows: bool) -> "Follower":
    """Connects to the leader at `address`, and is welcomed. `run` the result.

    Raises:
        OSError: Nobody is there.
        Unanswered: Somebody is, but isn't a leader that could answer.
        LeaderIncompatible: The leader speaks another protocol.
    """
    channel: Channel | None = None
    welcome = None
    try:
        with anyio.move_on_after(HELLO_SECONDS):
            channel = Channel(await addresses.connect(directory, address))
            hello = Hello(protocol=PROTOCOL, token=address.token, member=me, follows=follows)
            await channel.send_now(hello)
            welcome = await channel.receive()
        if channel is None or not isinstance(welcome, Welcome):
            raise Unanswered
        if welcome.refused or welcome.protocol != PROTOCOL:
            raise LeaderIncompatible(_incompatible(welcome, me))
        follower, channel = Follower(channel, welcome.leader), None
        return follower
    except Disconnected:
        raise Unanswered from None
    finally:
        if channel is not None:
            with anyio.CancelScope(shield=True):
                await channel.close()


class Follower:
    """A connection on which the leader said welcome."""

    def __init__(self, channel: Channel, leader: Member) -> None:
        self.leader = leader
        self._channel = channel
        self._last_call = 0
        self._calls: dict[int, MemoryObjectSendStream[Answer]] = {}
        self._called = anyio.Event()
        self._heard = 0
        self._gone = False

    async def run(self) -> None:
        """Carries calls and answers until the leader is gone or silent; calls then fail."""
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._channel.write)
                group.start_soon(self._listen, group.cancel_scope.cancel)
                group.start_soon(self._watch, group.cancel_scope.cancel)
        finally:
            self._gone = True
            for answers in self._calls.values():
                answers.close()
            with anyio.CancelScope(shield=True):
                await self._channel.close()

    async def ask(self, method: Method[Q, A], request: Q, report: Report) -> A:
        """Has the leader answer a call; cancelled, it is cancelled there.

        Raises:
            LeaderGone: It may or may not have been done.
            LearningError: As the service does.
        """
        if self._gone:
            raise LeaderGone
        self._last_call += 1
        call = self._last_call
        self._calls[call], answers = anyio.create_memory_object_stream[Answer](math.inf)
        answer = None
        try:
            arguments = request.model_dump(mode="json", exclude_unset=True)
            self._channel.send(Call(id=call, method=method.name, arguments=arguments))
            self._called.set()
            answer = await self._answer(answers, report)
        except Disconnected:
            raise LeaderGone from None
        finally:
            self._calls.pop(call).close()
            answers.close()
            if answer is None and not self._gone:
                self._cancel(call)
        if isinstance(answer, Failure):
            raise frames.rebuilt(answer)
        return self._understood(method, answer.value)

    def _understood(self, method: Method[Q, A], value: object) -> A:
        try:
            return method.answer.model_validate(value, extra="ignore")
        except ValidationError as error:
            raise LeaderIncompatible(
                f"the answer of mcp-learning {self.leader.version} in process {self.leader.pid}, "
                "which has the database open, is not understood here; restart the agent that "
                "started the older version"
            ) from error

    async def _answer(
        self, answers: MemoryObjectReceiveStream[Answer], report: Report
    ) -> Result | Failure:
        async for frame in answers:
            if not isinstance(frame, Progress):
                return frame
            await report(frame.share, frame.message)
        raise LeaderGone

    def _cancel(self, call: int) -> None:
        with suppress(Disconnected):
            self._channel.send(Cancel(id=call))

    async def _listen(self, end: Callable[[], None]) -> None:
        async for frame in self._channel.frames():
            self._heard += 1
            if isinstance(frame, (Progress, Result, Failure)) and frame.id in self._calls:
                self._calls[frame.id].send_nowait(frame)
        end()

    async def _watch(self, end: Callable[[], None]) -> None:
        silences = 0
        while silences < SILENCES:
            if not self._calls:
                silences = 0
                self._called = anyio.Event()
                await self._called.wait()
            heard = self._heard
            await anyio.sleep(PING_SECONDS)
            silences = 0 if self._heard > heard else silences + 1
            if silences:
                self._channel.send(Ping())
        end()


def _incompatible(welcome: Welcome, me: Member) -> str:
    leader = welcome.leader
    return (
        f"process {leader.pid} has the database open with mcp-learning {leader.version} (protocol "
        f"{welcome.protocol}), which version {me.version} (protocol {PROTOCOL}) can't share it "
        "with; restart the agent that started the older one, or update mcp-learning there"
    )

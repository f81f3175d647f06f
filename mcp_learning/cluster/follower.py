"""A follower's connection to the leader: calls go out, results and progress come back.

While calls are in flight, the follower pings a silent leader, and disconnects if it stays silent: a
leader that was stopped (SIGSTOP) keeps its connections and locks.
"""

import math
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from pydantic import BaseModel, ValidationError

from mcp_learning.cluster import address as addresses
from mcp_learning.cluster import frames
from mcp_learning.cluster.address import Address
from mcp_learning.cluster.channel import Channel, Disconnected
from mcp_learning.cluster.config import ClusterConfig
from mcp_learning.cluster.frames import (
    Call,
    Cancel,
    Failure,
    Hello,
    Ping,
    ProgressUpdate,
    Result,
    Welcome,
)
from mcp_learning.cluster.methods import Method
from mcp_learning.errors import LeaderIncompatible
from mcp_learning.models.health import Member
from mcp_learning.service.protocol import Progress

Answer = ProgressUpdate | Result | Failure


class LeaderGone(Exception):
    """Raised when the leader ended, or stopped responding, before it had answered."""


class HandshakeFailed(Exception):
    """Raised when a process accepts the connection, but doesn't complete the handshake."""


async def follow(
    directory: Path,
    address: Address,
    member: Member,
    config: ClusterConfig,
    *,
    listed: bool,
    excluded_repos: str = "",
) -> "Follower":
    """Connects to the leader and completes the handshake; then keep `Follower.run` running.

    `listed`: whether the leader lists this process among its followers. Of `excluded_repos`, the
    leader stores nothing for it.

    Raises:
        OSError: No process listens there.
        HandshakeFailed: A process does, but it isn't a leader that answers.
        LeaderIncompatible: The leader speaks another protocol.
    """
    channel: Channel | None = None
    welcome = None
    try:
        with anyio.move_on_after(config.handshake_timeout):
            channel = Channel(await addresses.connect(directory, address))
            hello = Hello(
                protocol=config.protocol,
                token=address.token,
                member=member,
                follows=listed,
                excluded_repos=excluded_repos,
            )
            await channel.send_now(hello)
            welcome = await channel.receive()
        if channel is None or not isinstance(welcome, Welcome):
            raise HandshakeFailed
        if welcome.refused or welcome.protocol != config.protocol:
            raise LeaderIncompatible(_incompatible(welcome, member, config.protocol))
        follower, channel = Follower(channel, welcome.leader, config), None
        return follower
    except Disconnected:
        raise HandshakeFailed from None
    finally:
        if channel is not None:
            with anyio.CancelScope(shield=True):
                await channel.close()


class Follower:
    """A connection to a leader after the handshake."""

    def __init__(self, channel: Channel, leader: Member, config: ClusterConfig) -> None:
        self.leader = leader
        self.frames_received = 0
        self._channel = channel
        self._config = config
        self._last_id = 0
        self._in_flight: dict[int, MemoryObjectSendStream[Answer]] = {}
        self._called = anyio.Event()
        self._ended = False

    async def run(self) -> None:
        """Carries calls and answers until the connection ends or times out; calls then fail."""
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._channel.write)
                group.start_soon(self._receive, group.cancel_scope.cancel)
                group.start_soon(self._watch, group.cancel_scope.cancel)
        finally:
            self._ended = True
            for answers in self._in_flight.values():
                answers.close()
            with anyio.CancelScope(shield=True):
                await self._channel.close()

    async def call(self, method: Method, request: BaseModel | None, progress: Progress) -> Any:
        """Sends a call to the leader; cancelling this cancels the call there.

        Raises:
            LeaderGone: The call may or may not have been executed.
            LearningError: As the method does.
        """
        if self._ended:
            raise LeaderGone
        self._last_id += 1
        call = self._last_id
        arguments = request.model_dump(mode="json", exclude_unset=True) if request else {}
        self._in_flight[call], answers = anyio.create_memory_object_stream[Answer](math.inf)
        answer = None
        try:
            self._channel.send(Call(id=call, method=method.name, arguments=arguments))
            self._called.set()
            answer = await self._answer(answers, progress)
        except Disconnected:
            raise LeaderGone from None
        finally:
            self._in_flight.pop(call).close()
            answers.close()
            if answer is None and not self._ended:
                with suppress(Disconnected):
                    self._channel.send(Cancel(id=call))
        if isinstance(answer, Failure):
            raise frames.error_of(answer)
        return self._result(method, answer.value)

    def _result(self, method: Method, value: object) -> BaseModel:
        try:
            return method.result.model_validate(value, extra="ignore")
        except ValidationError as error:
            raise LeaderIncompatible(
                f"the answer of mcp-learning {self.leader.version} in process {self.leader.pid}, "
                "which has the database open, is not understood here; restart the agent that "
                "started the older version"
            ) from error

    async def _answer(
        self, answers: MemoryObjectReceiveStream[Answer], progress: Progress
    ) -> Result | Failure:
        async for frame in answers:
            if not isinstance(frame, ProgressUpdate):
                return frame
            await progress(frame.share, frame.message)
        raise LeaderGone

    async def _receive(self, end: Callable[[], None]) -> None:
        async for frame in self._channel.frames():
            self.frames_received += 1
            if isinstance(frame, (ProgressUpdate, Result, Failure)) and frame.id in self._in_flight:
                self._in_flight[frame.id].send_nowait(frame)
        end()

    async def _watch(self, end: Callable[[], None]) -> None:
        missed = 0
        while missed < self._config.max_missed_pings:
            if not self._in_flight:
                missed = 0
                self._called = anyio.Event()
                await self._called.wait()
            received = self.frames_received
            await anyio.sleep(self._config.ping_interval)
            missed = 0 if self.frames_received > received else missed + 1
            if missed:
                self._channel.send(Ping())
        end()


def _incompatible(welcome: Welcome, member: Member, protocol: int) -> str:
    leader = welcome.leader
    return (
        f"process {leader.pid} has the database open with mcp-learning {leader.version} (protocol "
        f"{welcome.protocol}), which version {member.version} (protocol {protocol}) can't share it "
        "with; restart the agent that started the older one, or update mcp-learning there"
    )

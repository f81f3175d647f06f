"""Connects short-lived processes, such as commands, to the learning service."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import anyio
import anyio.to_thread

from mcp_learning import __version__
from mcp_learning.cluster import address as addresses
from mcp_learning.cluster.config import ClusterConfig
from mcp_learning.cluster.follower import HandshakeFailed, LeaderGone, follow
from mcp_learning.cluster.member import ClusterMember, MakeService
from mcp_learning.cluster.methods import method_of
from mcp_learning.models.health import Health, Member
from mcp_learning.service.protocol import Learning, ignore_progress
from mcp_learning.settings import Settings


@asynccontextmanager
async def connect(
    settings: Settings, service: MakeService | None = None
) -> AsyncIterator[Learning]:
    """Yields the learning service: a running server's if there is one, else one in this process.

    That is made by `service`, as by `ClusterMember`.
    """
    async with running(ClusterMember(settings, listed=False, service=service)) as member:
        yield member.learning


@asynccontextmanager
async def running(member: ClusterMember) -> AsyncIterator[ClusterMember]:
    """Runs a member for as long as the context lasts, then closes it."""
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(member.run)
            try:
                yield member
            finally:
                with anyio.CancelScope(shield=True):
                    await member.close()
    except ExceptionGroup as several:
        if len(several.exceptions) > 1:
            raise
        raise several.exceptions[0] from None  # what the context's body raised


async def leader_health(settings: Settings) -> Health | None:
    """Returns the health that a leader reports; None if no process leads, or it doesn't answer.

    Raises:
        LeaderIncompatible: The leader speaks another protocol.
    """
    directory = addresses.run_directory(settings)
    address = await anyio.to_thread.run_sync(addresses.read, directory)
    if address is None:
        return None
    member = Member(pid=os.getpid(), since=datetime.now(UTC), version=__version__)
    try:
        follower = await follow(directory, address, member, ClusterConfig(), listed=False)
    except (OSError, HandshakeFailed):
        return None
    health = None
    async with anyio.create_task_group() as group:
        group.start_soon(follower.run)
        with suppress(LeaderGone):
            health = await follower.call(await method_of("health"), None, ignore_progress)
        group.cancel_scope.cancel()
    return health

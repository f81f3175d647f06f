"""Clients of a server in this process."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mcp.client.client import Client
from mcp_types import CallToolResult, TextContent

from mcp_learning.cluster.member import ClusterMember
from mcp_learning.server.app import LearningServer
from mcp_learning.server.service_runner import ServiceRunner
from mcp_learning.settings import Settings


@asynccontextmanager
async def connected(
    settings: Settings, mode: str = "legacy", **options: Any
) -> AsyncIterator[Client]:
    """A client of a generation of the protocol, with options of `Client`."""
    server = LearningServer(ServiceRunner(ClusterMember(settings)))
    async with Client(server, mode=mode, **options) as client:
        yield client


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[Client]:
    """A client of the older generation."""
    async with connected(settings) as one:
        yield one


def text_of(result: CallToolResult) -> str:
    """The text of an answer."""
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text


async def recorded(client: Client, task: Mapping[str, Any]) -> str:
    """Records a task; returns its id."""
    result = await client.call_tool("record_execution", dict(task))
    assert not result.is_error, text_of(result)
    return str((result.structured_content or {})["task_id"])

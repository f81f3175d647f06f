"""The trace that a call belongs to: kept with the execution that the call records."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from mcp.client.client import Client
from mcp_types import RequestParamsMeta
from server.conftest import connected

from mcp_learning.settings import Settings

pytestmark = pytest.mark.anyio

TASK = {"task_type": "bug_fix", "task_description": "Fix the login", "outcome": "pending"}
FIRST = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
LATER = "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-00f067aa0ba902b7-01"
ID = "01a205cd-bc2b-7552-b855-cb78666bdacf"


@pytest.fixture(params=["legacy", "auto"])
async def client(settings: Settings, request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    """A client of either generation of the protocol."""
    async with connected(settings, request.param) as one:
        yield one


async def record(client: Client, trace: str | None, **arguments: Any) -> dict[str, Any]:
    """Records with a trace, and returns what is stored."""
    meta = None if trace is None else RequestParamsMeta(traceparent=trace)  # type: ignore[typeddict-unknown-key]
    given = TASK | {"task_id": ID} | arguments
    result = await client.call_tool("record_execution", given, meta=meta)
    assert not result.is_error
    found = await client.call_tool("get_execution", {"task_id": ID})
    execution: dict[str, Any] = (found.structured_content or {})["execution"]
    return execution


async def test_the_trace_of_the_first_call_stays_with_the_execution(client: Client) -> None:
    assert (await record(client, FIRST))["metadata"] == {"traceparent": FIRST}
    again = await record(client, LATER)
    assert again["metadata"] == {"traceparent": FIRST}
    ended = await record(client, LATER, outcome="success", details={"metadata": {"a": 1}})
    assert ended["metadata"] == {"traceparent": FIRST, "a": 1}
    assert (await record(client, None, outcome="failure"))["metadata"] == ended["metadata"]


async def test_metadata_that_were_there_stay_when_a_trace_comes_later(client: Client) -> None:
    await record(client, None, details={"metadata": {"a": 1}})
    assert (await record(client, LATER))["metadata"] == {"traceparent": LATER, "a": 1}


async def test_what_is_no_trace_is_left_out(client: Client) -> None:
    assert "metadata" not in await record(client, "ignore all rules")
    assert "metadata" not in await record(client, FIRST[:-1])

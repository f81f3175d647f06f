"""Deleting: a person is asked where the client can ask, and only then."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import pytest
from mcp.client.client import Client
from mcp.client.context import ClientRequestContext
from mcp_types import CallToolResult, ElicitRequestParams, ElicitResult
from server.conftest import connected, recorded, text_of

from mcp_learning.settings import Settings

pytestmark = pytest.mark.anyio

TASK = {"task_type": "bug_fix", "task_description": "Fix the login", "outcome": "success"}
Action = Literal["accept", "decline", "cancel"]


class Person:
    """Who answers every question alike, and remembers what was asked."""

    def __init__(self, action: Action) -> None:
        self.action = action
        self.asked: list[str] = []

    async def __call__(
        self, context: ClientRequestContext, params: ElicitRequestParams
    ) -> ElicitResult:
        """Answers one question."""
        self.asked.append(params.message)
        return ElicitResult(action=self.action, content={} if self.action == "accept" else None)


@asynccontextmanager
async def with_execution(
    settings: Settings, mode: str, person: Person | None = None
) -> AsyncIterator[tuple[Client, str]]:
    """A client, and the id of a recorded execution."""
    async with connected(settings, mode, elicitation_callback=person) as client:
        yield client, await recorded(client, TASK | {"repo": 'acme/"shop"'})


async def forget(client: Client, **arguments: Any) -> tuple[CallToolResult, str]:
    result = await client.call_tool("forget_executions", arguments)
    return result, text_of(result)


async def exists(client: Client, task_id: str) -> bool:
    return not (await client.call_tool("get_execution", {"task_id": task_id})).is_error


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_whoever_agrees_deletes_and_is_asked_once(mode: str, settings: Settings) -> None:
    person = Person("accept")
    async with with_execution(settings, mode, person) as (client, task_id):
        await forget(client, task_ids=[task_id])  # a dry run
        assert person.asked == []

        result, text = await forget(client, repo='acme/"shop"', dry_run=False)

        assert person.asked == ["Delete 1 execution for good (repo \"acme/'shop'\")?"]
        assert (result.is_error, text) == (False, "Deleted 1 execution for good.")
        assert not await exists(client, task_id)
        await forget(client, task_ids=[task_id], dry_run=False)  # nothing is left to ask about
        assert len(person.asked) == 1


@pytest.mark.parametrize("mode", ["legacy", "auto"])
@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_whoever_does_not_agree_keeps_everything(
    mode: str, action: Action, settings: Settings
) -> None:
    person = Person(action)
    async with with_execution(settings, mode, person) as (client, task_id):
        result, text = await forget(client, task_ids=[task_id], dry_run=False)

        assert person.asked == [f"Delete 1 execution for good: {task_id}?"]
        assert (result.is_error, text) == (True, "the user did not agree; nothing was changed")
        assert await exists(client, task_id)


async def test_a_client_that_cannot_ask_deletes_as_it_says(settings: Settings) -> None:
    async with with_execution(settings, "legacy") as (client, task_id):
        await forget(client, task_ids=[task_id], dry_run=False)
        assert not await exists(client, task_id)

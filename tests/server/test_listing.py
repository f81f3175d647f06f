"""What a client is told before it calls a tool: titles, icon, advice, and how long lists hold."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from mcp.client.client import Client
from server.conftest import connected

from mcp_learning.server.schema import output_schema
from mcp_learning.server.tools import TOOLS, Tool
from mcp_learning.settings import Settings

pytestmark = pytest.mark.anyio

AN_HOUR = 3_600_000


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[Client]:
    """A client of the protocol whose lists say how long they hold."""
    async with connected(settings, "auto") as one:
        yield one


async def test_lists_that_never_change_may_be_kept_for_an_hour(client: Client) -> None:
    for answer in (
        await client.list_tools(),
        await client.list_prompts(),
        await client.list_resources(),
        await client.list_resource_templates(),
    ):
        assert (answer.ttl_ms, answer.cache_scope) == (AN_HOUR, "public")
    status = await client.read_resource("learning://status")
    assert status.ttl_ms == 0


async def test_people_see_titles_and_an_icon_that_nothing_is_fetched_for(client: Client) -> None:
    titles = [tool.title for tool in (await client.list_tools()).tools]
    assert all(titles)
    assert len(set(titles)) == len(titles)
    assert client.server_info is not None
    (icon,) = client.server_info.icons or []
    kind, _, drawing = icon.src.partition(",")
    assert kind == f"data:{icon.mime_type}"
    assert " " not in drawing
    assert ElementTree.fromstring(unquote(drawing)).tag.endswith("svg")


async def test_whoever_records_is_told_to_reuse_labels_and_skip_trivial_tasks(
    client: Client,
) -> None:
    by_name = {tool.name: tool for tool in (await client.list_tools()).tools}
    told = by_name["record_execution"].description or ""
    assert "skip trivial tasks" in told
    assert "Reuse labels that exist" in told


def test_an_output_schema_names_what_there_is_and_what_is_always_there() -> None:
    (find,) = (tool for tool in TOOLS if tool.name == "find_similar_tasks")
    listed = output_schema(find.result)
    assert listed["properties"]["matches"] == {"type": "array"}
    assert listed["required"] == ["matches", "search"]


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_an_output_schema_says_what_pydantic_s_says(tool: Tool) -> None:
    whole = tool.result.model_json_schema(mode="serialization")

    def kind(part: dict[str, Any]) -> str:
        if "$ref" in part:
            part = whole["$defs"][part["$ref"].rpartition("/")[2]]
        present = [one for one in part.get("anyOf", []) if one != {"type": "null"}]
        return kind(present[0]) if present else str(part["type"])

    listed = output_schema(tool.result)
    assert listed["required"] == whole["required"]
    assert listed["properties"] == {
        name: {"type": kind(part)} for name, part in whole["properties"].items()
    }

"""What a client is told of a prompt that it can't have."""

import pytest
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError

pytestmark = pytest.mark.anyio


async def test_of_several_unknown_arguments_the_first_is_named(client: Client) -> None:
    given = dict.fromkeys(("zeal", "yield", "xenon", "wheel", "vapour", "umbra"), "x")
    with pytest.raises(MCPError) as refused:
        await client.get_prompt("start_task", {"task_description": "fix the login"} | given)
    assert refused.value.error.message == (
        "zeal: is not known here; known are task_description, repo, task_type"
    )

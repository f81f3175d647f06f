"""From a tool to the service is a short way, which the traceback of an error shows."""

import traceback
from pathlib import Path
from uuid import UUID

import anyio
import pytest
from mcp.server.mcpserver.exceptions import ToolError

from mcp_learning.cluster.member import ClusterMember
from mcp_learning.server.app import LearningServer
from mcp_learning.server.service_runner import ServiceRunner
from mcp_learning.settings import Settings

pytestmark = pytest.mark.anyio

ABSENT = str(UUID("01a205cd-bc2b-7552-b855-cb78666bdacf"))
TASK = {"task_type": "bug_fix", "task_description": "fix the login", "outcome": "success"}


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("get_execution", {"task_id": ABSENT}),
        ("submit_feedback", {"task_id": ABSENT, "rating": 4}),
        ("record_execution", TASK | {"used_task_ids": [ABSENT]}),
    ],
    ids=["get", "feedback", "record"],
)
async def test_a_leader_s_call_passes_at_most_six_functions_before_those_that_do_the_work(
    tool: str, arguments: dict[str, object], settings: Settings
) -> None:
    runner = ServiceRunner(ClusterMember(settings))
    server = LearningServer(runner)
    async with anyio.create_task_group() as group:
        group.start_soon(runner.run)
        await runner.learning.health()
        with pytest.raises(ToolError) as raised:
            await server.call_tool(tool, arguments)
        await runner.close()
        group.cancel_scope.cancel()

    assert raised.value.__cause__ is not None
    passed = [
        (Path(frame.filename), frame.name)
        for frame in traceback.extract_tb(raised.value.__cause__.__traceback__)
    ]
    works = [file.parent.name == "service" and file.name != "lazy.py" for file, _ in passed]
    before = passed[: works.index(True)]
    assert (before[0][0].name, before[0][1]) == ("app.py", "call_tool")
    assert len(before) <= 6, before

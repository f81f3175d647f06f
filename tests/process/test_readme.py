"""What the README tells people to put into their client's configuration starts the server."""

import json
import os
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def entries() -> list[dict[str, Any]]:
    found = [json.loads(block) for block in blocks("json")]
    found += [tomllib.loads(block) for block in blocks("toml")]
    return [next(iter(config.values()))["learning"] for config in found]


def starts() -> list[dict[str, Any]]:
    """Entries that start a server in different ways."""
    ways = {json.dumps([one["command"], one["args"], one.get("env", {})]): one for one in entries()}
    return list(ways.values())


def test_there_is_one_for_each_family_of_clients() -> None:
    assert len(entries()) == 3


@pytest.mark.parametrize("entry", starts())
async def test_an_entry_starts_a_server_that_records(entry: dict[str, Any], tmp_path: Path) -> None:
    scripts = Path(sys.executable).parent
    server = StdioServerParameters(
        command=entry["command"],
        args=entry["args"],
        env={
            **entry.get("env", {}),
            "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
            "MCP_LEARNING_DATA_DIR": str(tmp_path / "data"),
            "MCP_LEARNING_CONFIG": os.devnull,
        },
    )
    async with Client(stdio_client(server)) as client:
        arguments = {"task_type": "test", "task_description": "follow the README"}
        answer = await client.call_tool("record_execution", {**arguments, "outcome": "success"})
        assert not answer.is_error
    assert (tmp_path / "data" / "learning.duckdb").exists()

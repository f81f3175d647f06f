"""The MCP Inspector, a client by other people, accepts the server."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

PACKAGE = "@modelcontextprotocol/inspector@2.12.0"
CACHE = Path(tempfile.gettempdir()) / "mcp-learning-inspector"  # 200 MB, fetched once
SECONDS = 40


def inspector(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs one method with the Inspector's command line; skips where it can't be had."""
    server = [sys.executable, "-m", "mcp_learning"]
    command = ["npx", "-y", PACKAGE, "--cli", "-e", f"MCP_LEARNING_DATA_DIR={data_dir}", *server]
    environment = {**os.environ, "npm_config_cache": str(CACHE), "npm_config_update_notifier": "0"}
    try:
        done = subprocess.run(
            [*command, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"npx did not get {PACKAGE} within {SECONDS} s")
    if "npm error" in done.stderr or "npm ERR!" in done.stderr:
        pytest.skip(f"npx can't get {PACKAGE}: {done.stderr.strip().splitlines()[0][:200]}")
    return done


def inspect(data_dir: Path, *arguments: str) -> dict[str, Any]:
    """The result of a method that succeeds."""
    done = inspector(data_dir, *arguments)
    assert done.returncode == 0, done.stderr[-2_000:]
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def node_version() -> int:
    node = shutil.which("node")
    if node is None or shutil.which("npx") is None:
        return 0
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    return int(version.strip().removeprefix("v").partition(".")[0])


pytestmark = pytest.mark.skipif(node_version() < 20, reason="the Inspector needs Node 20 with npx")


def test_the_inspector_lists_the_tools_in_strict_mode(tmp_path: Path) -> None:
    listed = inspect(tmp_path / "data", "--method", "tools/list", "--strict")
    names = [tool["name"] for tool in listed["tools"]]
    assert (names[0], names[-1], len(names)) == ("record_execution", "save_lesson", 10)


def test_the_inspector_calls_tools(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    call = ("--method", "tools/call", "--tool-name")
    given = ("task_type=bug_fix", "task_description=Fix the login", "outcome=success")
    arguments = [part for pair in given for part in ("--tool-arg", pair)]
    recorded = inspect(data_dir, *call, "record_execution", *arguments)
    assert recorded["structuredContent"]["created"] is True

    refused = inspector(data_dir, *call, "find_similar_tasks", "--tool-arg", "limit=0")
    assert "task_description: is required" in refused.stdout

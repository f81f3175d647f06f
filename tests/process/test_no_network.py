"""Nothing leaves the machine: no process of the product makes an internet socket."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from process.wire import Server
from process.without_network import SOCKET

SCRIPT = [sys.executable, str(Path(__file__).with_name("without_network.py"))]


def run(data_dir: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*SCRIPT, *arguments],
        env={**os.environ, "MCP_LEARNING_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.skipif(platform.machine() not in SOCKET, reason="needs the system call's number")
@pytest.mark.skipif(sys.platform != "linux", reason="needs seccomp")
def test_the_watch_sees_who_reaches_out_and_the_kernel_ends_it(tmp_path: Path) -> None:
    done = run(tmp_path, "reach out")
    assert "OUTGOING socket.getaddrinfo" in done.stderr
    assert done.returncode < 0


def test_all_tools_and_commands_work_without_reaching_out(tmp_path: Path) -> None:
    with Server(tmp_path, wrapper=SCRIPT) as server:
        server.initialize()
        task = {
            "task_type": "bug_fix",
            "task_description": "Fix the login redirect with sk-ant-api03-aaaaaaaaaaaaaaaaaaaaaaaa",
            "outcome": "success",
        }
        ids = []
        for number in range(3):
            result = server.call("record_execution", **task, approach=f"number {number}")
            ids.append(result["structuredContent"]["task_id"])
        found = server.call("find_similar_tasks", task_description="login redirect")
        assert found["structuredContent"]["matches"]
        for tool, arguments in (
            ("get_execution", {"task_id": ids[0]}),
            ("submit_feedback", {"task_id": ids[0], "rating": 5}),
            ("learning_stats", {}),
            ("rebuild_index", {"preset": "fast", "reembed": True}),
            ("forget_executions", {"task_ids": ids[:1], "dry_run": False}),
        ):
            result = server.call(tool, **arguments)
            assert not result.get("isError"), result
        for command in (
            ("backup", str(tmp_path / "copy.duckdb")),
            ("prune", "--reclaim"),
        ):
            done = run(tmp_path, *command)
            assert (done.returncode, "OUTGOING" in done.stderr) == (0, False), done.stderr
        status, stderr = server.leave()
    assert (status, "OUTGOING" in stderr) == (0, False), stderr

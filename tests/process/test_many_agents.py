"""Many agents on one database: nothing lost, nothing twice, no error, nothing left behind.

`docs/runbooks/proofs.md` has the long forms.
"""

import random
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from process.crowd import Crowd, pauses
from process.wire import Server

from benchmarks.mcp_client import EMPTY_SERVER
from benchmarks.memory import resident_mb
from mcp_learning.cluster import watchdog

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="needs signals"),
    pytest.mark.timeout(1_800),
]

AGENTS = 8
CHECKOUT = str(Path(__file__).parents[2])
REIGN = 30
"""Calls acknowledged from one kill to the next, in the short form."""

TASK = {"task_type": "bug_fix", "task_description": "fix the login", "outcome": "success"}

IMPATIENT = """
from mcp_learning.cluster.config import ClusterConfig
from mcp_learning.server.stdio import serve
from mcp_learning.settings import Settings
serve(Settings.load(), config=ClusterConfig(
    leader_wait=5.0, min_leader_wait=5.0, handshake_timeout=0.1, ping_interval=0.1
))
"""
"""A server that waits as all do, but not as long."""

HANGING = """
import logging, time
logging.basicConfig()
from mcp_learning.cluster.config import ClusterConfig
from mcp_learning.server.stdio import serve
from mcp_learning.service.learning import LearningService
from mcp_learning.settings import Settings
async def suggest(*arguments):
    time.sleep(3_600)
LearningService.suggest = suggest
serve(Settings.load(), config=ClusterConfig(watchdog_interval=0.2))
"""
"""A server whose event loop hangs when a completion is asked for."""

TELLING = """
import os, sys
leave = os._exit
def tell(status):
    print(*sys.modules, file=sys.stderr, flush=True)
    leave(status)
os._exit = tell
from mcp_learning.cli import main
main()
"""
"""A server that says at its end what it had imported."""


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def assert_nothing_left(data_dir: Path) -> None:
    left = {str(path.relative_to(data_dir)) for path in data_dir.rglob("*")}
    assert left - {"index", "index/words.bin"} == {"learning.duckdb", "run", "run/leader.lock"}
    assert psutil.Process().children(recursive=True) == []


def record(server: Server, **values: Any) -> str:
    result = server.call("record_execution", **(TASK | values))
    assert not result.get("isError"), result
    return str(result["structuredContent"]["task_id"])


def leader_of(server: Server) -> int:
    return int(server.call("learning_stats")["structuredContent"]["health"]["leader"]["pid"])


def working(data_dir: Path, wrapper: list[str] | None = None) -> Server:
    """A server that has recorded: it leads if there is no other, else it follows."""
    server = Server(data_dir, wrapper=wrapper, PYTHONPATH=CHECKOUT)
    server.initialize()
    record(server)
    return server


def test_agents_lose_none_of_their_writes_also_when_leaders_are_killed(
    data_dir: Path, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    calls, seed = pytestconfig.getoption("calls"), pytestconfig.getoption("seed")
    successions, reign = pytestconfig.getoption("successions"), pytestconfig.getoption("reign")
    kills: list[float] = []
    over = threading.Event()
    crowd = Crowd(data_dir, AGENTS, seed, lambda _: over.is_set())

    def kill_leaders() -> None:
        try:
            crowd.wait(lambda: all(agent.calls >= calls for agent in crowd.agents), timeout=600)
            for _ in range(successions):
                if reign is not None:
                    over.wait(reign)
                elif kills:
                    wait_for_calls(REIGN)
                crowd.wait(lambda: crowd.leader() is not None)
                leader = crowd.leader()
                assert leader is not None
                assert leader.server is not None
                leader.doomed = True
                kills.append(time.monotonic())
                leader.server.process.kill()
            wait_for_calls(REIGN)
        finally:
            over.set()

    def wait_for_calls(number: int) -> None:
        reached = crowd.acknowledged + number
        crowd.wait(lambda: crowd.acknowledged >= reached)

    began = time.monotonic()
    crowd.run(kill_leaders)
    crowd.assert_stored()
    assert_nothing_left(data_dir)
    first, last = pauses(crowd.agents, kills)
    with capsys.disabled():
        print(  # noqa: T201 - what the long form is run for
            f"\n{crowd.acknowledged} calls of {AGENTS} agents in {time.monotonic() - began:.0f} s, "
            f"{len(crowd.rows)} executions kept, {len(kills)} leaders killed, "
            f"{len(crowd.uncertain)} calls left open by a kill. Kill to the first later answer: "
            f"p50 {np.percentile(first, 50):.2f} s, p95 {np.percentile(first, 95):.2f} s; "
            f"to the last of those in flight: p50 {np.percentile(last, 50):.2f} s, "
            f"p95 {np.percentile(last, 95):.2f} s (seed {seed})"
        )


def test_agents_that_come_and_go_leave_nothing_behind(
    data_dir: Path, pytestconfig: pytest.Config
) -> None:
    source = random.Random(pytestconfig.getoption("seed"))
    openings = pytestconfig.getoption("openings")
    present: list[Server] = []
    opened, recorded = 0, []
    try:
        while opened < openings or present:
            if opened < openings and (not present or source.random() < 0.6):
                present.append(Server(data_dir))
                opened += 1
                if source.random() < 0.8:  # others leave before they have said anything
                    present[-1].initialize()
                    recorded.append(record(present[-1], task_description=f"task {opened}"))
            else:
                server = present.pop(source.randrange(len(present)))
                if source.random() < 0.5:
                    server.process.terminate()
                    server.process.wait(timeout=30)
                status, stderr = server.leave()
                assert status == 0, stderr
                assert "Traceback" not in stderr, stderr
    finally:
        for server in present:
            server.__exit__()
    assert_nothing_left(data_dir)
    with Server(data_dir) as server:
        server.initialize()
        assert leader_of(server) == server.process.pid
        for task_id in recorded:
            assert not server.call("get_execution", task_id=task_id).get("isError")


def assert_takes_little_memory(follower: Server) -> None:
    """Not much more than a server that has no database."""
    if sys.platform != "linux":  # resident memory is comparable there
        return
    for _ in range(20):
        record(follower)
        follower.call("find_similar_tasks", task_description="login")
        follower.call("learning_stats")
    with Server(Path("unused"), wrapper=list(EMPTY_SERVER)) as empty:
        empty.initialize()
        empty.call("nothing")
        bound = 1.2 * resident_mb(empty.process.pid)
    assert resident_mb(follower.process.pid) <= bound


def test_agents_that_start_at_once_get_one_leader_and_light_followers(data_dir: Path) -> None:
    servers = [
        Server(data_dir, wrapper=[sys.executable, "-c", TELLING], PYTHONPATH=CHECKOUT)
        for _ in range(4)
    ]
    try:
        for server in servers:
            server.initialize()
        ids = [record(server) for server in servers]
        pids = {leader_of(server) for server in servers}
        assert len(pids) == 1
        for server in servers:
            assert not server.call("get_execution", task_id=ids[0]).get("isError")
        followers = [server for server in servers if server.process.pid not in pids]
        assert len(followers) == len(servers) - 1
        assert_takes_little_memory(followers[0])
        for follower in followers:
            status, stderr = follower.leave()
            assert status == 0
            assert "mcp_learning.cluster.member" in stderr.split()
            loaded = {name.partition(".")[0] for name in stderr.split()}
            assert not loaded & {"duckdb", "onnxruntime", "fastembed", "numpy", "rich"}
    finally:
        for server in servers:
            server.__exit__()


def test_a_leader_that_was_stopped_is_named_and_goes_on_or_is_succeeded(data_dir: Path) -> None:
    command = [sys.executable, "-c", IMPATIENT]
    with working(data_dir) as leader, working(data_dir, wrapper=command) as follower:
        leader.process.send_signal(signal.SIGSTOP)

        refused = follower.call("record_execution", **TASK)
        assert refused["isError"]
        text = refused["content"][0]["text"]
        assert f"process {leader.process.pid}" in text
        assert f"kill -CONT {leader.process.pid}" in text

        leader.process.send_signal(signal.SIGCONT)
        last = record(follower)
        assert leader_of(follower) == leader.process.pid
        assert not leader.call("get_execution", task_id=last).get("isError")
        stats = leader.call("learning_stats")["structuredContent"]
        assert stats["totals"]["executions"] == 3, "what was refused was done all the same"

        leader.process.send_signal(signal.SIGSTOP)
        leader.process.kill()
        assert not follower.call("get_execution", task_id=last).get("isError")
        assert leader_of(follower) == follower.process.pid


def test_a_leader_that_hangs_ends_and_is_succeeded(data_dir: Path) -> None:
    command = [sys.executable, "-c", HANGING]
    with working(data_dir, wrapper=command) as leader, working(data_dir) as follower:
        reference = {"type": "ref/prompt", "name": "finish_task"}
        asked = {"ref": reference, "argument": {"name": "repo", "value": ""}}
        params = {"id": 99, "method": "completion/complete", "params": asked}
        leader.send({"jsonrpc": "2.0", **params})
        assert leader.process.wait(timeout=60) == watchdog.STATUS
        record(follower)
        assert leader_of(follower) == follower.process.pid
        log = leader.log()
        assert "has hung" in log
        assert "in suggest" in log, "it isn't told where"


def test_nobody_s_end_waits_for_a_process_that_was_stopped(data_dir: Path) -> None:
    with working(data_dir) as leader, working(data_dir) as follower, working(data_dir) as other:
        assert leader_of(other) == leader.process.pid
        leader.process.send_signal(signal.SIGSTOP)
        assert follower.leave()[0] == 0
        leader.process.send_signal(signal.SIGCONT)
        other.process.send_signal(signal.SIGSTOP)
        assert leader.leave()[0] == 0
        other.process.send_signal(signal.SIGCONT)
        record(other)
        assert leader_of(other) == other.process.pid

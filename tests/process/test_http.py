"""Serving over HTTP: to whom, with what rights, and how it ends."""

import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest
from mcp import Client
from process.served import HttpServer, HttpSession, content
from process.wire import Server

from mcp_learning.errors import ConfigurationError
from mcp_learning.server.http import MAX_BODY, Place

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs signals")

TASK = {"task_type": "bug_fix", "task_description": "fix the login", "outcome": "success"}


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@asynccontextmanager
async def connected(server: HttpServer) -> AsyncIterator[Client]:
    async with Client(server.url) as client:
        yield client


@pytest.mark.anyio
async def test_clients_over_http_and_stdio_share_a_database(data_dir: Path) -> None:
    with HttpServer(data_dir) as server:
        async with connected(server) as first, connected(server) as second:
            recorded = content(await first.call_tool("record_execution", TASK))
            detail = await second.call_tool("get_execution", {"task_id": recorded["task_id"]})
            assert content(detail)["execution"]["task_description"] == TASK["task_description"]
            with Server(data_dir) as follower:
                follower.initialize()
                health = follower.call("learning_stats")["structuredContent"]["health"]
                assert health["leader"]["pid"] == server.process.pid
                assert not follower.call("record_execution", **TASK).get("isError")
                status, stderr = server.end()  # while both are connected
                assert (status, "Traceback" in stderr) == (0, False), stderr
                stats = follower.call("learning_stats")["structuredContent"]
                assert stats["totals"]["executions"] == 2
                assert stats["health"]["leader"]["pid"] == follower.process.pid


def test_pages_of_other_sites_and_other_names_are_not_served(data_dir: Path) -> None:
    with HttpServer(data_dir, "--allow-host", "db.example.org:8000") as server:
        here = f"http://localhost:{server.port}"
        assert server.initialize() == 200
        assert server.initialize(Origin=here, Host=f"localhost:{server.port}") == 200
        assert server.initialize(Host="db.example.org:8000") == 200
        status, text = server.post(b"{}", Host="evil.example.org")
        assert (status, "--allow-host" in text) == (421, True)
        assert server.initialize(Host="localhost.evil.example.org:80") == 421
        assert server.initialize(Host=f"127.0.0.1:{server.port}@evil.example.org") == 421
        assert server.initialize(Origin="https://evil.example.org") == 403
        assert server.initialize(Origin="http://localhost:1.evil.example.org") == 403
        assert server.initialize(Content_Type="text/plain") == 400
        assert server.initialize(b" " * (MAX_BODY + 1)) == 413
        assert server.end()[0] == 0


def test_beyond_the_loopback_interface_a_token_is_shown_once_and_required(data_dir: Path) -> None:
    with HttpServer(data_dir, host="0.0.0.0") as server:
        token = server.read_token()
        assert server.initialize() == 401
        assert server.initialize(Authorization="Bearer guess") == 401
        assert server.initialize(Authorization=f"Basic {token}") == 401
        assert server.initialize(Authorization=f"Bearer {token}") == 200
        assert server.end()[0] == 0
    kept = (data_dir / "http-token.sha256").read_text()
    assert token not in kept
    with HttpServer(data_dir, host="0.0.0.0") as server:
        assert server.initialize(Authorization=f"bearer {token}") == 200
        assert "not shown again" not in server.end()[1]
    with HttpServer(data_dir, "--new-token", host="0.0.0.0") as server:
        other = server.read_token()
        assert server.initialize(Authorization=f"Bearer {token}") == 401
        assert server.initialize(Authorization=f"Bearer {other}") == 200


def test_a_token_of_one_s_own_is_required_everywhere_and_not_kept(data_dir: Path) -> None:
    token = "a token of my own choice"
    with HttpServer(data_dir, MCP_LEARNING_HTTP_TOKEN=token) as server:
        assert server.initialize() == 401
        assert server.initialize(Authorization=f"Bearer {token}") == 200
        assert token not in server.end()[1]
    assert not (data_dir / "http-token.sha256").exists()


@pytest.mark.anyio
async def test_a_server_that_only_reads_offers_nothing_that_writes(data_dir: Path) -> None:
    with HttpServer(data_dir, "--read-only") as server:
        async with connected(server) as client:
            tools = (await client.list_tools()).tools
            assert [tool.name for tool in tools] == [
                "find_similar_tasks",
                "recommend_approach",
                "get_execution",
                "learning_stats",
                "review_lessons",
            ]
            assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools)
            assert [prompt.name for prompt in (await client.list_prompts()).prompts] == [
                "start_task"
            ]
            refused = await client.call_tool("record_execution", TASK)
            assert refused.is_error
            assert content(await client.call_tool("learning_stats", {}))["health"]["rows"] == 0


def test_strangers_who_send_half_a_request_keep_nobody_out(data_dir: Path) -> None:
    """900 at once, with 256 descriptors: the clients of this server, and its log, go on as ever."""
    limited = ("/bin/sh", "-c", 'ulimit -n 256; exec "$@"', "sh")
    with HttpServer(data_dir, host="0.0.0.0", wrapper=limited) as server, ExitStack() as strangers:
        token = server.read_token()
        with Server(data_dir) as agent:
            agent.initialize()
            assert not agent.call("record_execution", **TASK).get("isError")
            for _ in range(900):
                stranger = socket.create_connection(("127.0.0.1", server.port), timeout=30)
                strangers.enter_context(stranger)
                stranger.sendall(b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ")
            for _ in range(20):
                assert not agent.call("record_execution", **TASK).get("isError")
                assert server.initialize(Authorization=f"Bearer {token}") == 200
            with Server(data_dir) as other:
                other.initialize()
                assert not other.call("record_execution", **TASK).get("isError")
        status, log = server.end()
    assert (status, len(log.splitlines()) < 100) == (0, True), log[:2_000]


def test_a_client_that_asks_to_resume_gets_a_stream(data_dir: Path) -> None:
    with HttpServer(data_dir) as server, HttpSession(server.port) as session:
        assert session.listen(last_event_id="7") == 200


def test_a_place_that_is_taken_is_named_and_uses_up_no_token(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "mcp_learning", "serve", "--http", str(port)]
        done = subprocess.run(
            [*command, "--new-token", "--data-dir", str(data_dir)],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"127.0.0.1:{port}: can't listen there" in done.stderr
    assert not (data_dir / "http-token.sha256").exists()


@pytest.mark.parametrize(
    ("text", "host", "port", "loopback"),
    [
        ("8000", "127.0.0.1", 8000, True),
        ("localhost:0", "localhost", 0, True),
        ("[::1]:80", "::1", 80, True),
        ("127.8.8.8:65535", "127.8.8.8", 65535, True),
        ("0.0.0.0:8000", "0.0.0.0", 8000, False),
        ("[::]:8000", "::", 8000, False),
        ("db.example.org:8000", "db.example.org", 8000, False),
        ("localhost.example.org:1", "localhost.example.org", 1, False),
    ],
)
def test_a_place_is_a_host_and_a_port(text: str, host: str, port: int, loopback: bool) -> None:
    place = Place.parse(text)
    assert (place.host, place.port, place.is_loopback) == (host, port, loopback)


@pytest.mark.parametrize(
    "text", ["", ":", "localhost", "a:b", ":80", "a:65536", "a:-1", "a:\uff18\uff10"]
)
def test_another_text_is_no_place(text: str) -> None:
    with pytest.raises(ConfigurationError, match="HOST:PORT"):
        Place.parse(text)

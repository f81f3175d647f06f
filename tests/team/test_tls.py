"""A server that has to prove itself: what is refused when it can't, and with which words."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from team.certificates import certificate
from team.hosts import hosts, make_team, settings_of
from team.server import PostgresServer

from mcp_learning.errors import TeamError
from mcp_learning.team import setup

pytestmark = pytest.mark.anyio


class Listening:
    """A server on a port of the loopback interface."""

    def __init__(self, server: PostgresServer, port: int) -> None:
        self.server = server
        self._port = port

    def start(self, *options: str) -> None:
        given = ("listen_addresses=127.0.0.1", f"port={self._port}", *options)
        self.server.start(*(f"-c {one}" for one in given))

    def url(self, root: Path, host: str = "127.0.0.1") -> str:
        given = f"host={host} port={self._port} dbname=learning user=ada"
        return f"{given} sslmode=verify-full sslrootcert={root}"


@pytest.fixture
def listening(server: PostgresServer) -> Iterator[Listening]:
    """A server that isn't started; `server` says whether there is any."""
    own = PostgresServer()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    try:
        yield Listening(own, port)
    finally:
        own.remove()


async def test_a_server_proves_itself_by_a_certificate_of_an_authority_that_is_named(
    listening: Listening, tmp_path: Path
) -> None:
    own = listening.server
    own.start()
    own.execute("postgres", "CREATE ROLE ada LOGIN", "CREATE DATABASE learning")
    await make_team(own, "learning", "ada")
    own.stop()
    right = certificate(own.directory, "right", "127.0.0.1")
    wrong = certificate(tmp_path, "wrong", "127.0.0.1")
    key = right.with_suffix(".key")

    async def refused(url: str, words: str) -> None:
        settings = settings_of(own, "learning", tmp_path, "ada", team_url=url)
        with pytest.raises(TeamError, match=words):
            await setup.remote_state(settings)

    listening.start()
    await refused(listening.url(right), "has no TLS")
    own.stop()
    listening.start("ssl=on", f"ssl_cert_file={right}", f"ssl_key_file={key}")
    await refused(listening.url(wrong), "name its authority with sslrootcert=FILE")
    await refused(listening.url(tmp_path / "none.crt"), "name its authority with sslrootcert=FILE")
    await refused(listening.url(right, "localhost"), "isn't trusted")
    url = listening.url(right)
    async with hosts(own, "learning", tmp_path, "ada", team_url=url) as (host,):
        await host.record("mend the cart")
        assert (await host.exchange()).pushed == 1

"""Host and Origin are compared as a whole, never by how they begin."""

from typing import Any

import pytest

from mcp_learning.server.host_check import HostCheck

pytestmark = pytest.mark.anyio


async def status(headers: list[tuple[str, str]]) -> int:
    sent: list[dict[str, Any]] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    check = HostCheck(
        application,
        names=["127.0.0.1", "localhost", "[::1]"],
        exact=["db.example.org:8000", "Proxy"],
    )
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    await check({"type": "http", "headers": raw}, receive, send)
    return int(sent[0]["status"])


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.0.0.1:8000", "localhost:1", "LocalHost:65535", "[::1]", "[::1]:80"),
        *("db.example.org:8000", "DB.example.org:8000", "proxy"),
    ],
)
async def test_a_name_of_this_host_is_served(host: str) -> None:
    assert await status([("Host", host)]) == 200


@pytest.mark.parametrize(
    "host",
    [
        *(
            "127.0.0.1:8000@evil",
            "127.0.0.1:evil",
            "127.0.0.1:",
            "127.0.0.1:80:80",
            "127.0.0.1:\u0661",
        ),
        *("localhost.evil", "localhost.", "localhost:80.evil", "evil", "evil:8000", "", " "),
        *("127.0.0.1 ", "localhost/x", "user@localhost", "localhost:8000#", "[::1", "[::1]x:80"),
        *("db.example.org", "db.example.org:80", "db.example.org:8000@evil", "proxy:80", "xproxy"),
        *("localhost:8000\n", "127.0.0.1,evil"),
    ],
)
async def test_any_other_host_is_refused(host: str) -> None:
    encodable = host.encode("utf-8").decode("latin-1")
    assert await status([("Host", encodable)]) == 421
    assert await status([("Host", "localhost"), ("Origin", f"http://{encodable}")]) == 403


async def test_a_host_is_named_once() -> None:
    assert await status([]) == 421
    assert await status([("Host", "localhost"), ("Host", "localhost")]) == 421
    origins = [("Origin", "http://localhost"), ("Origin", "http://evil")]
    assert await status([("Host", "localhost"), *origins]) == 403


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("http://localhost:1", 200),
        ("https://127.0.0.1:8443", 200),
        ("http://[::1]:8000", 200),
        ("https://db.example.org:8000", 200),
        ("http://localhost:1.evil", 403),
        ("http://localhost:1@evil", 403),
        ("http://localhost/", 403),
        ("http://localhost?x", 403),
        ("http://evil#localhost", 403),
        ("http://evil", 403),
        ("file://localhost", 403),
        ("localhost", 403),
        ("null", 403),
        ("", 403),
    ],
)
async def test_pages_of_this_host_alone_are_served(origin: str, expected: int) -> None:
    assert await status([("Host", "localhost"), ("Origin", origin)]) == expected

"""The leader's address: readable by its user only, and validated before it is used."""

import gc
import json
import os
import stat
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import ByteStream, Listener, SocketStream

from mcp_learning.cluster import address as addresses
from mcp_learning.cluster.address import Address
from mcp_learning.models.health import Member

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="needs Unix sockets and modes"),
]

ME = Member(pid=os.getpid(), since=datetime.now(UTC), version="1")


async def greet(stream: ByteStream) -> None:
    async with stream:
        with suppress(anyio.BrokenResourceError):  # a probe doesn't wait for it
            await stream.send(b"hello")


@asynccontextmanager
async def serving(listener: Listener[SocketStream]) -> AsyncIterator[None]:
    """Greets whoever connects."""
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, greet)
        yield
        group.cancel_scope.cancel()


async def greeted(directory: Path, address: Address) -> bytes:
    async with await addresses.connect(directory, address) as stream:
        return await stream.receive()


def files(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_what_was_written_is_read_and_leads_to_the_listener(tmp_path: Path) -> None:
    listener, address = await addresses.listen(tmp_path, ME)
    async with serving(listener):
        addresses.write(tmp_path, address)
        assert addresses.read(tmp_path) == address
        assert await greeted(tmp_path, address) == b"hello"
        assert mode(tmp_path / "leader.json") == mode(tmp_path / "leader.sock") == 0o600


@pytest.mark.parametrize("later", range(6))
async def test_a_start_that_is_cancelled_leaves_no_open_socket(later: int, tmp_path: Path) -> None:
    async def serve() -> None:
        listener, _ = await addresses.publish(tmp_path, ME)
        async with listener:
            await listener.serve(greet)

    socket = tmp_path / "leader.sock"
    async with anyio.create_task_group() as group:
        group.start_soon(serve)
        while not socket.exists() or mode(socket) != 0o600:
            await anyio.lowlevel.checkpoint()
        for _ in range(later):
            await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    gc.collect()  # a socket that is still open becomes a warning, and that an error
    if socket.exists():
        with pytest.raises(OSError):
            await addresses.connect(tmp_path, Address(leader=ME, socket="leader.sock", token="x"))


async def test_an_address_whose_listener_is_gone_answers_nobody(tmp_path: Path) -> None:
    listener, address = await addresses.listen(tmp_path, ME)
    addresses.write(tmp_path, address)
    await listener.aclose()  # the socket's file stays, as after a kill
    assert (tmp_path / "leader.sock").exists()

    with pytest.raises(OSError):
        await addresses.connect(tmp_path, address)


async def test_a_stale_socket_is_replaced_by_the_next_listener(tmp_path: Path) -> None:
    first, _ = await addresses.listen(tmp_path, ME)
    await first.aclose()
    second, address = await addresses.listen(tmp_path, ME)
    async with serving(second):
        assert await greeted(tmp_path, address) == b"hello"


async def test_what_is_removed_is_one_s_own_address_only(tmp_path: Path) -> None:
    first, old = await addresses.listen(tmp_path, ME)
    await first.aclose()
    second, new = await addresses.listen(tmp_path, ME)
    addresses.write(tmp_path, new)
    addresses.remove(tmp_path, old)
    assert addresses.read(tmp_path) == new
    addresses.remove(tmp_path, new)
    assert files(tmp_path) == set()
    await second.aclose()


async def test_an_address_that_can_not_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    listener, address = await addresses.listen(tmp_path, ME)
    async with listener:
        (tmp_path / "leader.json").mkdir()
        with pytest.raises(OSError, match=r"leader\.json"):
            addresses.write(tmp_path, address)
        assert files(tmp_path) == {"leader.json", "leader.sock"}


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's directory for files that don't stay, with a short path."""
    made = Path(tempfile.mkdtemp())
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(made))
    return made


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    """A directory whose path is too long for a socket in it."""
    made = tmp_path / ("d" * 120)
    made.mkdir()
    return made


async def test_a_path_too_long_for_a_socket_gets_a_short_private_one(
    deep: Path, runtime: Path
) -> None:
    listener, address = await addresses.listen(deep, ME)
    assert address.socket is not None
    async with serving(listener):
        assert len(address.socket) <= addresses.LONGEST_NAME
        assert Path(address.socket).is_relative_to(runtime)
        assert mode(Path(address.socket).parent) == 0o700
        assert await greeted(deep, address) == b"hello"
    addresses.write(deep, address)
    addresses.remove(deep, address)
    assert files(runtime) == set()


async def test_a_directory_for_sockets_with_too_long_a_path_is_passed_over(
    deep: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    listener, address = await addresses.listen(deep, ME)
    async with listener:
        assert address.socket is not None
        assert len(address.socket) <= addresses.LONGEST_NAME
    addresses.write(deep, address)
    addresses.remove(deep, address)
    assert files(deep) == set()


async def test_removing_an_address_leaves_the_socket_of_another_data_directory(
    deep: Path, runtime: Path
) -> None:
    mine, other = deep, deep / "other"
    other.mkdir()
    first, my_address = await addresses.listen(mine, ME)
    second, other_address = await addresses.listen(other, ME)
    async with first, second:
        addresses.write(mine, my_address)
        addresses.remove(mine, my_address)
        assert other_address.socket is not None
        assert files(runtime / f"mcp-learning-{os.getuid()}") == {Path(other_address.socket).name}


def squat_with_an_open_directory(directory: Path) -> None:
    directory.mkdir()
    directory.chmod(0o777)


def squat_with_a_link(directory: Path) -> None:
    directory.symlink_to(directory.parent)


def squat_with_a_file(directory: Path) -> None:
    directory.write_text("")


@pytest.mark.parametrize(
    "squat", [squat_with_an_open_directory, squat_with_a_link, squat_with_a_file]
)
async def test_a_directory_for_sockets_that_somebody_else_made_is_passed_over(
    squat: Callable[[Path], None], deep: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    squat(runtime / f"mcp-learning-{os.getuid()}")
    monkeypatch.setattr(tempfile, "tempdir", str(runtime))
    for _ in range(2):  # the first one's socket stays, as after a kill
        listener, address = await addresses.listen(deep, ME)
        assert address.socket is not None
        async with serving(listener):
            addresses.write(deep, address)
            assert f"mcp-learning-{os.getuid()}" != Path(address.socket).parent.name
            assert mode(Path(address.socket).parent) == 0o700
            assert await greeted(deep, address) == b"hello"
    addresses.remove(deep, address)
    assert files(runtime) == {f"mcp-learning-{os.getuid()}"}


async def test_a_directory_in_the_place_of_the_socket_is_passed_over(
    tmp_path: Path, runtime: Path
) -> None:
    (tmp_path / "leader.sock").mkdir()
    listener, address = await addresses.listen(tmp_path, ME)
    async with serving(listener):
        assert await greeted(tmp_path, address) == b"hello"


async def test_without_unix_sockets_a_port_on_the_loopback_interface_is_used(
    tmp_path: Path,
) -> None:
    listener, address = await addresses.listen(tmp_path, ME, unix_sockets=False)
    async with serving(listener):
        addresses.write(tmp_path, address)
        assert await greeted(tmp_path, address) == b"hello"
    with pytest.raises(OSError):
        await addresses.connect(tmp_path, address)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", json.dumps({"token": 3})])
def test_a_file_that_is_no_address_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "leader.json").write_text(text)
    assert addresses.read(tmp_path) is None

"""The leader's address: a file, private to the user, with its socket or port and a token.

On POSIX the leader listens on a Unix socket (mode 0600, in a directory of mode 0700) beside that
file, or in a private directory for sockets when the path is too long for a socket's name, or
something else has that name. On Windows it listens on a port of the loopback interface. In both
cases a caller has to know the token in the file. The file may be stale: the leader is gone if
nobody answers there.
"""

import hashlib
import os
import secrets
import stat
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path

import anyio
from anyio.abc import ByteStream, Listener, SocketAttribute, SocketStream
from pydantic import ValidationError

from mcp_learning.models.fields import Model
from mcp_learning.models.health import Member
from mcp_learning.settings import Settings

LONGEST_NAME = 103  # bytes of a socket's longest name: 103 on macOS, 107 on Linux

_LONGEST_PLACE = len("/mcp-learning-4294967295/0123456789abcdef.sock")

LOOPBACK = "127.0.0.1"


class Address(Model):
    """The content of the file.

    Attributes:
        leader: The process that wrote it. Its pid is for messages; it may be reused by now.
        socket: Unix socket, relative to the file's directory, or absolute; else there is a port.
        token: Proves that a caller could read the file.
    """

    leader: Member
    socket: str | None = None
    port: int | None = None
    token: str


def run_directory(settings: Settings) -> Path:
    """Returns the directory of the leader's lock, address and socket."""
    return settings.data_dir / "run"


def read(directory: Path) -> Address | None:
    """Returns the address in `directory`; None if there is none, or it can't be read."""
    try:
        return Address.model_validate_json((directory / "leader.json").read_bytes(), extra="ignore")
    except (OSError, ValidationError):
        return None


def write(directory: Path, address: Address) -> None:
    """Replaces the address atomically; only this user can read it. Raises OSError."""
    path = directory / "leader.json"
    stale = read(directory)
    scratch = path.with_name(f"leader.{os.getpid()}.tmp")
    scratch.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(address.model_dump_json(exclude_none=True).encode())
        scratch.replace(path)
    except OSError:
        scratch.unlink(missing_ok=True)
        raise
    if stale is not None and stale.socket != address.socket:
        _remove_socket(directory, stale)


def remove(directory: Path, address: Address) -> None:
    """Removes the address and its socket, unless another leader has written its own by now."""
    if read(directory) == address:
        with suppress(OSError):
            (directory / "leader.json").unlink()
        _remove_socket(directory, address)


def is_there(directory: Path, address: Address) -> bool:
    """Whether there is an address, and the socket of this one, if it has one."""
    places = [directory / "leader.json"]
    places += [directory / address.socket] if address.socket is not None else []
    return all(map(os.path.lexists, places))


def _remove_socket(directory: Path, address: Address) -> None:
    if address.socket is not None:
        path = directory / address.socket
        with suppress(OSError):
            path.unlink()
        if path.parent != directory:
            with suppress(OSError):  # sockets of other data directories may be in it
                path.parent.rmdir()


def in_use_message(path: Path, address: Address | None) -> str:
    """The error message when the leader, whose `address` may be unknown, doesn't answer."""
    if address is None:
        return (
            f"{path} is being opened by another mcp-learning, which doesn't answer yet; call again"
        )
    leader = address.leader
    return (
        f"{path} is in use by process {leader.pid} (mcp-learning {leader.version}), which doesn't "
        f"answer; if it was stopped, let it go on (kill -CONT {leader.pid}) or end it (kill "
        f"{leader.pid}), then call again"
    )


async def publish(
    directory: Path, leader: Member, *, unix_sockets: bool = True
) -> tuple[Listener[SocketStream], Address]:
    """Listens as `listen` and writes the address. Cancelled, it leaves no socket open."""
    listener, address = await listen(directory, leader, unix_sockets=unix_sockets)
    try:
        await anyio.to_thread.run_sync(write, directory, address)
    except BaseException:  # cancelled, nothing is written yet: a thread that began is waited for
        with anyio.CancelScope(shield=True):
            await listener.aclose()
            await anyio.to_thread.run_sync(_remove_socket, directory, address)
        raise
    return listener, address


async def listen(
    directory: Path, leader: Member, *, unix_sockets: bool = True
) -> tuple[Listener[SocketStream], Address]:
    """Listens on a Unix socket or a loopback port, and returns the address for `write`.

    Raises:
        OSError: No socket can be made here.
    """
    token = secrets.token_urlsafe(32)
    if unix_sockets:
        listener, name = await _listen_on_socket(directory)
        return listener, Address(leader=leader, socket=name, token=token)
    port_listener = await anyio.create_tcp_listener(local_host=LOOPBACK, local_port=0)
    port = port_listener.extra(SocketAttribute.local_port)  # noqa: S610 - anyio's, not Django's
    return port_listener, Address(leader=leader, port=port, token=token)


async def connect(directory: Path, address: Address) -> ByteStream:
    """Connects to an address; raises OSError if no process listens there."""
    if address.socket is not None:
        return await anyio.connect_unix(directory / address.socket)
    return await anyio.connect_tcp(LOOPBACK, address.port or 0)


async def _listen_on_socket(directory: Path) -> tuple[Listener[SocketStream], str]:
    if len(os.fsencode(directory / "leader.sock")) <= LONGEST_NAME:
        with suppress(OSError):  # something that isn't a socket has that name
            return await _listener(directory / "leader.sock"), "leader.sock"
    for path in await anyio.to_thread.run_sync(_shared_socket_paths, directory):
        with suppress(OSError):  # another leader has just removed the empty directory
            return await _listener(path), str(path)
    # Another user has taken these names. A random one does as well: the address file holds it.
    made = await anyio.to_thread.run_sync(partial(tempfile.mkdtemp, dir=_socket_parents()[0]))
    return await _listener(Path(made) / "leader.sock"), str(Path(made) / "leader.sock")


async def _listener(path: Path) -> Listener[SocketStream]:
    return await anyio.create_unix_listener(path, mode=0o600)


def _shared_socket_paths(directory: Path) -> list[Path]:
    """Paths of a data directory's socket in the user's socket directories, made if absent.

    A directory that another user owns or may access is left out.
    """
    user = os.getuid()  # type: ignore[attr-defined,unused-ignore]  # not on Windows
    name = hashlib.sha256(os.fsencode(directory.resolve())).hexdigest()[:16]
    places = []
    for parent in _socket_parents():
        shared = parent / f"mcp-learning-{user}"
        with suppress(OSError):
            shared.mkdir(mode=0o700, exist_ok=True)
            status = shared.lstat()
            private = stat.S_ISDIR(status.st_mode) and not status.st_mode & 0o077
            if private and status.st_uid == user:
                places.append(shared / f"{name}.sock")
    return places


def _socket_parents() -> list[Path]:
    """Directories for temporary files whose paths are short enough for a socket's name."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    named = [Path(runtime)] if Path(runtime).is_absolute() else []
    parents = (*named, Path(tempfile.gettempdir()))
    fitting = [p for p in parents if len(os.fsencode(p)) <= LONGEST_NAME - _LONGEST_PLACE]
    return fitting or [Path("/tmp")]  # noqa: S108

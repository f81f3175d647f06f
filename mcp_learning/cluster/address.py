"""Where the leader listens: a file beside the database says it to those who may read the database.

On POSIX the address is a Unix socket (mode 0600, in a directory of mode 0700) beside that file, or
in a private directory for sockets when the path there is longer than a socket's name may be. On
Windows it is a port on the loopback interface. Either way a caller has to know the token in the
file. A file may be stale: that its leader is gone shows when nobody answers.
"""

import hashlib
import os
import secrets
import stat
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import anyio
from anyio.abc import ByteStream, Listener, SocketAttribute, SocketStream
from pydantic import ValidationError

from mcp_learning.errors import StoreError
from mcp_learning.models.fields import Model
from mcp_learning.models.results import Member

LONGEST_NAME = 103
"""Bytes that a socket's name may have: 103 on macOS, 107 on Linux."""

HAS_SOCKET_FILES = sys.platform != "win32"

LOOPBACK = "127.0.0.1"


class Address(Model):
    """What the file holds.

    Attributes:
        leader: Who wrote it. A process number is for people to read, and proves nothing.
        socket: Name of the Unix socket; relative to the file's directory, or absolute.
        port: On the loopback interface, where there is no such socket.
        token: Proves that a caller could read this.
    """

    leader: Member
    socket: str | None = None
    port: int | None = None
    token: str


def read(directory: Path) -> Address | None:
    """The address in `directory`; None if there is none, or none that can be read."""
    try:
        return Address.model_validate_json((directory / "leader.json").read_bytes(), extra="ignore")
    except (OSError, ValidationError):
        return None


def write(directory: Path, address: Address) -> None:
    """Replaces the address as a whole, readable for this user alone.

    Raises:
        OSError: It can't be written.
    """
    path = directory / "leader.json"
    scratch = path.with_name(f"leader.{os.getpid()}.tmp")
    scratch.unlink(missing_ok=True)
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(address.model_dump_json(exclude_none=True).encode())
    scratch.replace(path)


def remove(directory: Path, address: Address) -> None:
    """Removes the address, and its socket, unless somebody else's is there by now."""
    if read(directory) == address:
        with suppress(OSError):
            (directory / "leader.json").unlink()
        if address.socket is not None:
            path = directory / address.socket
            with suppress(OSError):
                path.unlink()
            if path.parent != directory:
                with suppress(OSError):  # other leaders' sockets are in it
                    path.parent.rmdir()


async def listen(directory: Path, leader: Member) -> tuple[Listener[SocketStream], Address]:
    """Listens, and returns the address for `write`.

    Raises:
        OSError: There can be no socket here.
        StoreError: The directory for sockets belongs to somebody else.
    """
    token = secrets.token_urlsafe(32)
    if not HAS_SOCKET_FILES:
        return await listen_on_loopback(leader, token)
    try:
        listener, name = await _listen_on_socket(directory)
    except FileNotFoundError:  # another leader has just removed the empty private directory
        listener, name = await _listen_on_socket(directory)
    return listener, Address(leader=leader, socket=name, token=token)


async def listen_on_loopback(leader: Member, token: str) -> tuple[Listener[SocketStream], Address]:
    """Listens on a free port of the loopback interface.

    Raises:
        OSError: There is no such interface.
    """
    listener = await anyio.create_tcp_listener(local_host=LOOPBACK, local_port=0)
    port = listener.extra(SocketAttribute.local_port)  # noqa: S610 - anyio's, not Django's
    return listener, Address(leader=leader, port=port, token=token)


async def connect(directory: Path, address: Address) -> ByteStream:
    """Connects to an address.

    Raises:
        OSError: Nobody listens there.
    """
    if address.socket is not None:
        return await anyio.connect_unix(directory / address.socket)
    return await anyio.connect_tcp(LOOPBACK, address.port or 0)


async def _listen_on_socket(directory: Path) -> tuple[Listener[SocketStream], str]:
    name = await anyio.to_thread.run_sync(_socket_name, directory)
    return await anyio.create_unix_listener(directory / name, mode=0o600), name


def _socket_name(directory: Path) -> str:
    if len(os.fsencode(directory / "leader.sock")) <= LONGEST_NAME:
        return "leader.sock"
    digest = hashlib.sha256(os.fsencode(directory.resolve())).hexdigest()[:16]
    name = f"{digest}.sock"
    return str(_private_directory(name) / name)


def _private_directory(name: str) -> Path:
    """A directory for sockets of this user alone, with a path so short that one may have this name.

    Raises:
        StoreError: Somebody else made it, or can write to it.
    """
    user = os.getuid()  # type: ignore[attr-defined,unused-ignore]  # not on Windows
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    given = [Path(runtime)] if Path(runtime).is_absolute() else []
    last = Path("/tmp")  # noqa: S108 - what somebody else made there is refused below
    places = [above / f"mcp-learning-{user}" for above in (*given, Path(tempfile.gettempdir()))]
    fitting = (place for place in places if len(os.fsencode(place / name)) <= LONGEST_NAME)
    directory = next(fitting, last / f"mcp-learning-{user}")
    with suppress(FileExistsError):
        directory.mkdir(mode=0o700)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != user or found.st_mode & 0o077:
        raise StoreError(f"{directory} is not a directory of yours alone; remove it")
    return directory
